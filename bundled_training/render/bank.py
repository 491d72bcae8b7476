"""A bank of rendered pictures with their captions."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from random import Random

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from bundled_training.render import Renderer
from bundled_training.render.captions import specs
from bundled_training.render.noise import Device


def bank(
    count: int, size: int, device: Device, seed: int, held_out: bool = False, chunk: int = 16384, depth: bool = False
) -> tuple[Tensor, list[str], Tensor]:  # fmt: skip
    """Pictures (N, 3, size, size) uint8 on the device, their captions, and if asked the depths (N, 1, size, size)."""
    pictures = torch.empty(count, 3, size, size, dtype=torch.uint8, device=device)
    depths = torch.empty(count if depth else 0, 1, size, size, dtype=torch.uint8, device=device)
    captions: list[str] = []
    for image, near, words in rendered(count, size, device, seed, held_out, chunk):
        here = slice(len(captions), len(captions) + len(words))
        pictures[here] = image
        if depth:
            depths[here] = near
        captions += words
    return pictures, captions, depths


def halved(
    count: int, side: int, device: Device, seed: int, size: int = 128, held_out: bool = False
) -> tuple[Tensor, list[str]]:
    """Render pictures of `side` pixels and keep them at `size`: (N, 3, size, size) uint8, and their captions."""
    pictures = torch.empty(count, 3, size, size, dtype=torch.uint8, device=device)
    captions: list[str] = []
    for image, _, words in rendered(count, side, device, seed, held_out):
        small = image if side == size else avg_pool2d(image.float(), side // size).round().to(torch.uint8)
        pictures[len(captions) : len(captions) + len(words)] = small
        captions += words
    return pictures, captions


@lru_cache(maxsize=1)
def renderer_on(device: Device) -> Renderer:
    """Return the renderer of a device: its glyphs take seconds to load, and a stage renders several banks."""
    return Renderer(device)


def rendered(
    count: int, size: int, device: Device, seed: int, held_out: bool = False, chunk: int = 16384
) -> Iterator[tuple[Tensor, Tensor, list[str]]]:
    """Render chunk after chunk: pictures, depths and captions."""
    rng, renderer = Random(seed), renderer_on(device)
    torch.manual_seed(seed)
    chunk = min(chunk, max(1, 16384 * 128**2 // size**2))  # no more pixels at once than fit
    for start in range(0, count, chunk):
        some = specs(min(chunk, count - start), rng, held_out)
        image, near = renderer.render(some, size)
        whole = [(part * 255 + 0.5).to(torch.uint8) for part in (image, near)]
        yield whole[0], whole[1], [spec.caption for spec in some]
