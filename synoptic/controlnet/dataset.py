"""Pictures with captions as rows to learn from: what row n shows is decided by the seed and n alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from synoptic import io
from synoptic.controlnet.train import Batch
from synoptic.models.base import Denoiser

CACHE_BYTES = 2**32  # bytes of maps and latents that are kept at hand


class TrainingRow(NamedTuple):
    """Which picture, noised by `eps` (C, h, w) to time t, with its caption or with none."""

    k: int
    t: int
    drop_caption: bool
    eps: Tensor


def training_row(
    n: int, count: int, seed: int, shape: Sequence[int], num_train_timesteps: int, caption_dropout: float
) -> TrainingRow:
    """Return row n of the training on `count` pictures: each once, in an order of its own, before any comes again.

    It does not depend on batches, accumulation or processes, and a training that goes on needs to know n only.
    """
    epoch, place = divmod(n, count)
    rng = keyed_generator(seed, 1, n)
    t = int(torch.randint(num_train_timesteps, (), generator=rng))
    drop_caption = bool(torch.rand((), generator=rng, dtype=torch.float32) < caption_dropout)
    return TrainingRow(
        epoch_order(count, seed, epoch)[place],
        t,
        drop_caption,
        torch.randn(tuple(shape), generator=rng, dtype=torch.float32),
    )


@lru_cache(maxsize=2)
def epoch_order(count: int, seed: int, epoch: int) -> list[int]:
    """Return the pictures' order in one turn through all."""
    return torch.randperm(count, generator=keyed_generator(seed, 0, epoch)).tolist()


def keyed_generator(*key: int) -> torch.Generator:
    """Return one of its own for every key; torch's would look at 32 bits of a larger seed."""
    return torch.Generator().manual_seed(int(np.random.SeedSequence(key).generate_state(1)[0]))


class CachedPairs:
    """Latents x0 (C, h, w) and maps (3, H, W) in [0, 1] of pictures 0, 1, …: made when first asked for, then kept in files.

    load_pair: k -> the picture (1, 3, H, W) in [-1, 1] and its map (1, 3, H, W) in [0, 1]; encode: pictures -> latents.
    """

    def __init__(
        self,
        load_pair: Callable[[int], tuple[Tensor, Tensor]],
        encode: Callable[[Tensor], Tensor],
        folder: Path,
        pixels: int,
    ) -> None:
        self.load_pair, self.encode, self.folder = load_pair, encode, folder
        folder.mkdir(parents=True, exist_ok=True)
        self._cached = lru_cache(maxsize=CACHE_BYTES // (4 * pixels))(self._load)

    def __call__(self, k: int) -> tuple[Tensor, Tensor]:
        x0, control_image = self._cached(k)
        return x0, control_image.float() / 255

    def _load(self, k: int) -> tuple[Tensor, Tensor]:
        drawn, latent = self.folder / f"{k}.png", self.folder / f"{k}.safetensors"
        try:
            return read_pair(drawn, latent)
        except (SafetensorError, LookupError, OSError, SyntaxError, ValueError):  # not made yet, or not whole
            picture, control_image = self.load_pair(k)
            (shown,) = io.to_pil(2 * control_image - 1)
            io.save_image(drawn, shown, {})
            with torch.no_grad():
                x0 = self.encode(picture)[0].float().cpu().contiguous()
            io.write_whole(latent, save({"x0": x0}))
            return read_pair(drawn, latent)


def read_pair(drawn: Path, latent: Path) -> tuple[Tensor, Tensor]:
    """Return a latent x0 (C, h, w) and its map (3, H, W) in bytes, from their files."""
    control_image = (io.from_pil(io.load_image(drawn))[0] + 1) * 127.5
    return load_file(latent)["x0"], control_image.round().to(torch.uint8)


def make_batch(rows: Sequence[TrainingRow], pairs: CachedPairs, captions: Sequence[str], model: Denoiser) -> Batch:
    """Return the rows on the model's device; k counts `captions` and the cached pictures alike."""
    x0, control_images = (torch.stack(part).to(model.device) for part in zip(*(pairs(r.k) for r in rows), strict=True))
    cond = model.embed(["" if r.drop_caption else captions[r.k] for r in rows])
    eps = torch.stack([r.eps for r in rows]).to(model.device)
    return Batch(x0, eps, torch.tensor([r.t for r in rows]), cond, control_images)
