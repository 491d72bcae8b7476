"""What cameras see of a surface: cells to agree on, depth and normals to be guided by, and which cameras to choose."""

from __future__ import annotations

import math
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from synoptic.mesh.painted_surface import PaintedSurface
from synoptic.mesh.rasterize import Fragments, rasterize
from synoptic.mesh.smooth_normals import SmoothNormals
from synoptic.nerf.cameras import Camera, orbit_cameras
from synoptic.views.surface import Grains, SurfaceMaps

RADIUS, FOV = 3.3, math.radians(36)  # a unit ball fills nearly all of the picture
FILL, ZOOM = 0.8, 1.5  # of a picture's side, that a surface fills; views' fields differ no more than by this factor
BEHIND, LEAST_DEPTH = 0.3, 0.03  # where 0 is the back of the unit ball, 1 its front; on the map, of the surface's back
CELL, GRAIN = 1.25, 0.3  # in pixels at the surface's middle: places that agree, and that share noise
RIM = 0.06  # of a picture's side: how far from a silhouette a pixel counts in full
SUBPIXELS = 4  # of a pixel's side, by which its grains are found
JUMP = 8  # pixels by which depth changes between neighbors from which on there is an edge between them
SAMPLES, SELECTION_SIDE = 8000, 160
FRONT = 15.0  # degrees of elevation of the first view
ELEVATIONS = (FRONT, -15.0, 40.0, -45.0, 75.0, -80.0)
USUAL, ABOVE, BELOW = 30.0, 0.6, 0.3  # degrees up to which pictures are taken; what views from higher, and from below, count
WORTH = 0.004  # of the surface: what a further view must add
STRAIGHT, ENOUGH = 3, 0.5  # of the cosine, by which a view is worth something; and how much of it is about enough
LEAST_SEEN = 0.1  # cosine of a look that shows a place at all
APART = math.cos(math.radians(40))  # nearer to each other two views show nearly the same
AZIMUTHS = 8


def cameras_at(azimuths: Tensor, elevations: Tensor) -> Camera:
    """Return cameras around the unit ball, by degrees."""
    return orbit_cameras(azimuths.deg2rad(), elevations.deg2rad(), RADIUS, FOV)


def framed(surface: PaintedSurface, camera: Camera, *, alike: bool = False) -> Camera:
    """Return the same cameras, aimed and zoomed so that the surface fills `FILL` of each picture;
    with `alike` by one field of view.

    The field of view of a surface that looks small from one side is no narrower than the widest by more than `ZOOM`.
    """
    places = surface.triangles.reshape(-1, 3).unique(dim=0)
    axes = camera.axes
    for _ in range(3):
        low, high = _extent(places, camera.eye, axes)
        right, up = ((low + high) / 2).unbind(1)
        back = F.normalize(axes[:, 2] - right[:, None] * axes[:, 0] - up[:, None] * axes[:, 1], dim=1)
        across = F.normalize(torch.linalg.cross(axes[:, 1], back), dim=1)
        axes = torch.stack([across, torch.linalg.cross(back, across), back], 1)
    low, high = _extent(places, camera.eye, axes)
    half = torch.maximum(-low, high).amax(1) / FILL
    half = half.clamp(min=half.max() / (1 if alike else ZOOM))
    return camera._replace(axes=axes, fov=2 * half.atan())


def _extent(places: Tensor, eye: Tensor, axes: Tensor) -> tuple[Tensor, Tensor]:
    """Return how far right and up of the middle cameras (B) see places (M, 3), as tangents (B, 2): least, most."""
    at = (places - eye[:, None]) @ axes.mT
    span = at[..., :2] / -at[..., 2:]
    return span.amin(1), span.amax(1)


def pitch(camera: Camera, side: int) -> Tensor:
    """Return how much of the surface's middle a pixel of each view covers, (B,)."""
    return 2 * RADIUS * (camera.fov / 2).tan() / side


def trust(camera: Camera) -> Tensor:
    """Return how much views count (B,): models know things as pictures show them, from a little above; hardly from below."""
    elevation = camera.elevation.rad2deg()
    from_above = torch.where(elevation > USUAL, ABOVE, torch.ones_like(elevation))
    return torch.where(elevation < 0, BELOW, from_above)


def cosines(surface: PaintedSurface, camera: Camera, seen: Fragments) -> Tensor:
    """Return the cosines (B, s, s) that pixels look at their places by, from either side; 0 where there is none.

    By normals that turn smoothly over folds: a color that views agree on does not change where another view counts most.
    """
    hit = seen.face >= 0
    face = seen.face[hit]
    place = surface.place(face, seen.share[hit])
    toward = F.normalize(camera.eye[hit.nonzero()[:, 0]] - place, dim=-1)
    cosine = torch.zeros(hit.shape, dtype=torch.float32)
    cosine[hit] = (toward * SmoothNormals(surface).at(place, surface.normals[face])).sum(-1).abs()
    return cosine


def away_from_edges(seen: Fragments, camera: Camera) -> Tensor:
    """Return whether a pixel's eight neighbors show the surface too, without a jump in depth: (B, s, s)."""
    depth = torch.where(seen.face >= 0, seen.depth, -1e3)[:, None]
    near, far = F.max_pool2d(depth, 3, 1, 1), -F.max_pool2d(-depth, 3, 1, 1)
    jump = JUMP * pitch(camera, depth.shape[-1])
    return ((near - far)[:, 0] < jump[:, None, None]) & (seen.face >= 0)


def firmness(inside: Tensor) -> Tensor:
    """Return how much pixels count (B, s, s) by how far they are from where (B, s, s) `inside`
    ends: 0 there, 1 from `RIM` on.

    A model that does not keep to a silhouette paints the ground on its rim: views that have it in the middle know better.
    """
    padded = np.pad(inside.numpy(), ((0, 0), (1, 1), (1, 1)), mode="edge")
    away = np.asarray([distance_transform_edt(one) for one in padded], np.float32)[:, 1:-1, 1:-1]
    return torch.from_numpy(away / (RIM * inside.shape[-1])).clamp(max=1)


def surface_maps(surface: PaintedSurface, camera: Camera, side: int) -> SurfaceMaps:
    """Return the maps of views of side² pixels. Cells and grains are boxes of space, apart
    where the surface faces other ways.
    """
    seen = rasterize(surface.triangles, camera, side)
    inside = away_from_edges(seen, camera)
    covered = pitch(camera, side).log().mean().exp().item()
    cell = torch.full_like(seen.face, -1)
    cell[inside] = _boxes(surface, seen, inside, CELL * covered)
    firm = firmness(inside) * trust(camera)[:, None, None]
    return SurfaceMaps(cell, cosines(surface, camera, seen), firm, partial(_grains, surface, camera, side, covered))


def _grains(surface: PaintedSurface, camera: Camera, side: int, covered: float) -> Grains:
    fine = rasterize(surface.triangles, camera, SUBPIXELS * side)
    hit = fine.face >= 0
    grains = _boxes(surface, fine, hit, GRAIN * covered)
    view, row, column = hit.nonzero(as_tuple=True)
    pixel = row // SUBPIXELS * side + column // SUBPIXELS
    pairs = []
    for n in range(len(camera.eye)):
        own, of = grains[view == n], pixel[view == n]
        number, first = _first(own)
        pairs.append(torch.stack([number, of[first]], 1))
    return Grains(pairs, int(grains.max()) + 1 if len(grains) else 0)


def _boxes(surface: PaintedSurface, seen: Fragments, where: Tensor, size: float) -> Tensor:
    """Return numbers from 0 of the boxes that pixels' places lie in, (M,)."""
    face = seen.face[where]
    at = (surface.place(face, seen.share[where]) / size).floor().long()
    normal = surface.normals[face]
    axis = normal.abs().argmax(1)
    way = 2 * axis + (normal.gather(1, axis[:, None])[:, 0] > 0)
    count = 2 * math.ceil(1.01 / size) + 2
    x, y, z = (at + count // 2).unbind(1)
    return torch.unique(((x * count + y) * count + z) * 6 + way, return_inverse=True)[1]


def _first(numbers: Tensor) -> tuple[Tensor, Tensor]:
    """Return the distinct numbers, and where each stands first."""
    found, inverse = torch.unique(numbers, return_inverse=True)
    first = torch.full((len(found),), len(numbers)).scatter_reduce(0, inverse, torch.arange(len(numbers)), "amin")
    return found, first


class ChosenViews(NamedTuple):
    """Cameras, and of the surface's area the shares that they see, and see straighter than 60 degrees."""

    camera: Camera
    seen: float
    straight: float


def choose_views(surface: PaintedSurface, most: int) -> ChosenViews:
    """Return the front, then views one by one that add most to how straight, and by how many,
    each part of the surface is seen.

    A part that views with cosines c see counts 1 - exp(-Σc³ / `ENOUGH`): straight views come first, then those that see
    two of them at once, by which they agree. Out of eight azimuths at six elevations, 40 degrees apart; no more than `most`,
    and none that adds next to nothing.
    """
    azimuth = torch.arange(AZIMUTHS, dtype=torch.float32).repeat(len(ELEVATIONS)) * (360.0 / AZIMUTHS)
    elevation = torch.tensor(ELEVATIONS, dtype=torch.float32).repeat_interleave(AZIMUTHS)
    camera = framed(surface, cameras_at(azimuth, elevation))
    face, place = surface.sampled(SAMPLES)
    looks = []
    for k in range(len(azimuth)):
        one = Camera(*(part[k : k + 1] for part in camera))
        seen = rasterize(surface.triangles, one, SELECTION_SIDE)
        firm = firmness(away_from_edges(seen, one))[:, None]
        cosine = _where_seen(one, seen, place, _facing(one, place, surface.normals[face]))
        looks.append((cosine, _read(firm, one, place)))
    found, firm = (torch.stack(part) for part in zip(*looks, strict=True))
    toward = F.normalize(camera.eye, dim=1)
    worth = trust(camera)[:, None]
    lacking = (-(found**STRAIGHT) * firm * worth / ENOUGH).exp()
    left, chosen = lacking[0], [0]
    while len(chosen) < most:
        gain = (left * (1 - lacking)).mean(1)
        gain[(toward @ toward[chosen].T).amax(1) > APART] = 0
        k = int(gain.argmax())
        if gain[k] < WORTH:
            break
        left = left * lacking[k]
        chosen.append(k)
    best = found[chosen].amax(0)
    chosen = [0, *sorted(chosen[1:], key=lambda k: (elevation[k].abs().item(), azimuth[k].item()))]
    share, straight = ((best > least).double().mean().item() for least in (0, 0.5))
    camera = cameras_at(azimuth[chosen], elevation[chosen])
    return ChosenViews(framed(surface, camera), share, straight)


def visible_cosine(surface: PaintedSurface, camera: Camera, place: Tensor, normal: Tensor, side: int) -> Tensor:
    """Return the cosine (M,) that a camera sees places (M, 3) with normals (M, 3) by; 0 where hidden or below `LEAST_SEEN`.

    side² pixels say what hides what.
    """
    return _where_seen(camera, rasterize(surface.triangles, camera, side), place, _facing(camera, place, normal))


def _facing(camera: Camera, place: Tensor, normal: Tensor) -> Tensor:
    return (F.normalize(camera.eye - place, dim=-1) * normal).sum(-1).abs()


def _where_seen(camera: Camera, seen: Fragments, place: Tensor, cosine: Tensor) -> Tensor:
    """Return cosines (M,) of places (M, 3), 0 where something is before them, and below `LEAST_SEEN`."""
    nearest = torch.where(seen.face >= 0, seen.depth, 1e3)[:, None]
    slope = pitch(camera, nearest.shape[-1]) / cosine.clamp(min=0.05)
    hidden = screen_of(camera, place)[1] > _read(nearest, camera, place, mode="nearest") + 0.005 + slope
    return torch.where(hidden | (cosine < LEAST_SEEN), 0, cosine)


def _read(picture: Tensor, camera: Camera, place: Tensor, mode: str = "bilinear") -> Tensor:
    """Return what a picture (1, 1, s, s) of one camera shows of places (M, 3), (M,)."""
    grid = (screen_of(camera, place)[0] * place.new_tensor([1.0, -1.0]))[None, None]
    return F.grid_sample(picture, grid, mode=mode, padding_mode="border", align_corners=False)[0, 0, 0]


def screen_of(camera: Camera, place: Tensor) -> tuple[Tensor, Tensor]:
    """Return where one camera has places (M, 3): right and up within ±1 (M, 2), and their planar depths (M,)."""
    at = (place - camera.eye[0]) @ camera.axes[0].T
    return at[:, :2] / -at[:, 2:] / (camera.fov[0] / 2).tan(), -at[:, 2]


def depth_maps(surface: PaintedSurface, camera: Camera, side: int) -> Tensor:
    """Return how near the surface is (B, 3, s, s) in [0, 1]: 1 at the nearest place of each view, 0 behind it.

    What depth models say of a thing on a plain ground, and half of the maps that the bundled ControlNet learned from: a
    surface that ends at the unit ball's middle ends at 0.3 or more, so that its silhouette stands out from what is behind.
    """
    seen = rasterize(surface.triangles, camera, side)
    shown = seen.face >= 0
    near = torch.where(shown, (1 + RADIUS - seen.depth) / 2 - BEHIND, 0)
    nearest = near.amax((1, 2), keepdim=True).clamp(min=LEAST_DEPTH)
    return torch.where(shown, (near / nearest).clamp(min=LEAST_DEPTH), 0)[:, None].expand(-1, 3, -1, -1)


def normal_maps(surface: PaintedSurface, camera: Camera, side: int) -> Tensor:
    """Return normals as the eye sees them, (B, 3, s, s) in [0, 1], as ControlNets do: red left, green up, blue front."""
    seen = rasterize(surface.triangles, camera, side)
    normal = surface.normals[seen.face.clamp(min=0)] @ camera.axes[:, None].mT
    normal = normal * torch.where(normal[..., 2:] < 0, -1.0, 1.0) * normal.new_tensor([-1.0, 1.0, 1.0])
    return torch.where(seen.face[..., None] >= 0, normal / 2 + 0.5, normal.new_tensor([0.5, 0.5, 1.0])).permute(0, 3, 1, 2)
