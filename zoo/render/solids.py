"""Three-dimensional objects seen from all around: a mug, a house, a car … as "a 3D render of a red mug, side view".

An object is a list of parts (ellipsoids, frusta, blocks, tori) and of decals that repaint the surface inside a region.
Every ray meets every part in closed form (only a torus is marched), so that a picture costs about a thousand elementwise
operations on four rays a pixel. Space: y up, the object looks along +z, x to the right as seen from the front.
Points, directions and normals are triples of tensors that broadcast to (B, N), N rays a picture; sizes are numbers or
(B, 1), one for each picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.render.noise import Device, uniform

Number = float | Tensor
Vector = tuple[Tensor, Tensor, Tensor]
Place = tuple[Number, Number, Number]
Colour = tuple[float, float, float] | Tensor  # a tensor is (B, 3)
Hit = tuple[Tensor, Callable[[], Vector]]  # the distance along each ray, inf for a miss, and the normals there

VIEWS = ("front", "side", "back", "overhead")
FIELD = math.radians(17.5)  # half the field of view

WHITE, CREAM, BLACK, GREY = (0.96, 0.96, 0.94), (0.93, 0.87, 0.72), (0.1, 0.1, 0.12), (0.55, 0.57, 0.6)
WOOD, DARK_WOOD, GLASS, GLOW = (0.58, 0.38, 0.2), (0.33, 0.2, 0.1), (0.5, 0.76, 0.95), (1.0, 0.9, 0.35)
RED, ORANGE, SLATE, BRICK = (0.85, 0.1, 0.1), (0.98, 0.5, 0.08), (0.34, 0.35, 0.44), (0.6, 0.27, 0.2)


def _dot(a: Vector, b: Vector) -> Tensor:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _along(origin: Vector, direction: Vector, t: Tensor) -> Vector:
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


def _circle(device: Device, count: int = 16) -> tuple[Tensor, Tensor]:
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
        dd, od = _dot(d, d), _dot(o, d)
        root = od * od - dd * (_dot(o, o) - 1)
        t = torch.where(root > 0, (-od - root.clamp(min=0).sqrt()) / dd, torch.inf)
        flat = None
        if self.keep:
            flat = (o[1] + t * d[1] - self.cut) * self.keep < 0
            lid = (self.cut - o[1]) / d[1]
            x, z = o[0] + lid * d[0], o[2] + lid * d[2]
            t = torch.where(flat, torch.where(x * x + z * z < 1 - self.cut**2, lid, torch.inf), t)

        def normal() -> Vector:
            x, y, z = _along(o, d, t)
            x, y, z = x / a, y / b, z / c
            if flat is None:
                return x, y, z
            return torch.where(flat, 0.0, x), torch.where(flat, -float(self.keep), y), torch.where(flat, 0.0, z)

        return t, normal

    def hull(self, device: Device) -> Vector:
        cos, sin = _circle(device)
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
            x, y, z = _along(o, d, t)
            y, z = -slope * (middle + slope * y), z / self.squash
            if lid is None:
                return x, y, z
            flat = lid < near
            return torch.where(flat, 0.0, x), torch.where(flat, -torch.sign(d[1]), y), torch.where(flat, 0.0, z)

        return t, normal

    def hull(self, device: Device) -> Vector:
        cos, sin = _circle(device)
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
        length = _dot(d, d).sqrt()
        d = (d[0] / length, d[1] / length, d[2] / length)
        od, reach = _dot(o, d), self.major + self.minor
        t = (-od - (od * od - _dot(o, o) + reach * reach).clamp(min=0).sqrt()).clamp(min=0)
        gap = t
        for _ in range(18):
            x, y, z = _along(o, d, t)
            gap = (((x * x + z * z).sqrt() - self.major).square() + y * y).sqrt() - self.minor
            t = t + gap

        def normal() -> Vector:
            x, y, z = _along(o, d, t)
            inward = 1 - self.major / (x * x + z * z).sqrt()
            return x * inward, y, z * inward

        there = (gap < 0.03 * self.minor) & (o[0] + t * d[0] > self.beyond)
        return torch.where(there, t / length, torch.inf), normal

    def hull(self, device: Device) -> Vector:
        cos, sin = _circle(device)
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
Maker = Callable[[Tensor, list[Tensor]], Model]  # the colour (B, 3) and four proportions around 1, (B, 1) each


def _contrast(colour: Tensor, light: Colour = WHITE, dark: Colour = RED, *, at: float = 0.62) -> Tensor:
    """A colour for marks on that colour: light on what is darker than `at`, else dark, (B, 3)."""
    pale = (colour * colour.new_tensor([0.3, 0.6, 0.1])).sum(1, keepdim=True) > at
    return torch.where(pale, colour.new_tensor(dark), colour.new_tensor(light))


def _mug(c: Tensor, k: list[Tensor]) -> Model:
    r, h = 0.75 * k[0], 0.85 * k[1]
    mark = _contrast(c)
    parts = [
        Frustum((0, 0, 0), c, 0.94 * r, r, h, hole=0.88),
        Frustum((0, 0.02, 0), WHITE, 0.83 * r, 0.88 * r, h - 0.02, open=True),
        Frustum((0, 0.1 - h, 0), WHITE, 0.83 * r, 0.83 * r, 0.1),
        Torus((0.97 * r + 0.08, 0, 0), c, 0.44 * k[2], 0.11, axis="z", beyond=-0.06 * r - 0.1),
    ]
    lobes = [Decal((x, 0.14, r), (0.2, 0.2, 0.8 * r), mark, "ball") for x in (-0.165, 0.165)]
    return parts, [*lobes, Decal((0, -0.04, r), (0.375, 0.37, 0.8 * r), mark, "diamond")]


def _chair(c: Tensor, k: list[Tensor]) -> Model:
    w, d, leg, back = 0.6 * k[0], 0.58 * k[1], 0.45 * k[2], 0.5 * k[3]
    legs = [Block((x * (w - 0.08), -leg, z * (d - 0.08)), WOOD, (0.07, leg, 0.07)) for x in (-1, 1) for z in (-1, 1)]
    posts = [Block((x * (w - 0.08), back, 0.08 - d), WOOD, (0.07, back, 0.06)) for x in (-1, 1)]
    parts = [
        *legs,
        *posts,
        Block((0, 0.05, 0), c, (w, 0.07, d)),
        Block((0, 0.14, 0.04), _contrast(c, CREAM, SLATE), (w - 0.14, 0.05, d - 0.14), (0.9, 0.9)),
        Block((0, 1.35 * back, 0.08 - d), c, (w, 0.62 * back, 0.07)),
    ]
    stripes = [Decal((x * w * 0.42, 1.35 * back, -d), (0.06, 0.42 * back, 0.06), DARK_WOOD) for x in (-1, 0, 1)]
    return parts, stripes


def _table(c: Tensor, k: list[Tensor]) -> Model:
    w, d, h = 1.05 * k[0], 0.62 * k[1], 0.5 * k[2]
    legs = [Block((x * (w - 0.12), -h, z * (d - 0.12)), WOOD, (0.08, h, 0.08)) for x in (-1, 1) for z in (-1, 1)]
    parts = [
        *legs,
        Block((0, 0.06, 0), c, (w, 0.07, d)),
        Block((0, -0.17, 0), c, (w - 0.14, 0.17, d - 0.12)),
        Block((0, -0.18, d - 0.1), CREAM, (0.56 * w, 0.14, 0.06)),
        Ball((0, -0.18, d), DARK_WOOD, (0.085, 0.085, 0.085)),
        Block((0, -1.45 * h, 0.12 - d), WOOD, (w - 0.12, 0.06, 0.05)),
        Frustum((0.32 * w, 0.15, 0.05), _contrast(c, WHITE, SLATE), 0.2, 0.3, 0.04),
        Ball((0.32 * w, 0.27, 0.05), RED, (0.13, 0.12, 0.13), gloss=0.5),
        Block((-0.4 * w, 0.17, -0.05), _contrast(c, CREAM, (0.2, 0.4, 0.7)), (0.26, 0.05, 0.2)),
    ]
    return parts, []


def _house(c: Tensor, k: list[Tensor]) -> Model:
    w, h, d, peak = 0.82 * k[0], 0.5 * k[1], 0.66 * k[2], 0.36 * k[3]
    parts = [
        Block((0, 0, 0), c, (w, h, d), gloss=0.0),
        Block((0, h + peak, 0), SLATE, (w + 0.1, peak, d + 0.14), (1.0, 0.0), gloss=0.0),
        Block((-0.5 * w, h + 1.35 * peak, -0.5 * d), BRICK, (0.13, 0.42, 0.13), gloss=0.0),
        Block((0, 0.06 - h, d + 0.08), GREY, (0.3, 0.06, 0.14), gloss=0.0),
    ]
    marks = [
        *[Decal((x * (w + 0.1), h + peak + 0.03, 0), (0.004, peak, d + 0.1), c) for x in (-1, 1)],
        Decal((0, h + 2 * peak, 0), (w + 0.2, 0.3 * peak, 0.17 * d), c),
        Decal((0, 0.33 - h, d), (0.2, 0.36, 0.05), DARK_WOOD),
        Decal((0.11, 0.3 - h, d), (0.035, 0.035, 0.05), GLOW),
    ]
    for x in (-0.6 * w, 0.6 * w):
        marks += [Decal((x, 0.0, d), (wide, wide, 0.05), colour) for wide, colour in ((0.19, WHITE), (0.15, GLASS))]
    marks += [Decal((0, 0.1, 0), (w + 0.05, wide, wide + 0.04), colour) for wide, colour in ((0.2, WHITE), (0.15, GLASS))]
    return parts, marks


def _snowman(c: Tensor, k: list[Tensor]) -> Model:
    a, b, head = 0.6 * k[0], 0.47 * k[1], 0.4 * k[2]
    scarf = _contrast(c)
    y, top = 0.8 * (a + b), 0.8 * (a + 2 * b + head)
    arms = [Frustum((x * (b + 0.22), y + 0.18, 0), DARK_WOOD, 0.045, 0.03, 0.34, turn=("z", -x * 1.0)) for x in (-1.0, 1.0)]
    parts = [
        Ball((0, 0, 0), c, (a, 0.95 * a, a)),
        Ball((0, y, 0), c, (b, b, b)),
        Ball((0, top, 0), c, (head, head, head)),
        Frustum((0, top, head + 0.12), ORANGE, 0.11, 0.01, 0.24, axis="z"),
        Frustum((0, top + 0.8 * head, 0), BLACK, 0.95 * head, 0.95 * head, 0.035),
        Frustum((0, top + 0.8 * head + 0.2, 0), BLACK, 0.62 * head, 0.62 * head, 0.2),
        Torus((0, top - 0.85 * head, 0), scarf, 0.29 * k[2], 0.11),
        Block((0.15, top - 0.85 * head - 0.22, b - 0.05), scarf, (0.11, 0.25, 0.07), turn=("x", 0.15)),
        *arms,
    ]
    coal = _contrast(c, WHITE, BLACK, at=0.16)
    marks = [Decal((x * 0.36 * head, top + 0.28 * head, head), (0.09, 0.1, 0.2), coal, "ball") for x in (-1, 1)]
    marks += [Decal((-0.05, y + dy, b), (0.085, 0.085, 0.3), coal, "ball") for dy in (0.06, -0.2)]
    marks += [Decal((0, up * a, a), (0.09, 0.09, 0.3), coal, "ball") for up in (0.42, 0.0)]
    marks += [Decal((x * 0.42 * head, top + (0.16 * abs(x) - 0.5) * head, head), (0.045, 0.045, 0.2), coal, "ball")
              for x in (-1, -0.5, 0, 0.5, 1)]  # fmt: skip
    return parts, marks


def _tree(c: Tensor, k: list[Tensor]) -> Model:
    r, h, crown = 0.27 * k[0], 0.5 * k[1], 0.72 * k[2]
    y = h + 0.65 * crown
    parts = [
        Ball((0, y, 0), c, (crown, 0.8 * crown, crown), gloss=0.05),
        Ball((0.5 * crown, y - 0.15, 0.15), c, (0.62 * crown, 0.5 * crown, 0.6 * crown), gloss=0.05),
        Ball((-0.52 * crown, y - 0.1, -0.1), c, (0.6 * crown, 0.52 * crown, 0.6 * crown), gloss=0.05),
        Ball((0.05, y + 0.55 * crown, 0), c, (0.6 * crown, 0.55 * crown, 0.6 * crown), gloss=0.05),
        Frustum((0, 0, 0), WOOD, 1.25 * r, 0.85 * r, h, gloss=0.0),
        Block((r + 0.16, 0.02, 0), WHITE, (0.14, 0.17, 0.16)),
        Block((r + 0.16, 0.26, 0), RED, (0.2, 0.09, 0.22), (0.0, 1.0)),
    ]
    fruit = _contrast(c, GLOW, RED)
    apples = [(-0.4, 0.1), (0.3, 0.4), (-0.02, -0.25), (0.55, -0.2), (-0.15, 0.5), (0.12, 0.08)]
    # apples sit on the crown's surface, two thirds of the way to the silhouette at most
    for x, up in apples:
        deep = 0.95 * math.sqrt(1 - x * x - up * up) + 0.05
        parts.append(Ball((x * crown, y + 0.8 * up * crown, deep * crown), fruit, (0.1, 0.1, 0.1)))
    leaves = [Decal((0, y, 0), (0.42 * crown, 0.3 * crown, 0.42 * crown), 0.74 * c, "dapples", 4)]
    marks = [
        Decal((0, 0.24 - h, r), (0.165, 0.3, 0.7 * r), GLOW, "box"),
        Decal((0, 0.24 - h, r), (0.125, 0.26, 0.7 * r), DARK_WOOD, "box"),
        Decal((r + 0.3, 0.04, 0), (0.06, 0.08, 0.08), BLACK, "ball"),
    ]
    return parts, leaves + marks


def _rocket(c: Tensor, k: list[Tensor]) -> Model:
    r, h, nose, fin = 0.42 * k[0], 0.62 * k[1], 0.8 * k[2], 0.34 * k[3]
    trim = _contrast(c, RED, RED)
    parts = [
        Frustum((0, 0, 0), c, 0.9 * r, r, h),
        Ball((0, h, 0), c, (r, nose, r), 1, 0.0),
        Frustum((0, -h - 0.1, 0), GREY, 0.75 * r, 0.55 * r, 0.12),
        Ball((0, -h - 0.2, 0), ORANGE, (0.5 * r, 0.38, 0.5 * r), -1, 0.0, gloss=0.0),
        Torus((0, 0.35 * h, 0.97 * r), GREY, 0.55 * r, 0.07, axis="z"),
        Ball((0, 0.35 * h, 0.9 * r), GLASS, (0.52 * r, 0.52 * r, 0.2 * r), gloss=0.8),
    ]
    parts += [
        Block((x * (r + 0.3 * fin), -0.72 * h, 0), trim, (1.05 * fin, 0.45 * h, 0.06), (0.25, 1.0)) for x in (-1.0, 1.0)
    ]
    parts.append(Block((0, -0.72 * h, -r - 0.3 * fin), trim, (0.06, 0.45 * h, 1.05 * fin), (1.0, 0.25)))
    marks = [Decal((0, y * h, r), (0.5 * r, 0.05, 0.9 * r), BLACK) for y in (-0.55, -0.75)]
    marks.append(Decal((0, h + nose, 0), (r, 0.14 * nose, r), trim))
    marks.append(Decal((0, h + 0.05, 0), (2 * r, 0.06, 2 * r), _contrast(c, WHITE, SLATE)))
    return parts, marks


def _teapot(c: Tensor, k: list[Tensor]) -> Model:
    r, h = 0.8 * k[0], 0.66 * k[1]
    mark = _contrast(c)
    parts = [
        Ball((0, 0, 0), c, (r, h, r), 1, -0.82, gloss=0.5),
        Frustum((0, 0.9 * h, 0), c, 0.56 * r, 0.5 * r, 0.07, gloss=0.5),
        Ball((0, 0.9 * h + 0.06, 0), c, (0.48 * r, 0.16, 0.48 * r), gloss=0.5),
        Ball((0, 0.9 * h + 0.27, 0), mark, (0.12, 0.12, 0.12)),
        Frustum((-r - 0.15, 0.14, 0), c, 0.24 * k[2], 0.1, 0.44, turn=("z", 0.85), gloss=0.5),
        Torus((r + 0.06, 0.05, 0), c, 0.38 * k[3], 0.09, axis="z", gloss=0.5),
    ]
    marks = []
    for i in range(5):
        x, y = 0.2 * math.sin(i * 0.4 * math.pi), 0.2 * math.cos(i * 0.4 * math.pi)
        marks.append(Decal((x, y, r), (0.13, 0.13, 0.9 * r), mark, "ball"))
    return parts, [*marks, Decal((0, 0, r), (0.1, 0.1, 0.9 * r), ORANGE, "ball")]


def _mushroom(c: Tensor, k: list[Tensor]) -> Model:
    r, h, cap, high = 0.36 * k[0], 0.5 * k[1], 0.95 * k[2], 0.75 * k[3]
    parts = [
        Frustum((0, 0, 0), CREAM, 1.15 * r, 0.85 * r, h, gloss=0.0),
        Ball((0, h - 0.1, 0), c, (cap, high, cap), 1, 0.0),
        Frustum((0.62 * cap, h + 0.62 * high, -0.3 * cap), BRICK, 0.1, 0.1, 0.25, gloss=0.0),
    ]
    dots = _contrast(c)
    marks = []
    around = [(0, 0.5, 0.2), (50, 0.25, 0.15), (100, 0.6, 0.19), (150, 0.3, 0.16), (195, 0.55, 0.18), (245, 0.25, 0.16)]
    for angle, up, size in [*around, (300, 0.5, 0.2), (330, 0.2, 0.13), (30, 0.85, 0.17), (190, 0.9, 0.14)]:
        a, wide = math.radians(angle), math.sqrt(1 - up * up)
        at = (math.sin(a) * wide * cap, h - 0.1 + up * high, math.cos(a) * wide * cap)
        marks.append(Decal(at, (size, size, size), dots, "ball"))
    marks += [
        Decal((0, 0.34 - h, r), (0.2, 0.38, 0.6 * r), DARK_WOOD, "ball"),
        Decal((0, 0.16 - h, r), (0.2, 0.2, 0.6 * r), DARK_WOOD),
        Decal((0.1, 0.25 - h, r), (0.04, 0.04, 0.6 * r), GLOW, "ball"),
        Decal((0, 0.05, -r), (0.19, 0.19, 0.6 * r), BLACK, "ball"),
        Decal((0, 0.05, -r), (0.14, 0.14, 0.7 * r), GLASS, "ball"),
    ]
    return parts, marks


def _castle(c: Tensor, k: list[Tensor]) -> Model:
    w, h, d, t = 0.72 * k[0], 0.42 * k[1], 0.62 * k[2], 0.6 * k[3]
    roof, flag, slit = _contrast(c, (0.75, 0.2, 0.25), (0.25, 0.35, 0.65)), _contrast(c), _contrast(c, GLOW, BLACK, at=0.2)
    parts: list[Part] = [
        Block((0, 0, 0), c, (w, h, d), gloss=0.0),
        Block((0, h + 0.1, -0.1), c, (0.42 * w, 0.5, 0.42 * d), gloss=0.0),
        Block((0, h + 0.83, -0.1), roof, (0.5 * w, 0.24, 0.5 * d), (0.0, 0.0), gloss=0.0),
        Frustum((0, h + 1.15, -0.1), DARK_WOOD, 0.02, 0.02, 0.2),
        Block((0.15, h + 1.28, -0.1), RED, (0.15, 0.08, 0.015)),
    ]
    for x in (-1, 1):
        for z in (-1, 1):
            parts.append(Frustum((x * w, t - h, z * d), c, 0.24, 0.22, t, gloss=0.0))
            parts.append(Frustum((x * w, 2 * t - h + 0.24, z * d), roof, 0.29, 0.0, 0.25, gloss=0.0))
    for i in (-1, 0, 1):
        parts.append(Block((i * 0.42 * w, h + 0.07, 0), c, (0.12 * w, 0.08, d), gloss=0.0))
        parts.append(Block((0, h + 0.07, i * 0.42 * d), c, (w, 0.08, 0.12 * d), gloss=0.0))
    marks = [
        Decal((0, -0.14, d), (0.3, 0.42, 0.1), DARK_WOOD, "ball"),
        Decal((0, -0.14 - h * 0.5, d), (0.3, 0.5 * h, 0.05), DARK_WOOD),
        Decal((0, h + 0.3, -0.1 + 0.42 * d), (0.09, 0.14, 0.05), GLOW, "ball"),
        Decal((0, 0, 0), (w + 0.05, 0.22, 0.08), slit),
        *[Decal((x * w, 2 * t - h - 0.42, d + 0.24), (0.11, 0.3, 0.12), flag) for x in (-1, 1)],
    ]
    marks += [Decal((x, -0.14 - h * 0.5, d), (0.02, 0.5 * h + 0.2, 0.05), GREY) for x in (-0.18, 0, 0.18)]
    return parts, marks


def _lamp(c: Tensor, k: list[Tensor]) -> Model:
    base, arm, head = 0.55 * k[0], 0.5 * k[1], 0.5 * k[2]
    tilt = 0.5
    elbow = (0.06 + 2 * arm * math.cos(tilt), -0.25 - 2 * arm * math.sin(tilt) + 0.35)
    neck = (elbow[0] + 0.85 * arm, elbow[1] + 1.0 * arm)
    parts = [
        Frustum((0, 0, 0.05), c, base, 0.85 * base, 0.09),
        Frustum((0, 0.06 + arm * math.cos(tilt), 0.1 - arm * math.sin(tilt)), GREY, 0.055, 0.055, arm, turn=("x", -tilt)),
        Ball((0, elbow[0], elbow[1]), BLACK, (0.1, 0.1, 0.1)),
        Frustum((0, elbow[0] + 0.42 * arm, elbow[1] + 0.5 * arm), GREY, 0.055, 0.055, 0.66 * arm, turn=("x", 0.87)),
        Frustum((0, neck[0] - 0.04, neck[1] + 0.1), c, head, 0.2 * head, 0.85 * head, open=True, turn=("x", -1.05)),
        Ball((0, neck[0] + 0.3 * head, neck[1] - 0.55 * head), c, (0.26 * head, 0.26 * head, 0.26 * head)),
        Ball(
            (0, neck[0] - 0.24 * head, neck[1] + 0.42 * head),
            (2.0, 1.8, 0.9),
            (0.42 * head, 0.42 * head, 0.42 * head),
            gloss=0.0,
        ),
        Ball((0, 0.1, 0.62 * base), RED, (0.09, 0.06, 0.09)),
    ]
    return parts, []


def _wheels(x: Number, y: Number, z: tuple[Number, Number], r: Number) -> list[Part]:
    return [Frustum((side * x, y, at), BLACK, r, r, 0.11, axis="x", gloss=0.05) for side in (-1, 1) for at in z]


def _car(c: Tensor, k: list[Tensor]) -> Model:
    w, h, length, cabin = 0.5 * k[0], 0.2 * k[1], 1.1 * k[2], 0.26 * k[3]
    parts = [
        Block((0, 0, 0), c, (w, h, length), (0.94, 0.96), gloss=0.5),
        Block((0, h + cabin, -0.12 * length), c, (0.92 * w, cabin, 0.62 * length), (0.8, 0.62), gloss=0.5),
        Block((0, -0.75 * h, 0), BLACK, (1.02 * w, 0.06, 1.03 * length)),
        *_wheels(0.92 * w, -h, (-0.6 * length, 0.62 * length), 0.25),
    ]
    for x in (-1, 1):
        parts.append(Ball((x * 0.68 * w, 0.25 * h, 0.97 * length), GLOW, (0.12, 0.1, 0.07), gloss=0.6))
        parts.append(Block((x * 0.74 * w, 0.3 * h, -0.98 * length), RED, (0.12, 0.07, 0.05), gloss=0.6))
    y, high, glass = h + 1.02 * cabin, 0.72 * cabin, (0.24, 0.36, 0.46)
    marks = [
        Decal((0, y, 0.75 * length), (0.72 * w, high, 0.45 * length), GLASS),
        Decal((0, y, -0.9 * length), (0.55 * w, 0.6 * high, 0.35 * length), glass),
        Decal((0, y, 0.1 * length), (w, 0.8 * high, 0.19 * length), glass),
        Decal((0, y, -0.33 * length), (w, 0.8 * high, 0.17 * length), glass),
        Decal((0, 0.15 * h, length), (0.38 * w, 0.4 * h, 0.1), BLACK),
        Decal((0, 0.05 * h, -length), (0.26 * w, 0.35 * h, 0.1), WHITE),
    ]
    hubs = [(x * (0.92 * w + 0.11), -h, z * length) for x in (-1, 1) for z in (-0.6, 0.62)]
    marks += [Decal(at, (0.05, 0.13, 0.13), GREY, "ball") for at in hubs]
    return parts, marks


def _bus(c: Tensor, k: list[Tensor]) -> Model:
    w, h, length = 0.5 * k[0], 0.52 * k[1], 1.15 * k[2]
    parts = [
        Block((0, 0, 0), c, (w, h, length), (0.95, 0.98)),
        Block((0, h + 0.05, 0.35 * length), WHITE, (0.5 * w, 0.07, 0.3 * length)),
        Block((0, h + 0.03, -0.5 * length), GREY, (0.4 * w, 0.05, 0.2 * length)),
        Block((0, -h, 0), BLACK, (0.98 * w, 0.07, 1.02 * length)),
        *_wheels(0.93 * w, -h - 0.04, (-0.6 * length, 0.55 * length), 0.23),
    ]
    for x in (-1, 1):
        parts.append(Ball((x * 0.7 * w, -0.6 * h, 0.99 * length), GLOW, (0.11, 0.1, 0.05), gloss=0.6))
        parts.append(Block((x * 0.82 * w, -0.45 * h, -0.99 * length), RED, (0.07, 0.14, 0.04), gloss=0.6))
    glass = (0.3, 0.45, 0.56)
    marks = [
        Decal((0, 0.25 * h, length), (0.82 * w, 0.42 * h, 0.1), GLASS),
        Decal((0, 0.84 * h, length), (0.6 * w, 0.1 * h, 0.1), GLOW),
        Decal((0, 0.45 * h, -length), (0.45 * w, 0.2 * h, 0.1), glass),
        Decal((0, -0.55 * h, length), (0.35 * w, 0.14 * h, 0.1), BLACK),
        Decal((0, -0.3 * h, 0), (2 * w, 0.06, 0.93 * length), WHITE),
    ]
    windows = [(0, 0.35 * h, z * length) for z in (-0.72, -0.36, 0.0, 0.36)]
    marks += [Decal(at, (2 * w, 0.32 * h, 0.15 * length), glass) for at in windows]
    marks.append(Decal((0, -0.1 * h, 0.74 * length), (2 * w, 0.78 * h, 0.13 * length), GLASS))
    marks.append(Decal((0, -0.1 * h, 0.74 * length), (2 * w, 0.8 * h, 0.015 * length), BLACK))
    return parts, marks


def _boat(c: Tensor, k: list[Tensor]) -> Model:
    w, h, length, cabin = 0.5 * k[0], 0.5 * k[1], 1.15 * k[2], 0.24 * k[3]
    parts = [
        Ball((0, 0, 0), c, (w, h, length), -1, 0.0),
        Ball((0, -0.01, 0), WOOD, (0.9 * w, 0.05, 0.93 * length), gloss=0.0),
        Block((0, cabin, -0.15 * length), WHITE, (0.55 * w, cabin, 0.36 * length), (0.95, 0.9)),
        Block((0, 2 * cabin + 0.03, -0.15 * length), c, (0.66 * w, 0.05, 0.42 * length)),
        Frustum((0, 2 * cabin + 0.28, -0.25 * length), RED, 0.14, 0.14, 0.24),
        Block((0, -0.02, -0.96 * length), BLACK, (0.15, 0.24, 0.13)),
        Block((0, -0.3, -0.97 * length), GREY, (0.04, 0.24, 0.08)),
        Frustum((0, 0.16, 0.8 * length), DARK_WOOD, 0.025, 0.025, 0.28),
        Block((0, 0.34, 0.72 * length), RED, (0.02, 0.1, 0.12)),
    ]
    marks = [
        Decal((0, 1.2 * cabin, 0.3 * length), (0.42 * w, 0.45 * cabin, 0.2 * length), GLASS),
        Decal((0, -0.08, 0), (2 * w, 0.04, 0.8 * length), WHITE),
        Decal((0, 2 * cabin + 0.36, -0.25 * length), (0.2, 0.06, 0.2), WHITE),
    ]
    marks += [Decal((0, 1.15 * cabin, z * length), (w, 0.11, 0.11), GLASS, "ball") for z in (-0.36, -0.15, 0.06)]
    return parts, marks


def _robot(c: Tensor, k: list[Tensor]) -> Model:
    w, h, d, head = 0.46 * k[0], 0.45 * k[1], 0.3 * k[2], 0.32 * k[3]
    top = h + 0.1 + 0.8 * head
    parts: list[Part] = [
        Block((0, 0, 0), c, (w, h, d), (1.1, 1.0)),
        Frustum((0, h + 0.05, 0), GREY, 0.12, 0.12, 0.1),
        Block((0, top, 0), c, (1.15 * head, 0.8 * head, 0.85 * head)),
        Frustum((0, top + head, 0), GREY, 0.03, 0.03, 0.3 * head),
        Ball((0, top + 1.35 * head, 0), RED, (0.09, 0.09, 0.09)),
        Block((0, 0.05, -d - 0.12), GREY, (0.66 * w, 0.66 * h, 0.13)),
    ]
    for x in (-1, 1):
        parts.append(Frustum((x * (w + 0.17), 0.12 * h, 0), GREY, 0.085, 0.085, 0.75 * h))
        parts.append(Ball((x * (w + 0.15), 0.75 * h, 0), c, (0.17, 0.17, 0.17)))
        parts.append(Ball((x * (w + 0.17), -0.72 * h, 0.03), c, (0.13, 0.15, 0.15)))
        parts.append(Frustum((x * 0.5 * w, -h - 0.2, 0), GREY, 0.12, 0.12, 0.24))
        parts.append(Block((x * 0.52 * w, -h - 0.42, 0.08), c, (0.19, 0.1, 0.3)))
    marks = [Decal((x * 0.48 * head, top + 0.15 * head, 0.85 * head), (0.1, 0.1, 0.1), GLOW, "ball") for x in (-1, 1)]
    marks += [Decal((x * 0.48 * head, top + 0.15 * head, 0.85 * head), (0.045, 0.045, 0.1), BLACK, "ball") for x in (-1, 1)]
    marks += [
        Decal((0, top - 0.42 * head, 0.85 * head), (0.55 * head, 0.045, 0.1), BLACK),
        Decal((0, 0.2 * h, d), (0.6 * w, 0.4 * h, 0.1), _contrast(c, WHITE, SLATE)),
    ]
    buttons = [(-0.3, RED), (0.0, GLOW), (0.3, (0.2, 0.75, 0.3))]
    marks += [Decal((x * w, 0.2 * h, d), (0.055, 0.055, 0.1), colour, "ball") for x, colour in buttons]
    marks += [Decal((0, y * h, -d - 0.25), (0.45 * w, 0.035, 0.05), BLACK) for y in (-0.2, 0.1, 0.4)]
    return parts, marks


MAKERS: dict[str, Maker] = {
    "mug": _mug, "chair": _chair, "table": _table, "house": _house, "snowman": _snowman, "tree": _tree, "rocket": _rocket,
    "car": _car, "teapot": _teapot, "mushroom": _mushroom, "castle": _castle, "lamp": _lamp, "bus": _bus, "boat": _boat,
    "robot": _robot,
}  # fmt: skip
SOLIDS = tuple(MAKERS)
PROPORTIONS = 4
ONE_SIDED = ("mug", "tree")  # only the right side has a handle or a bird house: the other one would be bare


def _unit(v: Vector) -> Vector:
    scale = torch.rsqrt(_dot(v, v) + 1e-12)
    return v[0] * scale, v[1] * scale, v[2] * scale


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
    away = 1 - 2 * (_dot(n, direction) > 0).to(nearest.dtype)
    x, y, z = _unit(n)
    return nearest, number, (x * away, y * away, z * away)


def _shadow(parts: Sequence[Part], point: Vector, light: Vector) -> Tensor:
    """1 where the light (B, 1 each) reaches a point, 0 where a part stands between, (B, N)."""
    free = torch.ones_like(point[0], dtype=torch.bool)
    for part in parts:
        t, _ = part.hit(point, light)
        free &= ~((t > 1e-3) & (t < torch.inf))
    return free.float()


def _table_of(colours: list[Colour], like: Tensor) -> Tensor:
    """The colours of all pictures, (B, P, 3)."""
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
        far = away - _dot((cloud[0], cloud[1], cloud[2]), back)
        spans = [_dot((cloud[0], cloud[1], cloud[2]), axis) / far for axis in (right, above)]
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
    point = _along(origin, direction, t)

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
    light = _unit((x, y, z))  # over the left shoulder of who looks
    coarse: list[Tensor] = []  # every second sample in both directions: a shadow needs no more
    for p, n in zip(point, normal, strict=True):
        coarse.append((p + 0.01 * n).view(batch, fine, fine)[:, ::2, ::2].reshape(batch, -1))
    lit = _shadow(parts, (coarse[0], coarse[1], coarse[2]), light).view(batch, 1, size, size)
    lit = F.avg_pool2d(F.pad(lit, (1, 1, 1, 1), mode="replicate"), 3, 1)
    lit = F.interpolate(lit, (fine, fine), mode="nearest").view(batch, -1)

    gloss = torch.tensor([part.gloss for part in parts], device=device)[number]
    middle = _unit((back[0] + light[0], back[1] + light[1], back[2] + light[2]))
    shine = gloss * lit * _dot(normal, middle).clamp(min=0) ** 40
    bright = 0.5 + 0.14 * normal[1] + 0.5 * lit * _dot(normal, light).clamp(min=0)
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

    colours (B, 3); azimuth and elevation (B,) in radians, azimuth 0 in front and pi/2 on the right of who sees the front.
    proportions (B, 4) in [-1, 1] make the object slimmer or taller, 0 by default; fill (B,) is the share of the frame, 0.8
    by default. `fit` fits the frame to each view; without, an object keeps its size all around. Where alpha is 0, so is the
    rest; depth is 1 at the nearest point of the sphere around the object, 0.5 at its centre.
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
    """Objects of these SOLIDS in these colours (B, 3) seen from these VIEWS, each of random proportions.

    rgb (B,3,S,S), alpha (B,1,S,S), depth (B,1,S,S), all in [0, 1], depth 1 nearest; 0 where nothing is seen.
    """
    azimuth, elevation = directions(names, views, device)
    proportions = uniform(len(names), PROPORTIONS, low=-1, high=1, device=device)
    fill = uniform(len(names), low=0.74, high=0.86, device=device)
    return render_at(names, colours, azimuth, elevation, size, device, proportions=proportions, fill=fill)
