"""Three-dimensional objects seen from all around: a mug, a house, a car … as "a 3D render of a red mug, side view"."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from bundled_training.render.noise import Device, uniform
from bundled_training.render.objects import MAKERS, ONE_SIDED, PROPORTIONS
from bundled_training.render.parts import Colour, Model, Part, Vector, along, dot, unit

VIEWS = ("front", "side", "back", "overhead")
FIELD = math.radians(17.5)  # half the field of view


def _trace(parts: Sequence[Part], origin: Vector, direction: Vector, shape: torch.Size) -> tuple[Tensor, Tensor, Vector]:
    """The distance (inf for a miss), the number of the part and its unit normal toward the ray, each (B, N)."""
    device = direction[0].device
    nearest, number = torch.full(shape, torch.inf, device=device), torch.zeros(shape, dtype=torch.long, device=device)
    n: Vector = (torch.zeros(shape, device=device), torch.zeros(shape, device=device), torch.ones(shape, device=device))
    for i, part in enumerate(parts):
        t, normal = part.hit(origin, direction)
        closer = (t < nearest) & (t > 1e-3)
        nearest, number = torch.where(closer, t, nearest), torch.where(closer, i, number)
        a, b, c = normal()
        n = (torch.where(closer, a, n[0]), torch.where(closer, b, n[1]), torch.where(closer, c, n[2]))
    away = 1 - 2 * (dot(n, direction) > 0).to(nearest.dtype)
    x, y, z = unit(n)
    return nearest, number, (x * away, y * away, z * away)


def _shadow(parts: Sequence[Part], point: Vector, light: Vector) -> Tensor:
    """1 where the light (B, 1 each) reaches a point, 0 where a part stands between, (B, N)."""
    free = torch.ones_like(point[0], dtype=torch.bool)
    for part in parts:
        t, _ = part.hit(point, light)
        free &= ~((t > 1e-3) & (t < torch.inf))
    return free.float()


def _table_of(colours: list[Colour], like: Tensor) -> Tensor:
    """The colors of all pictures, (B, P, 3)."""
    fixed = torch.tensor([(0.0, 0.0, 0.0) if isinstance(c, Tensor) else c for c in colours]).to(like)  # in one transfer
    table = fixed.repeat(like.shape[0], 1, 1)
    for i, colour in enumerate(colours):
        if isinstance(colour, Tensor):
            table[:, i] = colour
    return table


def _paint(
    model: Model, colours: Tensor, azimuth: Tensor, elevation: Tensor, fill: Tensor, size: int, fit: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Pictures of one kind of object; azimuth, elevation and fill are (B, 1)."""
    parts, decals = model
    batch, device = colours.shape[0], colours.device
    points = [part.corners(device) for part in parts]
    cloud = [torch.cat([p[i].expand(batch, -1) for p in points], 1) for i in range(3)]
    centre = [(c.amax(1, keepdim=True) + c.amin(1, keepdim=True)) / 2 for c in cloud]
    cloud = [c - m for c, m in zip(cloud, centre, strict=True)]
    radius = torch.stack(cloud).square().sum(0).amax(1, keepdim=True).sqrt()
    away = radius / math.sin(FIELD)

    zero = torch.zeros_like(azimuth)
    back = (azimuth.sin() * elevation.cos(), elevation.sin(), azimuth.cos() * elevation.cos())
    right = (azimuth.cos(), zero, -azimuth.sin())
    above = (-azimuth.sin() * elevation.sin(), elevation.cos(), -azimuth.cos() * elevation.sin())
    half, shift = math.tan(FIELD) / fill, (zero, zero)
    if fit:
        far = away - dot((cloud[0], cloud[1], cloud[2]), back)
        spans = [dot((cloud[0], cloud[1], cloud[2]), axis) / far for axis in (right, above)]
        low, high = zip(*[(s.amin(1, keepdim=True), s.amax(1, keepdim=True)) for s in spans], strict=True)
        half = torch.maximum(high[0] - low[0], high[1] - low[1]) / 2 / fill
        shift = ((high[0] + low[0]) / 2, (high[1] + low[1]) / 2)

    fine = 2 * size
    grid = (torch.arange(fine, device=device) + 0.5) / size - 1
    u = shift[0] + half * grid.repeat(fine).view(1, -1)
    v = shift[1] - half * grid.repeat_interleave(fine).view(1, -1)
    # a little off the axes, so that no component is 0
    d = tuple(u * right[i] + v * above[i] - back[i] + 1.7e-6 for i in range(3))
    direction: Vector = (d[0], d[1], d[2])
    origin: Vector = (centre[0] + away * back[0], centre[1] + away * back[1], centre[2] + away * back[2])
    t, number, normal = _trace(parts, origin, direction, d[0].shape)
    solid = t < torch.inf
    t = torch.where(solid, t, away)
    point = along(origin, direction, t)

    albedo = _table_of([part.colour for part in parts], colours).transpose(1, 2)
    albedo = albedo.gather(2, number[:, None].expand(-1, 3, -1))
    paints = _table_of([decal.colour for decal in decals], colours) if decals else None
    for i, decal in enumerate(decals):
        assert paints is not None
        inside = decal.covers(point)
        if decal.parts is not None:
            inside = inside & (number < decal.parts)
        albedo = torch.where(inside[:, None], paints[:, i, :, None], albedo)

    x, y, z = (0.65 * b - 0.5 * r + 0.7 * a for b, r, a in zip(back, right, above, strict=True))
    light = unit((x, y, z))  # over the left shoulder of who looks
    coarse: list[Tensor] = []  # every second sample in both directions: a shadow needs no more
    for p, n in zip(point, normal, strict=True):
        coarse.append((p + 0.01 * n).view(batch, fine, fine)[:, ::2, ::2].reshape(batch, -1))
    lit = _shadow(parts, (coarse[0], coarse[1], coarse[2]), light).view(batch, 1, size, size)
    lit = F.avg_pool2d(F.pad(lit, (1, 1, 1, 1), mode="replicate"), 3, 1)
    lit = F.interpolate(lit, (fine, fine), mode="nearest").view(batch, -1)

    gloss = torch.tensor([part.gloss for part in parts], device=device)[number]
    middle = unit((back[0] + light[0], back[1] + light[1], back[2] + light[2]))
    shine = gloss * lit * dot(normal, middle).clamp(min=0) ** 40
    bright = 0.5 + 0.14 * normal[1] + 0.5 * lit * dot(normal, light).clamp(min=0)
    rgb = (albedo * bright[:, None] + 0.7 * shine[:, None]).clamp(0, 1)
    depth = (0.5 + 0.5 * (away - t) / radius).clamp(0.02, 1)

    mask = solid.float()[:, None]
    layers = torch.cat([rgb * mask, depth[:, None] * mask, mask], 1).view(batch, 5, fine, fine)
    layers = F.avg_pool2d(layers, 2)
    alpha = layers[:, 4:]
    seen = layers[:, :4] / alpha.clamp(min=0.25)
    return seen[:, :3], alpha, seen[:, 3:]


def render_at(
    names: list[str], colours: Tensor, azimuth: Tensor, elevation: Tensor, size: int, device: Device,
    *, proportions: Tensor | None = None, fill: Tensor | None = None, fit: bool = True,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Objects seen from these directions, nothing random: rgb (B,3,S,S), alpha (B,1,S,S), depth (B,1,S,S), all in [0, 1].

    colors (B, 3); azimuth and elevation (B,) in radians, azimuth 0 in front and pi/2 on the right of who sees the front.
    proportions (B, 4) in [-1, 1] make the object slimmer or taller, 0 by default; fill (B,) is the share of the frame, 0.8
    by default. `fit` fits the frame to each view; without, an object keeps its size all around. Where alpha is 0, so is the
    rest; depth is 1 at the nearest point of the sphere around the object, 0.5 at its center.
    """
    batch = len(names)
    rgb, alpha, depth = (torch.zeros(batch, n, size, size, device=device) for n in (3, 1, 1))
    shape = torch.zeros(batch, PROPORTIONS) if proportions is None else proportions
    share = torch.full((batch,), 0.8) if fill is None else fill
    colours, azimuth, elevation, shape, share = (
        x.to(device, torch.float32) for x in (colours, azimuth, elevation, shape, share)
    )
    for name in dict.fromkeys(names):
        rows = torch.tensor([i for i, other in enumerate(names) if other == name]).to(device)
        model = MAKERS[name](colours[rows], list((1 + 0.15 * shape[rows]).split(1, 1)))
        angles = (azimuth[rows, None], elevation[rows, None], share[rows, None])
        rgb[rows], alpha[rows], depth[rows] = _paint(model, colours[rows], *angles, size, fit)
    return rgb, alpha, depth


def directions(names: list[str], views: list[str], device: Device) -> tuple[Tensor, Tensor]:
    """A random azimuth and elevation (B,) in radians for each of these VIEWS."""
    batch = len(views)
    middle = torch.tensor([{"front": 0.0, "side": 90.0, "back": 180.0, "overhead": 0.0}[v] for v in views]).to(device)
    over = torch.tensor([v == "overhead" for v in views]).to(device)
    one_sided = torch.tensor([name in ONE_SIDED for name in names]).to(device)
    sign = 1 - 2 * ((torch.rand(batch, device=device) < 0.5) & ~one_sided).float()
    azimuth = middle * sign + uniform(batch, low=-1, high=1, device=device) * torch.where(over, 180.0, 35.0)
    high = torch.rand(batch, device=device)
    elevation = torch.where(over, 60 + 25 * high, 25 * high)
    return azimuth * (math.pi / 180), elevation * (math.pi / 180)


def render(names: list[str], colours: Tensor, views: list[str], size: int, device: Device) -> tuple[Tensor, Tensor, Tensor]:
    """Objects of these SOLIDS in these colors (B, 3) seen from these VIEWS, each of random proportions.

    rgb (B,3,S,S), alpha (B,1,S,S), depth (B,1,S,S), all in [0, 1], depth 1 nearest; 0 where nothing is seen.
    """
    azimuth, elevation = directions(names, views, device)
    proportions = uniform(len(names), PROPORTIONS, low=-1, high=1, device=device)
    fill = uniform(len(names), low=0.74, high=0.86, device=device)
    return render_at(names, colours, azimuth, elevation, size, device, proportions=proportions, fill=fill)
