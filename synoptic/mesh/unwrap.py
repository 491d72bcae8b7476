"""Texture coordinates: whether a file's own can be painted on, and new ones by xatlas where not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import xatlas

from synoptic.errors import InputError
from synoptic.mesh.mesh_file import Piece, Unwrapped
from synoptic.mesh.rasterize import _edges

CHECKED_SIDE = 512  # texels of a side that overlaps are looked for on
OVERLAP, OUTSIDE = 0.01, 1e-3  # of the texels, and of the plane, from which coordinates are of no use
SLOW, MOST = 50_000, 300_000  # faces, from which unwrapping takes minutes, and hours
PADDING, ATLAS = 16, 1024  # texels between charts, of an atlas that large
EXTENTS = (1e-4, 1e4)  # of meshes that are unwrapped as they are
FAR = 1000  # extents from the origin, from which on they are not


def why_not(pieces: Sequence[Piece]) -> str:
    """Return why a material's texture coordinates cannot be painted on, "" where they can."""
    corners = [piece.uv[piece.faces] for piece in own_primitives(pieces) if piece.uv is not None]
    if len(corners) < len(own_primitives(pieces)):
        return "it has none"
    uv = np.concatenate(corners)
    if uv.min() < -OUTSIDE or uv.max() > 1 + OUTSIDE:
        return "they leave [0, 1]"
    inside = texels(uv, CHECKED_SIDE, strictly=True)
    once = len(np.unique(inside[:, 0])) if len(inside) else 0
    if not once:
        return "they cover nothing"
    twice = 1 - once / len(inside)
    return f"{twice:.0%} of their texels overlap" if twice > OVERLAP else ""


def own_primitives(pieces: Sequence[Piece]) -> list[Piece]:
    """Return one piece of each primitive: the first."""
    return list({piece.primitive: piece for piece in reversed(pieces)}.values())[::-1]


def texels(uv: np.ndarray, side: int, *, strictly: bool = False) -> np.ndarray:
    """Return the pairs (M, 2) of a texel of side² and a face of uv (F, 3, 2), v upward, in which its middle lies."""
    pixel = torch.from_numpy(uv * np.array([1.0, -1.0]) + np.array([0.0, 1.0])) * side
    low = (pixel.amin(1) - 0.5).ceil().long().clamp(0, side)
    high = (pixel.amax(1) - 0.5).floor().long().clamp(-1, side - 1) + 1
    width, height = (high - low).clamp(min=0).unbind(1)
    count = width * height
    face = torch.arange(len(uv)).repeat_interleave(count)
    within = torch.arange(len(face)) - (count.cumsum(0) - count).repeat_interleave(count)
    at = torch.stack([low[face, 0] + within % width[face], low[face, 1] + within // width[face]], -1)
    share, area = _edges(pixel[face], at.float() + 0.5)
    share = share / torch.where(area == 0, torch.inf, area)[:, None]
    inside = (share > 1e-3).all(1) if strictly else ((share >= 0).all(1) & (area != 0))
    return torch.stack([at[inside, 1] * side + at[inside, 0], face[inside]], 1).numpy()


def near_one(pieces: Sequence[Piece]) -> list[np.ndarray]:
    """Return the vertices of pieces: moved and scaled to lie within 1 where a single precision would lose their shape."""
    used = np.concatenate([piece.vertices[piece.faces].reshape(-1, 3) for piece in pieces])
    low, extent = used.min(0), np.ptp(used, axis=0).max()
    (least, most), far = EXTENTS, np.abs(used).max() > FAR * extent
    is_kept = least < extent < most and not far
    return [piece.vertices if is_kept else np.clip((piece.vertices - low) / extent, -1, 1) for piece in pieces]


def unwrap(pieces: Sequence[Piece]) -> dict[int, Unwrapped]:
    """Return new corners of a material's primitives, all in one plane. Raises InputError where there are too many faces."""
    own = own_primitives(pieces)
    count = sum(len(piece.faces) for piece in own)
    if count > MOST:
        raise InputError(
            f"{count} faces take hours to unwrap: decimate the mesh to {SLOW}, or give it texture coordinates",
            rule="mesh-unwrap",
        )
    atlas = xatlas.Atlas()
    for piece, vertices in zip(own, near_one(own), strict=True):
        atlas.add_mesh(vertices.astype(np.float32), piece.faces.astype(np.uint32))
    pack = xatlas.PackOptions()
    pack.resolution, pack.padding, pack.bilinear = ATLAS, PADDING, True
    atlas.generate(pack_options=pack)
    scale = np.array([atlas.width, atlas.height]) / max(atlas.width, atlas.height)
    return {
        piece.primitive: Unwrapped(atlas[k][0].astype(np.int64), atlas[k][1].astype(np.int64), atlas[k][2] * scale)
        for k, piece in enumerate(own)
    }
