"""The built places among the procedural scenes: towns, walls, rooms. The same rules hold as in scenes.py."""

from __future__ import annotations

import torch
from torch import Tensor

from bundled_training.render.layers import Canvas, Colour, Lots, palette
from bundled_training.render.noise import mix
from bundled_training.render.sky import sky, water

LAMP = (1.0, 0.82, 0.36)
SNOW = (0.94, 0.96, 1.0)


def panes(canvas: Canvas, glass: Colour = (0.30, 0.42, 0.56)) -> Tensor:
    """The color of a window: lamplight when it is dark outside."""
    return canvas.tint(LAMP, 0.03) if canvas.dark else canvas.lit(glass)


def city(canvas: Canvas) -> None:
    c = canvas
    sky(c, 0.17)
    for k in range(3):
        lots = Lots(c, 0.13 + 0.05 * k, 0.17 + 0.05 * k)
        top = 0.32 + 0.15 * k + (lots.number() - 0.5) * 0.3
        body = lots.band(0.5, 0.5 if k == 0 else 0.46)
        hues = ((0.42, 0.54, 0.74), (0.66, 0.58, 0.56), (0.50, 0.66, 0.74), (0.78, 0.70, 0.58), (0.36, 0.42, 0.58))
        colour = c.lit(palette(lots.number(), hues), 0.45 - 0.2 * k) * (1.08 - 0.16 * (lots.place > 0.72).float())
        spire = lots.band(0.5, 0.05) * c.under(top - 0.1) * (lots.number() < 0.35)
        near = 0.2 + 0.17 * k
        c.cover(torch.maximum(body * c.under(top), spire), colour, near)
        if k == 0:
            continue
        across, tall = (lots.place * 3.8 - 0.4).clamp(0, 3), 0.068 + 0.012 * k
        floor = (c.y - top) / tall
        inside = (0.26 - (across.frac() - 0.5).abs()) * lots.wide / 3.8
        glass = c.soft(torch.minimum(inside, (0.27 - (floor.frac() - 0.55).abs()) * tall)) * (floor > 0)
        code = floor.floor() * 7.13 + across.floor() * 3.7 + (lots.number() * 100).floor()
        on = (torch.sin(code * 12.9898) * 437.585).frac().abs() < (0.5 if c.dark else 1.0)
        pane = panes(c, (0.24, 0.36, 0.54)) if c.dark else c.lit((0.26, 0.38, 0.56), 0.35 - 0.15 * k)
        c.cover(glass * on * body * 0.95, pane, near)
    c.land(0.95, c.lit((0.34, 0.37, 0.42)), 0.7)


def house(
    canvas: Canvas,
    lots: Lots,
    ground: Tensor,
    tall: Tensor | float,
    pitch: float,
    roof: Tensor,
    wall: Tensor,
    near: float,
    on: Tensor | float = 1.0,
    half: float = 0.42,
) -> Tensor:
    """A gabled house on each lot, its front to us; the eaves' height (B, 1, 1, W)."""
    c = canvas
    eaves = ground - tall
    aside = lots.aside().abs()
    gable = eaves - (half * lots.wide - aside) * pitch
    c.cover(on * lots.band(0.5, half) * c.under(gable) * (1 - c.under(ground)), wall, near)
    shingle = c.between(gable - 0.035 - 0.1 * lots.wide, gable + 0.02) * lots.band(0.5, half + 0.06)
    c.cover(on * shingle, roof, near)
    return eaves


def village(canvas: Canvas) -> None:
    c = canvas
    sky(c, 0.16)
    for k in range(2):
        line, relief = c.line(0.36 + 0.12 * k, 0.14 - 0.04 * k, 1.0 + 0.3 * k, sharp=True), c.relief()
        rock = mix(
            c.lit((0.40, 0.46, 0.58), 0.3 - 0.1 * k),
            c.lit(SNOW, 0.1),
            ((0.16 - (c.y - line) + relief * 0.2) * 18).clamp(0, 1),
        )
        c.land(line, rock * (1 + relief * 0.6), 0.1 + 0.12 * k)
    for k in range(3):
        wide = 0.2 + 0.07 * k
        lots = Lots(c, wide, wide * 1.25)
        drift = c.line(0.6 + 0.14 * k, 0.02, 0.7, 2)
        near = 0.35 + 0.14 * k
        c.land(drift, c.lit(SNOW, 0, 0.02) * (0.9 + 0.12 * c.noise(5, 2, stretch=2)), near)
        ground = 0.65 + 0.15 * k + (lots.number() - 0.5) * 0.06
        walls = ((0.60, 0.36, 0.20), (0.84, 0.66, 0.42), (0.72, 0.30, 0.20), (0.48, 0.28, 0.18))
        on = (lots.number() < 0.72).float()
        eaves = house(
            c,
            lots,
            ground,
            wide * 0.36,
            0.85,
            c.lit((0.74, 0.84, 0.98), 0, 0.02),
            c.lit(palette(lots.number(), walls)),
            near,
            on,
            0.34,
        )
        window = torch.maximum(lots.band(0.34, 0.075), lots.band(0.66, 0.075)) * c.between(
            eaves + wide * 0.03, eaves + wide * 0.2
        )
        c.cover(on * window, c.tint(LAMP, 0.03), near)
        c.land(
            torch.maximum(ground, ground.mean(3, keepdim=True)),
            c.lit(SNOW, 0, 0.02) * (0.9 + 0.12 * c.noise(5, 2, stretch=2)),
            near,
        )


def coast(canvas: Canvas) -> None:
    c = canvas
    sky(c, 0.13)
    horizon = c.each(0.28, 0.34)
    c.land(horizon, water(c, horizon, (0.02, 0.38, 0.68), (0.16, 0.62, 0.84)), 0.12, 0.8)
    hill = c.line(0.36, 0.13, 0.55, 3, 0.4)
    c.land(hill, c.lit((0.36, 0.52, 0.24)) * (0.75 + 0.5 * c.noise(8, 3)), 0.3)
    walls = (
        (0.99, 0.88, 0.60),
        (0.95, 0.52, 0.40),
        (0.98, 0.97, 0.92),
        (0.99, 0.72, 0.34),
        (0.92, 0.60, 0.66),
        (0.60, 0.76, 0.88),
    )
    for k in range(4):
        wide = 0.1 + 0.018 * k
        lots = Lots(c, wide, wide * 1.2)
        top = hill * (1 - k / 5) + 0.68 * k / 5 + 0.08 + (lots.number() - 0.5) * 0.05
        on, wall = lots.band(0.5, 0.45) * (lots.number() < 0.8), c.lit(palette(lots.number(), walls))
        bottom, near = top + 0.12 + 0.01 * k, 0.35 + 0.06 * k
        c.cover(on * c.between(top, bottom), wall * (1.05 - 0.2 * (lots.place > 0.65).float()), near)
        c.cover(on * c.between(top - 0.022, top), c.lit((0.80, 0.42, 0.26)), near)
        glass = torch.maximum(lots.band(0.3, 0.09), lots.band(0.7, 0.09)) * c.between(top + 0.025, top + 0.06)
        c.cover(on * glass, panes(c, (0.28, 0.40, 0.48)), near)
    shore = c.line(0.84, 0.015, 0.7, 2)
    c.land(shore - 0.03, c.lit((0.95, 0.86, 0.66)), 0.6)
    sun, c.sun_x = c.sun_x, None
    c.land(shore, water(c, 0.7, (0.02, 0.52, 0.70), (0.20, 0.78, 0.84)), 0.62, 0.9)
    c.sun_x = sun
    c.cover(c.between(shore, shore + 0.02), c.lit((0.95, 1.0, 1.0)), 0.62)


def cobbles(canvas: Canvas, top: Tensor | float, stone: Colour, near: float, wide: float = 0.09) -> None:
    """Rows of rounded stones from `top` down, larger towards us."""
    c = canvas
    down = (c.y - top).clamp(min=0)
    row = torch.sqrt(down * 0.7 + 0.02) / 0.055
    size = wide * (0.65 + 1.9 * down)
    mean = wide * (0.65 + 1.9 * ((row.floor() + 0.5) * 0.055) ** 2 / 0.7 - 0.03)  # one size for the whole row
    column = (c.x - c.width / c.height / 2) / mean.clamp(min=0.4 * wide) + row.floor() * 0.37 + c.each(0, 1)
    code = torch.sin(row.floor() * 12.9 + column.floor() * 78.2) * 437.5
    edge = torch.minimum((0.5 - (column.frac() % 1 - 0.5).abs()) * size, (0.5 - (row.frac() - 0.5).abs()) * size)
    bright = 0.62 + 0.38 * (edge * 45).clamp(0, 1) + 0.14 * (code.frac().abs() - 0.5)
    c.land(top, c.lit(stone) * bright, near, 0.9)


def medieval(canvas: Canvas) -> None:
    c = canvas
    sky(c, 0.13)
    towers = Lots(c, 0.5, 0.7)
    centre, half = 0.35 + 0.3 * towers.number(), 0.055
    aside = towers.aside(centre).abs()
    top = 0.24 + 0.06 * towers.number()
    stone = c.lit((0.68, 0.64, 0.58), 0.12) * (1.1 - 3.0 * (towers.aside(centre)).clamp(-0.07, 0.07))
    c.cover(c.soft(half - aside) * c.under(top), stone, 0.25)
    c.cover(c.soft((c.y - top + 0.2) * 0.36 - aside) * (1 - c.under(top)), c.lit((0.36, 0.42, 0.60), 0.08), 0.25)
    c.cover(c.soft(0.016 - aside) * c.between(top + 0.03, top + 0.09), panes(c, (0.2, 0.2, 0.26)), 0.25)
    far = Lots(c, 0.15, 0.19)
    roofs = ((0.74, 0.30, 0.20), (0.62, 0.26, 0.18), (0.80, 0.40, 0.24), (0.52, 0.28, 0.22))
    plaster = ((0.97, 0.91, 0.76), (0.95, 0.82, 0.60), (0.92, 0.70, 0.52), (0.98, 0.96, 0.90), (0.80, 0.86, 0.82))
    tops = 0.5 + 0.08 * (far.number() - 0.5)
    house(
        c,
        far,
        tops + 0.2,
        0.2,
        1.0,
        c.lit(palette(far.number(), roofs), 0.15),
        c.lit(palette(far.number(), plaster), 0.15),
        0.3,
        1,
        0.46,
    )
    lots = Lots(c, 0.27, 0.34)
    tall, ground = 0.3 + 0.1 * lots.number(), c.each(0.8, 0.84)
    roof, wall = c.lit(palette(lots.number(), roofs)), c.lit(palette(lots.number(), plaster))
    eaves = house(c, lots, ground, tall, 1.05, roof, wall, 0.42, 1.0, 0.46)
    beam = c.lit((0.34, 0.20, 0.12), 0, 0.03)
    story = tall * 0.5
    front = lots.band(0.5, 0.46) * c.between(eaves, ground)
    posts = lots.band(0.07, 0.035) + lots.band(0.93, 0.035) + lots.band(0.5, 0.035)
    beams = posts + c.between(eaves - 0.012, eaves + 0.012) + c.between(eaves + story - 0.012, eaves + story + 0.012)
    up = (eaves + story - c.y) / story * 0.2 * lots.wide
    braces = c.soft(0.011 - (lots.aside().abs() - up - 0.03 * lots.wide).abs()) * c.between(
        eaves + story * 0.5, eaves + story
    )
    c.cover(front * (beams + braces).clamp(0, 1), beam, 0.42)
    windows = (lots.band(0.285, 0.1) + lots.band(0.715, 0.1)) * c.between(eaves + story * 0.2, eaves + story * 0.72)
    attic = lots.band(0.5, 0.07) * c.between(eaves - 0.1, eaves - 0.04)
    c.cover((windows + attic).clamp(0, 1), panes(c, (0.30, 0.42, 0.52)), 0.42)
    left = (lots.number() < 0.5).float()
    door = mix(lots.band(0.27, 0.1), lots.band(0.73, 0.1), left) * c.between(eaves + story * 1.25, ground)
    shop = mix(lots.band(0.73, 0.13), lots.band(0.27, 0.13), left) * c.between(eaves + story * 1.3, ground - 0.04)
    doors = ((0.20, 0.42, 0.34), (0.55, 0.16, 0.12), (0.24, 0.34, 0.56), (0.42, 0.26, 0.14))
    c.cover(door, c.lit(palette(lots.number(), doors)), 0.42)
    c.cover(shop, panes(c, (0.34, 0.46, 0.54)), 0.42)
    cobbles(c, ground, (0.72, 0.67, 0.62), 0.45)


def teeth(canvas: Canvas, period: float) -> Tensor:
    """1 where a battlement stands, 0 in its gaps, (B, 1, 1, W)."""
    place = canvas.x / period + canvas.each(0, 1)
    return canvas.soft((0.29 - (place.frac() - 0.5).abs()) * period)


def wall(canvas: Canvas) -> None:
    c = canvas
    sky(c, 0.15)
    for k in range(4):
        smooth = c.line(0.4 + 0.145 * k, 0.11, 0.62 + 0.1 * k, 2, 0.3)
        rough = smooth - 0.02 + c.line(0, 0.03, 2.2, 3, sharp=True)
        green = ((0.44, 0.58, 0.58), (0.34, 0.56, 0.34), (0.26, 0.50, 0.20), (0.20, 0.44, 0.16))[k]
        line, near = (rough if k in (0, 3) else smooth), 0.15 + 0.15 * k
        if k in (1, 2):
            thick, tooth = (0.045, 0.036) if k == 1 else (0.085, 0.056)
            bricks = c.lit((0.93, 0.82, 0.62), 0.16 - 0.1 * (k - 1), 0.03)
            top = line - thick
            c.cover(c.under(top - 0.3 * thick * teeth(c, tooth)), bricks, near)
            c.cover(c.between(top + 0.28 * thick, top + 0.45 * thick), bricks * 0.78, near)
            lots = Lots(c, 0.55, 0.75)
            middle = 0.35 + 0.3 * lots.number()
            roof = top - 1.3 * thick
            aside, half = lots.aside(middle).abs(), thick * 0.85
            c.cover(c.soft(half - aside) * c.under(roof), bricks * (1.04 - lots.aside(middle) * 1.6), near)
            c.cover(
                c.soft(half * 1.2 - aside) * c.between(roof - 0.35 * thick * teeth(c, tooth * 0.8), roof + 0.25 * thick),
                bricks * 1.05,
                near,
            )
            door = c.soft(half * 0.26 - aside) * c.between(roof + 0.6 * thick, roof + 1.2 * thick)
            c.cover(door, panes(c, (0.30, 0.24, 0.20)), near)
        c.land(line, c.lit(green, 0.3 - 0.1 * k) * (1 + c.relief(6, 3) * 0.9), near)


def library(canvas: Canvas) -> None:
    c = canvas
    wood = c.tint((0.50, 0.30, 0.15), 0.04)
    c.image.copy_((wood * 0.42).expand_as(c.image))
    c.depth.add_(0.5)
    covers = (
        (0.75, 0.14, 0.14), (0.14, 0.30, 0.62), (0.12, 0.45, 0.25), (0.92, 0.72, 0.22), (0.48, 0.22, 0.50),
        (0.90, 0.85, 0.72), (0.86, 0.42, 0.14), (0.16, 0.52, 0.56), (0.36, 0.18, 0.12),
    )  # fmt: skip
    pitch, start = c.each(0.23, 0.28), c.each(-0.2, 0.0)
    upright = Lots(c, 0.8, 1.0)
    for k in range(6):
        shelf = start + pitch * (k + 1)
        books = Lots(c, 0.045, 0.06)
        top = shelf - pitch * (0.62 + 0.22 * books.number())
        spine = c.between(top, shelf - 0.03) * books.band(0.5, 0.46) * (books.number() < 0.94)
        c.cover(spine, palette(books.number(), covers) * (1.15 - 0.5 * (books.place - 0.35).abs()), 0.55)
        title = c.between(top + 0.05, top + 0.075) * books.band(0.5, 0.3) * (books.number() < 0.5)
        c.cover(title, c.tint((0.96, 0.86, 0.52)), 0.55)
        c.cover(c.between(shelf - 0.03, shelf + 0.008), wood * 1.15, 0.6)
    c.cover(upright.band(0.5, 0.03), wood * (1.2 - upright.aside() * 6), 0.62)


def theater(canvas: Canvas) -> None:
    c = canvas
    red, gold = c.tint((0.78, 0.07, 0.10), 0.04), c.tint((0.96, 0.76, 0.28), 0.03)
    stage, seats = c.each(0.56, 0.6), 0.72
    warp = c.line(0, 1.2, 0.7, 2)
    fold = torch.sin(c.x * c.each(50, 62) + warp + 0.6 * c.y)
    c.image.copy_(red * (0.72 + 0.38 * fold) * (1.1 - 0.5 * (c.y - 0.35).abs()))
    c.depth.add_(0.3)
    boards = c.tint((0.93, 0.70, 0.40), 0.03) * (1.05 - 1.2 * (c.y - stage).clamp(min=0))
    c.cover(c.between(stage - 0.022, stage), gold, 0.3)
    pools = 0.85 + 0.3 * c.noise(2, 1)
    c.land(stage, boards * pools, 0.34, 0.8)
    c.land(0.7, c.tint((0.42, 0.24, 0.12), 0.03), 0.5)
    swags = Lots(c, 0.34, 0.42)
    hem = 0.13 + 0.09 * (1 - (2 * swags.place - 1) ** 2)
    drape = torch.sin((c.y - hem) * 95) * 0.2
    c.cover(1 - c.under(hem), red * (0.95 + drape), 0.36)
    c.cover(c.between(hem - 0.012, hem + 0.016), gold, 0.36)
    for k in range(3):
        wide = 0.14 + 0.035 * k
        lots = Lots(c, wide, wide * 1.05)
        top = seats + 0.03 + 0.1 * k
        back = top + 0.05 * ((2 * lots.place - 1).abs() ** 4)
        shade = 1.0 - 2.0 * (c.y - back).clamp(0, 0.3)
        c.cover(c.under(top + 0.045), c.tint((0.16, 0.03, 0.06), 0.01), 0.55 + 0.1 * k)
        c.cover(c.under(back) * lots.band(0.5, 0.44), c.tint((0.66, 0.08, 0.13), 0.02) * shade, 0.57 + 0.1 * k)
        c.cover(c.between(back, back + 0.015) * lots.band(0.5, 0.44), c.tint((0.92, 0.34, 0.34), 0.02), 0.57 + 0.1 * k)


def road(canvas: Canvas) -> None:
    c = canvas
    sky(c, 0.24)
    edge, top = c.each(0.46, 0.54), c.each(0.66, 0.7)
    c.land(c.line(edge - 0.05, 0.07, 1.0, 3, sharp=True), c.lit((0.62, 0.46, 0.56), 0.25) * (1 + c.relief() * 0.6), 0.15)
    c.land(edge, c.lit((0.93, 0.74, 0.44)) * (0.88 + 0.24 * c.noise(6, 3, stretch=4)), 0.25, 0.5)
    shrubs = ((c.noise(14, 2, stretch=1.6) - 0.62) * 9).clamp(0, 1) * c.between(edge + 0.02, top - 0.02)
    c.cover(shrubs, c.lit((0.42, 0.54, 0.24)), 0.3)
    lots = Lots(c, 0.5, 0.6)
    pole = lots.band(0.5, 0.014) + c.soft(0.07 - lots.aside().abs()) * c.between(top - 0.3, top - 0.28)
    c.cover(pole.clamp(0, 1) * c.between(top - 0.34, top), c.lit((0.40, 0.28, 0.20)), 0.42)
    bottom = top + 0.24
    c.land(top, c.lit((0.36, 0.37, 0.42), 0, 0.02) * (0.94 + 0.12 * c.noise(5, 2, stretch=5)), 0.45, 0.9)
    for place in (top + 0.018, bottom - 0.026):
        c.cover(c.between(place - 0.008, place + 0.008), c.lit((0.96, 0.96, 0.94), 0, 0.02), 0.5)
    dash = Lots(c, 0.28, 0.34)
    c.cover(dash.band(0.5, 0.29) * c.between(top + 0.1, top + 0.128), c.lit((1.0, 0.80, 0.12), 0, 0.03), 0.56)
    c.land(bottom, c.lit((0.88, 0.68, 0.40)) * (0.85 + 0.3 * c.noise(9, 2, stretch=2)), 0.7)


def pool(canvas: Canvas) -> None:
    c = canvas
    sky(c, 0.1)
    top, deck = c.each(0.17, 0.22), c.each(0.56, 0.6)
    c.land(top, c.lit((0.98, 0.97, 0.93), 0, 0.02) * (1.0 - 0.12 * ((c.y - top) * 3).clamp(0, 1)), 0.35, 0.0)
    lots = Lots(c, 0.5, 0.62)
    sill = c.between(top + 0.1, top + 0.27)
    c.cover(lots.band(0.5, 0.17) * sill, c.lit((0.20, 0.48, 0.78)), 0.36)
    c.cover(lots.band(0.5, 0.085) * c.between(top + 0.115, top + 0.26), panes(c, (0.40, 0.56, 0.66)), 0.36)
    reach = 0.05 + 0.34 * (c.line(0.5, 0.5, 1.3, 3, 0.5)).clamp(0, 1) ** 2
    hang = (reach - (c.y - top)) * 4 + (c.noise(9, 2) - 0.5) * 1.4
    leaves = mix(c.lit((0.12, 0.40, 0.14)), c.lit((0.40, 0.70, 0.24)), c.noise(16, 2))
    c.cover((hang * 5).clamp(0, 1) * c.under(top + 0.02), leaves, 0.38)
    c.cover(c.between(top - 0.03, top + 0.015), c.lit((0.86, 0.46, 0.28)), 0.36)
    c.land(deck, c.lit((0.93, 0.84, 0.70)), 0.42, 0.6)
    slab = ((c.x / 0.13 + c.each(0, 1)).frac() - 0.5).abs()
    c.cover(c.soft((slab - 0.45) * 0.13) * c.under(deck + 0.01), c.lit((0.78, 0.66, 0.52)), 0.44)
    edge = deck + 0.085
    c.land(edge - 0.018, c.lit((0.99, 0.98, 0.95), 0, 0.01), 0.48)
    c.land(edge, c.lit((0.06, 0.52, 0.66)), 0.48, 0.8)
    tile = ((c.x / 0.06 + c.each(0, 1)).frac() - 0.5).abs()
    c.cover(c.soft((0.36 - tile) * 0.06) * c.between(edge + 0.008, edge + 0.045), c.lit((0.16, 0.40, 0.78)), 0.48)
    surface = edge + 0.055
    down = (c.y - surface).clamp(min=0)
    turquoise = mix(c.lit((0.20, 0.84, 0.86)), c.lit((0.04, 0.62, 0.80)), (down * 2.6).clamp(0, 1))
    net = (c.noise(7, 2, stretch=2) - 0.5).abs()
    light = ((0.07 - net) * 14).clamp(0, 1) * 0.35
    c.land(surface, mix(turquoise, c.lit((0.85, 1.0, 0.98), 0, 0.0), light), 0.52, 0.8)


def classroom(canvas: Canvas) -> None:
    c = canvas
    c.image.copy_(c.tint((0.97, 0.88, 0.68), 0.03).expand_as(c.image))
    c.depth.add_(0.25)
    lots = Lots(c, 1.5, 1.8)
    board = lots.band(0.5, 0.465)
    c.cover(board * c.between(0.09, 0.5), c.tint((0.60, 0.38, 0.18), 0.03), 0.26)
    c.cover(lots.band(0.5, 0.45) * c.between(0.115, 0.47), c.tint((0.10, 0.38, 0.27), 0.03), 0.26)
    words = Lots(c, 0.07, 0.1)
    for k in range(3):
        middle = 0.18 + 0.08 * k + 0.018 * torch.sin(c.x * 95 + c.each(0, 6))
        chalk = c.between(middle - 0.009, middle + 0.009) * (words.number() < 0.7) * words.band(0.5, 0.4)
        c.cover(chalk * lots.band(0.5, 0.42), c.tint((0.94, 0.97, 0.94), 0.02), 0.26)
    c.land(0.55, c.tint((0.82, 0.62, 0.40), 0.03), 0.3, 0.8)
    hair = ((0.20, 0.12, 0.08), (0.45, 0.26, 0.12), (0.90, 0.72, 0.32), (0.10, 0.09, 0.10), (0.70, 0.32, 0.14))
    shirts = (
        (0.88, 0.22, 0.22),
        (0.20, 0.42, 0.85),
        (0.98, 0.80, 0.22),
        (0.92, 0.92, 0.94),
        (0.30, 0.66, 0.36),
        (0.85, 0.45, 0.70),
    )
    for k in range(2):
        size = 1.0 + 0.55 * k
        seats, ground = Lots(c, 0.25 * size, 0.28 * size), 0.74 + 0.26 * k
        near = 0.45 + 0.22 * k
        c.cover(c.between(ground - 0.15 * size, ground - 0.115 * size), c.tint((0.86, 0.60, 0.32), 0.03), near)
        c.cover(c.between(ground - 0.115 * size, ground - 0.095 * size), c.tint((0.58, 0.36, 0.18), 0.03), near)
        centre = 0.5 + 0.1 * (seats.number() - 0.5)
        aside = seats.aside(centre).abs()
        here = (seats.number() < 0.92).float()
        head = ground - 0.225 * size
        shoulder = head + 0.055 * size + 3.2 / size * aside.square()
        body = c.soft(0.088 * size - aside) * c.under(shoulder) * (1 - c.under(ground + 0.05))
        c.cover(here * body, palette(seats.number(), shirts) * (1.06 - 1.2 * aside / size), near + 0.03)
        neck = c.soft(0.022 * size - aside) * c.between(head, shoulder + 0.008)
        c.cover(here * neck, c.tint((0.93, 0.72, 0.56), 0.04), near + 0.03)
        round_head = c.soft(0.052 * size - (aside.square() + (c.y - head).square() * 0.8).sqrt())
        c.cover(here * round_head, palette(seats.number(), hair), near + 0.03)


PLACES = (city, village, coast, medieval, wall, library, theater, road, pool, classroom)
