"""Alignment and concealment: does each view of a picture show its own prompt, and only that? (Geng et al. 2024)"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor

from synoptic.errors import InputError
from synoptic.metrics.base import Metric, mean_by_prompt
from synoptic.metrics.clip import Clip
from synoptic.utils.counted import counted


def alignment_and_concealment(
    clip_model: Clip, pictures: Sequence[Sequence[Image.Image]], prompts: Sequence[Sequence[str]]
) -> tuple[Metric, Metric]:
    """Measure alignment and concealment of P pictures, each by its N views as they are seen and their prompts, in order.

    Items are named by their prompts joined with " | "; several pictures of the same prompts are averaged first. Raises
    InputError unless every picture has as many views as prompts, two or more.
    """
    if len(pictures) != len(prompts):
        raise InputError(
            f"anagrams need prompts for each picture, {counted(len(pictures), 'picture')} and {len(prompts)} were given",
            rule="concealment-prompts",
        )
    for views, texts in zip(pictures, prompts, strict=True):
        if len(views) != len(texts) or len(texts) < 2:
            raise InputError(
                f"an anagram needs a prompt a view, two or more,"
                f" {counted(len(views), 'view')} and {counted(len(texts), 'prompt')} were given:"
                " give as many of both",
                rule="concealment-views",
            )
    cosines = [clip_model(views, texts) for views, texts in zip(pictures, prompts, strict=True)]
    names = [" | ".join(texts) for texts in prompts]
    return (
        Metric("alignment", mean_by_prompt(names, [alignment(s).item() for s in cosines]), clip_model.name),
        Metric(
            "concealment",
            mean_by_prompt(names, [concealment(s, clip_model.temperature).item() for s in cosines]),
            clip_model.name,
        ),
    )


def alignment(cosines: Tensor) -> Tensor:
    """Return min diag S (…), how well the worst view fits, of S (…, N, N), S[i, j] the cosine of view i and prompt j."""
    return cosines.diagonal(dim1=-2, dim2=-1).amin(-1)


def concealment(cosines: Tensor, temperature: float) -> Tensor:
    """Return tr softmax(S / τ) / N (…) of S (…, N, N), averaged over both axes: how well each shows one prompt only.

    τ is the CLIP's own temperature (0.01 for OpenAI's): 1 is perfect, 1 / N is chance. The courses' own code divides S by
    CLIP's logit scale, which is 1 / τ, where this multiplies by it: its numbers hardly leave 1 / N and compare with none.
    """
    logits = cosines.double() / temperature
    both = torch.softmax(logits, -1) + torch.softmax(logits, -2)
    return both.diagonal(dim1=-2, dim2=-1).mean(-1) / 2
