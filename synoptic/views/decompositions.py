"""A picture as a sum: the factorizations of hybrids, by the names people type (Geng et al. 2024b, Factorized Diffusion).

Components are linear, work at every size and sum to the picture: the last is all that the others leave.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

from torch import Tensor
from torch.nn.functional import pad

from synoptic.views.frequency import (
    REFERENCE_SIDE,
    SIGMA,
    cascaded_low_band,
    cascaded_middle_band,
    high_band,
    high_pass,
    low_band,
    low_pass,
    middle_band,
    odd_size,
)

MOTION_LENGTH = 7  # pixels that motion smears over, at side 64

Component = Callable[[Tensor], Tensor]


def get_components(kind: str, sigma: float = SIGMA) -> tuple[Component, ...]:
    """Map the components of a factorization, (B, C, S, S) to (B, C, S, S) each; the far or first one first.

    pass: low and high frequencies, parted by a blur of `sigma` pixels at side 64. triple: low, middle, high, by a blur of
    sigma 2 and one of sigma 1. color: gray, then color. motion: smeared along the diagonal, then the rest, and mirrored at
    the edges. The authors' code differs in two of them: triple-cascade blurs the blurred picture again for its lowest band,
    and motion-zeros sees black beyond the edges. Raises ValueError for other kinds.
    """
    match kind:
        case "pass":
            return partial(low_pass, sigma=sigma), partial(high_pass, sigma=sigma)
        case "triple":
            return low_band, middle_band, high_band
        case "triple-cascade":
            return cascaded_low_band, cascaded_middle_band, high_band
        case "color":
            return grayscale, chroma
        case "motion":
            return motion_blur, motion_residual
        case "motion-zeros":
            return partial(motion_blur, edges="constant"), partial(motion_residual, edges="constant")
        case _:
            kinds = "pass, triple, triple-cascade, color, motion or motion-zeros"
            raise ValueError(f"a factorization is {kinds}, not {kind!r}")


def grayscale(x: Tensor) -> Tensor:
    """Return the mean of the channels of x (B, C, H, W), in each of them."""
    return x.mean(1, keepdim=True).expand_as(x)


def chroma(x: Tensor) -> Tensor:
    """Return how each channel of x (B, C, H, W) differs from their mean."""
    return x - grayscale(x)


def motion_blur(x: Tensor, edges: Literal["reflect", "constant"] = "reflect") -> Tensor:
    """Return the mean of x (B, C, S, S) along a diagonal streak of 7 pixels of 64, down to the right.

    Beyond the edges the picture is mirrored ("reflect"), or 0 ("constant").
    """
    H, W = x.shape[-2:]
    n = odd_size(MOTION_LENGTH * W / REFERENCE_SIDE)
    wide = pad(x, [n // 2] * 4, mode=edges)
    total = wide[..., :H, :W].clone()
    for i in range(1, n):
        total += wide[..., i : i + H, i : i + W]
    return total / n


def motion_residual(x: Tensor, edges: Literal["reflect", "constant"] = "reflect") -> Tensor:
    """Return what smearing takes away from x (B, C, S, S)."""
    return x - motion_blur(x, edges)
