"""Pictures with captions as rows to learn from: what row n shows is decided by the seed and n alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from safetensors.torch import load_file, save
from torch import Tensor

from synoptic import io as images
from synoptic.controlnet.train import Batch
from synoptic.models.base import Denoiser

MEMORY = 2**32  # bytes of maps and latents that are kept at hand


class Row(NamedTuple):
    """Which picture, noised by `eps` (C, h, w) to time t, with its caption or with none."""

    k: int
    t: int
    wordless: bool
    eps: Tensor


def row(n: int, count: int, seed: int, shape: Sequence[int], times: int, wordless: float) -> Row:
    """Row n of the training on `count` pictures: each once, in an order of its own, before any comes again.

    It does not depend on batches, accumulation or processes, and a training that goes on needs to know n only.
    """
    turn, place = divmod(n, count)
    rng = generator(seed, 1, n)
    t = int(torch.randint(times, (), generator=rng))
    alone = bool(torch.rand((), generator=rng) < wordless)
    return Row(order(count, seed, turn)[place], t, alone, torch.randn(tuple(shape), generator=rng))


@lru_cache(maxsize=2)
def order(count: int, seed: int, turn: int) -> list[int]:
    """The pictures' order in one turn through all."""
    return torch.randperm(count, generator=generator(seed, 0, turn)).tolist()


def generator(*key: int) -> torch.Generator:
    """One of its own for every key; torch's would look at 32 bits of a larger seed."""
    return torch.Generator().manual_seed(int(np.random.SeedSequence(key).generate_state(1)[0]))


class Shelf:
    """Latents x0 (C, h, w) and maps (3, H, W) in [0, 1] of pictures 0, 1, …: made when first asked for, then kept in files.

    look: k -> the picture (1, 3, H, W) in [-1, 1] and its map (1, 3, H, W) in [0, 1]; encode: pictures -> latents.
    """

    def __init__(
        self, look: Callable[[int], tuple[Tensor, Tensor]], encode: Callable[[Tensor], Tensor], folder: Path, pixels: int
    ) -> None:
        self.look, self.encode, self.folder = look, encode, folder
        folder.mkdir(exist_ok=True)
        self._near = lru_cache(maxsize=MEMORY // (4 * pixels))(self._taken)

    def __call__(self, k: int) -> tuple[Tensor, Tensor]:
        x0, seen = self._near(k)
        return x0, seen.float() / 255

    def _taken(self, k: int) -> tuple[Tensor, Tensor]:
        drawn, latent = self.folder / f"{k}.png", self.folder / f"{k}.safetensors"
        if not latent.exists():
            picture, seen = self.look(k)
            (shown,) = images.to_pil(2 * seen - 1)
            images.save(drawn, shown, {})
            with torch.no_grad():
                x0 = self.encode(picture)[0].float().cpu().contiguous()
            images.atomic_write(latent, lambda f: f.write(save({"x0": x0})))
        seen = (images.from_pil(images.load(drawn))[0] + 1) * 127.5
        return load_file(latent)["x0"], seen.round().to(torch.uint8)


def batch(rows: Sequence[Row], shelf: Shelf, captions: Sequence[str], model: Denoiser) -> Batch:
    """The rows on the model's device; k counts `captions` and the shelf's pictures alike."""
    x0, seen = (torch.stack(part).to(model.device) for part in zip(*(shelf(r.k) for r in rows), strict=True))
    cond = model.embed(["" if r.wordless else captions[r.k] for r in rows])
    eps = torch.stack([r.eps for r in rows]).to(model.device)
    return Batch(x0, eps, torch.tensor([r.t for r in rows]), cond, seen)
