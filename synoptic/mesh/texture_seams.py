"""How well a texture's charts meet: how colors change across the edges that were cut, by how they change beside them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from synoptic.mesh.charts import Charts
from synoptic.mesh.painted_surface import PaintedSurface

SAMPLES = 50_000  # pairs of places at all edges, by their length
APART = 2.0  # texels from one place of a pair to the other: two texels, whatever they are rounded to
BESIDE = 2.0  # steps from an edge, at most, to where pairs inside of a chart begin
CREASE = 30.0  # degrees between two faces from which on a thing may change its color where they meet


def texture_seam_ratio(surface: PaintedSurface, texture: Tensor, sharpest: float = 180.0) -> float | None:
    """Return the mean difference of texels across a cut edge, over that of texels as far apart beside it, inside a chart.

    All pairs are square to the edge and as far apart on the surface: about 1 where no seam shows, of colors that are smooth
    in space as of noise. Edges at which two faces differ by more than `sharpest` degrees are left out. Of textures
    (3, M*T, T); None where no edge is left that is cut, or all is of one color.
    """
    charts, side = Charts(surface), texture.shape[-1]
    counted = charts.cut & (charts.angle <= sharpest)
    faces, ends = charts.faces[counted], charts.ends[counted]
    if not len(faces):
        return None
    rng = torch.Generator().manual_seed(0)
    edge = torch.multinomial((ends[:, 1] - ends[:, 0]).norm(dim=1), SAMPLES, True, generator=rng)
    along, across, beside = torch.rand(3, SAMPLES, generator=rng, dtype=torch.float32)
    place = torch.lerp(ends[edge, 0], ends[edge, 1], along[:, None])
    step = APART * _spacing(surface, side)[faces[edge]].mean(1)
    shown = charts.shown(side)

    def read(which: int, away: Tensor) -> tuple[Tensor, Tensor]:
        """Return colors on one side of the edges, `away` from them, and whether that is in the chart of the face there."""
        face = faces[edge, which]
        at = place + away[:, None] * _into(surface, face, ends[edge])
        share = _shares(surface, face, at)
        inside = shown[surface.texel_of(face, share, side)] == charts.chart[face]
        return surface.colors(texture, face, share), inside

    jump = _mean_difference([(read(0, across * step), read(1, (1 - across) * step))])
    usual = _mean_difference([(read(k, beside * BESIDE * step), read(k, (beside * BESIDE + 1) * step)) for k in (0, 1)])
    return jump / usual if usual else None


def _mean_difference(pairs: list[tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]]) -> float:
    apart = torch.cat([(a - b).abs().mean(1)[inside & as_well] for (a, inside), (b, as_well) in pairs])
    return apart.mean().item() if len(apart) else 0.0


def _spacing(surface: PaintedSurface, side: int) -> Tensor:
    """Return how far apart the texels of each face are on the surface, (F,)."""
    a, b, c = surface.uv.unbind(1)
    (x, y), (u, v) = (b - a).T, (c - a).T
    return (surface.areas / ((x * v - y * u).abs() / 2).clamp(min=1e-12)).sqrt().float() / side


def _into(surface: PaintedSurface, face: Tensor, ends: Tensor) -> Tensor:
    """Return the unit vectors (M, 3) in faces (M,), square to their edges (M, 2, 3), away from these."""
    line = F.normalize(ends[:, 1] - ends[:, 0], dim=1)
    inside = surface.triangles[face].mean(1) - ends[:, 0]
    return F.normalize(inside - (inside * line).sum(1, keepdim=True) * line, dim=1)


def _shares(surface: PaintedSurface, face: Tensor, place: Tensor) -> Tensor:
    """Return the corners' shares (M, 3) of places in faces' planes, beyond the faces too."""
    a, b, c = surface.triangles[face].double().unbind(1)
    normal = torch.linalg.cross(b - a, c - a)
    whole = normal.square().sum(1).clamp(min=1e-30)
    second = (torch.linalg.cross(place - a, c - a) * normal).sum(1) / whole
    third = (torch.linalg.cross(b - a, place - a) * normal).sum(1) / whole
    return torch.stack([1 - second - third, second, third], 1)
