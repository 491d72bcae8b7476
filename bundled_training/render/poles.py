"""What lies straight below and straight above: grounds seen from overhead, and the sky without a horizon.

All look the same wherever they are cut, in x and in y, and have no up: rows, wind and light come at any angle.
"""

from __future__ import annotations

from math import pi

import torch
from torch import Tensor

from bundled_training.render.layers import Canvas, Cells, Colour, palette
from bundled_training.render.noise import mix
from bundled_training.render.scenes import Painter, painter

Light = tuple[Tensor, Tensor]  # x and y of the direction that the light comes from


def direction(canvas: Canvas) -> Light:
    angle = canvas.each(0, 2 * pi)
    return angle.cos(), angle.sin()


def facing(canvas: Canvas, high: Tensor, light: Light) -> Tensor:
    """How steeply a height map rises away from the light: positive where it is lit."""
    down, right = torch.gradient(high, dim=(2, 3))
    return -(right * light[0] + down * light[1]) * canvas.height


def swell(canvas: Canvas, low: float, high: float, count: int = 9, turn: Tensor | None = None, spread: float = pi) -> Tensor:
    """A height map (B, 1, H, W) of waves from `low` to `high` long: of deviation 1, from all sides or about one."""
    c, total = canvas, torch.zeros_like(canvas.depth)
    for _ in range(count):
        angle = c.each(-spread, spread) + (0 if turn is None else turn)
        phase = (c.x * angle.cos() + c.y * angle.sin()) / c.each(low, high) + c.each(0, 1)
        total += torch.sin(2 * pi * phase)
    return total * (2 / count) ** 0.5


def ground(canvas: Canvas, colour: Tensor, near: float = 0.5) -> None:
    canvas.image.copy_(colour.expand_as(canvas.image))
    canvas.depth.fill_(near)


def shade(canvas: Canvas, mask: Tensor, dark: float = 0.5) -> None:
    """Darken the picture by `dark` where the mask is 1."""
    canvas.image.mul_(1 - dark * mask)


def disc(cells: Cells, radius: Tensor, light: Light, away: float = 0.0) -> Tensor:
    """How far inside a round thing, moved away from the light."""
    return radius - ((cells.x + away * light[0]) ** 2 + (cells.y + away * light[1]) ** 2).sqrt()


def blur_edge(inside: Tensor, wide: float) -> Tensor:
    return (inside / wide + 0.5).clamp(0, 1)


def canopy(canvas: Canvas, leaves: tuple[Colour, ...], floor: Colour) -> None:
    """Round crowns of trees, one over the other, with soft shadows."""
    c, light = canvas, direction(canvas)
    ground(c, c.lit(floor) * (0.6 + 0.4 * c.noise(9, 2)), 0.4)
    for k, wide in enumerate((0.34, 0.30, 0.37, 0.28, 0.33, 0.30)):
        cells = Cells(c, wide * 0.85, wide * 1.15)
        angle = torch.atan2(cells.y, cells.x)
        radius = cells.wide * (0.29 + 0.07 * cells.number())
        ragged = 0.05 * torch.sin(7 * angle + 6.3 * cells.number()) + 0.25 * (c.noise(20, 1) - 0.5)
        here = (cells.number() < 0.9).float()
        shade(c, here * blur_edge(disc(cells, radius, light, 0.03), 0.04), 0.6)
        inside = disc(cells, radius * (1 + ragged), light)
        side = (cells.x * light[0] + cells.y * light[1]) / radius
        rim = (1 - (inside / radius).clamp(0, 1)) ** 2
        bright = 1.02 + 0.32 * side - 0.2 * rim + (c.noise(22, 2) - 0.5) * 0.75 + 0.05 * (k - 3)
        colour = c.lit(palette(cells.number(), leaves) + c.tint((0, 0, 0), 0.03))
        c.cover(here * c.soft(inside), colour * bright.clamp(min=0.35), 0.5 + 0.02 * k)


def forest(canvas: Canvas) -> None:
    canopy(canvas, ((0.16, 0.46, 0.15), (0.26, 0.56, 0.18), (0.38, 0.64, 0.22), (0.12, 0.38, 0.20)), (0.06, 0.18, 0.08))


def autumn(canvas: Canvas) -> None:
    canopy(canvas, ((0.93, 0.52, 0.10), (0.83, 0.25, 0.10), (0.97, 0.77, 0.16), (0.72, 0.40, 0.12)), (0.26, 0.13, 0.06))


def pines(canvas: Canvas) -> None:
    """Firs: tiers of pointed branches around a tip."""
    c, light = canvas, direction(canvas)
    ground(c, c.lit((0.16, 0.27, 0.13)) * (0.7 + 0.5 * c.noise(9, 2)), 0.4)
    for k, wide in enumerate((0.30, 0.34, 0.27, 0.36, 0.31)):
        cells = Cells(c, wide * 0.85, wide * 1.15)
        colour = c.lit(palette(cells.number(), ((0.12, 0.42, 0.27), (0.18, 0.50, 0.25), (0.10, 0.37, 0.29))))
        angle, turn = torch.atan2(cells.y, cells.x), 6.3 * cells.number()
        size = cells.wide * (0.33 + 0.06 * cells.number())
        side = (cells.x * light[0] + cells.y * light[1]) / size
        here = (cells.number() < 0.9).float()
        shade(c, here * blur_edge(disc(cells, size * 0.8, light, 0.03), 0.05), 0.6)
        for tier in range(4):
            radius = size * (1 - 0.24 * tier)
            spikes = (torch.cos((13 - tier) * angle + turn + tier) * 0.5 + 0.5) * 0.34
            inside = radius * (1 - spikes) - (cells.x**2 + cells.y**2).sqrt()
            bright = 0.72 + 0.22 * tier + 0.3 * side - 0.25 * (inside / radius).clamp(0, 1)
            c.cover(here * c.soft(inside), colour * bright, 0.5 + 0.03 * tier)


def tufts(canvas: Canvas, wide: float, greens: tuple[Colour, ...], near: float, bright: float) -> None:
    """Tufts of grass: blades that run from the middle of each to all sides."""
    c, blades = canvas, 13
    cells = Cells(c, wide * 0.85, wide * 1.15)
    radius = (cells.x**2 + cells.y**2).sqrt()
    turn = torch.atan2(cells.y, cells.x) / (2 * pi) + (cells.number() - 0.5) * 2.2 * radius + cells.number()
    part = (turn * blades).floor() % blades
    long = cells.wide * (0.34 + 0.12 * torch.sin(part * 2.4 + 20 * cells.number()))
    aside = ((turn * blades) % 1 - 0.5).abs() * 2 * pi / blades * radius
    inside = 0.075 * wide * (1 - radius / long).clamp(min=0) ** 0.7 - aside
    colour = c.lit(palette(cells.number(), greens)) * (bright * (0.5 + 0.75 * radius / long) + 0.05 * torch.sin(part * 5.1))
    c.cover(c.soft(inside) * (radius < long), colour, near)


GREENS = ((0.30, 0.62, 0.18), (0.40, 0.70, 0.22), (0.22, 0.54, 0.18), (0.50, 0.74, 0.26))


def grass(canvas: Canvas) -> None:
    c = canvas
    ground(c, c.lit((0.18, 0.42, 0.13)) * (0.7 + 0.5 * c.noise(8, 3)))
    for k in range(8):
        tufts(c, (0.24, 0.30, 0.27)[k % 3], GREENS, 0.5 + 0.01 * k, 0.8 + 0.05 * k)


def bloom(cells: Cells, size: float | Tensor, petals: int, hues: tuple[Colour, ...], share: float, near: float) -> None:
    """A flower in a share of the cells: petals around a yellow heart."""
    c, kind = cells.canvas, cells.number()
    radius, angle = (cells.x**2 + cells.y**2).sqrt(), torch.atan2(cells.y, cells.x) + 6.3 * cells.number()
    edge = size * (0.78 + 0.22 * torch.cos(petals * angle))
    here = (cells.number() < share).float()
    shade(c, here * blur_edge(size * 1.05 - radius, 0.03), 0.35)
    bright = 0.72 + 0.34 * (radius / size).clamp(0, 1) + 0.07 * torch.cos(petals * angle)
    c.cover(here * c.soft(edge - radius), c.lit(palette(kind, hues)) * bright, near)
    c.cover(here * c.soft(size * 0.3 - radius), c.lit((0.98, 0.78, 0.15)), near)


def meadow(canvas: Canvas) -> None:
    grass(canvas)
    for petals, wide in ((11, 0.20), (5, 0.24), (8, 0.27)):
        hues = ((1.0, 0.99, 0.94), (1.0, 0.86, 0.20), (0.98, 0.55, 0.68), (1.0, 0.99, 0.94))
        bloom(Cells(canvas, wide, wide * 1.2, loose=0.5), 0.04, petals, hues, 0.45, 0.62)


def flowers(canvas: Canvas) -> None:
    c = canvas
    ground(c, c.lit((0.14, 0.40, 0.13)) * (0.7 + 0.5 * c.noise(8, 3)))
    hues = ((0.92, 0.12, 0.22), (1.0, 0.45, 0.70), (1.0, 0.80, 0.12), (0.62, 0.28, 0.85), (0.98, 0.97, 0.95), (1.0, 0.50, 0.10))
    for k in range(3):
        tufts(c, 0.27, GREENS, 0.5, 0.7 + 0.1 * k)
    for k, petals in enumerate((5, 8, 5, 6, 5)):
        wide = 0.2 + 0.025 * k
        bloom(Cells(c, wide * 0.9, wide * 1.1, loose=0.3), wide * 0.33, petals, hues, 0.75, 0.55 + 0.03 * k)


def wheat(canvas: Canvas) -> None:
    """Ears that lean as the wind blows, over straw."""
    c, wind = canvas, canvas.each(0, 2 * pi)
    ground(c, mix(c.lit((0.54, 0.37, 0.12)), c.lit((0.76, 0.56, 0.19)), c.noise(12, 2)))
    for k in range(7):
        cells = Cells(c, 0.15, 0.18, loose=0.3)
        along, aside = cells.turned(wind + (cells.number() - 0.5) * 1.3)
        along, half, bright = along + 0.012, 0.05 + 0.01 * cells.number(), 0.74 + 0.045 * k
        straw = c.soft(0.006 - aside.abs()) * (along < half) * (along > -0.5 * cells.wide)
        c.cover(straw, c.lit((0.90, 0.70, 0.30)) * bright, 0.5 + 0.01 * k)
        place = (along / half).clamp(-1, 1)
        edge = 0.0165 * (1 - place**2).sqrt() * (1 - 0.3 * place)
        shade(c, blur_edge(edge - (aside + 0.008).abs(), 0.016) * (along.abs() < half), 0.35)
        grains = torch.sin(along * 2 * pi / 0.0195 - aside.abs() * 150)
        gold = c.lit(palette(cells.number(), ((0.98, 0.82, 0.40), (0.92, 0.70, 0.26), (1.0, 0.88, 0.52))))
        c.cover(c.soft(edge - aside.abs()), gold * (bright + 0.13 * grains), 0.5 + 0.02 * k)
    c.image.mul_(0.88 + 0.26 * c.noise(3, 2))


def lavender(canvas: Canvas) -> None:
    """Rows of bushes, their blossoms on stalks to both sides."""
    c, turn = canvas, canvas.each(0, 2 * pi)
    pitch = c.each(0.26, 0.34)
    across = (c.x * turn.cos() + c.y * turn.sin()) / pitch + c.each(0, 1)
    aside = across % 1 - 0.5
    bush = 0.35 - aside.abs() + (c.noise(8, 2) - 0.5) * 0.1
    ground(c, c.lit((0.70, 0.56, 0.38)) * (0.75 + 0.5 * c.noise(14, 2)), 0.45)
    shade(c, ((bush + 0.05) * 9).clamp(0, 1), 0.4)
    c.cover(((bush + 0.02) * 24).clamp(0, 1), c.lit((0.34, 0.50, 0.26)) * (0.7 + 0.6 * c.noise(20, 1)), 0.5)
    for k in range(7):
        cells = Cells(c, 0.085, 0.1, loose=0.4)
        out = turn + torch.where(aside > 0, 0.0, pi) + (cells.number() - 0.5) * 2.4
        along, over = cells.turned(out)
        place = (along / 0.036).clamp(-1, 1)
        inside = 0.0125 * (1 - place**2).sqrt() * (1 - 0.3 * place) - over.abs()
        there = (bush + 0.03 > 0.012 * k).float()
        hue = palette(cells.number(), ((0.56, 0.34, 0.84), (0.66, 0.44, 0.92), (0.48, 0.28, 0.74), (0.74, 0.56, 0.95)))
        knobs = 0.07 * torch.sin(along * 2 * pi / 0.018)
        c.cover(c.soft(inside) * there, c.lit(hue) * (0.62 + 0.06 * k + 0.6 * bush.clamp(0, 0.3) + knobs), 0.52 + 0.01 * k)


def prints(canvas: Canvas, long: float, half: float, colour: Tensor, light: Light) -> None:
    """The tracks of someone who walked across, left and right of a line; `colour` times what was there."""
    c, turn = canvas, canvas.each(0, 2 * pi)
    along = (c.x - 0.5) * turn.cos() + (c.y - 0.5) * turn.sin() + c.each(0, 1)
    aside = (c.y - 0.5) * turn.cos() - (c.x - 0.5) * turn.sin() - c.each(-0.45, 0.45)
    aside = aside + 0.05 * torch.sin(along * 3 + c.each(0, 6))
    step = 2.6 * long
    foot = ((along / step) % 1 - 0.5) * step
    aside = aside - half * 1.9 * torch.where((along / step).floor() % 2 < 1, 1.0, -1.0)
    waist = half * (1 - 0.25 * torch.exp(-(((foot + 0.2 * long) / long / 0.3) ** 2)))
    inside = torch.where(foot.abs() < 0.9 * long, waist * (1 - (foot / (long * 0.9)).clamp(-1, 1) ** 4).sqrt() - aside.abs(), -1.0)
    deep = (inside / 0.022 + 0.5).clamp(0, 1)
    c.cover(deep, c.image * colour, 0.5)
    c.image.mul_(1 - 0.0025 * facing(c, deep, light))


def beach(canvas: Canvas) -> None:
    c, light = canvas, direction(canvas)
    bumps = facing(c, swell(c, 0.12, 0.5), light) * 0.0035
    ground(c, c.lit((0.96, 0.85, 0.61)) * (0.95 + 0.1 * c.noise(20, 2) + bumps))
    prints(c, 0.075, 0.032, c.tint((0.86, 0.82, 0.78), 0.02), light)
    for wide, share in ((0.12, 0.25), (0.2, 0.2)):
        cells = Cells(c, wide, wide * 1.3, loose=0.5)
        radius = 0.010 + 0.012 * cells.number()
        stone = c.lit(palette(cells.number(), ((0.62, 0.60, 0.58), (0.94, 0.90, 0.84), (0.54, 0.48, 0.44), (0.82, 0.62, 0.48))))
        here = (cells.number() < share).float()
        shade(c, here * blur_edge(disc(cells, radius, light, 0.008), 0.014), 0.4)
        side = (cells.x * light[0] + cells.y * light[1]) / radius
        c.cover(here * c.soft(disc(cells, radius, light)), stone * (0.95 + 0.2 * side), 0.5)
    cells = Cells(c, 0.34, 0.44, loose=0.5)
    angle = (torch.atan2(cells.y, cells.x) + 6.3 * cells.number()) % (2 * pi) - pi
    star, here, radius = cells.number() < 0.5, (cells.number() < 0.6).float(), (cells.x**2 + cells.y**2).sqrt()
    arms = 0.026 + 0.046 * (0.5 + 0.5 * torch.cos(5 * angle)) ** 1.6
    rim = 0.07 - ((cells.x**2 + cells.y**2) + 1e-6).sqrt() * (1 + 0.03 * torch.cos(18 * angle))
    fan = torch.minimum(rim, (radius + 0.012) * torch.sin((1.15 - angle.abs()).clamp(-1.5, 1.5)))  # a scallop, hinge in the middle
    inside = torch.where(star, arms - radius, fan)
    shade(c, here * blur_edge(inside + 0.006, 0.02), 0.4)
    ribs = torch.where(star, 1.15 - 5 * radius, 0.92 + 0.1 * torch.cos(18 * angle) + 1.2 * (radius - 0.035))
    hue = torch.where(star, c.lit((0.96, 0.48, 0.20)), c.lit((0.99, 0.84, 0.76)))
    c.cover(here * c.soft(inside), hue * ribs, 0.52)


def dunes(canvas: Canvas) -> None:
    c, turn = canvas, canvas.each(0, 2 * pi)
    along = c.x * turn.cos() + c.y * turn.sin()
    place = along / c.each(0.38, 0.55) + 0.17 * swell(c, 0.5, 1.1, 5) + 0.03 * swell(c, 0.2, 0.3, 4) + c.each(0, 1)
    rise = place % 1  # from the foot of the steep side, through its shadow, gently up to the next crest at 1
    shadow = (1 - rise / 0.42).clamp(0, 1) ** 0.7 * (rise * c.height / 3).clamp(0, 1)
    fine = torch.sin(place * 2 * pi / 0.12 + 0.8 * swell(c, 0.2, 0.5, 5)) * (1 - shadow)
    gold = mix(c.lit((0.90, 0.62, 0.32)), c.lit((1.0, 0.85, 0.56)), rise**1.5)
    ground(c, gold * (1 - 0.42 * shadow + 0.035 * fine) * (0.96 + 0.08 * c.noise(6, 2)))


def snow(canvas: Canvas) -> None:
    c, light, wind = canvas, direction(canvas), canvas.each(0, 2 * pi)
    drifts = facing(c, swell(c, 0.35, 0.9, 7) + 0.05 * swell(c, 0.07, 0.14, 9, wind, 0.6), light) * 0.03
    ground(c, mix(c.lit((0.98, 0.99, 1.0), 0, 0.01), c.lit((0.66, 0.77, 0.95), 0, 0.02), (0.22 - drifts).clamp(0, 1)))
    c.image.mul_(0.975 + 0.05 * c.noise(20, 2))
    for _ in range(2):
        prints(c, 0.07, 0.03, c.tint((0.72, 0.81, 0.94), 0.01), light)
    c.image.lerp_(c.lit((1.0, 1.0, 1.0), 0, 0.0).expand_as(c.image), c.dots(46, 0.05) * 0.8)


def ocean(canvas: Canvas) -> None:
    c, light, wind = canvas, direction(canvas), canvas.each(0, 2 * pi)
    high = swell(c, 0.16, 0.34, 6, wind, 0.5) + 0.5 * swell(c, 0.06, 0.12, 9, wind, 0.9)
    steep = facing(c, high, light) / 40
    base = mix(c.lit((0.02, 0.26, 0.52)), c.lit((0.10, 0.58, 0.74)), (0.5 + 0.22 * high + 0.15 * steep).clamp(0, 1))
    ground(c, base * (1 + 0.14 * steep))
    c.image.lerp_(c.lit((0.70, 0.92, 0.96)).expand_as(c.image), ((steep - 1.1) * 0.7).clamp(0, 0.6))
    lace = (c.noise(14, 2) - 0.5).abs() + 0.5 * (c.noise(24, 1) - 0.5).abs()  # bubbles between threads
    foam = ((high - 1.0) * 0.9).clamp(0, 1) * ((0.2 - lace) * 9).clamp(0, 1)
    c.cover(foam, c.lit((0.97, 0.99, 1.0), 0, 0.02), 0.5)


def lake(canvas: Canvas) -> None:
    c, light = canvas, direction(canvas)
    soft = 0.5 + 0.2 * swell(c, 0.5, 1.2, 6) + 0.04 * swell(c, 0.05, 0.1, 8)
    ground(c, mix(c.lit((0.05, 0.30, 0.38)), c.lit((0.26, 0.58, 0.64)), soft.clamp(0, 1)))
    cells = Cells(c, 0.5, 0.62, loose=0.4)
    radius = (cells.x**2 + cells.y**2).sqrt()
    rings = torch.sin(radius * 2 * pi / 0.045) * torch.exp(-radius / 0.08) * (1 - radius / 0.2).clamp(0, 1)
    c.image.mul_(1 + 0.6 * rings * (cells.number() < 0.7))
    share = c.each(0.0, 0.65)
    for k, wide in enumerate((0.17, 0.2, 0.15)):
        cells = Cells(c, wide, wide * 1.15, loose=0.15)
        angle = (torch.atan2(cells.y, cells.x) + 6.3 * cells.number()) % (2 * pi) - pi
        size, radius = wide * (0.32 + 0.1 * cells.number()), (cells.x**2 + cells.y**2).sqrt()
        notch = radius * (pi - angle.abs()).clamp(max=pi / 2).sin() - 0.004
        here = (cells.number() < share).float()
        shade(c, here * blur_edge(disc(cells, size, light, 0.014), 0.02), 0.4)
        green = c.lit(palette(cells.number(), ((0.22, 0.54, 0.22), (0.34, 0.64, 0.24), (0.18, 0.46, 0.26))))
        inside = torch.minimum(size - radius, torch.where(angle.abs() > 2.5, notch, 1.0))
        c.cover(here * c.soft(inside), green * (0.84 + 0.06 * torch.cos(9 * angle) + 1.6 * radius + 0.03 * k), 0.5)
        lotus = here * (cells.number() < 0.2)
        for petal, (edge, hue) in enumerate(((0.05, (0.96, 0.62, 0.78)), (0.034, (1.0, 0.80, 0.88)), (0.012, (1.0, 0.82, 0.3)))):
            shape = edge * (0.78 + 0.22 * torch.cos((8 if petal < 2 else 0) * angle + petal * pi))
            c.cover(lotus * c.soft(shape - radius), c.lit(hue) * (0.9 + 2.5 * radius), 0.54)


def leaf(cells: Cells, size: float) -> tuple[Tensor, Tensor, Tensor]:
    """How far inside a leaf, where along its middle rib and how far from that, in heights."""
    along, aside = cells.turned(6.3 * cells.number())
    aside = aside + 0.8 * (cells.number() - 0.5) * along**2 / size
    place = (along / size).clamp(-1, 1)
    return size * 0.5 * (1 - place**2) * (1 - 0.25 * place) - aside.abs() - (along.abs() > size) * 1.0, along, aside


def leaves(canvas: Canvas) -> None:
    c, light = canvas, direction(canvas)
    ground(c, c.lit((0.30, 0.18, 0.08)) * (0.7 + 0.5 * c.noise(10, 2)))
    hues = ((0.93, 0.52, 0.10), (0.80, 0.22, 0.10), (0.97, 0.78, 0.20), (0.70, 0.38, 0.12), (0.88, 0.36, 0.10))
    for k in range(9):
        wide = (0.24, 0.20, 0.27)[k % 3]
        cells = Cells(c, wide * 0.9, wide * 1.1)
        maple, size = (cells.number() < 0.4).float(), wide * 0.40
        plain, along, aside = leaf(cells, size)
        angle, radius = torch.atan2(aside, along), (along**2 + aside**2).sqrt()
        lobes = size * (0.50 + 0.42 * (1 - torch.sin(2.5 * angle).abs())) * (0.92 + 0.14 * torch.cos(angle))
        inside = torch.where(maple > 0.5, lobes - radius, plain)
        shade(c, blur_edge(inside + 0.006, 0.03), 0.5)
        ribs = torch.where(maple > 0.5, radius * torch.sin(2.5 * angle).abs() * 0.5, aside.abs())
        rib = c.soft(0.005 - ribs) * 0.35
        side = (cells.x * light[0] + cells.y * light[1]) / size
        colour = c.lit(palette(cells.number(), hues) + c.tint((0, 0, 0), 0.03))
        c.cover(c.soft(inside), colour * (0.82 + 0.03 * k + 0.12 * side + 0.2 * (c.noise(9, 2) - 0.5) + rib), 0.5 + 0.01 * k)


def cobbles(canvas: Canvas) -> None:
    c, light = canvas, direction(canvas)
    moss = mix(c.lit((0.40, 0.37, 0.33)), c.lit((0.36, 0.46, 0.22)), ((c.noise(4, 2) - 0.5) * 5).clamp(0, 1))
    ground(c, moss * (0.6 + 0.4 * c.noise(14, 2)))
    cells = Cells(c, 0.12, 0.17, loose=0.0)
    half = cells.wide * (0.47 - 0.03 * cells.number())
    corner = torch.stack([(cells.across.abs() - half * 0.55), (cells.down.abs() - half * 0.55)]).clamp(min=0)
    inside = half * 0.45 - (corner[0] ** 2 + corner[1] ** 2).sqrt() + (c.noise(16, 1) - 0.5) * 0.012
    dome = (inside / half * 2.2).clamp(0, 1)
    stone = c.lit(palette(cells.number(), ((0.72, 0.68, 0.62), (0.64, 0.62, 0.60), (0.80, 0.74, 0.66), (0.58, 0.56, 0.56))))
    side = (cells.x * light[0] + cells.y * light[1]) / half
    bright = 0.74 + 0.26 * dome + 0.2 * side * (1 - dome * 0.6) + 0.24 * (c.noise(14, 2) - 0.5)
    c.cover(c.soft(inside), stone * bright, 0.5)


def canyon(canvas: Canvas) -> None:
    c, light = canvas, direction(canvas)
    high = 2.2 + 1.3 * swell(c, 0.5, 1.2, 7) + 1.6 * (c.noise(5, 4, 0.55) - 0.5)
    terraces = high.floor() + ((high % 1) / 0.4).clamp(0, 1)  # flat, with steep edges
    stone = mix(c.lit((0.60, 0.25, 0.14)), c.lit((0.97, 0.68, 0.44)), (terraces / 5 + 0.06 * torch.sin(high * 19)).clamp(0, 1))
    rough = facing(c, c.noise(14, 3, 0.6), light) * 0.008
    cliffs = (facing(c, terraces, light) * 0.03).clamp(-0.42, 0.3)
    ground(c, stone * (0.95 + cliffs + rough.clamp(-0.3, 0.3)))
    c.depth.add_((0.02 * terraces).clamp(-0.1, 0.2))


def zenith(canvas: Canvas) -> None:
    """Paint the sky's own color, a little lighter to one side."""
    c, light = canvas, direction(canvas)
    aside = ((c.x - 0.5) * light[0] + (c.y - 0.5) * light[1]) * 0.35
    pale = {"day": 0.12, "sunset": 0.35, "sunrise": 0.4, "night": 0.1, "mist": 0.5}[c.time]
    c.image.copy_(mix(c.tint(c.light.zenith, 0.03), c.horizon, (pale + aside).clamp(0, 1)))


def sky(canvas: Canvas) -> None:
    c = canvas
    zenith(c)
    if c.time == "night":
        stars(c)
    white = {"sunset": (1.0, 0.74, 0.62), "sunrise": (1.0, 0.90, 0.86), "night": (0.30, 0.38, 0.60)}.get(c.time, (1.0, 1.0, 1.0))
    gray = {"sunset": (0.66, 0.46, 0.62), "sunrise": (0.84, 0.76, 0.84), "night": (0.20, 0.26, 0.48)}.get(c.time, (0.80, 0.85, 0.93))
    thick = c.noise(4, 5, 0.52) + 0.1 * swell(c, 0.6, 1.4, 5) - c.each(0.46, 0.68)
    inner = (thick * 1.7 + 1.1 * (c.noise(7, 4, 0.6) - 0.5)).clamp(0, 1)
    puffs = mix(c.tint(white, 0.02), c.tint(gray, 0.02), inner)
    c.image.lerp_(puffs.expand_as(c.image), (thick * 6.5 + 0.1).clamp(0, 1) ** 0.8 * (0.7 if c.time == "night" else 0.96))


def stars(canvas: Canvas) -> None:
    c, turn = canvas, canvas.each(0, 2 * pi)
    zenith(c)
    c.image.mul_(c.each(0.4, 0.8))
    aside = (c.x - 0.5) * turn.cos() + (c.y - 0.5) * turn.sin() + c.each(-0.4, 0.4) + 0.06 * swell(c, 0.3, 0.9, 6)
    milk = torch.exp(-((aside / 0.16) ** 2)) * (0.2 + 1.1 * (c.noise(6, 4, 0.6) - 0.15).clamp(0, 1))
    c.image.add_(c.tint((0.34, 0.32, 0.52), 0.04) * milk * c.each(0.3, 1.0))
    for cells, share in ((46, 0.06), (46, 0.03), (30, 0.02)):
        c.image.lerp_(c.tint((1.0, 0.98, 0.94), 0.04).expand_as(c.image), c.dots(cells, share) * c.each(0.6, 1.0))


GROUNDS = (
    wheat, meadow, grass, flowers, lavender, beach, dunes, snow, ocean, lake, forest, pines, autumn, leaves, canyon, cobbles,
)  # fmt: skip
POLES: dict[str, Painter] = {f"overhead {paint.__name__}": painter(paint) for paint in GROUNDS}
POLES |= {"sky": painter(sky), "blue sky": painter(sky), "night sky": painter(stars)}
