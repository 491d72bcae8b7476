"""The 3D objects: each a function of its color and proportions that lists its parts and its paint.

Each has marks that tell front, side and back from one another.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from bundled_training.render.parts import Ball, Block, Colour, Decal, Frustum, Maker, Model, Number, Part, Torus

WHITE, CREAM, BLACK, GREY = (0.96, 0.96, 0.94), (0.93, 0.87, 0.72), (0.1, 0.1, 0.12), (0.55, 0.57, 0.6)
WOOD, DARK_WOOD, GLASS, GLOW = (0.58, 0.38, 0.2), (0.33, 0.2, 0.1), (0.5, 0.76, 0.95), (1.0, 0.9, 0.35)
RED, ORANGE, SLATE, BRICK = (0.85, 0.1, 0.1), (0.98, 0.5, 0.08), (0.34, 0.35, 0.44), (0.6, 0.27, 0.2)


def _contrast(colour: Tensor, light: Colour = WHITE, dark: Colour = RED, *, at: float = 0.62) -> Tensor:
    """A color for marks on that color: light on what is darker than `at`, else dark, (B, 3)."""
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
