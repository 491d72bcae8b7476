"""Prompts by where a view looks: around the horizon, up, down, and in parts of the sphere."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from synoptic.guidance.regional_prompts import PromptSpec
from synoptic.views.directions import Direction
from synoptic.views.sphere import edge_weight, view_rays

PROBES = 32  # pixels of a view's side that a part's share in it is measured by


def around_weights(directions: Sequence[Direction], stops: int) -> Tensor:
    """Weight prompts evenly around, the first in front: (N, stops), a view has the mean of two beside it; poles have all."""
    place = torch.tensor([direction.azimuth / 360 * stops for direction in directions], dtype=torch.float64)
    before, share = place.floor().long(), (place % 1)[:, None]
    one = torch.eye(stops, dtype=torch.float64)
    weights = (1 - share) * one[before % stops] + share * one[(before + 1) % stops]
    poles = torch.tensor([abs(direction.elevation) == 90 for direction in directions])
    return torch.where(poles[:, None], 1 / stops, weights)


def share_in_view(holds: Callable[[float, float], bool], direction: Direction, fov: float) -> float:
    """Return the share of a view, in [0, 1], whose (azimuth, elevation) in degrees a part holds; its middle counts most."""
    x, y, z = view_rays(direction, fov, (PROBES, PROBES)).view(-1, 3).unbind(-1)
    azimuth, elevation = torch.rad2deg(torch.atan2(x, -z)), torch.rad2deg(y.clamp(-1, 1).asin())
    inside = torch.tensor([holds(a, e) for a, e in zip(azimuth.tolist(), elevation.tolist(), strict=True)])
    at = (torch.arange(PROBES, dtype=torch.float64) + 0.5) * 2 / PROBES - 1
    weight = edge_weight(torch.stack([at.expand(PROBES, -1), at[:, None].expand(-1, PROBES)], -1)).flatten()
    return (weight * inside).sum().item() / weight.sum().item()


def sphere_prompts(
    directions: Sequence[Direction],
    around: Sequence[PromptSpec],
    up: Sequence[PromptSpec],
    down: Sequence[PromptSpec],
    parts: Sequence[tuple[PromptSpec, Sequence[float]]],
) -> tuple[list[PromptSpec], Tensor]:
    """Return all prompts, and the weight of each in each view, (N, J), rows sum to 1: what `regional_cfg` takes.

    `around` is for views at the horizon, `up` and `down` for those above and below it, each a sequence of prompts all
    around; a part's share of each view is its prompt's, the later one's on top.
    """
    specs = [*around, *up, *down, *(spec for spec, _ in parts)]
    groups = [around, up, down]
    which = [0 if d.elevation == 0 else 1 if d.elevation > 0 else 2 for d in directions]
    columns = []
    for k, group in enumerate(groups):
        mine = torch.tensor([w == k for w in which], dtype=torch.float64)
        columns.append(around_weights(directions, len(group)) * mine[:, None])
    weights = torch.cat([*columns, torch.zeros(len(directions), len(parts), dtype=torch.float64)], 1)
    first = len(specs) - len(parts)
    for k, (_, shares) in enumerate(parts):
        share = torch.tensor(shares, dtype=torch.float64)
        weights = weights * (1 - share)[:, None]
        weights[:, first + k] = share
    return specs, weights
