"""What a scene is painted on: a batch of pictures covered layer by layer from far to near, and lots to build on."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import ceil, pi
from typing import NamedTuple

import torch
from torch import Tensor

from bundled_training.render.noise import Device, columns, each, enlarge, fbm, mix, ridge, rows, tint, under

Colour = Sequence[float]
Direction = tuple[Tensor, Tensor]  # x and y of a direction of length 1 for each picture


class Light(NamedTuple):
    """A time of the day: the sky's colors, what the light does to a color, how soon the distance fades."""

    zenith: Colour
    horizon: Colour
    tone: Colour
    lift: Colour
    fog: float


LIGHTS = {
    "day": Light((0.22, 0.53, 0.95), (0.74, 0.90, 1.0), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), 0.0),
    "sunset": Light((0.40, 0.28, 0.64), (1.0, 0.60, 0.28), (0.98, 0.70, 0.58), (0.03, 0.0, 0.03), 0.0),
    "sunrise": Light((0.45, 0.66, 0.96), (1.0, 0.80, 0.64), (1.0, 0.88, 0.82), (0.03, 0.01, 0.02), 0.05),
    "night": Light((0.05, 0.09, 0.33), (0.22, 0.34, 0.66), (0.38, 0.49, 0.78), (0.02, 0.06, 0.15), 0.0),
    "mist": Light((0.70, 0.81, 0.91), (0.90, 0.94, 0.97), (0.92, 0.96, 1.0), (0.04, 0.05, 0.06), 0.22),
}
TIMES = tuple(LIGHTS)


@cache
def _palette(colours: tuple[tuple[float, ...], ...], device: Device) -> Tensor:
    return torch.tensor(colours, device=device)


def palette(number: Tensor, colours: Sequence[Colour]) -> Tensor:
    """The color that each number (B, 1, h, w) in [0, 1) picks, (B, 3, h, w)."""
    table = _palette(tuple(map(tuple, colours)), number.device)
    return table[(number[:, 0] * len(colours)).long()].permute(0, 3, 1, 2)


class Canvas:
    """Pictures in the making: image (B, 3, H, W) and depth (B, 1, H, W), 0 = infinitely far, 1 = at the lens."""

    def __init__(self, batch: int, height: int, width: int, device: Device, time: str, sun: Tensor):
        self.batch, self.height, self.width, self.device = batch, height, width, device
        self.time, self.light = time, LIGHTS[time]
        self.sun = sun.to(device).view(batch, 1, 1, 1).float()
        self.sun_x: Tensor | None = None  # set when the sky is painted: water below the sun glitters
        self.y, self.x = rows(height, device), columns(height, width, device)
        self.horizon = self.tint(self.light.horizon, 0.03)
        self.image = torch.zeros(batch, 3, height, width, device=device)
        self.depth = torch.zeros(batch, 1, height, width, device=device)

    @property
    def dark(self) -> bool:
        """Windows are lit."""
        return self.time in ("night", "sunset")

    def each(self, low: float, high: float) -> Tensor:
        return each(self.batch, low, high, self.device)

    def tint(self, colour: Colour, jitter: float = 0.05) -> Tensor:
        return tint(list(colour), self.batch, self.device, jitter)

    def lit(self, colour: Colour | Tensor, far: float = 0.0, jitter: float = 0.05) -> Tensor:
        """The color (B, 3, ...) in the light of the time, faded into the horizon as it is `far` (0 near, 1 gone)."""
        colour = colour if isinstance(colour, Tensor) else self.tint(colour, jitter)
        tone = _palette((tuple(self.light.tone), tuple(self.light.lift)), self.device).view(2, 1, 3, 1, 1)
        return mix(colour * tone[0] + tone[1], self.horizon, self.light.fog * min(1.0, far * 3) + (1 - self.light.fog) * far)

    def noise(self, cells: int = 4, octaves: int = 3, gain: float = 0.5, stretch: float = 1.0) -> Tensor:
        return fbm(
            self.batch, self.height, self.width, self.device, cells=cells, octaves=octaves, gain=gain, stretch=stretch
        )

    def relief(self, cells: int = 5, octaves: int = 3) -> Tensor:
        """Light and shadow of rough ground, (B, 1, H, W) around 0: a height map lit from the upper left."""
        step = max(1, self.height // 32)
        high = fbm(self.batch, self.height + step, self.width + step, self.device, cells=cells, octaves=octaves, gain=0.55)
        return (high[..., step:, step:] - high[..., :-step, :-step]) * 2

    def dots(self, cells: int, share: float) -> Tensor:
        """Soft dots (B, 1, H, W) in [0, 1] at a share of `cells` places a height."""
        across = max(2, round(cells * self.width / self.height))
        if self.height >= 256:
            return self._round_dots(cells, across, share)
        spots = torch.rand(self.batch, 1, cells, across, device=self.device)
        return (enlarge((spots < share).float() * (0.5 + spots / share), self.height, self.width) * 1.2).clamp(0, 1)

    def _round_dots(self, cells: int, across: int, share: float) -> Tensor:
        """Dots of different sizes, each somewhere in its place."""
        rows = ((torch.arange(self.height, device=self.device) + 0.5) / self.height * cells).view(1, -1, 1)
        columns = ((torch.arange(self.width, device=self.device) + 0.5) / self.width * across).view(1, 1, -1)
        y, x = rows.floor().long(), columns.floor().long()
        dice = torch.rand(4, self.batch, cells, across, device=self.device)
        there, big, down, right = dice[:, :, y[0], x[0]]
        radius = 0.2 + 0.2 * big**3
        far = ((rows - y - 0.34 - 0.32 * down) ** 2 + (columns - x - 0.34 - 0.32 * right) ** 2).sqrt()
        bright = (1.3 - far / radius).clamp(0, 1) * (0.55 + 0.45 * big)
        return (bright * (there < share))[:, None]

    def line(
        self, mean: Tensor | float, amplitude: Tensor | float, frequency: float = 1.2, octaves: int = 4,
        gain: float = 0.5, sharp: bool = False,
    ) -> Tensor:  # fmt: skip
        """A random skyline, (B, 1, 1, W)."""
        return ridge(
            self.batch, self.height, self.width, self.device, mean, amplitude,
            frequency=frequency, octaves=octaves, gain=gain, sharp=sharp,
        )  # fmt: skip

    def under(self, line: Tensor | float) -> Tensor:
        return under(line, self.height, self.device)

    def between(self, top: Tensor | float, bottom: Tensor | float) -> Tensor:
        """1 between two heights, with soft edges."""
        return self.under(top) * (1 - self.under(bottom))

    def soft(self, distance: Tensor) -> Tensor:
        """1 where the distance (in heights, positive inside) is inside, with an edge of one pixel."""
        return (distance * self.height + 0.5).clamp(0, 1)

    def cover(self, mask: Tensor, colour: Tensor, depth: Tensor | float) -> None:
        """Paint the color and the depth where the mask (B, 1, H, W) is 1."""
        self.image.lerp_(colour.expand_as(self.image), mask.expand(self.batch, 1, self.height, self.width))
        near = depth if isinstance(depth, Tensor) else self.depth.new_full((), depth)
        self.depth.lerp_(near.expand_as(self.depth), mask.expand_as(self.depth))

    def veil(self) -> None:
        """Mist over all that is far."""
        far = 0.75 * torch.exp(-self.depth * 3.2) * (0.45 + 0.55 * (self.depth * 20).clamp(0, 1))
        self.image.lerp_(self.horizon.expand_as(self.image), far)

    def land(self, line: Tensor | float, colour: Tensor, near: float, slope: float = 0.3) -> None:
        """Ground from a skyline down, nearer by `slope` a height."""
        self.cover(self.under(line), colour, (near + slope * (self.y - line)).clamp(0, 0.9))


class Lots:
    """The picture's width cut into lots: as wide as each picture draws it, in units of the height."""

    def __init__(self, canvas: Canvas, low: float, high: float):
        self.canvas, self.wide = canvas, canvas.each(low, high)
        place = canvas.x / self.wide + canvas.each(0, 1)
        self.index = place.floor().long()
        self.place = place - self.index
        self.kinds = ceil(canvas.width / canvas.height / low) + 2

    def number(self) -> Tensor:
        """A random number in [0, 1) for each lot, (B, 1, 1, W)."""
        canvas = self.canvas
        numbers = torch.rand(canvas.batch, self.kinds, device=canvas.device)
        return numbers.gather(1, self.index.view(canvas.batch, canvas.width)).view(canvas.batch, 1, 1, canvas.width)

    def aside(self, centre: Tensor | float = 0.5) -> Tensor:
        """How far to the right of a place of the lot, in heights, (B, 1, 1, W)."""
        return (self.place - centre) * self.wide

    def band(self, centre: Tensor | float, half: Tensor | float) -> Tensor:
        """1 within `half` a place of the lot (both in shares of it)."""
        return self.canvas.soft((half - (self.place - centre).abs()) * self.wide)


class Cells:
    """The picture cut into square cells in rows that run at an angle: places for what lies on a ground seen from above.

    x, y are where a pixel is from the middle of its cell's thing, in heights; across, down the same along the rows.
    """

    def __init__(self, canvas: Canvas, low: float, high: float, turn: Tensor | None = None, loose: float = 0.2):
        self.canvas, self.wide = canvas, canvas.each(low, high)
        turn = canvas.each(0, 2 * pi) if turn is None else turn
        cosine, sine = turn.cos(), turn.sin()
        down = (canvas.y * cosine - canvas.x * sine) / self.wide + canvas.each(0, 1)
        row = down.floor()
        across = (canvas.x * cosine + canvas.y * sine) / self.wide + canvas.each(0, 1) + 0.5 * (row % 2)
        column = across.floor()
        self.kinds = ceil((1 + canvas.width / canvas.height) / low) + 3
        self.index = ((row % self.kinds) * self.kinds + column % self.kinds).long().view(canvas.batch, -1)
        self.across = (across - column - 0.5 + loose * (self.number() - 0.5)) * self.wide
        self.down = (down - row - 0.5 + loose * (self.number() - 0.5)) * self.wide
        self.x = self.across * cosine - self.down * sine
        self.y = self.across * sine + self.down * cosine

    def number(self) -> Tensor:
        """A random number in [0, 1) for each cell, (B, 1, H, W)."""
        canvas = self.canvas
        numbers = torch.rand(canvas.batch, self.kinds**2, device=canvas.device)
        return numbers.gather(1, self.index).view(canvas.batch, 1, canvas.height, canvas.width)

    @property
    def radius(self) -> Tensor:
        return (self.x**2 + self.y**2).sqrt()

    @property
    def angle(self) -> Tensor:
        return torch.atan2(self.y, self.x)

    def toward(self, direction: Direction) -> Tensor:
        """How far in a direction from the middle of the cell's thing, in heights."""
        return self.x * direction[0] + self.y * direction[1]

    def turned(self, angle: Tensor) -> tuple[Tensor, Tensor]:
        """x and y along and across a thing that lies at an angle."""
        return self.x * angle.cos() + self.y * angle.sin(), self.y * angle.cos() - self.x * angle.sin()
