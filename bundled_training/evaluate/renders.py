"""Prompts that training never showed, and real renders of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random

import torch
import torch.nn.functional as F
from torch import Tensor

from bundled_training.render import Renderer
from bundled_training.render.captions import Spec, specs
from bundled_training.render.words import QUALITY

LEAST = 256  # pixels of a render; smaller ones are made of it
CHUNK, GPU_CHUNK = 256, 1024  # renders at a time: small chunks leave a GPU idle


def held_out(count: int, seed: int, fits: Callable[[Spec], bool] = lambda spec: True) -> list[Spec]:
    """`count` held-out specs that fit, no two with the same caption or the same style and content, none generic."""
    rng, found, seen = Random(seed), [], set()
    for spec in _stream(rng):
        pair = spec.style, spec.content
        if spec.caption != QUALITY and fits(spec) and not {pair, spec.caption} & seen:
            seen |= {pair, spec.caption}
            found.append(spec)
            if len(found) == count:
                return found
    raise ValueError(f"only {len(found)} of {count} held-out specs fit: ask for fewer")


def _stream(rng: Random, most: int = 200_000) -> Iterator[Spec]:
    for _ in range(most // 500):
        yield from specs(500, rng, held_out=True)


class Renders:
    """Renders specs on one device, in chunks."""

    def __init__(self, device: torch.device) -> None:
        self.renderer = Renderer(device)
        self.chunk = GPU_CHUNK if device.type == "cuda" else CHUNK

    def __call__(self, every: Sequence[Spec], size: int, seed: int) -> Tensor:
        """(N, 3, size, size) in [0, 1] on the CPU; smaller sizes than 256 are averaged."""
        torch.manual_seed(seed)
        parts = []
        for i in range(0, len(every), self.chunk):
            x = self.renderer.render(list(every[i : i + self.chunk]), max(size, LEAST))[0].clamp(0, 1)
            parts.append(F.interpolate(x, (size, size), mode="area").cpu() if size < LEAST else x.cpu())
        return torch.cat(parts)
