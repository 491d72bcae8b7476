"""The noise laboratory: what a diffusion model does, next to what was done before it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from synoptic.diffusion.ddpm_schedule import pair_up
from synoptic.diffusion.equations import Time
from synoptic.views import frequency

SIGMAS = tuple(0.25 * 1.15**k for k in range(30))  # 0.25 to 14 pixels, each 15 % wider than the last


def strided_pairs(first: int = 990, stride: int = 30, end: Time = -1) -> list[tuple[Time, Time]]:
    """Return the course's steps (CS180, project 5A): 990, 960, …, 0, and from there to the end, the clean picture."""
    return pair_up([t for t in range(first, -1, -stride) if t > end], end)


def gaussian_denoise(x: Tensor, sigma: float = 2.0, kernel: int | None = 5) -> Tensor:
    """Blur (B, C, H, W) by a Gaussian of `sigma` pixels, cut to `kernel`, odd; None: as many as it needs, to 3 sigma.

    The course's classical denoiser is kernel 5, sigma 2.
    """
    return frequency.gaussian_blur(x, sigma, kernel or 2 * min(math.ceil(3 * sigma), min(x.shape[-2:]) - 1) + 1)


def best_gaussian_denoise(noisy: Tensor, clean: Tensor, sigmas: Sequence[float] = SIGMAS) -> tuple[Tensor, float]:
    """Return the blur of one picture (1, C, H, W) nearest to the clean one, in PSNR, and its sigma: an upper bound."""
    every = [gaussian_denoise(noisy, sigma, None) for sigma in sigmas]
    errors = [(picture - clean).square().mean().item() for picture in every]
    k = errors.index(min(errors))
    return every[k], sigmas[k]
