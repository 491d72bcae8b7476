"""Volume rendering (Max 1995; Mildenhall et al. 2020, equation 3): what is seen along a ray, and how much of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

MAX_RAYS = 2**14  # under way at once
MIN_WEIGHT = 1e-5  # of the light: sixty-four times that is far below what a screen shows
MIN_NORMAL_WEIGHT = 2e-3  # of the light: places that stop less of it have no normal


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


class Samples(NamedTuple):
    """The places that R rays through the unit ball are asked about, S a ray.

    `x` (R S, 3) is where they are, `t` (R, S) how far from the origin; `live` (R S,): in the ball, not known to be empty.
    """

    x: Tensor
    t: Tensor
    live: Tensor

    @property
    def step(self) -> float:
        """Return how far they are apart."""
        return 2 / self.t.shape[1]


def sample_rays(rays: Rays, samples: int, occupied: Callable[[Tensor], Tensor] | None = None) -> Samples:
    """Return places along rays in steps of 2 / samples, stratified by each ray's offset."""
    near, far = ray_sphere(rays)
    t = near[:, None] + (torch.arange(samples, device=near.device) + rays.offset[:, None]) * (2 / samples)
    live = t < far[:, None]
    x = (rays.origin[:, None] + t[..., None] * rays.direction[:, None]).flatten(0, 1)
    if occupied:
        live &= occupied(x).view_as(live)
    return Samples(x, t, live.flatten())


def true_indices(mask: Tensor, capacity: int | None = None) -> Tensor:
    """Return where a mask (n,) is True; with a capacity, which must suffice, so many numbers, n for those left over.

    Then nothing is waited for, as a CUDA graph asks.
    """
    if capacity is None:
        return mask.nonzero()[:, 0]
    place = torch.where(mask, mask.cumsum(0) - 1, capacity)
    filled = place.new_full((capacity + 1,), len(mask))
    return filled.scatter_(0, place, torch.arange(len(mask), device=mask.device))[:capacity]


@torch.no_grad()
def find_seen(
    density: Callable[[Tensor], Tensor],
    at: Samples,
    min_transmittance: float = 1e-3,
    min_weight: float | None = None,
    ask_everywhere: bool = False,
) -> tuple[Tensor, Tensor]:
    """Return which places (R S,) light comes from, and the share of it that each stops (R S,).

    A ray ends where less than `min_transmittance` of the light comes; places that stop `min_weight` at most are left out.
    `ask_everywhere`: of dead places too, to no effect; then nothing is waited for, as a CUDA graph asks.
    """
    if ask_everywhere:
        optical_depth = torch.where(at.live, density(at.x) * at.step, 0).view_as(at.t)
    else:
        live = true_indices(at.live)
        optical_depth = _spread(live, density(at.x[live]) * at.step, at.t)
    weight = render_weights(optical_depth)
    seen = transmittance(optical_depth) >= min_transmittance
    seen = seen if min_weight is None else seen & (weight > min_weight)
    return at.live & seen.flatten(), weight.flatten()


def integrate_rays(
    emit: Callable[[Tensor, Tensor, Tensor], Emission],
    at: Samples,
    seen: Tensor,
    weight: Tensor,
    capacity: int | None = None,
) -> RayOutput:
    """Return rays of which only the places `seen` (R S,) hold anything: `emit(x (M, 3), ray (M,), weight (M,))` is asked."""
    index, samples = true_indices(seen, capacity), at.t.shape[1]
    place = index.clamp(max=len(at.x) - 1)
    ray = place // samples
    found = emit(at.x[place], ray, F.pad(weight, (0, 1))[index])
    w = render_weights(_spread(index, found.density * at.step, at.t))
    each = F.pad(w.flatten(), (0, 1)).index_select(0, index)[:, None]
    color, aux = (
        part.new_zeros(len(at.t), part.shape[1]).index_add(0, ray, share * part)
        for share, part in ((each, found.color), (each.detach(), found.aux))
    )
    opacity = w.sum(1)
    return RayOutput(color, aux, opacity, (w * at.t).sum(1) / opacity.clamp(min=1e-6))


def _spread(index: Tensor, value: Tensor, like: Tensor) -> Tensor:
    """Return zeros (R, S) with values (M,) at these places; the one behind all is left out."""
    return value.new_zeros(like.numel() + 1).scatter(0, index, value)[:-1].view_as(like)


def march_rays(
    density: Callable[[Tensor], Tensor],
    emit: Callable[[Tensor, Tensor, Tensor], Emission],
    rays: Rays,
    *,
    samples: int = 64,
    occupied: Callable[[Tensor], Tensor] | None = None,
    min_transmittance: float = 1e-3,
    chunk: int = MAX_RAYS,
) -> RayOutput:
    """Return rays through the unit ball, each asked about in steps of 2 / samples.

    Places that are not `occupied` count as empty. One pass without gradients finds out where rays end, then
    `emit(x (M, 3), ray (M,), weight (M,))` is asked about what is left; `ray` is the place in `rays`, `weight` the share of
    the light that is stopped there. Without gradients, places of no weight are left out. At most `chunk` rays are under way
    at once; with gradients on, chunks are computed again on the way back.
    """
    every = torch.arange(len(rays.origin), device=rays.origin.device)
    min_weight = None if torch.is_grad_enabled() else MIN_WEIGHT

    def march_chunk(origin: Tensor, direction: Tensor, offset: Tensor, ray_index: Tensor) -> RayOutput:
        at = sample_rays(Rays(origin, direction, offset), samples, occupied)
        seen, weight = find_seen(density, at, min_transmittance, min_weight)
        return integrate_rays(lambda x, ray, weight: emit(x, ray_index[ray], weight), at, seen, weight)

    parts = list(zip(*(part.split(chunk) for part in (*rays, every)), strict=True))
    if len(parts) == 1:
        return march_chunk(*parts[0])
    if torch.is_grad_enabled():
        done = [checkpoint(march_chunk, *part, use_reentrant=False, preserve_rng_state=False) for part in parts]
    else:
        done = [march_chunk(*part) for part in parts]
    return RayOutput(*(torch.cat(part) for part in zip(*done, strict=True)))
