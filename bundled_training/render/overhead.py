"""What all that is seen from straight above or below has in common: light and wind from any side, shadows, shapes."""

from __future__ import annotations

from math import pi

import torch
from torch import Tensor

from bundled_training.render.layers import Canvas, Cells, Direction


def direction(canvas: Canvas) -> Direction:
    """Where each picture's light comes from."""
    angle = canvas.each(0, 2 * pi)
    return angle.cos(), angle.sin()


def along(canvas: Canvas, turn: Tensor) -> Tensor:
    """How far each pixel is from the picture's middle toward an angle, in heights."""
    return (canvas.x - canvas.width / canvas.height / 2) * turn.cos() + (canvas.y - 0.5) * turn.sin()


def facing(canvas: Canvas, high: Tensor, light: Direction) -> Tensor:
    """How steeply a height map rises away from the light: positive where it is lit."""
    down, right = torch.gradient(high, dim=(2, 3))
    return -(right * light[0] + down * light[1]) * canvas.height


def swell(canvas: Canvas, low: float, high: float, count: int = 9, turn: Tensor | None = None, spread: float = pi) -> Tensor:
    """A height map (B, 1, H, W) of waves from `low` to `high` long: of deviation 1, from all sides or about one."""
    c, total = canvas, torch.zeros_like(canvas.depth)
    for _ in range(count):
        angle = c.each(-spread, spread) + (0 if turn is None else turn)
        total += torch.sin(2 * pi * (along(c, angle) / c.each(low, high) + c.each(0, 1)))
    return total * (2 / count) ** 0.5


def ground(canvas: Canvas, colour: Tensor, near: float = 0.5) -> None:
    """Fill the picture with the ground's color and its depth."""
    canvas.image.copy_(colour.expand_as(canvas.image))
    canvas.depth.fill_(near)


def shade(canvas: Canvas, mask: Tensor, dark: float = 0.5) -> None:
    """Darken the picture by `dark` where the mask is 1."""
    canvas.image.mul_(1 - dark * mask)


def disc(cells: Cells, radius: Tensor, light: Direction, away: float = 0.0) -> Tensor:
    """How far inside a round thing, moved away from the light."""
    return radius - ((cells.x + away * light[0]) ** 2 + (cells.y + away * light[1]) ** 2).sqrt()


def spindle(along: Tensor, aside: Tensor, half: Tensor | float, wide: float, taper: float = 0.0) -> Tensor:
    """How far inside an ellipse that is thinner, by `taper`, toward its tip."""
    place = (along / half).clamp(-1, 1)
    return wide * (1 - place**2).sqrt() * (1 - taper * place) - aside.abs() - (along.abs() > half) * 1.0


def soft(inside: Tensor, wide: float) -> Tensor:
    """1 inside, 0 outside, with an edge as wide as told."""
    return (inside / wide + 0.5).clamp(0, 1)
