"""What 3D objects are made of: bodies that a ray meets in closed form (only a torus is marched), and paint on them.

Space: y up, an object looks along +z, x to the right as seen from the front. Points, directions and normals are triples of
tensors that broadcast to (B, N), N rays a picture; sizes are numbers or (B, 1), one for each picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from bundled_training.render.noise import Device

Number = float | Tensor
Vector = tuple[Tensor, Tensor, Tensor]
Place = tuple[Number, Number, Number]
Colour = tuple[float, float, float] | Tensor  # a tensor is (B, 3)
Hit = tuple[Tensor, Callable[[], Vector]]  # the distance along each ray, inf for a miss, and the normals there


def unit(v: Vector) -> Vector:
    scale = torch.rsqrt(dot(v, v) + 1e-12)
    return v[0] * scale, v[1] * scale, v[2] * scale


def dot(a: Vector, b: Vector) -> Tensor:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def along(origin: Vector, direction: Vector, t: Tensor) -> Vector:
    return (origin[0] + t * direction[0], origin[1] + t * direction[1], origin[2] + t * direction[2])


@dataclass
class Part:
    """A convex body or a torus around its own y axis: `axis` lays that along x or z, `turn` rotates about a world axis."""

    at: Place
    colour: Colour
    axis: str = field(default="y", kw_only=True)
    turn: tuple[str, float] | None = field(default=None, kw_only=True)
    gloss: float = field(default=0.25, kw_only=True)

    def _rotated(self, v: Vector, sign: float) -> Vector:
        if self.turn is None:
            return v
        i = "xyz".index(self.turn[0])
        j, k = (i + 1) % 3, (i + 2) % 3
        c, s = math.cos(self.turn[1]), sign * math.sin(self.turn[1])
        w = list(v)
        w[j], w[k] = c * v[j] - s * v[k], s * v[j] + c * v[k]
        return w[0], w[1], w[2]

    def _swapped(self, v: Vector) -> Vector:
        x, y, z = v
        return {"x": (y, x, z), "y": (x, y, z), "z": (x, z, y)}[self.axis]

    def local(self, v: Vector) -> Vector:
        return self._swapped(self._rotated(v, -1.0))

    def world(self, v: Vector) -> Vector:
        return self._rotated(self._swapped(v), 1.0)

    def hit(self, origin: Vector, direction: Vector) -> Hit:
        """Where rays in world space meet the part."""
        o = self.local((origin[0] - self.at[0], origin[1] - self.at[1], origin[2] - self.at[2]))
        t, normal = self.meet(o, self.local(direction))
        return t, lambda: self.world(normal())

    def corners(self, device: Device) -> Vector:
        """Points in world space around which the part fits closely, each coordinate (B, K) or (K)."""
        x, y, z = self.world(self.hull(device))
        return x + self.at[0], y + self.at[1], z + self.at[2]

    def meet(self, o: Vector, d: Vector) -> Hit:
        raise NotImplementedError

    def hull(self, device: Device) -> Vector:
        raise NotImplementedError


def circle(device: Device, count: int = 16) -> tuple[Tensor, Tensor]:
    angle = torch.arange(count, device=device) * (2 * math.pi / count)
    return angle.cos(), angle.sin()


@dataclass
class Ball(Part):
    """An ellipsoid, or the part of it over or under the height `cut` (in radii, over or under as `keep` is 1 or -1)."""

    radii: Place = (1.0, 1.0, 1.0)
    keep: int = 0
    cut: float = 0.0

    def meet(self, o: Vector, d: Vector) -> Hit:
        a, b, c = self.radii
        o, d = (o[0] / a, o[1] / b, o[2] / c), (d[0] / a, d[1] / b, d[2] / c)
        dd, od = dot(d, d), dot(o, d)
        root = od * od - dd * (dot(o, o) - 1)
        t = torch.where(root > 0, (-od - root.clamp(min=0).sqrt()) / dd, torch.inf)
        flat = None
        if self.keep:
            flat = (o[1] + t * d[1] - self.cut) * self.keep < 0
            lid = (self.cut - o[1]) / d[1]
            x, z = o[0] + lid * d[0], o[2] + lid * d[2]
            t = torch.where(flat, torch.where(x * x + z * z < 1 - self.cut**2, lid, torch.inf), t)

        def normal() -> Vector:
            x, y, z = along(o, d, t)
            x, y, z = x / a, y / b, z / c
            if flat is None:
                return x, y, z
            return torch.where(flat, 0.0, x), torch.where(flat, -float(self.keep), y), torch.where(flat, 0.0, z)

        return t, normal

    def hull(self, device: Device) -> Vector:
        cos, sin = circle(device)
        levels = [level for level in (-1.0, -0.7, 0.0, 0.7, 1.0) if not self.keep or (level - self.cut) * self.keep >= 0]
        wide = torch.tensor([math.sqrt(1 - level * level) for level in levels], device=device)
        high = torch.tensor(levels, device=device)
        x, z = (wide[:, None] * cos).flatten(), (wide[:, None] * sin).flatten()
        return x * self.radii[0], high.repeat_interleave(len(cos)) * self.radii[1], z * self.radii[2]


@dataclass
class Frustum(Part):
    """A cylinder or cone `2 half` high with radius `low` at its foot and `high` at its top, `squash` times as deep as wide.

    `hole` cuts the lids down to rings; `open` leaves the lids away and shows the wall from inside too.
    """

    low: Number = 1.0
    high: Number = 1.0
    half: Number = 1.0
    squash: Number = 1.0
    hole: float = 0.0
    open: bool = False

    def meet(self, o: Vector, d: Vector) -> Hit:
        o, d = (o[0], o[1], o[2] / self.squash), (d[0], d[1], d[2] / self.squash)
        middle, slope = (self.low + self.high) / 2, (self.high - self.low) / (2 * self.half)
        ro, rd = middle + slope * o[1], slope * d[1]
        a = d[0] * d[0] + d[2] * d[2] - rd * rd
        b = o[0] * d[0] + o[2] * d[2] - ro * rd
        root = b * b - a * (o[0] * o[0] + o[2] * o[2] - ro * ro)
        width = root.clamp(min=0).sqrt() / a.abs()
        near, far = -b / a - width, -b / a + width
        near = torch.where((root > 0) & ((o[1] + near * d[1]).abs() < self.half) & (near > 1e-3), near, torch.inf)
        if self.open:
            far = torch.where((root > 0) & ((o[1] + far * d[1]).abs() < self.half) & (far > 1e-3), far, torch.inf)
            t, lid = torch.minimum(near, far), None
        else:
            up = -torch.sign(d[1])
            lid = (up * self.half - o[1]) / d[1]
            x, z, edge = o[0] + lid * d[0], o[2] + lid * d[2], (middle + slope * up * self.half) ** 2
            square = x * x + z * z
            inside = (square < edge) & (square > edge * self.hole**2) if self.hole else square < edge
            lid = torch.where(inside & (lid > 1e-3), lid, torch.inf)
            t = torch.minimum(near, lid)

        def normal() -> Vector:
            x, y, z = along(o, d, t)
            y, z = -slope * (middle + slope * y), z / self.squash
            if lid is None:
                return x, y, z
            flat = lid < near
            return torch.where(flat, 0.0, x), torch.where(flat, -torch.sign(d[1]), y), torch.where(flat, 0.0, z)

        return t, normal

    def hull(self, device: Device) -> Vector:
        cos, sin = circle(device)
        foot = torch.cat([torch.ones_like(cos), torch.zeros_like(cos)])
        radius = foot * self.low + (1 - foot) * self.high
        return radius * cos.repeat(2), (1 - 2 * foot) * self.half, radius * sin.repeat(2) * self.squash


@dataclass
class Block(Part):
    """A box of these half sizes, its top `taper` (in x, in z) times as wide as its foot: (1, 0) is a gable roof."""

    half: Place = (1.0, 1.0, 1.0)
    taper: tuple[Number, Number] = (1.0, 1.0)

    def meet(self, o: Vector, d: Vector) -> Hit:
        sides: list[
            tuple[Tensor, Tensor, Vector]
        ] = []  # where a ray enters and leaves a slab, and the normal where it enters
        half, zero = self.half[1], d[1].new_zeros(())
        inverse = 1 / d[1]
        centre, width = -o[1] * inverse, half * inverse.abs()
        sides.append((centre - width, centre + width, (zero, -torch.sign(d[1]), zero)))
        for i, taper in ((0, self.taper[0]), (2, self.taper[1])):
            foot = self.half[i]
            if isinstance(taper, float) and taper == 1:
                inverse = 1 / d[i]
                centre, width = -o[i] * inverse, foot * inverse.abs()
                n = -torch.sign(d[i])
                sides.append((centre - width, centre + width, (n, zero, zero) if i == 0 else (zero, zero, n)))
                continue
            middle, slope = foot * (1 + taper) / 2, foot * (taper - 1) / (2 * half)
            for sign in (-1.0, 1.0):
                toward = sign * d[i] - slope * d[1]
                t = (middle - sign * o[i] + slope * o[1]) / toward
                enter, leave = torch.where(toward < 0, t, -torch.inf), torch.where(toward < 0, torch.inf, t)
                sides.append(
                    (enter, leave, (zero + sign, zero - slope, zero) if i == 0 else (zero, zero - slope, zero + sign))
                )
        enter, leave = sides[0][:2]
        for side in sides[1:]:
            enter, leave = torch.maximum(enter, side[0]), torch.minimum(leave, side[1])

        def normal() -> Vector:
            x, y, z = sides[0][2]
            for side in sides[1:]:
                here = side[0] >= enter
                x, y, z = (torch.where(here, new, old) for new, old in zip(side[2], (x, y, z), strict=True))
            return x, y, z

        return torch.where(enter < leave, enter, torch.inf), normal

    def hull(self, device: Device) -> Vector:
        corner = torch.tensor([[x, y, z] for x in (-1.0, 1.0) for y in (-1.0, 1.0) for z in (-1.0, 1.0)], device=device)
        x, y, z = corner.unbind(1)
        top = (y + 1) / 2
        wide, deep = 1 + top * (self.taper[0] - 1), 1 + top * (self.taper[1] - 1)
        return x * self.half[0] * wide, y * self.half[1], z * self.half[2] * deep


@dataclass
class Torus(Part):
    """A ring of radius `major` around its y axis, `2 minor` thick; marched, from where a ray enters the sphere around it.

    Only what lies beyond the local x `beyond` is there: a handle ends in the wall of its mug.
    """

    major: Number = 1.0
    minor: Number = 0.25
    beyond: Number = -math.inf

    def meet(self, o: Vector, d: Vector) -> Hit:
        length = dot(d, d).sqrt()
        d = (d[0] / length, d[1] / length, d[2] / length)
        od, reach = dot(o, d), self.major + self.minor
        t = (-od - (od * od - dot(o, o) + reach * reach).clamp(min=0).sqrt()).clamp(min=0)
        gap = t
        for _ in range(18):
            x, y, z = along(o, d, t)
            gap = (((x * x + z * z).sqrt() - self.major).square() + y * y).sqrt() - self.minor
            t = t + gap

        def normal() -> Vector:
            x, y, z = along(o, d, t)
            inward = 1 - self.major / (x * x + z * z).sqrt()
            return x * inward, y, z * inward

        there = (gap < 0.03 * self.minor) & (o[0] + t * d[0] > self.beyond)
        return torch.where(there, t / length, torch.inf), normal

    def hull(self, device: Device) -> Vector:
        cos, sin = circle(device)
        high = torch.cat([torch.ones_like(cos), -torch.ones_like(cos)]) * self.minor
        radius = self.major + 0.7 * self.minor
        return cos.repeat(2) * radius, high, sin.repeat(2) * radius


@dataclass
class Decal:
    """Paint on the first `parts` parts' surface inside a region: a "box", a "ball" or a "diamond" (an octahedron).

    "dapples" are spots all over, as far from one another as `half` says.
    """

    at: Place
    half: Place
    colour: Colour
    shape: str = "box"
    parts: int | None = None

    def covers(self, point: Vector) -> Tensor:
        x, y, z = ((p - c) / h for p, c, h in zip(point, self.at, self.half, strict=True))
        if self.shape == "dapples":
            return (6 * x + 2 * y).sin() + (6 * y + 3 * z).sin() + (6 * z - 2 * x + 1).sin() > 1.0
        x, y, z = x.abs(), y.abs(), z.abs()
        if self.shape == "box":
            return torch.maximum(torch.maximum(x, y), z) < 1
        return (x * x + y * y + z * z if self.shape == "ball" else x + y + z) < 1


Model = tuple[Sequence[Part], Sequence[Decal]]
Maker = Callable[[Tensor, list[Tensor]], Model]  # the color (B, 3) and four proportions around 1, (B, 1) each
