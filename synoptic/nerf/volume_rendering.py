"""Volume rendering (Max 1995; Mildenhall et al. 2020, equation 3): what is seen along a ray, and how much of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

MIN_WEIGHT = 1e-5  # of the light: sixty-four times that is far below what a screen shows


class Emission(NamedTuple):
    """At M places: density (M,), `color` (M, C), and `aux` (M, K), which is summed with weights held constant."""

    density: Tensor
    color: Tensor
    aux: Tensor


class RayOutput(NamedTuple):
    """Along R rays: sums of colors (R, C) and of further values (R, K), the light stopped (R,), how far on average (R,)."""

    color: Tensor
    aux: Tensor
    opacity: Tensor
    depth: Tensor


class Rays(NamedTuple):
    """Origins and unit directions (R, 3), and where within its step each ray is asked, `offset` (R,) in [0, 1)."""

    origin: Tensor
    direction: Tensor
    offset: Tensor


def transmittance(optical_depth: Tensor) -> Tensor:
    """Return the share of light that comes to each step, of its optical thickness (R, S), density times length."""
    return (optical_depth - optical_depth.cumsum(1)).exp()


def render_weights(optical_depth: Tensor) -> Tensor:
    """Return the share of light that each step stops, T_i (1 - exp(-thick_i)), of its optical thickness (R, S)."""
    return transmittance(optical_depth) * -torch.expm1(-optical_depth)


def ray_sphere(rays: Rays) -> tuple[Tensor, Tensor]:
    """Return where each ray enters the unit ball and leaves it (R,), not behind its origin; the
    same number twice for a miss.
    """
    middle = -(rays.origin * rays.direction).sum(1)
    off = (rays.origin + middle[:, None] * rays.direction).square().sum(1)
    half = (1 - off).clamp(min=0).sqrt()
    return (middle - half).clamp(min=0), (middle + half).clamp(min=0)


def march_rays(
    density: Callable[[Tensor], Tensor],
    emit: Callable[[Tensor, Tensor, Tensor], Emission],
    rays: Rays,
    *,
    samples: int = 64,
    occupied: Callable[[Tensor], Tensor] | None = None,
    min_transmittance: float = 1e-3,
    chunk: int = 2**14,
) -> RayOutput:
    """Return rays through the unit ball in steps of 2 / samples, each asked about at one place,
    stratified by the ray's offset.

    Places that are not `occupied` count as empty. Where less than `min_transmittance` of the light comes, a ray has ended:
    one pass without gradients finds out, then `emit(x (M, 3), ray (M,), weight (M,))` is asked about what is left; `ray` is
    the place in `rays`, `weight` the share of the light that is stopped there. Without gradients, places of no weight are
    left out. At most `chunk` rays are under way at once; with gradients on, chunks are computed again on the way back.
    """
    step, every = 2 / samples, torch.arange(len(rays.origin), device=rays.origin.device)

    def march_chunk(origin: Tensor, direction: Tensor, offset: Tensor, ray_index: Tensor) -> RayOutput:
        near, far = ray_sphere(Rays(origin, direction, offset))
        t = near[:, None] + (torch.arange(samples, device=near.device) + offset[:, None]) * step
        live = t < far[:, None]
        x = (origin[:, None] + t[..., None] * direction[:, None]).flatten(0, 1)
        if occupied:
            live &= occupied(x).view_as(live)
        at, learns = live.flatten().nonzero()[:, 0], torch.is_grad_enabled()
        with torch.no_grad():
            optical_depth = torch.zeros_like(t).flatten().scatter(0, at, density(x[at]) * step).view_as(t)
            w = render_weights(optical_depth)
            seen = (transmittance(optical_depth) >= min_transmittance) & ((w > MIN_WEIGHT) | learns)
            at = at[seen.flatten()[at]]
        ray = at // samples
        found = emit(x[at], ray_index[ray], w.flatten()[at])
        optical_depth = torch.zeros_like(t).flatten().scatter(0, at, found.density * step).view_as(t)
        w = render_weights(optical_depth)
        each = w.flatten()[at, None]
        color, aux = (
            part.new_zeros(len(t), part.shape[1]).index_add(0, ray, share * part)
            for share, part in ((each, found.color), (each.detach(), found.aux))
        )
        opacity = w.sum(1)
        return RayOutput(color, aux, opacity, (w * t).sum(1) / opacity.clamp(min=1e-6))

    parts = list(zip(*(part.split(chunk) for part in (*rays, every)), strict=True))
    if len(parts) == 1:
        return march_chunk(*parts[0])
    if torch.is_grad_enabled():
        done = [checkpoint(march_chunk, *part, use_reentrant=False, preserve_rng_state=False) for part in parts]
    else:
        done = [march_chunk(*part) for part in parts]
    return RayOutput(*(torch.cat(part) for part in zip(*done, strict=True)))
