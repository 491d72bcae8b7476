"""A bank of rendered pictures with their captions."""

from __future__ import annotations

from random import Random

import torch
from torch import Tensor

from bundled_training.render import Renderer
from bundled_training.render.captions import specs
from bundled_training.render.noise import Device


def bank(
    count: int, size: int, device: Device, seed: int, held_out: bool = False, chunk: int = 16384, depth: bool = False
) -> tuple[Tensor, list[str], Tensor]:
    """Pictures (N, 3, size, size) uint8 on the device, their captions, and if asked the depths (N, 1, size, size)."""
    rng, renderer = Random(seed), Renderer(device)
    torch.manual_seed(seed)
    pictures = torch.empty(count, 3, size, size, dtype=torch.uint8, device=device)
    depths = torch.empty(count if depth else 0, 1, size, size, dtype=torch.uint8, device=device)
    captions: list[str] = []
    for start in range(0, count, chunk):
        some = specs(min(chunk, count - start), rng, held_out)
        image, near = renderer.render(some, size)
        pictures[start : start + len(some)] = (image * 255 + 0.5).to(torch.uint8)
        if depth:
            depths[start : start + len(some)] = (near * 255 + 0.5).to(torch.uint8)
        captions += [spec.caption for spec in some]
    return pictures, captions, depths
