"""How well a texture's charts meet: colors on both sides of the edges that were cut, by how colors change elsewhere."""

from __future__ import annotations

import torch
from torch import Tensor

from synoptic.mesh.painted_surface import PaintedSurface

SAMPLES = 8  # places along each edge
NEAR = 3  # times as far from each other as texels are at the median: no longer beside each other on the surface
SAME = 1e-5  # of the unit ball, and of a texture's side


def texture_seam_ratio(surface: PaintedSurface, texture: Tensor) -> float | None:
    """Mean jump of colors across the edges between charts, over that of texels beside each other inside them.

    About 1 where no seam shows; of textures (3, M*T, T). None where no edge is cut, or the texture is of one color.
    """
    side, colors = texture.shape[-1], texture.flatten(1).T
    first, second, ends = _cut_edges(surface)
    if not len(first):
        return None
    along = (torch.arange(SAMPLES) + 0.5) / SAMPLES
    sides = []
    for face, corner in zip((first, second), ends, strict=True):
        share = torch.zeros(len(face), SAMPLES, 3)
        share.scatter_(2, corner[:, None, :1].expand(-1, SAMPLES, 1), (1 - along)[None, :, None].expand(len(face), -1, 1))
        share.scatter_(2, corner[:, None, 1:].expand(-1, SAMPLES, 1), along[None, :, None].expand(len(face), -1, 1))
        sides.append(colors[surface.texel_of(face[:, None].expand(-1, SAMPLES), share, side)])
    length = (surface.triangles[first, ends[0][:, 0]] - surface.triangles[first, ends[0][:, 1]]).norm(dim=1)
    jump = ((sides[0] - sides[1]).abs().mean((1, 2)) * length).sum() / length.sum()
    usual = _usual_jump(surface, texture)
    return jump.item() / usual if usual else None


def _usual_jump(surface: PaintedSurface, texture: Tensor) -> float:
    """Mean difference of texels beside each other that are beside each other on the surface too."""
    side, texels = texture.shape[-1], surface.texels(texture.shape[-1])
    place = torch.full((texture.shape[1] * side, 3), torch.nan)
    place[texels.number] = texels.place
    places, colors = place.view(-1, side, 3), texture.permute(1, 2, 0)
    apart, jumps = [], []
    for where, color in ((places, colors), (places.transpose(0, 1), colors.transpose(0, 1))):
        apart.append((where[1:] - where[:-1]).norm(dim=2).flatten())
        jumps.append((color[1:] - color[:-1]).abs().mean(2).flatten())
    away, jump = torch.cat(apart), torch.cat(jumps)
    beside = away < NEAR * away.nanmedian()
    return jump[beside].mean().item() if beside.any() else 0.0


def _cut_edges(surface: PaintedSurface) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor]]:
    """Two faces (K,) each that meet at an edge, but not in the texture, and the edge's corners (K, 2) in both, alike."""
    count = len(surface.triangles)
    place = torch.unique((surface.triangles.reshape(-1, 3) / SAME).round().long(), dim=0, return_inverse=True)[1].view(
        count, 3
    )
    corner = torch.tensor([[0, 1], [1, 2], [2, 0]]).repeat(count, 1)
    face = torch.arange(count).repeat_interleave(3)
    named = place[face[:, None], corner]
    corner = torch.where((named[:, 0] > named[:, 1])[:, None], corner.flip(1), corner)
    named = named.sort(1).values
    number = torch.unique(named, dim=0, return_inverse=True)[1]
    order = number.argsort(stable=True)
    same = number[order][1:] == number[order][:-1]
    one, other = order[:-1][same], order[1:][same]
    apart = (surface.uv[face[one, None], corner[one]] - surface.uv[face[other, None], corner[other]]).abs().amax(
        (1, 2)
    ) > SAME
    cut = apart | (surface.texture[face[one]] != surface.texture[face[other]])
    one, other = one[cut], other[cut]
    return face[one], face[other], (corner[one], corner[other])
