"""The procedural scenes: landscapes here, built places in places.py. All look the same wherever they are cut in x."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from bundled_training.render import places
from bundled_training.render.layers import LIGHTS, Canvas, Colour, Lots, palette
from bundled_training.render.noise import Device, mix
from bundled_training.render.sky import heaven, sky, sun, water

Painter = Callable[[int, int, int, Device, str, Tensor], tuple[Tensor, Tensor]]

ROCKS = ((0.42, 0.48, 0.62), (0.30, 0.44, 0.42), (0.20, 0.40, 0.22))
SNOW = (0.94, 0.96, 1.0)


def peaks(canvas: Canvas, base: Tensor, snow: bool = False) -> None:
    """Three ranges of mountains, the nearest one green unless snow lies on them."""
    c = canvas
    for k in range(3):
        line = c.line(base + 0.15 * k, 0.17 - 0.035 * k, 1.0 + 0.3 * k, sharp=True)
        relief, far = c.relief(), 0.42 - 0.17 * k
        colour = c.lit((0.36, 0.42, 0.54) if snow else ROCKS[k], far) * (1 + relief * (0.6 if snow else 0.85))
        if snow:
            deep = (0.15 + 0.06 * k - (c.y - line) + relief * 0.25) * 18
            colour = mix(colour, c.lit(SNOW, far * 0.5, 0.02) * (0.97 + relief.clamp(max=0) * 0.6), deep.clamp(0, 1))
        c.land(line, colour, 0.1 + 0.14 * k)


def mountains(canvas: Canvas) -> None:
    sky(canvas, 0.2)
    peaks(canvas, canvas.each(0.42, 0.52))


def snowy(canvas: Canvas) -> None:
    sky(canvas, 0.2)
    peaks(canvas, canvas.each(0.42, 0.5), snow=True)
    line = canvas.line(canvas.each(0.8, 0.87), 0.04, 0.6, 2)
    canvas.land(line, canvas.lit(SNOW, 0, 0.02) * (0.92 + 0.14 * canvas.noise(3, 3, stretch=2)), 0.55)


def dunes(canvas: Canvas) -> None:
    c = canvas
    sky(c, 0.26, clouds=False)
    base, sands = c.each(0.45, 0.55), ((0.98, 0.80, 0.52), (0.95, 0.70, 0.38), (0.90, 0.60, 0.28))
    for k, sand in enumerate(sands):
        line = c.line(base + 0.17 * k, 0.07 + 0.02 * k, 0.75 - 0.1 * k, 2, 0.35)
        slope = torch.gradient(line, dim=3)[0] * c.height
        ripple = torch.sin(c.y * 70 + c.line(0, 3.0, 0.8, 2))
        shadow = (slope * 5 + (c.y - line) * 4 - 0.3).clamp(-0.8, 1) * torch.exp(-(c.y - line).clamp(min=0) * 5)
        c.land(line, c.lit(sand, 0.2 - 0.1 * k) * (1 - 0.26 * shadow + 0.03 * ripple), 0.2 + 0.2 * k)


def sea(canvas: Canvas, top: Tensor, deep: Colour, shallow: Colour) -> None:
    canvas.land(top, water(canvas, top, deep, shallow), 0.12, 0.9)


def ocean(canvas: Canvas) -> None:
    sky(canvas, 0.28)
    sea(canvas, canvas.each(0.4, 0.56), (0.02, 0.26, 0.55), (0.16, 0.55, 0.80))


def beach(canvas: Canvas) -> None:
    c = canvas
    sky(c, 0.24)
    sea(c, c.each(0.36, 0.46), (0.10, 0.70, 0.75), (0.05, 0.50, 0.76))
    line = c.line(c.each(0.66, 0.76), 0.04, 0.6, 3, 0.4)
    c.land(line - 0.045, c.lit((0.97, 0.99, 1.0), 0, 0.02) * (0.95 + 0.1 * c.noise(12, 2)), 0.45)
    c.land(line, c.lit((0.80, 0.66, 0.44)), 0.5)
    c.land(line + 0.03, c.lit((0.96, 0.85, 0.60)) * (0.93 + 0.14 * c.noise(8, 3)), 0.55)


def crowns(canvas: Canvas, base: Tensor | float, wide: float, leaves: list[Colour], near: float, far: float) -> None:
    """A row of round trees whose tops stand at about `base`; nothing shows under them."""
    c = canvas
    for shift in (0.0, 0.3):
        lots = Lots(c, wide * 0.9, wide * 1.1)
        top = base + (shift + lots.number() * 0.6 - 0.3) * wide
        line = top + lots.wide * 0.53 - ((lots.wide * 0.53) ** 2 - lots.aside() ** 2).clamp(min=0).sqrt()
        down = ((c.y - line) / wide).clamp(0, 2)
        bright = 1.2 - 0.42 * down - lots.aside() / wide * 0.25 + (c.noise(14, 2) - 0.5) * 0.6
        c.land(line, c.lit(palette(lots.number(), leaves) + c.tint((0, 0, 0)), far) * bright.clamp(min=0.35), near, 0.1)


def woods(canvas: Canvas, leaves: list[Colour], floor: Colour) -> None:
    """Rows of round trees behind a few trunks on the forest's floor."""
    c = canvas
    sky(c, 0.13)
    base = c.each(0.24, 0.32)
    for k in range(3):
        crowns(c, base + 0.15 * k, 0.17 + 0.04 * k, leaves, 0.25 + 0.12 * k, 0.3 - 0.13 * k)
    line = c.line(0.84, 0.025, 0.8, 2)
    shade = c.lit(palette(c.each(0, 1), leaves), 0.02) * 0.55
    c.cover(c.under(0.68 + 0.05 * c.noise(8, 1)), shade * (0.8 + 0.4 * c.noise(10, 2)), 0.55)
    c.land(line, c.lit(floor) * (0.75 + 0.5 * c.noise(9, 2, stretch=2)), 0.62)
    lots = Lots(c, 0.17, 0.24)
    trunk = lots.band(0.5 + 0.3 * (lots.number() - 0.5), 0.07 + 0.05 * lots.number()) * (lots.number() < 0.8)
    bark = c.lit((0.36, 0.23, 0.14), 0, 0.03) * (1.15 - lots.aside() * 4)
    c.cover(trunk * c.between(0.63 + 0.05 * lots.number(), 0.86 + 0.04 * lots.number()), bark, 0.66)
    crowns(c, 1.0, 0.2, [floor, leaves[0]], 0.75, 0.0)


def autumn(canvas: Canvas) -> None:
    woods(canvas, [(0.93, 0.52, 0.10), (0.83, 0.25, 0.10), (0.97, 0.77, 0.16), (0.72, 0.40, 0.12)], (0.74, 0.42, 0.14))


def forest(canvas: Canvas) -> None:
    woods(canvas, [(0.15, 0.46, 0.17), (0.24, 0.58, 0.20), (0.38, 0.66, 0.22), (0.10, 0.38, 0.22)], (0.30, 0.50, 0.18))


def firs(canvas: Canvas, base: Tensor, tall: float, colour: Tensor, near: float) -> None:
    """A row of firs: tiers of branches around a tip."""
    c = canvas
    for _ in range(2):
        lots = Lots(c, tall * 0.42, tall * 0.52)
        down = (c.y - base) / tall + 0.85 + 0.3 * lots.number()
        tier = 0.62 + 0.38 * (down * 4).frac()
        mask = c.soft((down.clamp(0, 1.2) * tier * 0.5 - (lots.place - 0.5).abs()) * lots.wide * 1.0)
        shade = 1.2 - 0.45 * (down * 4).frac() - lots.aside() / tall + 0.3 * (lots.number() - 0.5)
        c.cover(mask * c.soft(down * tall), colour * shade, near)


def pines(canvas: Canvas) -> None:
    c = canvas
    sky(c, 0.18)
    peaks(c, c.each(0.36, 0.42))
    for k in range(3):
        far, line = 0.34 - 0.16 * k, c.line(0.58 + 0.19 * k, 0.04, 0.7, 2)
        colour = c.lit((0.10, 0.40 - 0.04 * k, 0.26 - 0.03 * k), far, 0.03)
        c.land(line, colour * (0.8 + 0.2 * c.noise(8, 2)), 0.35 + 0.15 * k)
        firs(c, line, 0.24 + 0.06 * k, colour, 0.36 + 0.15 * k)
    c.land(c.line(0.95, 0.02, 0.7, 2), c.lit((0.22, 0.46, 0.20)), 0.75)


def fields(canvas: Canvas, hills: Colour) -> Tensor:
    """Sky and low hills behind a field; the field's edge."""
    c = canvas
    edge = c.each(0.4, 0.5)
    sky(c, 0.22)
    c.land(c.line(edge - 0.05, 0.06, 0.7, 3), c.lit((0.40, 0.52, 0.66), 0.3), 0.15)
    c.land(c.line(edge - 0.01, 0.03, 0.9, 3), c.lit(hills, 0.12) * (0.8 + 0.4 * c.noise(10, 2)), 0.25)
    return edge


def lavender(canvas: Canvas) -> None:
    c = canvas
    edge = fields(c, (0.25, 0.45, 0.25))
    c.land(edge, c.lit((0.42, 0.55, 0.25)), 0.3, 0.8)
    for k in range(6):
        wide = 0.05 + 0.028 * k
        top = edge + (0.94 - edge) * ((k + 0.3) / 6) ** 1.5
        lots = Lots(c, wide, wide * 1.2)
        line = top + lots.aside().square() * (1.5 / wide) + lots.number() * 0.2 * wide
        down = (c.y - line) / wide
        bloom = c.lit((0.60, 0.36, 0.86)) * (1.15 - 0.3 * down.clamp(0, 1.5) + 0.3 * (c.noise(12, 2) - 0.5))
        colour = mix(bloom, c.lit((0.30, 0.46, 0.24)), ((down - 0.75) * 4).clamp(0, 1))
        c.land(line, colour, 0.32 + 0.08 * k, 0.2)


def wheat(canvas: Canvas) -> None:
    c = canvas
    edge = fields(c, (0.30, 0.52, 0.26))
    down = ((c.y - edge) / (1 - edge)).clamp(0, 1)
    straw = mix(c.noise(20, 1, stretch=0.5), c.noise(10, 2, stretch=0.2), down)
    gold = mix(c.lit((0.96, 0.80, 0.34)), c.lit((0.84, 0.60, 0.16)), down) * (0.85 + 0.3 * c.noise(4, 2, stretch=4))
    c.land(edge, gold * (1 + (straw - 0.5) * 0.4), 0.3, 0.8)
    for k in range(2):
        lots = Lots(c, 0.055 + 0.02 * k, 0.065 + 0.02 * k)
        tip, half = 0.68 + 0.13 * k + 0.16 * lots.number(), 0.016 + 0.006 * k
        lean = lots.aside(0.35 + 0.3 * lots.number()).abs()
        long = 1 - ((c.y - tip) / 0.07).square()
        ear = c.soft(half * long.clamp(min=0).sqrt() - lean) * (long > 0)
        stalk = c.soft(0.007 + 0.002 * k - lean) * c.under(tip)
        c.cover(stalk, c.lit((0.72, 0.52, 0.14)), 0.7 + 0.05 * k)
        c.cover(ear, c.lit((1.0, 0.86, 0.42)), 0.72 + 0.05 * k)


def reflect(canvas: Canvas, shore: Tensor, colour: Colour, weight: float) -> Tensor:
    """What stands above the shore (B, 1, 1, 1), upside down in rippled water: not the top of the sky and the sun."""
    c = canvas
    rows = torch.arange(c.height, device=c.device).view(1, 1, -1, 1)
    wave = (c.noise(16, 1, stretch=6)[..., :1] - 0.5) * c.height * 0.03
    source = (2 * shore * c.height - rows + wave).clamp(0.3 * c.height, c.height - 1).long()
    mirror = mix(c.image.gather(2, source.expand_as(c.image)), c.lit(colour), weight)
    return mirror + (c.noise(16, 2, stretch=7) - 0.5) * 0.14


def lake(canvas: Canvas) -> None:
    c = canvas
    sky(c, 0.2)
    shore = c.each(0.54, 0.62)
    for k, rock in enumerate(((0.36, 0.46, 0.62), (0.22, 0.42, 0.44), (0.12, 0.38, 0.26))):
        line = c.line(shore - 0.17 + 0.07 * k, 0.11 - 0.03 * k, 1.1 + 0.4 * k, sharp=True)
        c.land(line, c.lit(rock, 0.34 - 0.14 * k) * (1 + c.relief() * 0.8), 0.12 + 0.1 * k)
    c.land(shore, reflect(c, shore, (0.20, 0.48, 0.68), 0.3), 0.35, 1.0)
    c.cover(c.between(shore - 0.012, shore), c.lit((0.55, 0.60, 0.35)), 0.35)
    if c.time == "mist":
        veil = torch.exp(-(((c.y - shore) / 0.09) ** 2)) * (0.4 + 0.9 * c.noise(3, 2, stretch=3))
        c.image.lerp_(torch.full_like(c.image, 0.95), veil.clamp(0, 0.9))


def canyon(canvas: Canvas) -> None:
    c = canvas
    sky(c, 0.16)
    for k in range(3):
        line, steps = c.line(0.38 + 0.19 * k, 0.16, 0.9, 3, 0.4, sharp=True), c.each(5, 8)
        line = (line * steps + 0.15 * torch.sin(line * steps * 2 * torch.pi)) / steps  # terraces
        strata = torch.sin(c.y * c.each(45, 60) + (c.noise(3, 2) - 0.5) * 5)
        stone = c.lit(((0.88, 0.56, 0.40), (0.85, 0.45, 0.25), (0.76, 0.34, 0.16))[k], 0.3 - 0.14 * k)
        cracks = (c.noise(9, 2, stretch=0.4) - 0.5) * 0.5
        c.land(line, stone * (1 + 0.17 * strata + cracks * 0.5), 0.18 + 0.2 * k)


def waterfall(canvas: Canvas) -> None:
    c = canvas
    sky(c, 0.12)
    top, foot = c.line(c.each(0.24, 0.3), 0.05, 1.2, 3), c.each(0.76, 0.83)
    cliff = mix(c.lit((0.40, 0.38, 0.34)), c.lit((0.22, 0.46, 0.20)), ((c.noise(5, 3) - 0.5) * 6).clamp(0, 1))
    c.land(top, cliff * (1 + (c.noise(8, 2, stretch=0.4) - 0.5) * 0.9), 0.35)
    c.cover(c.between(top - 0.02, top + 0.04 * c.noise(10, 1)), c.lit((0.34, 0.62, 0.24)), 0.35)
    lots = Lots(c, 0.5, 0.7)
    aside = lots.aside(0.5 + 0.25 * (lots.number() - 0.5)).abs()
    half = (0.07 + 0.07 * lots.number()) * (0.75 + 0.4 * c.y) + (c.noise(7, 2) - 0.5) * 0.04
    fall = ((half - aside) * 30).clamp(0, 1) * c.under(top + 0.03)
    strand = ((c.noise(7, 1, stretch=0.05) - 0.5) * 3 + 0.5).clamp(0, 1)  # white water, and blue between it
    c.cover(fall, mix(c.lit((0.26, 0.50, 0.72), 0, 0.02), c.lit((0.94, 0.98, 1.0), 0, 0.02), strand), 0.42)
    c.land(foot + (c.noise(4, 2) - 0.5) * 0.06, water(c, foot - 0.25, (0.08, 0.50, 0.56), (0.45, 0.80, 0.84)), 0.5, 0.9)
    foam = torch.exp(-(((c.y - foot) / 0.05) ** 2)) * torch.exp(-((aside / (half + 0.06)) ** 2))
    c.image.lerp_(c.lit((1.0, 1.0, 1.0), 0, 0.0).expand_as(c.image), foam * 0.9)


def meadow(canvas: Canvas) -> None:
    c = canvas
    sky(c, 0.26)
    base = c.each(0.46, 0.54)
    for k in range(3):
        line = c.line(base + 0.16 * k, 0.06, 0.5, 2)
        grass = c.lit((0.36 + 0.06 * k, 0.70 - 0.03 * k, 0.26), 0.25 - 0.12 * k)
        c.land(
            line, grass * (1.1 - 0.5 * (c.y - line).clamp(0, 0.4) + (c.noise(6, 3, stretch=2) - 0.5) * 0.25), 0.2 + 0.2 * k
        )
        for bloom in ((1.0, 0.88, 0.25), (1.0, 0.45, 0.55), (1.0, 1.0, 0.95)):
            flowers = c.dots(38 - 9 * k, 0.05) * c.under(line + 0.03)
            c.cover(flowers * (0.25 + 0.35 * k), c.lit(bloom), 0.22 + 0.22 * k)


def blossoms(canvas: Canvas, size: float, near: float) -> None:
    """A grid of flowers as wide as `size`, out of step in every row; five petals around a yellow heart."""
    c = canvas
    row = c.y / size + c.each(0, 1)
    column = c.x / size + 0.5 * (row.floor() % 2) + c.each(0, 1)
    across, down = int(c.width / c.height / size) + 4, int(1 / size) + 3
    cell = (row.floor() * across + column.floor()).long().view(c.batch, -1)

    def number() -> Tensor:
        values = torch.rand(c.batch, across * down, device=c.device)
        return values.gather(1, cell).view(c.batch, 1, c.height, c.width)

    x, y = column.frac() - 0.37 - 0.26 * number(), row.frac() - 0.37 - 0.26 * number()
    turn, wide, kind = number() * 6.28, 0.32, number()
    radius = (x * x + y * y).sqrt() + 1e-4
    cosine = (x * turn.cos() + y * turn.sin()) / radius
    petals = 16 * cosine**5 - 20 * cosine**3 + 5 * cosine  # the cosine of five times the angle
    edge = wide * (0.8 + 0.2 * petals)
    hues = ((0.92, 0.12, 0.22), (1.0, 0.45, 0.70), (1.0, 0.80, 0.12), (0.62, 0.28, 0.85), (0.98, 0.97, 0.95),
            (1.0, 0.50, 0.10), (0.35, 0.42, 0.95))  # fmt: skip
    bright = 0.7 + 0.4 * (radius / wide).clamp(0, 1) + 0.08 * petals
    c.cover(c.soft((edge - radius) * size), c.lit(palette(kind, hues)) * bright, near)
    heart = palette(kind, ((0.98, 0.80, 0.15),) * 2 + ((0.50, 0.24, 0.08),) + ((0.98, 0.80, 0.15),) * 4)
    c.cover(c.soft((wide * 0.3 - radius) * size), c.lit(heart), near)


def flowers(canvas: Canvas) -> None:
    c = canvas
    leaves = mix(c.lit((0.10, 0.36, 0.12)), c.lit((0.34, 0.66, 0.22)), c.noise(7, 3))
    c.cover(c.under(-1.0), leaves, 0.45 + 0.1 * c.y)
    for size, near in ((0.25, 0.55), (0.32, 0.66), (0.42, 0.78)):
        blossoms(c, size, near)


def river(canvas: Canvas) -> None:
    c = canvas
    sky(c, 0.2)
    base, shore = c.each(0.36, 0.42), c.each(0.5, 0.55)
    c.land(c.line(base - 0.05, 0.06, 0.8, 3), c.lit((0.40, 0.54, 0.66), 0.3), 0.12)
    crowns(c, base, 0.1, [(0.18, 0.50, 0.20), (0.30, 0.60, 0.22), (0.12, 0.42, 0.24)], 0.25, 0.15)
    c.land(c.line(shore - 0.06, 0.01, 0.8, 2), c.lit((0.52, 0.76, 0.30)) * (0.85 + 0.3 * c.noise(8, 2, stretch=3)), 0.32)
    c.land(shore, reflect(c, shore, (0.16, 0.50, 0.80), 0.6), 0.38, 0.8)
    bank = c.line(c.each(0.83, 0.87), 0.02, 0.6, 3)
    c.land(bank - 0.02, c.lit((0.62, 0.50, 0.32)), 0.65)
    c.land(bank, c.lit((0.40, 0.70, 0.24)) * (0.75 + 0.5 * c.noise(10, 2, stretch=0.6)), 0.68)


def space(canvas: Canvas) -> None:
    c = canvas
    c.image.copy_(c.tint((0.04, 0.03, 0.12), 0.02).expand_as(c.image))
    for hue in (c.tint((0.55, 0.25, 0.75), 0.25), c.tint((0.25, 0.55, 0.85), 0.25)):
        c.image.add_(hue * ((c.noise(3, 4, 0.55) - 0.46) * 2.0).clamp(0, 1))
    white = torch.ones_like(c.image)
    for cells, share in ((44, 0.03), (26, 0.02)):
        c.image.lerp_(white, c.dots(cells, share))


def aurora(canvas: Canvas) -> None:
    c = canvas
    c.time, c.light = "night", LIGHTS["night"]
    c.horizon = c.tint(c.light.horizon, 0.03)
    heaven(c)
    for k in range(2):
        line = c.line(c.each(0.36, 0.5) + 0.06 * k, 0.13, 0.6, 3)
        rays = 0.35 + 0.9 * c.noise(9, 2, 0.7, stretch=0.12)
        curtain = torch.exp(-(line - c.y).clamp(min=0) / 0.2) * (1 - torch.sigmoid((c.y - line) * 60)) * rays
        colour = mix(c.tint((0.25, 1.0, 0.55)), c.tint((0.70, 0.35, 0.95)), ((line - c.y) * 3).clamp(0, 1))
        c.image.lerp_(colour, (curtain * 1.1).clamp(0, 0.92))
    sun(c, 0.16)
    c.land(c.line(0.74, 0.08, 1.0, sharp=True), c.lit((0.24, 0.32, 0.48)) * (1 + 0.6 * c.relief()), 0.2)
    line = c.line(0.92, 0.03, 0.7, 2)
    firs(c, line, 0.2, c.lit((0.10, 0.26, 0.24), 0, 0.02), 0.45)
    c.land(line, c.lit((0.75, 0.82, 0.95)), 0.5)


def underwater(canvas: Canvas) -> None:
    c = canvas
    c.image.copy_(mix(c.tint((0.30, 0.80, 0.92)), c.tint((0.02, 0.26, 0.58)), c.y))
    c.image.mul_(1 + (c.noise(4, 2, 0.6, stretch=0.25) - 0.4) * 0.7 * (1 - c.y))
    c.depth.add_(0.08)
    for k in range(2):
        lots, tall = Lots(c, 0.34, 0.42), 0.028 + 0.012 * k
        y = c.y - 0.18 - 0.16 * k - 0.22 * lots.number()
        x = lots.aside(0.42 + 0.16 * lots.number()) * torch.where(lots.number() < 0.5, -1.0, 1.0)
        long = 1 - (x / (tall * 1.9)) ** 2
        body = c.soft(tall * long.clamp(min=0).sqrt() - y.abs()) * (long > 0)
        tail = c.soft(torch.minimum((x - tall * 1.4) * 0.9 - y.abs(), tall * 2.9 - x))
        hues = ((1.0, 0.62, 0.12), (1.0, 0.86, 0.20), (0.95, 0.35, 0.40), (0.95, 0.95, 1.0))
        c.cover(torch.maximum(body, tail) * (lots.number() < 0.75), palette(lots.number(), hues), 0.3 + 0.1 * k)
    corals = [(0.95, 0.40, 0.50), (1.0, 0.62, 0.25), (0.72, 0.35, 0.80), (0.98, 0.80, 0.35), (0.30, 0.75, 0.60)]
    for k in range(3):
        far = 0.5 - 0.22 * k
        lots = Lots(c, 0.12 + 0.03 * k, 0.16 + 0.03 * k)
        weed = c.soft(0.014 - (lots.aside() + 0.015 * torch.sin(c.y * 24 + lots.number() * 6)).abs())
        blue = c.tint((0.06, 0.42, 0.70), 0.02)
        c.cover(weed * c.under(0.48 + 0.3 * lots.number()), mix(c.tint((0.20, 0.62, 0.30)), blue, far), 0.4 + 0.12 * k)
        top = 0.7 + 0.08 * k + 0.14 * lots.number()
        line = top + 0.1 - (0.01 - lots.aside().square() * 1.4).clamp(min=0).sqrt()
        knobs = 1.15 - 1.6 * (c.y - line).clamp(0, 0.4) + (c.noise(16, 2) - 0.5) * 0.6
        c.land(line, mix(palette(lots.number(), corals), blue, far) * knobs, 0.42 + 0.13 * k)
    c.land(c.line(0.94, 0.02, 0.8, 2), c.tint((0.90, 0.82, 0.60)), 0.8)


def painter(paint: Callable[[Canvas], None]) -> Painter:
    """What `paint` does to a canvas, as a function of batch, height, width, device, time and sun (B,)."""

    @torch.no_grad()
    def scene(batch: int, height: int, width: int, device: Device, time: str, sun: Tensor) -> tuple[Tensor, Tensor]:
        canvas = Canvas(batch, height, width, device, time, sun)
        paint(canvas)
        if time == "mist" and paint.__name__ not in SUNLESS | {"aurora"}:
            canvas.veil()
        return canvas.image.clamp_(0, 1), canvas.depth.clamp_(0, 1)

    return scene


LANDSCAPES = (
    mountains, snowy, dunes, ocean, beach, autumn, forest, pines, lavender, wheat, lake, canyon, waterfall, meadow,
    flowers, river, space, aurora, underwater,
)  # fmt: skip
SCENES: dict[str, Painter] = {paint.__name__: painter(paint) for paint in (*LANDSCAPES, *places.PLACES)}
SUNLESS = frozenset({"space", "underwater", "flowers", "library", "theater", "classroom"})
"""Scenes that show no sun whatever is asked."""
