"""R-precision: does a picture find its own prompt among many?"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor

from synoptic.errors import InputError, check_at_least
from synoptic.metrics.base import Metric, mean_by_prompt
from synoptic.metrics.clip import Clip


def retrieval(
    clip_model: Clip, images: Sequence[Image.Image], prompts: Sequence[str], other_prompts: Sequence[str] = (), top: int = 1
) -> Metric:
    """Measure top-k R-precision (Xu et al. 2018, AttnGAN; with CLIP, Park et al. 2021): by prompt, in [0, 1].

    `prompts` has one prompt a picture; the candidates are these and those of `other_prompts`, each once, so chance is
    top / candidates. A picture scores 1 where its prompt is among the first `top`; several pictures of one prompt are
    averaged first. Raises InputError unless there are as many pictures as prompts, and more candidates than `top`.
    """
    candidates = list(dict.fromkeys([*prompts, *other_prompts]))
    check_at_least("top", top, 1)
    if len(images) != len(prompts):
        raise InputError(
            f"retrieval needs one prompt a picture, {len(images)} and {len(prompts)} were given: name each one's",
            rule="retrieval-prompts",
        )
    if images and len(candidates) <= top:
        raise InputError(
            f"top-{top} needs more than {top} different prompts, {len(candidates)} was given: add others to it",
            rule="retrieval-top",
        )
    right = torch.tensor([candidates.index(prompt) for prompt in prompts])
    hits = (ranks(clip_model(images, candidates), right) < top).tolist() if images else []
    return Metric(f"top-{top} of {len(candidates)}", mean_by_prompt(prompts, hits), clip_model.name)


def ranks(cosines: Tensor, correct: Tensor) -> Tensor:
    """Count the other texts that fit at least as well as the right one: (N, M) and (N,) -> (N,), 0 the best."""
    return (cosines >= cosines.gather(1, correct[:, None])).sum(1) - 1
