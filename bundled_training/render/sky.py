"""Sky and water: the sun only where it is asked for, and its glitter below it."""

from __future__ import annotations

import torch
from torch import Tensor

from bundled_training.render.layers import Canvas, Colour
from bundled_training.render.noise import mix


def heaven(canvas: Canvas, clouds: bool = True) -> None:
    """The sky's gradient with clouds or, at night, stars."""
    c, y = canvas, canvas.y
    c.image.copy_(mix(c.tint(c.light.zenith, 0.03), c.horizon, (y / c.each(0.5, 0.75)).clamp(0, 1)))
    if c.time == "night":
        stars = c.dots(46, 0.014) * c.each(0.5, 0.8) * (1 - y * 1.2).clamp(min=0)
        c.image.lerp_(torch.ones_like(c.image), stars)
    elif clouds:
        share = (c.noise(3, 3, 0.5, stretch=2.2) - c.each(0.5, 0.72)) * 6
        white = {"sunset": (1.0, 0.74, 0.66), "sunrise": (1.0, 0.92, 0.9)}.get(c.time, (1.0, 1.0, 1.0))
        c.image.lerp_(c.tint(white, 0.02).expand_as(c.image), share.clamp(0, 0.85) * (1 - y * 0.8))


def sun(canvas: Canvas, low: float) -> None:
    """The sun (at night the moon) with its center no lower than `low`, where canvas.sun says so."""
    c, y = canvas, canvas.y
    radius = c.each(0.055, 0.08)
    top = 0.1 if c.time in ("day", "night") else max(0.1, low - 0.12)
    c.sun_x = c.each(0.12, max(0.13, c.width / c.height - 0.12))
    distance = ((c.x - c.sun_x) ** 2 + (y - c.each(top, max(low, top + 0.02))) ** 2).sqrt() - radius
    colour = c.tint((0.96, 0.96, 0.86) if c.time == "night" else (1.0, 0.94, 0.5), 0.03)
    glow = torch.exp(-distance.clamp(min=0) / 0.12) * (0.3 if c.time == "night" else 0.5)
    c.image.lerp_(colour.expand_as(c.image), torch.maximum(glow, c.soft(distance * -0.7)) * c.sun)


def sky(canvas: Canvas, low: float = 0.3, clouds: bool = True) -> None:
    """Heaven and sun."""
    heaven(canvas, clouds)
    sun(canvas, low)


def water(canvas: Canvas, top: Tensor | float, deep: Colour, shallow: Colour, waves: float = 0.5) -> Tensor:
    """The color (B, 3, H, W) of water from `top` down: small waves far away, long ones near."""
    c = canvas
    down = ((c.y - top) / (1 - top)).clamp(0, 1)
    low = c.time in ("sunset", "sunrise")  # water then takes the colors of the sky
    mirror = mix(c.horizon, c.tint(c.light.zenith), down.sqrt()) if low else c.horizon
    own = 0.2 + 0.45 * down.sqrt() if low else 0.5 + 0.45 * down.sqrt()
    base = mix(mirror, c.lit(mix(c.tint(shallow), c.tint(deep), down)), own)
    swell = mix(c.noise(18, 2, stretch=7), c.noise(7, 2, stretch=5), down)
    base = base * (1 + (swell - 0.5) * (0.2 + waves * down))
    if c.sun_x is None:
        return base
    shine = torch.exp(-(((c.x - c.sun_x) / (0.04 + 0.14 * down)) ** 2)) * ((swell - 0.42) * 5).clamp(0, 1)
    return mix(base, c.tint((1.0, 0.93, 0.72), 0.03), shine * c.sun * 0.75)
