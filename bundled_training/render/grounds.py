"""Bare grounds seen from straight above: sand, snow, water, rock, streets."""

from __future__ import annotations

from math import pi

import torch
from torch import Tensor

from bundled_training.render.layers import Canvas, Cells, Direction, palette
from bundled_training.render.noise import mix
from bundled_training.render.overhead import along, direction, disc, facing, ground, shade, soft, swell

STONES = ((0.62, 0.60, 0.58), (0.94, 0.90, 0.84), (0.54, 0.48, 0.44), (0.82, 0.62, 0.48))
PADS = ((0.22, 0.54, 0.22), (0.34, 0.64, 0.24), (0.18, 0.46, 0.26))
COBBLES = ((0.72, 0.68, 0.62), (0.64, 0.62, 0.60), (0.80, 0.74, 0.66), (0.58, 0.56, 0.56))
CARS = ((0.90, 0.16, 0.14), (0.96, 0.96, 0.96), (0.20, 0.36, 0.80), (0.98, 0.80, 0.14), (0.16, 0.17, 0.20))
ROOFS = (
    (0.80, 0.42, 0.30), (0.86, 0.82, 0.76), (0.66, 0.68, 0.72), (0.72, 0.34, 0.26), (0.92, 0.72, 0.52), (0.56, 0.62, 0.70),
)  # fmt: skip


def prints(canvas: Canvas, long: float, half: float, colour: Tensor, light: Direction) -> None:
    """The tracks of someone who walked across, left and right of a line; `colour` times what was there."""
    c, turn = canvas, canvas.each(0, 2 * pi)
    way, step = along(c, turn) + c.each(0, 1), 2.6 * long
    aside = along(c, turn + pi / 2) - c.each(-0.45, 0.45) + 0.05 * torch.sin(way * 3 + c.each(0, 6))
    foot = ((way / step) % 1 - 0.5) * step
    aside = aside - half * 1.9 * torch.where((way / step).floor() % 2 < 1, 1.0, -1.0)
    waist = half * (1 - 0.25 * torch.exp(-(((foot + 0.2 * long) / long / 0.3) ** 2)))
    inside = waist * (1 - (foot / (long * 0.9)).clamp(-1, 1) ** 4).sqrt() - aside.abs() - (foot.abs() > 0.9 * long) * 1.0
    deep = soft(inside, 0.022)
    c.cover(deep, c.image * colour, 0.5)
    c.image.mul_(1 - 0.0025 * facing(c, deep, light))


def beach(canvas: Canvas) -> None:
    c, light = canvas, direction(canvas)
    bumps = facing(c, swell(c, 0.12, 0.5), light) * 0.0035
    ground(c, c.lit((0.96, 0.85, 0.61), 0, 0.03) * (0.95 + 0.1 * c.noise(16, 2) + bumps))
    prints(c, 0.075, 0.032, c.tint((0.86, 0.82, 0.78), 0.02), light)
    for wide, share in ((0.12, 0.25), (0.2, 0.2)):
        cells = Cells(c, wide, wide * 1.3, loose=0.5)
        radius = 0.010 + 0.012 * cells.number()
        stone = c.lit(palette(cells.number(), STONES))
        here = (cells.number() < share).float()
        shade(c, here * soft(disc(cells, radius, light, 0.008), 0.014), 0.4)
        side = cells.toward(light) / radius
        c.cover(here * c.soft(disc(cells, radius, light)), stone * (0.95 + 0.2 * side), 0.5)
    cells = Cells(c, 0.34, 0.44, loose=0.5)
    angle = (cells.angle + 6.3 * cells.number()) % (2 * pi) - pi
    star, here, radius = cells.number() < 0.5, (cells.number() < 0.6).float(), cells.radius
    arms = 0.026 + 0.046 * (0.5 + 0.5 * torch.cos(5 * angle)) ** 1.6
    rim = 0.07 - cells.radius * (1 + 0.03 * torch.cos(12 * angle))
    fan = torch.minimum(
        rim, (radius + 0.012) * torch.sin((1.15 - angle.abs()).clamp(-1.5, 1.5))
    )  # a scallop, hinge in the middle
    inside = torch.where(star, arms - radius, fan)
    shade(c, here * soft(inside + 0.006, 0.02), 0.4)
    ribs = torch.where(star, 1.15 - 5 * radius, 0.92 + 0.1 * torch.cos(12 * angle) + 1.2 * (radius - 0.035))
    hue = torch.where(star, c.lit((0.96, 0.48, 0.20)), c.lit((0.99, 0.84, 0.76)))
    c.cover(here * c.soft(inside), hue * ribs, 0.52)


def dunes(canvas: Canvas) -> None:
    c, turn = canvas, canvas.each(0, 2 * pi)
    place = along(c, turn) / c.each(0.38, 0.55) + 0.17 * swell(c, 0.5, 1.1, 5) + 0.03 * swell(c, 0.2, 0.3, 4) + c.each(0, 1)
    rise = place % 1  # from the foot of the steep side, through its shadow, gently up to the next crest at 1
    shadow = (1 - rise / 0.42).clamp(0, 1) ** 0.7 * (rise * c.height / 3).clamp(0, 1)
    fine = torch.sin(place * 2 * pi / 0.12 + 0.8 * swell(c, 0.2, 0.5, 5)) * (1 - shadow)
    gold = mix(c.lit((0.90, 0.62, 0.32)), c.lit((1.0, 0.85, 0.56)), rise**1.5)
    ground(c, gold * (1 - 0.42 * shadow + 0.035 * fine) * (0.96 + 0.08 * c.noise(6, 2)))


def snow(canvas: Canvas) -> None:
    c, light, wind = canvas, direction(canvas), canvas.each(0, 2 * pi)
    drifts = facing(c, swell(c, 0.35, 0.9, 7) + 0.05 * swell(c, 0.07, 0.14, 9, wind, 0.6), light) * 0.03
    ground(c, mix(c.lit((0.98, 0.99, 1.0), 0, 0.01), c.lit((0.66, 0.77, 0.95), 0, 0.02), (0.22 - drifts).clamp(0, 1)))
    c.image.mul_(0.975 + 0.05 * c.noise(16, 2))
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
    depth = 0.5 + 0.2 * swell(c, 0.5, 1.2, 6) + 0.04 * swell(c, 0.05, 0.1, 8)
    ground(c, mix(c.lit((0.05, 0.30, 0.38)), c.lit((0.26, 0.58, 0.64)), depth.clamp(0, 1)))
    cells = Cells(c, 0.5, 0.62, loose=0.4)
    radius = cells.radius
    rings = torch.sin(radius * 2 * pi / 0.045) * torch.exp(-radius / 0.08) * (1 - radius / 0.2).clamp(0, 1)
    c.image.mul_(1 + 0.6 * rings * (cells.number() < 0.7))
    share = c.each(0.0, 0.65)
    for k, wide in enumerate((0.17, 0.2, 0.15)):
        cells = Cells(c, wide, wide * 1.15, loose=0.15)
        angle = (cells.angle + 6.3 * cells.number()) % (2 * pi) - pi
        size, radius = wide * (0.32 + 0.1 * cells.number()), cells.radius
        notch = radius * (pi - angle.abs()).clamp(max=pi / 2).sin() - 0.004
        here = (cells.number() < share).float()
        shade(c, here * soft(disc(cells, size, light, 0.014), 0.02), 0.4)
        green = c.lit(palette(cells.number(), PADS))
        inside = torch.minimum(size - radius, torch.where(angle.abs() > 2.5, notch, 1.0))
        c.cover(here * c.soft(inside), green * (0.84 + 0.06 * torch.cos(9 * angle) + 1.6 * radius + 0.03 * k), 0.5)
        lotus = here * (cells.number() < 0.2)
        for edge, turn, hue in ((0.05, 0.0, (0.96, 0.62, 0.78)), (0.034, pi, (1.0, 0.80, 0.88))):
            shape = edge * (0.78 + 0.22 * torch.cos(8 * angle + turn))
            c.cover(lotus * c.soft(shape - radius), c.lit(hue) * (0.9 + 2.5 * radius), 0.54)
        c.cover(lotus * c.soft(0.011 - radius), c.lit((1.0, 0.82, 0.3)), 0.54)


def cobbles(canvas: Canvas) -> None:
    c, light = canvas, direction(canvas)
    moss = mix(c.lit((0.40, 0.37, 0.33)), c.lit((0.36, 0.46, 0.22)), ((c.noise(4, 2) - 0.5) * 5).clamp(0, 1))
    ground(c, moss * (0.6 + 0.4 * c.noise(14, 2)))
    cells = Cells(c, 0.12, 0.17, loose=0.0)
    half = cells.wide * (0.47 - 0.03 * cells.number())
    corner = torch.stack([(cells.across.abs() - half * 0.55), (cells.down.abs() - half * 0.55)]).clamp(min=0)
    inside = half * 0.45 - (corner[0] ** 2 + corner[1] ** 2).sqrt() + (c.noise(16, 1) - 0.5) * 0.012
    dome = (inside / half * 2.2).clamp(0, 1)
    stone = c.lit(palette(cells.number(), COBBLES))
    side = cells.toward(light) / half
    bright = 0.74 + 0.26 * dome + 0.2 * side * (1 - dome * 0.6) + 0.24 * (c.noise(14, 2) - 0.5)
    c.cover(c.soft(inside), stone * bright, 0.5)


def canyon(canvas: Canvas) -> None:
    c, light = canvas, direction(canvas)
    high = 2.2 + 1.3 * swell(c, 0.5, 1.2, 7) + 1.6 * (c.noise(5, 4, 0.55) - 0.5)
    terraces = high.floor() + ((high % 1) / 0.4).clamp(0, 1)  # flat, with steep edges
    strata = (terraces / 5 + 0.06 * torch.sin(high * 19)).clamp(0, 1)
    stone = mix(c.lit((0.60, 0.25, 0.14)), c.lit((0.97, 0.68, 0.44)), strata)
    rough = facing(c, c.noise(16, 2, 0.6), light) * 0.01
    cliffs = (facing(c, terraces, light) * 0.03).clamp(-0.42, 0.3)
    ground(c, stone * (0.95 + cliffs + rough.clamp(-0.3, 0.3)))
    c.depth.add_((0.02 * terraces).clamp(-0.1, 0.2))


def city(canvas: Canvas) -> None:
    """Blocks of four roofs, each with its shadow, between streets with cars; some lots are gardens."""
    c = canvas
    ground(c, c.lit((0.40, 0.41, 0.45), 0, 0.02) * (0.92 + 0.16 * c.noise(12, 2)), 0.4)
    cells, light = Cells(c, 0.34, 0.42, loose=0.0), direction(c)
    half, street = cells.wide / 2, 0.034
    for way, aside in ((cells.across, cells.down), (cells.down, cells.across)):
        lane = half - aside.abs()  # from the middle of the street
        on = (half - way.abs() > street).float()
        c.cover(c.soft(0.0065 - lane) * on * ((way / 0.05) % 1 < 0.5), c.lit((0.95, 0.93, 0.84)), 0.4)
        place = (way / 0.075 + 0.5 * (aside > 0)) % 1 - 0.5
        car = torch.minimum(0.018 - (place * 0.075).abs(), 0.0085 - (lane - 0.018).abs())
        number = (torch.sin((way / 0.075).floor() * 12.9 + cells.number() * 40) * 437.5).abs() % 1
        c.cover(c.soft(car) * on * (number < 0.45), c.lit(palette((number * 2.2).clamp(max=0.99), CARS)), 0.42)
    block = half - street - torch.maximum(cells.across.abs(), cells.down.abs())
    c.cover(c.soft(block), c.lit((0.72, 0.70, 0.66)), 0.42)
    right, low = torch.where(cells.across > 0, 1.0, -1.0), torch.where(cells.down > 0, 1.0, -1.0)
    quarter = (cells.number() + 0.37 * right + 0.21 * low) % 1  # a number for each roof
    x, y = cells.across - right * half / 2, cells.down - low * half / 2
    wide = half / 2 - street / 2 - 0.012
    garden = quarter < 0.16
    narrow, short = (wide * (1 - 0.2 * ((quarter * k) % 1)) for k in (7, 13))
    inside = torch.minimum(narrow - x.abs(), short - y.abs())
    tall = 0.012 + 0.028 * ((quarter * 5) % 1)
    shadow = torch.minimum(wide - (x + tall * light[0]).abs(), wide - (y + tall * light[1]).abs())
    shade(c, c.soft(torch.where(garden, -1.0, shadow)), 0.45)
    roof = c.lit(palette((quarter * 3) % 1, ROOFS))
    ridge = torch.where((quarter * 11) % 1 < 0.5, x * light[0], y * light[1]).sign() * ((quarter * 3) % 1 < 0.6)
    c.cover(c.soft(torch.where(garden, -1.0, inside)), roof * (0.96 + 0.13 * ridge), 0.45 + 2 * tall)
    flat = ((quarter * 3) % 1 >= 0.6) & ~garden
    edge = c.soft(inside) * (1 - c.soft(inside - 0.012)) * flat
    c.cover(edge, roof * 0.82, 0.45 + 2 * tall)
    box = torch.minimum(0.016 - (x - 0.02).abs(), 0.012 - (y + 0.015).abs())
    c.cover(c.soft(box) * flat, c.lit((0.52, 0.54, 0.58)), 0.5)
    c.cover(c.soft(inside) * garden, c.lit((0.34, 0.58, 0.24)) * (0.8 + 0.4 * c.noise(14, 2)), 0.45)
    for _ in range(2):
        trees = Cells(c, 0.07, 0.085, loose=0.3)
        round_ = disc(trees, 0.026 + 0.006 * trees.number(), light)
        green = c.lit(palette(trees.number(), ((0.18, 0.46, 0.16), (0.28, 0.56, 0.20))))
        side = trees.toward(light) * 9
        c.cover(c.soft(round_) * garden * (inside > 0), green * (1 + side), 0.48)
    if c.dark:
        lamps = torch.exp(-((half - cells.across.abs()) ** 2 + ((cells.down / 0.1) % 1 * 0.1 - 0.05) ** 2) / 0.0006)
        c.image.add_(c.tint((0.85, 0.66, 0.30), 0.03) * lamps)
        c.image.lerp_(c.tint((1.0, 0.86, 0.46), 0.03).expand_as(c.image), c.soft(box) * flat * (quarter % 0.1 < 0.06))
