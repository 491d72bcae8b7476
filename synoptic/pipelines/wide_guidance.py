"""What the windows of a wide picture are told, by its settings: prompts, guidance, and what draws them to one another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from synoptic.guidance.cfg import Predict
    from synoptic.models.base import Denoiser
    from synoptic.pipelines.wide_canvas import Canvas
    from synoptic.sampling.joint import ViewUpdate

DECAY = 0.95  # SyncDiffusion's own
GRADIENTS = 64  # times the memory of a row: network and decoder keep what the way back needs


def told(canvas: Canvas, m: Denoiser, prompts: Sequence[str], steps: Sequence) -> Predict:
    """Guided at every step, or in a part of them."""
    from synoptic.guidance.cfg import guidance_interval

    how, loud = canvas.settings, guided(canvas, m, prompts)
    if not how.get("guidance_interval"):
        return loud
    begin, end = (share * len(steps) for share in how["guidance_interval"])
    regions = [replace(region, guidance=1.0) for region in canvas.regions]
    quiet = replace(canvas, settings=how | {"guidance": 1.0}, regions=regions)
    return guidance_interval(loud, guided(quiet, m, prompts), steps[int(begin)][0], steps[ceil(end) - 1][0])


def guided(canvas: Canvas, m: Denoiser, prompts: Sequence[str]) -> Predict:
    """By one prompt a picture, or by what each view is told."""
    import torch

    from synoptic.diffusion.schedules import get_clip
    from synoptic.guidance.cfg import cfg
    from synoptic.guidance.regional_prompts import PromptSpec, interpolate_prompts, one_per_region, regional_cfg

    how, regions, clip = canvas.settings, canvas.regions, get_clip(canvas.settings["clip"], m.schedule)
    if not how["travel"] and not regions:
        return cfg(m, prompts, how["guidance"], how["negative"], clip=clip)
    pictures = len(prompts)
    stops = [[stop] * pictures for stop in how["prompt"]] if how["travel"] else [list(prompts)]
    every = [PromptSpec(stop, how["negative"], how["guidance"]) for stop in stops]
    every += [PromptSpec([r.prompt] * pictures, r.negative, r.guidance) for r in regions]
    mix = (
        interpolate_prompts(len(stops), canvas.shape, how["loop"])
        if how["travel"]
        else lambda views: torch.ones(len(views), 1)
    )
    return regional_cfg(m, every, one_per_region(mix) if regions else mix, clip=clip)


def reusing(how: dict[str, Any], m: Denoiser, steps: Sequence, first: int) -> Denoiser:
    """The model, whose network runs whole at every so many-th step from `first`, and where guidance begins (DeepCache)."""
    from synoptic.models import deepcache

    if how.get("cache", 1) == 1:
        return m
    begin = int(how["guidance_interval"][0] * len(steps)) if how.get("guidance_interval") else first
    return deepcache.with_deepcache(m, {t for t, _ in (*steps[first :: how["cache"]], steps[begin])})


def nudging(how: dict[str, Any], m: Denoiser, predict: Predict, steps: Sequence) -> ViewUpdate:
    """SyncDiffusion's nudge."""
    from synoptic.guidance.syncdiffusion import SyncDiffusion, exponential_decay
    from synoptic.metrics import perceptual
    from synoptic.metrics.clip import Clip
    from synoptic.models.memory import max_batch_rows

    weights = exponential_decay(steps, how["coherence"], DECAY, how["coherence_steps"], how["coherence_every"])
    if how["coherence_by"] == "lpips":
        features, distance = (lambda x: x), perceptual.lpips(m.device)
    else:
        features, distance = perceptual.CLIPPatchFeatures(Clip("bundled-shape", str(m.device))), perceptual.feature_distance
    rows = 4 if m.device.type == "cpu" else max(1, max_batch_rows(m, m.device) // GRADIENTS)
    return SyncDiffusion(predict, m.decode, features, distance, weights, how["anchor"], rows)
