"""What is timed side by side on a CPU: peers on diffusers as their users load them, and ours, each a function of no values.

A comparison is {side: function}, the peer's default first. Both sides of one make the same: prompt, size, steps, guidance.
"""

from __future__ import annotations

import importlib
import json
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

import synoptic as syn
from benchmarks.anagrams import PAIRS, STYLES
from benchmarks.startup import one_start, output_of
from synoptic.commands.bench_contenders import PROMPT, SCALE, Contender, diffusers_panorama, ours
from synoptic.diffusion.equations import randn
from synoptic.models.base import PretrainedModel
from synoptic.models.checkpoint import BUNDLED_DIR
from synoptic.models.device import choose_dtype, dtype_name
from synoptic.views.registry import get_view

STEPS, VIEWS = 25, ("identity", "rotate_cw")
Side = Callable[[], object]
diffusers: Any = importlib.import_module("diffusers")  # its lazy names are not for type checkers


def dtypes() -> list[str]:
    """Return float32, and what `--dtype auto` is on this CPU where that is another."""
    return list(dict.fromkeys(["float32", dtype_name(choose_dtype("auto", torch.device("cpu")))]))


def generate(count: int, steps: int) -> Mapping[str, Side]:
    """Return plain pictures by diffusers' pipeline and by ours."""
    pipe = diffusers.StableDiffusionPipeline.from_pretrained(BUNDLED_DIR / "sd", local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    rngs = [torch.Generator().manual_seed(seed) for seed in range(count)]
    how = {"num_inference_steps": steps, "guidance_scale": SCALE, "num_images_per_prompt": count, "generator": rngs}
    sides: dict[str, Side] = {"diffusers, float32": lambda: pipe(PROMPT, **how)}
    paint = {d: partial(syn.generate, loaded("bundled", d), PROMPT, count=count, guidance_scale=SCALE) for d in dtypes()}
    sides |= {f"synoptic, {dtype}": partial(one, steps=steps) for dtype, one in paint.items()}
    usual = dtypes()[-1]
    return sides | {f"synoptic --fast, {usual}": partial(paint[usual], steps=-(-steps // 2), fast=True)}


def loaded(name: str, dtype: str) -> PretrainedModel:
    return syn.load(name, device="cpu", dtype=dtype)


def wide(width: int, steps: int, best: Contender) -> Mapping[str, Side]:
    """Return a wide picture by diffusers' panorama pipeline, at its default and at its best batch, and by ours."""
    default = Contender("diffusers", "float32", 1)
    ways = [Contender("synoptic", dtype) for dtype in dtypes()] + [Contender("synoptic", dtypes()[-1], fast=True)]
    sides = {default: "diffusers, float32", best: f"diffusers, float32, its best ({best.batch} windows a call)"}
    sides |= {way: f"synoptic{' --fast' if way.fast else ''}, {way.dtype}" for way in ways}
    paint = {"diffusers": diffusers_panorama, "synoptic": ours}
    return {name: partial(paint[side.name](side, width), steps) for side, name in sides.items()}


def anagram(steps: int) -> Mapping[str, Side]:
    """Return an anagram of 64x64 by the authors' loop on diffusers' network, and by ours."""
    prompts = [f"{STYLES[0]} {content}" for content in PAIRS[0]]
    sides: dict[str, Side] = {"the authors' loop on diffusers, float32": visual_anagrams(prompts, steps)}
    for dtype in dtypes():
        paint = partial(syn.anagram, loaded("bundled-if", dtype), *prompts, views=VIEWS, upscalers="none")
        sides[f"synoptic, {dtype}"] = partial(paint, steps=steps)
    return sides


def visual_anagrams(prompts: list[str], steps: int) -> Side:
    """Return the loop of Geng et al. 2024's code (`sample_stage_1`) on the bundled network: eps of the views, averaged."""
    pipe = diffusers.IFPipeline.from_pretrained(BUNDLED_DIR / "if", local_files_only=True)
    scheduler = diffusers.DDIMScheduler.from_config(pipe.scheduler.config)
    views = [get_view(name) for name in VIEWS]
    network: Any = pipe.unet

    @torch.no_grad()
    def paint() -> Tensor:
        texts = [pipe.encode_prompt(prompt, do_classifier_free_guidance=True) for prompt in prompts]
        embeddings = torch.cat([null for _, null in texts] + [text for text, _ in texts])
        scheduler.set_timesteps(steps)
        x = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
        for t in scheduler.timesteps:
            seen = torch.cat([view.view(x) for view in views])
            out = network(torch.cat([seen, seen]), t, embeddings, return_dict=False)[0][:, :3]
            null, cond = out.chunk(2)
            guided = null + SCALE * (cond - null)
            mean = torch.cat([view.inverse_view(guided[k : k + 1]) for k, view in enumerate(views)]).mean(0, keepdim=True)
            x = scheduler.step(mean, t, x, return_dict=False)[0]
        return x

    return paint


def network(rows: int) -> Mapping[str, Side]:
    """Return one call of the bundled latent model's network: diffusers' as it loads, and ours."""
    net: Any = diffusers.UNet2DConditionModel.from_pretrained(BUNDLED_DIR / "sd", subfolder="unet", local_files_only=True)
    model = loaded("bundled", "float32")
    x = randn(model.shape, [torch.Generator().manual_seed(0)]).expand(rows, -1, -1, -1).contiguous()
    cond = model.embed([PROMPT] * rows)

    def theirs() -> Tensor:
        with torch.no_grad():
            return net(x, 500, cond.text.float(), return_dict=False)[0]

    sides: dict[str, Side] = {"diffusers, float32": theirs}
    for dtype in dtypes():
        one = loaded("bundled", dtype)
        sides[f"synoptic, {dtype}"] = torch.no_grad()(partial(one.predict, x, 500, one.embed([PROMPT] * rows)))
    return sides


DIFFUSERS_START = """
import json, time
from diffusers import StableDiffusionPipeline
pipe = StableDiffusionPipeline.from_pretrained({folder!r}, local_files_only=True)

def done(*_):
    print(json.dumps(time.process_time()), flush=True)
    raise SystemExit

pipe({prompt!r}, num_inference_steps=25, callback_on_step_end=done)
"""


def starts() -> Mapping[str, Callable[[], float]]:
    """Return the CPU seconds of a fresh process until its first step is done: diffusers' pipeline, and `generate`."""

    def theirs() -> float:
        code = DIFFUSERS_START.format(folder=str(BUNDLED_DIR / "sd"), prompt=PROMPT)
        return json.loads(output_of(code))

    return {"diffusers, float32": theirs, "synoptic": lambda: one_start(["generate", PROMPT])["first step"][0]}


def jobs(count: int, steps: int) -> Mapping[str, Side]:
    """Return pictures of so many seeds by a loop of `synoptic.run`, and by one batch with a worker."""
    how = {"prompt": PROMPT, "model": "bundled", "steps": steps}

    def loop() -> None:
        with tempfile.TemporaryDirectory() as folder:
            for seed in range(count):
                syn.run("generate", **how, seed=seed, out=f"{folder}/{seed}")

    def batch() -> None:
        with tempfile.TemporaryDirectory() as folder:
            syn.batch([{"application": "generate", **how, "grid": {"seed": range(count)}}], out=folder, workers=1)

    return {"a loop of runs": loop, "synoptic batch, one worker": batch}
