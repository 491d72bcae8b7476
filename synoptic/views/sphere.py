"""The geometry of a sphere around a camera: perspective views, an equirectangular canvas, and the rays between them.

A canvas is H x 2H: azimuth 0 is in the middle and grows to the right, elevation 90 degrees is the upper edge. x points
right, y up, -z to the front; a view of side s and field of view fov has pixel (i, j) at the ray
normalize(u right + v up + forward), u = ((j + 1/2) 2 / s - 1) h, v = (1 - (i + 1/2) 2 / s) h, h = tan(fov / 2).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, grid_sample, interpolate

from synoptic.io.sphere_blending import extend_sphere
from synoptic.views.directions import Direction

PIECE = 2**18  # pixels of a canvas that are worked on at once
EDGE = 0.2  # of a placed picture's half width and half height, over which it fades


def half_extent(fov: float) -> float:
    """Return h = tan(fov / 2), of a field of view in degrees."""
    return math.tan(math.radians(fov) / 2)


def axes_of(direction: Direction) -> Tensor:
    """Return the axes of a direction (3, 3): rows right, up, forward, unit vectors in float64."""
    return torch.tensor(direction.axes, dtype=torch.float64)


def view_rays(direction: Direction, fov: float, size: tuple[int, int]) -> Tensor:
    """Return the unit vectors (h, w, 3) of a view's pixels; `fov` degrees across its width."""
    rows, columns = size
    h = half_extent(fov)
    u = ((torch.arange(columns, dtype=torch.float64) + 0.5) * 2 / columns - 1) * h
    v = (rows / columns - (torch.arange(rows, dtype=torch.float64) + 0.5) * 2 / columns) * h
    plane = torch.stack([u.expand(rows, -1), v[:, None].expand(-1, columns), torch.ones(rows, columns, dtype=u.dtype)], -1)
    return torch.nn.functional.normalize(plane @ axes_of(direction), dim=-1)


def canvas_rays(height: int, rows: slice = slice(None)) -> Tensor:
    """Return the unit vectors (H, 2H, 3) of a canvas's pixels, or of those in some of its rows."""
    width = 2 * height
    place = torch.arange(height)[rows, None] * width + torch.arange(width)
    return rays_at(place, height)


def rays_at(place: Tensor, height: int) -> Tensor:
    """Map pixels (…) of the flat canvas to their unit vectors (…, 3)."""
    width = 2 * height
    lat = (0.5 - ((place // width).double() + 0.5) / height) * math.pi
    lon = (((place % width).double() + 0.5) / width - 0.5) * 2 * math.pi
    return torch.stack([lat.cos() * lon.sin(), lat.sin(), -lat.cos() * lon.cos()], -1)


def place_of(rays: Tensor, height: int) -> tuple[Tensor, Tensor]:
    """Map rays (…, 3) to (row, column) on a canvas of that height, where pixel (i, j) covers [i, i + 1) x [j, j + 1)."""
    x, y, z = rays.unbind(-1)
    row = (0.5 - y.clamp(-1, 1).asin() / math.pi) * height
    return row, (torch.atan2(x, -z) / (2 * math.pi) + 0.5) * 2 * height


def index_of(rays: Tensor, height: int) -> Tensor:
    """Map rays (…, 3) to the pixel of the flat canvas that each meets; the canvas closes at azimuth 180 degrees."""
    row, column = place_of(rays, height)
    return row.floor().long().clamp(0, height - 1) * 2 * height + column.floor().long() % (2 * height)


def seen_by(direction: Direction, fov: float, rays: Tensor) -> tuple[Tensor, Tensor]:
    """Map rays (M, 3) to those that a square view sees, as places (K,), and where in it, (K, 2)
    as (x, y) in [-1, 1], y down.
    """
    u, v, depth = (rays @ axes_of(direction).T.to(rays)).unbind(-1)
    h = half_extent(fov)
    (seen,) = ((u.abs() <= h * depth) & (v.abs() <= h * depth)).nonzero(as_tuple=True)
    return seen, torch.stack([u[seen], -v[seen]], -1) / (h * depth[seen, None])


def perspective(panorama: Tensor, direction: Direction, fov: float, size: tuple[int, int]) -> Tensor:
    """Return a view (B, C, h, w) of (B, C, H, 2H), bilinear; over a pole the canvas goes on half a turn further."""
    H = panorama.shape[-2]
    row, column = place_of(view_rays(direction, fov, size), H)
    padded = extend_sphere(panorama, 1)
    grid = torch.stack([(column + 1) / (H + 1) - 1, (row + 1) * 2 / (H + 2) - 1], -1).to(panorama)
    return grid_sample(padded, grid.expand(len(panorama), -1, -1, -1), align_corners=False)


def views_of(panorama: Tensor, directions: Sequence[Direction], fov: float, side: int) -> Tensor:
    """Return the views (N, C, s, s) of (1, C, H, 2H), each pixel the mean of what a finer panorama has within it."""
    finer = max(1, math.ceil(panorama.shape[-2] * 2 * half_extent(fov) / (math.pi * side)))
    read = (perspective(panorama, direction, fov, (finer * side, finer * side)) for direction in directions)
    return torch.cat([avg_pool2d(view, finer) for view in read])


def place_picture(picture: Tensor, fov: float, height: int) -> tuple[Tensor, Tensor]:
    """Return a canvas (C, H, 2H) with a picture (1, C, h, w), `fov` degrees across, in front, and its weight (H, 2H).

    The weight is 1 in the picture, 0 outside, and falls off toward its edge, to be blended by.
    """
    _, C, rows, columns = picture.shape
    width = round(2 * half_extent(fov) * height / math.pi)  # in pixels of the canvas at the picture's middle
    if width < columns:
        size = max(1, round(rows * width / columns)), width
        picture = interpolate(picture, size, mode="bilinear", antialias=True)
    u, v, depth = (canvas_rays(height).view(-1, 3) @ axes_of(Direction(0.0, 0.0)).T).unbind(-1)
    h = half_extent(fov)
    at = torch.stack([u, -v * columns / rows], -1) / (h * depth[:, None])
    inside = (depth > 0) & (at.abs() <= 1).all(-1)
    weight = torch.where(inside, ((1 - at.abs()) / EDGE).clamp(0, 1).prod(-1), 0)
    read = grid_sample(picture, at[inside].to(picture).view(1, 1, -1, 2), padding_mode="border", align_corners=False)
    canvas = picture.new_zeros(C, len(u))
    canvas[:, inside] = read[0, :, 0]
    return canvas.view(C, height, -1), weight.view(height, -1).to(picture)


def stitch(views: Tensor, directions: Sequence[Direction], fov: float, height: int) -> Tensor:
    """Stitch views (B*N, C, s, s) to a canvas (B, C, H, 2H) of any height: each pixel the mean of the views that see it.

    Read between their pixels, and by weights that fall off toward a view's edge: for looking at, where `unproject`, which
    reads no pixel twice, is for agreeing. Some rows at a time, so that rays and weights take no more for a larger canvas.
    """
    x = views.unflatten(0, (-1, len(directions)))
    most = max(1, PIECE // (2 * height))
    pieces = [slice(top, top + most) for top in range(0, height, most)]
    return torch.cat([_stitched(x, directions, fov, canvas_rays(height, rows)) for rows in pieces], -2)


def _stitched(x: Tensor, directions: Sequence[Direction], fov: float, canvas: Tensor) -> Tensor:
    """Return what views (B, N, C, s, s) show along rays (h, w, 3): (B, C, h, w)."""
    rays = canvas.view(-1, 3)
    total, mean = x.new_zeros(len(rays)), x.new_zeros(len(x), x.shape[2], len(rays))
    for n, direction in enumerate(directions):
        seen, at = seen_by(direction, fov, rays)
        if not len(seen):
            continue
        weight, seen = edge_weight(at).to(x), seen.to(x.device)
        grid = at.to(x).expand(len(x), 1, -1, -1)
        read = grid_sample(x[:, n], grid, padding_mode="border", align_corners=False)[:, :, 0]
        mean.index_add_(2, seen, read * weight)
        total.index_add_(0, seen, weight)
    return (mean / total).unflatten(2, canvas.shape[:2])


def edge_weight(at: Tensor) -> Tensor:
    """Map places in a view, (…, 2) in [-1, 1] to how much they count: 1 in the middle, nearly 0 at the edge, as windows'."""
    return (torch.cos(at.double() * (math.pi / 2)) ** 2).clamp(min=1e-6).prod(-1)
