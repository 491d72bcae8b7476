"""Grounds that grow, seen from straight above: trees, grass, flowers, fields, leaves, corals."""

from __future__ import annotations

from math import pi

import torch
from torch import Tensor

from bundled_training.render.layers import Canvas, Cells, Colour, palette
from bundled_training.render.noise import mix
from bundled_training.render.overhead import along, direction, disc, ground, shade, soft, spindle, swell

LEAVES = ((0.16, 0.46, 0.15), (0.26, 0.56, 0.18), (0.38, 0.64, 0.22), (0.12, 0.38, 0.20))
FALL = ((0.93, 0.52, 0.10), (0.83, 0.25, 0.10), (0.97, 0.77, 0.16), (0.72, 0.40, 0.12))
FIRS = ((0.12, 0.42, 0.27), (0.18, 0.50, 0.25), (0.10, 0.37, 0.29))
BLADES = ((0.30, 0.62, 0.18), (0.40, 0.70, 0.22), (0.22, 0.54, 0.18), (0.50, 0.74, 0.26))
DAISIES = ((1.0, 0.99, 0.94), (1.0, 0.86, 0.20), (0.98, 0.55, 0.68), (1.0, 0.99, 0.94))
BLOOMS = (
    (0.92, 0.12, 0.22), (1.0, 0.45, 0.70), (1.0, 0.80, 0.12), (0.62, 0.28, 0.85), (0.98, 0.97, 0.95), (1.0, 0.50, 0.10),
)  # fmt: skip
EARS = ((0.98, 0.82, 0.40), (0.92, 0.70, 0.26), (1.0, 0.88, 0.52))
PURPLES = ((0.56, 0.34, 0.84), (0.66, 0.44, 0.92), (0.48, 0.28, 0.74), (0.74, 0.56, 0.95))
CORALS = (
    (0.95, 0.40, 0.50), (1.0, 0.62, 0.25), (0.72, 0.35, 0.80), (0.98, 0.80, 0.35), (0.30, 0.75, 0.60), (0.90, 0.45, 0.70),
)  # fmt: skip
FISHES = ((1.0, 0.62, 0.12), (1.0, 0.86, 0.20), (0.95, 0.95, 1.0), (0.20, 0.40, 0.95))


def canopy(canvas: Canvas, leaves: tuple[Colour, ...], floor: Colour) -> None:
    """Round crowns of trees, one over the other, with soft shadows."""
    c, light = canvas, direction(canvas)
    ground(c, c.lit(floor) * (0.6 + 0.4 * c.noise(9, 2)), 0.4)
    for k, wide in enumerate((0.34, 0.30, 0.37, 0.28, 0.33, 0.30)):
        cells = Cells(c, wide * 0.85, wide * 1.15)
        angle = cells.angle
        radius = cells.wide * (0.29 + 0.07 * cells.number())
        ragged = 0.05 * torch.sin(7 * angle + 6.3 * cells.number()) + 0.25 * (c.noise(17, 1) - 0.5)
        here = (cells.number() < 0.9).float()
        shade(c, here * soft(disc(cells, radius, light, 0.03), 0.04), 0.6)
        inside = disc(cells, radius * (1 + ragged), light)
        side = cells.toward(light) / radius
        rim = (1 - (inside / radius).clamp(0, 1)) ** 2
        bright = 1.02 + 0.32 * side - 0.2 * rim + (c.noise(17, 2) - 0.5) * 0.75 + 0.05 * (k - 3)
        colour = c.lit(palette(cells.number(), leaves) + c.tint((0, 0, 0), 0.03))
        c.cover(here * c.soft(inside), colour * bright.clamp(min=0.35), 0.5 + 0.02 * k)


def forest(canvas: Canvas) -> None:
    canopy(canvas, LEAVES, (0.09, 0.25, 0.10))


def autumn(canvas: Canvas) -> None:
    canopy(canvas, FALL, (0.34, 0.19, 0.08))


def pines(canvas: Canvas) -> None:
    """Firs: tiers of pointed branches around a tip."""
    c, light = canvas, direction(canvas)
    ground(c, c.lit((0.16, 0.27, 0.13)) * (0.7 + 0.5 * c.noise(9, 2)), 0.4)
    for wide in (0.30, 0.34, 0.27, 0.36, 0.31):
        cells = Cells(c, wide * 0.85, wide * 1.15)
        colour = c.lit(palette(cells.number(), FIRS))
        angle, turn = cells.angle, 6.3 * cells.number()
        size = cells.wide * (0.33 + 0.06 * cells.number())
        side = cells.toward(light) / size
        here = (cells.number() < 0.9).float()
        shade(c, here * soft(disc(cells, size * 0.8, light, 0.03), 0.05), 0.6)
        for tier in range(4):
            radius = size * (1 - 0.24 * tier)
            spikes = (torch.cos((13 - tier) * angle + turn + tier) * 0.5 + 0.5) * 0.34
            inside = radius * (1 - spikes) - cells.radius
            bright = 0.72 + 0.22 * tier + 0.3 * side - 0.25 * (inside / radius).clamp(0, 1)
            c.cover(here * c.soft(inside), colour * bright, 0.5 + 0.03 * tier)


def tufts(canvas: Canvas, wide: float, hues: tuple[Colour, ...], near: float, bright: float) -> None:
    """Tufts of grass: blades that run from the middle of each to all sides."""
    c, blades = canvas, 13
    cells = Cells(c, wide * 0.85, wide * 1.15)
    radius = cells.radius
    turn = cells.angle / (2 * pi) + (cells.number() - 0.5) * 2.2 * radius + cells.number()
    part = (turn * blades).floor() % blades
    long = cells.wide * (0.34 + 0.12 * torch.sin(part * 2.4 + 20 * cells.number()))
    aside = ((turn * blades) % 1 - 0.5).abs() * 2 * pi / blades * radius
    inside = 0.075 * wide * (1 - radius / long).clamp(min=0) ** 0.7 - aside
    colour = c.lit(palette(cells.number(), hues)) * (bright * (0.5 + 0.75 * radius / long) + 0.05 * torch.sin(part * 5.1))
    c.cover(c.soft(inside) * (radius < long), colour, near)


def grass(canvas: Canvas) -> None:
    """Bent blades that lie every way, over tufts."""
    c, wind = canvas, canvas.each(0, 2 * pi)
    ground(c, c.lit((0.18, 0.42, 0.13)) * (0.7 + 0.5 * c.noise(8, 3)))
    for k in range(3):
        tufts(c, (0.24, 0.30, 0.27)[k], BLADES, 0.5, 0.75 + 0.05 * k)
    for k in range(12):
        cells = Cells(c, 0.12, 0.16, loose=0.3)
        up, aside = cells.turned(wind + (cells.number() - 0.5) * 4.5)
        half = 0.062 + 0.01 * cells.number()
        place = (up / half).clamp(-1, 1)
        aside = aside + (cells.number() - 0.5) * 0.03 * place**2
        inside = 0.0085 * (1 - place) ** 0.5 - aside.abs() - (up.abs() > half) * 1.0
        colour = c.lit(palette(cells.number(), BLADES)) * (0.82 + 0.025 * k + 0.16 * place - 10 * aside)
        c.cover(c.soft(inside), colour, 0.5 + 0.008 * k)


def bloom(cells: Cells, size: float | Tensor, petals: int, hues: tuple[Colour, ...], share: float, near: float) -> None:
    """A flower in a share of the cells: petals around a yellow heart."""
    c, kind = cells.canvas, cells.number()
    radius, angle = cells.radius, cells.angle + 6.3 * cells.number()
    edge = size * (0.78 + 0.22 * torch.cos(petals * angle))
    here = (cells.number() < share).float()
    shade(c, here * soft(size * 1.05 - radius, 0.03), 0.35)
    bright = 0.72 + 0.34 * (radius / size).clamp(0, 1) + 0.07 * torch.cos(petals * angle)
    c.cover(here * c.soft(edge - radius), c.lit(palette(kind, hues)) * bright, near)
    c.cover(here * c.soft(size * 0.3 - radius), c.lit((0.98, 0.78, 0.15)), near)


def meadow(canvas: Canvas) -> None:
    grass(canvas)
    for petals, wide in ((11, 0.20), (5, 0.24), (8, 0.27)):
        bloom(Cells(canvas, wide, wide * 1.2, loose=0.5), 0.04, petals, DAISIES, 0.45, 0.62)


def flowers(canvas: Canvas) -> None:
    c = canvas
    ground(c, c.lit((0.14, 0.40, 0.13)) * (0.7 + 0.5 * c.noise(8, 3)))
    for k in range(3):
        tufts(c, 0.27, BLADES, 0.5, 0.7 + 0.1 * k)
    for k, petals in enumerate((5, 8, 5, 6, 5)):
        wide = 0.2 + 0.025 * k
        bloom(Cells(c, wide * 0.9, wide * 1.1, loose=0.3), wide * 0.33, petals, BLOOMS, 0.75, 0.55 + 0.03 * k)


def wheat(canvas: Canvas) -> None:
    """Ears that lean as the wind blows, over straw."""
    c, wind = canvas, canvas.each(0, 2 * pi)
    ground(c, mix(c.lit((0.54, 0.37, 0.12)), c.lit((0.76, 0.56, 0.19)), c.noise(12, 2)))
    for k in range(7):
        cells = Cells(c, 0.15, 0.18, loose=0.3)
        up, aside = cells.turned(wind + (cells.number() - 0.5) * 1.3)
        up, half, bright = up + 0.012, 0.05 + 0.01 * cells.number(), 0.74 + 0.045 * k
        straw = c.soft(0.006 - aside.abs()) * (up < half) * (up > -0.5 * cells.wide)
        c.cover(straw, c.lit((0.90, 0.70, 0.30)) * bright, 0.5 + 0.01 * k)
        shade(c, soft(spindle(up, aside + 0.008, half, 0.0165, 0.3), 0.016), 0.35)
        grains = torch.sin(up * 2 * pi / 0.0235 - aside.abs() * 130)
        gold = c.lit(palette(cells.number(), EARS))
        c.cover(c.soft(spindle(up, aside, half, 0.0165, 0.3)), gold * (bright + 0.13 * grains), 0.5 + 0.02 * k)
    c.image.mul_(0.88 + 0.26 * c.noise(3, 2))


def lavender(canvas: Canvas) -> None:
    """Rows of bushes, their blossoms on stalks to both sides."""
    c, turn = canvas, canvas.each(0, 2 * pi)
    aside = (along(c, turn) / c.each(0.26, 0.34) + c.each(0, 1)) % 1 - 0.5
    bush = 0.35 - aside.abs() + (c.noise(8, 2) - 0.5) * 0.1
    ground(c, c.lit((0.70, 0.56, 0.38)) * (0.75 + 0.5 * c.noise(14, 2)), 0.45)
    shade(c, ((bush + 0.05) * 9).clamp(0, 1), 0.4)
    c.cover(((bush + 0.02) * 24).clamp(0, 1), c.lit((0.34, 0.50, 0.26)) * (0.7 + 0.6 * c.noise(17, 1)), 0.5)
    for k in range(7):
        cells = Cells(c, 0.085, 0.1, loose=0.4)
        out = turn + torch.where(aside > 0, 0.0, pi) + (cells.number() - 0.5) * 2.4
        up, over = cells.turned(out)
        inside = spindle(up, over, 0.036, 0.0125, 0.3)
        there = (bush + 0.03 > 0.012 * k).float()
        knobs = 0.07 * torch.sin(up * 2 * pi / 0.0235)
        bright = 0.62 + 0.06 * k + 0.6 * bush.clamp(0, 0.3) + knobs
        c.cover(c.soft(inside) * there, c.lit(palette(cells.number(), PURPLES)) * bright, 0.52 + 0.01 * k)


def leaf(cells: Cells, size: float) -> tuple[Tensor, Tensor, Tensor]:
    """How far inside a leaf, where up its middle rib and how far from that, in heights."""
    up, aside = cells.turned(6.3 * cells.number())
    aside = aside + 0.8 * (cells.number() - 0.5) * up**2 / size
    place = (up / size).clamp(-1, 1)
    return size * 0.5 * (1 - place**2) * (1 - 0.25 * place) - aside.abs() - (up.abs() > size) * 1.0, up, aside


def leaves(canvas: Canvas) -> None:
    c, light = canvas, direction(canvas)
    ground(c, c.lit((0.30, 0.18, 0.08)) * (0.7 + 0.5 * c.noise(10, 2)))
    for k in range(9):
        wide = (0.24, 0.20, 0.27)[k % 3]
        cells = Cells(c, wide * 0.9, wide * 1.1)
        maple, size = (cells.number() < 0.4).float(), wide * 0.40
        plain, up, aside = leaf(cells, size)
        angle, radius = torch.atan2(aside, up), (up**2 + aside**2).sqrt()
        lobes = size * (0.50 + 0.42 * (1 - torch.sin(2.5 * angle).abs())) * (0.92 + 0.14 * torch.cos(angle))
        inside = torch.where(maple > 0.5, lobes - radius, plain)
        shade(c, soft(inside + 0.006, 0.03), 0.5)
        ribs = torch.where(maple > 0.5, radius * torch.sin(2.5 * angle).abs() * 0.5, aside.abs())
        rib = c.soft(0.006 - ribs) * 0.35
        side = cells.toward(light) / size
        colour = c.lit(palette(cells.number(), FALL) + c.tint((0, 0, 0), 0.03))
        c.cover(c.soft(inside), colour * (0.82 + 0.03 * k + 0.12 * side + 0.2 * (c.noise(9, 2) - 0.5) + rib), 0.5 + 0.01 * k)


def reef(canvas: Canvas) -> None:
    """Corals on sand under shallow water, and fishes over them."""
    c, light = canvas, direction(canvas)
    low = (0.5 + 0.25 * swell(c, 0.5, 1.2, 6)).clamp(0, 1)
    ground(c, mix(c.tint((0.62, 0.86, 0.80)), c.tint((0.10, 0.52, 0.66)), low), 0.4)
    for k, wide in enumerate((0.3, 0.24, 0.34, 0.27)):
        if k % 2:
            tufts(c, wide * 0.9, CORALS, 0.45 + 0.03 * k, 1.1 + 0.05 * k)
        cells = Cells(c, wide * 0.9, wide * 1.1)
        radius = cells.wide * (0.2 + 0.1 * cells.number())
        angle, here = cells.angle, (cells.number() < 0.5).float()
        inside = disc(cells, radius * (1 + 0.08 * torch.sin(6 * angle + 6 * cells.number())), light)
        shade(c, here * soft(disc(cells, radius, light, 0.02), 0.05), 0.5)
        folds = torch.sin(inside * 2 * pi / 0.03 + (c.noise(9, 2) - 0.5) * 14)
        side = cells.toward(light) / radius
        colour = palette(cells.number(), CORALS) + c.tint((0, 0, 0), 0.04)
        c.cover(here * c.soft(inside), colour * (0.86 + 0.2 * side + 0.12 * folds), 0.48 + 0.03 * k)
    c.image.lerp_(c.tint((0.06, 0.46, 0.72)).expand_as(c.image), 0.08 + 0.2 * c.noise(3, 2))
    cells = Cells(c, 0.2, 0.26, loose=0.4)
    x, y = cells.turned(6.3 * cells.number())
    fish = torch.maximum(spindle(x, y, 0.05, 0.019), torch.minimum((x - 0.038) * 0.8 - y.abs(), 0.068 - x))
    here = (cells.number() < 0.35).float()
    shade(c, here * soft(fish + 0.008, 0.03), 0.3)
    stripe = 1 - 0.35 * (torch.sin(x * 2 * pi / 0.042) > 0.5).float()
    c.cover(here * c.soft(fish), palette(cells.number(), FISHES) * stripe, 0.62)
    net = swell(c, 0.2, 0.4, 9).abs()
    c.image.lerp_(torch.ones_like(c.image), ((0.22 - net) * 1.2).clamp(0, 0.22))
