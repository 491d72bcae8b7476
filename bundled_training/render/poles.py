"""What lies straight below and straight above: grounds seen from overhead, and the sky without a horizon.

All look the same wherever they are cut, in x and in y, and have no up: rows, wind and light come at any angle.
"""

from __future__ import annotations

from math import pi

import torch

from bundled_training.render import grounds, plants
from bundled_training.render.layers import Canvas, Cells
from bundled_training.render.noise import mix
from bundled_training.render.overhead import along, swell
from bundled_training.render.scenes import Painter, painter

# how much of the horizon's color is overhead, and the color of clouds where they are thin and where they are thick
HAZE = {"day": 0.12, "sunset": 0.35, "sunrise": 0.4, "night": 0.1, "mist": 0.5}
THIN = {"sunset": (1.0, 0.74, 0.62), "sunrise": (1.0, 0.90, 0.86), "night": (0.30, 0.38, 0.60)}
THICK = {"sunset": (0.66, 0.46, 0.62), "sunrise": (0.84, 0.76, 0.84), "night": (0.20, 0.26, 0.48)}


def zenith(canvas: Canvas) -> None:
    """Paint the sky's own color, a little lighter to one side."""
    c = canvas
    haze = HAZE[c.time] + 0.35 * along(c, c.each(0, 2 * pi))
    c.image.copy_(mix(c.tint(c.light.zenith, 0.03), c.horizon, haze.clamp(0, 1)))


def stars(canvas: Canvas) -> None:
    """Stars around a band of fainter ones."""
    c = canvas
    zenith(c)
    c.image.mul_(c.each(0.4, 0.8))
    aside = along(c, c.each(0, 2 * pi)) + c.each(-0.4, 0.4) + 0.06 * swell(c, 0.3, 0.9, 6)
    milk = torch.exp(-((aside / 0.16) ** 2)) * (0.2 + 1.1 * (c.noise(6, 3, 0.6) - 0.15).clamp(0, 1))
    c.image.add_(c.tint((0.34, 0.32, 0.52), 0.04) * milk * c.each(0.3, 1.0))
    white = c.tint((1.0, 0.98, 0.94), 0.04).expand_as(c.image)
    for dots, share in ((46, 0.06), (46, 0.03), (30, 0.02)):
        c.image.lerp_(white, c.dots(dots, share) * c.each(0.6, 1.0))
    cells = Cells(c, 0.24, 0.32, loose=0.5)  # the brightest have four rays
    rays = (0.02 + 0.05 * cells.number()).sqrt() - cells.across.abs().sqrt() - cells.down.abs().sqrt()
    glow = torch.exp(-((cells.radius / 0.016) ** 2))
    c.image.lerp_(white, torch.maximum((rays * 14).clamp(0, 1), glow) * (cells.number() < 0.35))


def sky(canvas: Canvas) -> None:
    """Clouds from below, many or few, grayer where they are thick; at night with stars between them."""
    c = canvas
    night = c.time == "night"
    (stars if night else zenith)(c)
    thick = c.noise(4, 4, 0.55) + 0.1 * swell(c, 0.6, 1.4, 5) - c.each(0.46, 0.68)
    inner = (thick * 1.7 + 1.1 * (c.noise(7, 3, 0.6) - 0.5)).clamp(0, 1)
    puffs = mix(c.tint(THIN.get(c.time, (1.0, 1.0, 1.0)), 0.02), c.tint(THICK.get(c.time, (0.80, 0.85, 0.93)), 0.02), inner)
    c.image.lerp_(puffs.expand_as(c.image), (thick * 6.5 + 0.1).clamp(0, 1) ** 0.8 * (0.7 if night else 0.96))


GROUNDS = (
    plants.wheat, plants.meadow, plants.grass, plants.flowers, plants.lavender, plants.forest, plants.pines, plants.autumn,
    plants.leaves, plants.reef, grounds.beach, grounds.dunes, grounds.snow, grounds.ocean, grounds.lake, grounds.canyon,
    grounds.cobbles, grounds.city,
)  # fmt: skip
POLES: dict[str, Painter] = {f"overhead {paint.__name__}": painter(paint) for paint in GROUNDS}
POLES |= {"sky": painter(sky), "blue sky": painter(sky), "night sky": painter(stars)}
