"""How things stand in the pictures: on the ground, apart, with a soft shadow where they touch it."""

from __future__ import annotations

import torch
from torch import Tensor

from bundled_training.render.noise import columns, each, fbm, mix, rows, uniform

Box = tuple[float, float, float, float]  # left, top, right, bottom of what is visible, in units of the tile
Range = tuple[float, float]
Place = tuple[float, float, float]  # x, y and scale, in units of the picture

# layout: the ranges of x, of the height of the ground, and of the scale
GROUNDED: dict[str, tuple[Range, Range, Range]] = {
    "placed": ((0.34, 0.66), (0.82, 0.93), (0.46, 0.72)),
    "standing": ((0.40, 0.60), (0.84, 0.93), (0.50, 0.70)),
    "building": ((0.34, 0.66), (0.74, 0.84), (0.50, 0.68)),
}
# scenes in which a building stands beyond the water, and where its ground is
FAR_SHORE: dict[str, tuple[Range, Range]] = {
    "river": ((0.49, 0.53), (0.36, 0.46)), "lake": ((0.51, 0.55), (0.38, 0.46)), "pool": ((0.49, 0.52), (0.42, 0.48)),
}  # fmt: skip
# a thing on another, told first: the lower one's ground and scale, the upper one's scale, how deep it sits in the lower one
STACKED: dict[str, tuple[Range, Range, Range, float]] = {
    "above": ((0.92, 0.96), (0.40, 0.45), (0.38, 0.43), 0.0),
    "on top": ((0.92, 0.95), (0.48, 0.53), (0.38, 0.42), 0.05),
    "on table": ((0.95, 0.98), (0.78, 0.86), (0.34, 0.41), 0.05),
}
# things that belong together: for each the ranges of its x, its y and its scale; later ones cover earlier ones
TOGETHER: dict[str, tuple[tuple[Range, Range, Range], ...]] = {
    "campfire": (
        ((0.45, 0.55), (0.66, 0.72), (0.34, 0.44)), ((0.14, 0.22), (0.60, 0.70), (0.30, 0.40)),
        ((0.78, 0.86), (0.60, 0.70), (0.30, 0.40)), ((0.38, 0.62), (0.34, 0.40), (0.22, 0.28)),
    ),
    "barista": (((0.45, 0.55), (0.42, 0.50), (0.66, 0.86)), ((0.20, 0.80), (0.78, 0.86), (0.28, 0.38))),
    "reading": (((0.44, 0.54), (0.40, 0.46), (0.62, 0.76)), ((0.36, 0.50), (0.70, 0.76), (0.34, 0.42))),
}  # fmt: skip
_AIRBORNE = """
    sun, moon, star, cloud, rainbow, lightning, snowflake, comet, airplane, helicopter, ufo, satellite, saturn, balloon,
    kite, bird, bat, eagle, bee, butterfly, parachute, globe, dove, fly, rocket ship, angel, fairy, spider web, tornado,
    dolphin, whale, wave, shark, fish, goldfish, jellyfish, octopus, squid, pufferfish, superhero
    """
AIRBORNE = frozenset(" ".join(name.split()) for name in _AIRBORNE.split(","))
FLOATING = frozenset(("space", "underwater", "aurora"))  # scenes with no ground to throw a shadow on
WET = frozenset(("ocean", "river", "lake", "pool"))  # scenes where a shadow is faint


def boxes(tiles: Tensor) -> list[Box]:
    """Measure what is visible of each tile (N, 4, T, T) uint8."""
    seen = tiles[:, 3] > 90
    size = tiles.shape[-1]

    def ends(line: Tensor) -> tuple[Tensor, Tensor]:
        place = torch.arange(size, device=line.device)
        low = torch.where(line, place, size).amin(1)
        high = torch.where(line, place, -1).amax(1) + 1
        return low / size, high / size

    left, right = ends(seen.any(1))
    top, bottom = ends(seen.any(2))
    return [tuple(row) for row in torch.stack([left, top, right, bottom], 1).tolist()]  # type: ignore[misc]


def between(ends: Range, share: float) -> float:
    return ends[0] + (ends[1] - ends[0]) * share


def on_ground(ground: float, scale: float, box: Box) -> float:
    """Find the y of the middle of a tile whose visible part ends at the ground."""
    return ground - (box[3] - 0.5) * scale


def places(layout: str, scene: str | None, things: list[Box], dice: list[list[float]]) -> list[Place]:
    """Place each thing. dice: three each."""
    if layout == "one":
        x, y, s = dice[0]
        return [(0.47 + 0.06 * x, 0.47 + 0.05 * y, 0.66 + 0.20 * s)]
    if layout in GROUNDED:
        (x, y, s), (across, ground, scales) = dice[0], GROUNDED[layout]
        if layout == "building" and scene in FAR_SHORE:
            ground, scales = FAR_SHORE[scene]
        scale = between(scales, s)
        return [(between(across, x), on_ground(between(ground, y), scale, things[0]), scale)]
    if layout in STACKED:
        ground, lower, upper, sunk = STACKED[layout]
        low = between(lower, dice[1][2])
        y_low = on_ground(between(ground, dice[1][1]), low, things[1])
        top = y_low + (things[1][1] - 0.5) * low
        high = between(upper, dice[0][2])
        x_low = 0.46 + 0.08 * dice[1][0]
        reach = 0.12 if layout == "on table" else 0.03
        x_high = x_low + (dice[0][0] - 0.5) * 2 * reach
        return [(x_high, on_ground(top + sunk, high, things[0]), high), (x_low, y_low, low)]
    if layout == "across":
        nearer = dice[0][1] < 0.5  # the first one stands nearer to the viewer, lower and larger
        ground = 0.70 + 0.08 * dice[1][1]
        made = []
        for number, (x, _, s) in enumerate(dice[:2]):
            near = nearer == (number == 0)
            scale = (0.42 + 0.06 * s) if near else (0.38 + 0.05 * s)
            middle = 0.25 + 0.02 * x if number == 0 else 0.75 - 0.02 * x
            made.append((middle, on_ground(ground + (0.06 if near else 0.0), scale, things[number]), scale))
        return made
    together = zip(TOGETHER[layout], dice, strict=True)
    return [(between(x, row[0]), between(y, row[1]), between(scale, row[2])) for (x, y, scale), row in together]


def shadow_of(spec_scene: str | None, layout: str, thing: int, name: str) -> float:
    """Say how dark a thing's contact shadow is, 0 for none."""
    if name in AIRBORNE or spec_scene in FLOATING or (layout in STACKED and thing == 0) or layout in ("campfire", "barista"):
        return 0.0
    return 0.12 if spec_scene in WET else 0.36


def contact(alpha: Tensor, strength: Tensor) -> Tensor:
    """Cast the shadow (B, 1, S, S) in [0, 1] that a thing throws on the ground below it, from its alpha (B, 1, S, S)."""
    batch, _, size, _ = alpha.shape
    seen = alpha[:, 0] > 0.5
    y = (torch.arange(size, device=alpha.device) + 0.5) / size
    bottom = torch.where(seen.any(2), y, 0.0).amax(1)
    top = torch.where(seen.any(2), y, 1.0).amin(1)
    foot = seen & (y.view(1, size, 1) > (bottom - 0.18 * (bottom - top)).view(batch, 1, 1))
    left = torch.where(foot.any(1), y, 1.0).amin(1).view(batch, 1, 1, 1)
    right = torch.where(foot.any(1), y, 0.0).amax(1).view(batch, 1, 1, 1)
    half = ((right - left) / 2).clamp(min=0.02)
    down, across = y.view(1, 1, size, 1), y.view(1, 1, 1, size)
    bottom = bottom.view(batch, 1, 1, 1)
    aside = (across - (left + right) / 2 - 0.02) / (half * 1.12 + 0.02)
    near = (-1.6 * (aside**2 + ((down - bottom + 0.006) / (0.014 + 0.09 * half)) ** 2)).exp()
    wide = (-1.2 * (aside**2 / 1.5 + ((down - bottom) / (0.03 + 0.20 * half)) ** 2)).exp()
    return (strength.view(batch, 1, 1, 1) * (0.75 * near + 0.45 * wide)).clamp(0, 0.7)


def studio(colours: Tensor, fixed: Tensor, size: int) -> Tensor:
    """Paint plain grounds (B, 3, size, size): `colours` (B, 3) where `fixed` (B,), else pale, quiet, softly graded ones."""
    batch, device = len(colours), colours.device
    colours, fixed = colours.view(batch, 3, 1, 1), fixed.view(batch, 1, 1, 1)
    order = torch.tensor([0.0, 4.0, 2.0], device=device).view(1, 3, 1, 1)
    hue = ((((each(batch, 0, 6, device) + order) % 6) - 3).abs() - 1).clamp(0, 1)
    pale = each(batch, 0.86, 0.98, device) * (1 - each(batch, 0.0, 0.3, device) ** 2 * (1 - hue))
    white = (colours.amin(1, keepdim=True) > 0.9).float() * fixed
    base = mix(pale, colours, fixed)
    shade = each(batch, 0.02, 0.10, device) * (1 - 0.85 * white)
    y, x = rows(size, device), columns(size, size, device)
    floor = ((y - each(batch, 0.45, 0.7, device)) / each(batch, 0.15, 0.4, device)).clamp(-1, 1)  # wall, then floor
    rim = ((x - 0.5) ** 2 + (y - 0.45) ** 2) * each(batch, 0.0, 0.9, device)
    soft = fbm(batch, size, size, device, cells=2, octaves=2) - 0.5
    kind = uniform(batch, 1, 1, 1, device=device)
    dark = torch.where(kind < 0.5, 0.5 + 0.5 * floor * (1.5 - 0.5 * floor**2) / 1.0, rim * 1.6 + 0.1)
    dark = torch.where(kind > 0.85, 0.5 + soft, dark)
    return (base * (1 - shade * dark)).clamp(0, 1)
