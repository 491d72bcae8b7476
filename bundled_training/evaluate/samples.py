"""Pictures from the models, by the package's own loading, guidance and denoising loop; and what CLIP models see in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from synoptic.diffusion.equations import randn
from synoptic.diffusion.schedules import get_clip
from synoptic.guidance.cfg import cfg
from synoptic.io import to_pil
from synoptic.metrics.clip import Clip
from synoptic.models.load import load
from synoptic.sampling.single import sample

STEPS = 20
GUIDANCE = 3.0


class Sampler:
    """A text-to-image directory as a function of prompts and seeds, in batches."""

    def __init__(self, place: Path, device: str = "auto") -> None:
        self.model: Any = load(str(place), device=device)
        self.guidance = GUIDANCE
        self.batch = 128 if self.model.device.type == "cuda" else 16

    @property
    def size(self) -> int:
        """The side of a native picture in pixels."""
        return self.model.shape[-1] * self.model.factor

    def __call__(
        self, prompts: Sequence[str], seeds: Sequence[int], *, steps: int = STEPS, guidance: float | None = None
    ) -> Tensor:
        """One picture a prompt and seed, by deterministic DDIM: (N, 3, S, S) in [0, 1] on the CPU."""
        s = self.model.schedule
        parts = []
        for start in range(0, len(prompts), self.batch):
            part = slice(start, start + self.batch)
            predict = cfg(
                self.model, prompts[part], self.guidance if guidance is None else guidance, clip=get_clip("auto", s)
            )
            x = randn(self.model.shape, generators(seeds[part])).to(self.model.device)
            parts.append(self.decoded(last(sample(predict, s, x, steps=s.steps(steps)))))
        return torch.cat(parts)

    @torch.no_grad()
    def decoded(self, x: Tensor) -> Tensor:
        return (self.model.decode(x).float().cpu() / 2 + 0.5).clamp(0, 1)


def generators(seeds: Sequence[int]) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def last(steps: Iterator[Any]) -> Tensor:
    """The clean x at the end of a denoising loop."""
    x = torch.empty(0)
    for step in steps:
        x = step.x
    return x


def seen(clip: Clip, pictures: Tensor) -> Tensor:
    """Unit features (N, D) of pictures (N, 3, H, W) in [0, 1], through 8 bits as anybody's files are."""
    return clip.encode_images(to_pil(pictures * 2 - 1))
