"""Everything that is measured in a graded folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch

from synoptic.courses.folder_scores import cosines
from synoptic.courses.folders import graded, source_of, sources
from synoptic.courses.prompt_sets import PromptSet
from synoptic.io import load_image
from synoptic.metrics.base import Metric
from synoptic.metrics.clip import Clip
from synoptic.metrics.concealment import alignment_and_concealment
from synoptic.metrics.fidelity import perceptual_distance, psnr, ssim
from synoptic.metrics.retrieval import ranks

TOP = (1, 5)  # R-precision: does a picture find its prompt in the first k?


def measure(chosen: PromptSet, clip: Clip, found: Mapping[str, Sequence[Path]], folder: Path) -> list[Metric]:
    """Measure CLIP score and R-precision; of pairs alignment and concealment; of edits what they keep of their source."""
    texts = graded(chosen, folder.name)
    measures = [*scores(clip, found, texts)]
    if chosen.kind == "ambiguous":
        measures += ambiguity(chosen, clip, found)
    if folder.name == "pds":
        measures += kept(chosen, clip, found, folder.parent)
    return measures


def scores(clip: Clip, found: Mapping[str, Sequence[Path]], texts: Sequence[str]) -> Iterator[Metric]:
    """Yield the CLIP score of every prompt, and how often a picture finds its own among the set's."""
    columns = list(dict.fromkeys([*texts, *found]))
    every = cosines(found, clip, columns)
    yield Metric("CLIP score", {p: every[p][:, columns.index(p)].mean().item() for p in found}, clip.name)
    asked = [p for p in found if p in texts]
    for k in TOP if asked else ():
        if len(texts) > k:
            hits = {}
            for p in asked:
                right = torch.full((len(found[p]),), columns.index(p))
                hits[p] = (ranks(every[p][:, : len(texts)], right) < k).float().mean().item()
            yield Metric(f"top-{k} of {len(texts)}", hits, clip.name)


def ambiguity(chosen: PromptSet, clip: Clip, found: Mapping[str, Sequence[Path]]) -> Iterator[Metric]:
    """Measure alignment and concealment of the pairs that are whole, each under its canonical prompt."""
    pairs = [(e.prompt, e.other) for e in chosen.entries if e.prompt in found and e.other in found]
    if pairs:
        views = [[load_image(found[prompt][0]) for prompt in pair] for pair in pairs]
        for m in alignment_and_concealment(clip, views, pairs):
            yield Metric(m.name, {pair[0]: v for pair, v in zip(pairs, m.items.values(), strict=True)}, clip.name)


def kept(chosen: PromptSet, clip: Clip, found: Mapping[str, Sequence[Path]], top: Path) -> Iterator[Metric]:
    """Yield how much edits keep of their source pictures, where there is one of the same size."""
    both, made = {}, sources(chosen, top)
    for e in chosen.entries:
        path = source_of(e, made)
        if e.other in found and path is not None:
            edited, original = load_image(found[e.other][0]), load_image(path)
            if edited.size == original.size:
                both[e.other] = edited, original
    if both:
        yield Metric("PSNR", {prompt: psnr(*two) for prompt, two in both.items()})
        yield Metric("SSIM", {prompt: ssim(*two) for prompt, two in both.items()})
        yield Metric(
            "identity distance", {prompt: perceptual_distance(clip, *two) for prompt, two in both.items()}, clip.name
        )
