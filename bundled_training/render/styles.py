"""Six ways to draw a picture. Radii, cells and strokes are in units of the height: a style looks the same at every size."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from bundled_training.render.noise import columns, each, enlarge, fbm, mix, rows, tint


def odd(height: int, share: float) -> int:
    """An odd number of pixels about `share` of the height."""
    return max(1, round(height * share / 2 - 0.5) * 2 + 1)


def blur(x: Tensor, size: int) -> Tensor:
    """Mean over `size` x `size` pixels (odd), edges repeated."""
    half = size // 2
    x = F.avg_pool2d(F.pad(x, (half, half, 0, 0), mode="replicate"), (1, size), 1)
    return F.avg_pool2d(F.pad(x, (0, 0, half, half), mode="replicate"), (size, 1), 1)


def luma(x: Tensor) -> Tensor:
    return x[:, :1] * 0.3 + x[:, 1:2] * 0.59 + x[:, 2:] * 0.11


def normal(grey: Tensor, mean: float, spread: float) -> Tensor:
    """The tones (B, 1, H, W) around a mean with a spread, on a log scale: dark pictures show as much as light ones."""
    grey = (grey.clamp(min=0) + 0.08).log()
    centre, deviation = grey.mean((2, 3), True), grey.std((2, 3), keepdim=True)
    return (grey - centre) * (spread / (deviation + 0.06)) + mean


def kuwahara(x: Tensor, radius: int) -> Tensor:
    """Each pixel becomes the mean of the calmest of its four quadrants: flat patches with sharp edges."""
    height, width = x.shape[-2:]
    both = torch.cat([x, luma(x), luma(x) ** 2], 1)
    mean = F.avg_pool2d(F.pad(both, (radius,) * 4, mode="replicate"), radius + 1, 1)
    variance = mean[:, 4:] - mean[:, 3:4] ** 2
    calm = best = None
    for top in (0, radius):
        for left in (0, radius):
            v = variance[..., top : top + height, left : left + width]
            m = mean[:, :3, top : top + height, left : left + width]
            if calm is None or best is None:
                calm, best = v, m
            else:
                best = torch.where(v < calm, m, best)
                calm = torch.minimum(v, calm)
    assert best is not None
    return best


def displace(x: Tensor, reach: float, cells: int) -> Tensor:
    """The picture with its outlines wobbled by `reach` heights."""
    batch, _, height, width = x.shape
    across = max(2, round(cells * width / height))
    shift = enlarge(torch.rand(batch, 2, cells + 1, across + 1, device=x.device) - 0.5, height, width) * 4 * reach
    across_grid = (torch.arange(width, device=x.device) + 0.5) / width * 2 - 1
    down_grid = (torch.arange(height, device=x.device) + 0.5) / height * 2 - 1
    grid = torch.stack(
        [across_grid.view(1, 1, -1) + shift[:, 0] * height / width, down_grid.view(1, -1, 1) + shift[:, 1]], -1
    )
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)


def surroundings(x: Tensor) -> Tensor:
    """The mean over about a quarter of the height around each pixel."""
    height, width = x.shape[-2:]
    coarse = F.adaptive_avg_pool2d(x, (8, max(2, round(8 * width / height))))
    return enlarge(blur(coarse, 3), height, width).clamp(min=0)


def saturate(x: Tensor, by: float) -> Tensor:
    grey = luma(x)
    return grey + (x - grey) * by


def photo(x: Tensor) -> Tensor:
    batch, _, height, width = x.shape
    grain = enlarge(torch.randn(batch, 1, max(2, height // 2), max(2, width // 2), device=x.device), height, width)
    return x * each(batch, 0.95, 1.05, x.device) + grain * 0.004


def oil(x: Tensor) -> Tensor:
    """Flat dabs in rich color, the brush's ridges along and across."""
    batch, _, height, width = x.shape
    radius = max(1, round(height * 0.022))
    x = displace(x, 0.014, 18)
    x = saturate(kuwahara(kuwahara(x, radius), radius), 1.22)
    x = (x - 0.5) * 1.12 + 0.48
    along, across = (fbm(batch, height, width, x.device, cells=16, octaves=1, stretch=s) for s in (2.4, 0.45))
    turn = ((fbm(batch, height, width, x.device, cells=4, octaves=1) - 0.5) * 4 + 0.5).clamp(0, 1)
    paint = mix(along, across, turn)
    warm = torch.tensor([1.04, 1.0, 0.93], device=x.device).view(1, 3, 1, 1)
    return x * (0.89 + 0.22 * paint) * warm


def watercolor(x: Tensor) -> Tensor:
    """Pale washes with soft blotches, darker where a wash ends."""
    batch, _, height, width = x.shape
    x = kuwahara(displace(x, 0.014, 9), max(1, round(height * 0.024)))
    soft = blur(x, odd(height, 0.025))
    rim = (blur(soft, odd(height, 0.055)) - soft).abs().mean(1, True)
    wash = 0.58 + 0.42 * fbm(batch, height, width, x.device, cells=4, octaves=3, gain=0.55)
    blank = ((fbm(batch, height, width, x.device, cells=5, octaves=2) - 0.72) * 0.9).clamp(min=0)
    x = 1 - (1 - saturate(soft, 1.2)) * wash * (1 - blank) - rim * 1.3
    return x * tint([0.995, 0.985, 0.965], batch, x.device, 0.005)


def rims(tone: Tensor) -> Tensor:
    """The dark side of every edge of the tones (B, 1, H, W), from 0: one line an edge."""
    height = tone.shape[-2]
    return (blur(tone, odd(height, 0.055)) - blur(tone, odd(height, 0.015))).clamp(min=0)


def pencil(x: Tensor) -> Tensor:
    """Gray outlines and slanting strokes, darker and crossed in the shadows, on light gray paper."""
    batch, _, height, width = x.shape
    grey = normal(luma(x), 0.64, 0.27)
    shade = blur(grey, odd(height, 0.03))
    place = (columns(height, width, x.device) + rows(height, x.device)) * (2 * torch.pi / 0.085)
    bend = (fbm(batch, height, width, x.device, cells=4, octaves=2) - 0.5) * 5
    other = (columns(height, width, x.device) - rows(height, x.device)) * (2 * torch.pi / 0.085)
    one, two = 0.5 + 0.5 * torch.sin(place + bend), 0.5 + 0.5 * torch.sin(other + bend)
    dark = (1 - shade).clamp(0, 1)
    tone = (dark * 0.5 + (dark - 0.15).clamp(min=0) * 0.6 * one + ((dark - 0.55) * 1.2).clamp(0, 1) * two * 0.5).clamp(
        0, 0.85
    )
    lines = (rims(grey) * 9 - 0.2).clamp(0, 0.95)
    ink = 1 - (1 - tone * 0.75) * (1 - lines)
    paper = tint([0.90, 0.90, 0.89], batch, x.device, 0.01)
    return mix(paper, torch.full_like(paper, 0.16), ink)


def lithograph(x: Tensor) -> Tensor:
    """Dark ink on cream paper in smooth tonal bands, their edges broken by a coarse crayon grain."""
    batch, _, height, width = x.shape
    grey = normal(blur(luma(x), odd(height, 0.02)), 0.58, 0.34)
    grain = fbm(batch, height, width, x.device, cells=30, octaves=1)
    level = (grey + (grain - 0.5) * 0.1).clamp(0, 0.999) * 4
    step = level.floor() + ((level.frac() - 0.5) * 5 + 0.5).clamp(0, 1)
    lines = (rims(normal(luma(x), 0.5, 0.3)) * 6 - 0.2).clamp(0, 0.85)
    ink, paper = tint([0.16, 0.10, 0.08], batch, x.device, 0.02), tint([0.95, 0.88, 0.70], batch, x.device, 0.02)
    return mix(ink, paper, (step / 4) * (1 - lines))


def neon(x: Tensor) -> Tensor:
    """Glowing colored outlines on a dark ground with a dim memory of the fills."""
    batch, _, height, _ = x.shape
    flat = kuwahara(x, max(1, round(height * 0.016)))
    tone = (flat + 0.02).sqrt()
    edge = (blur(tone, odd(height, 0.014)) - blur(tone, odd(height, 0.04))).abs().amax(1, True)
    around = surroundings(edge)  # faint outlines glow where there are no stronger ones
    edge = (edge * 0.7 / (around + 0.25 * edge.std((2, 3), keepdim=True) + 0.012) - 0.3).clamp(0, 1)
    low, high = flat.amin(1, True), flat.amax(1, True)
    hue = ((flat - low * 0.85) / (high - low * 0.85 + 0.05)).clamp(0, 1)
    line = blur(edge, odd(height, 0.016))
    tube = hue * 0.9 + 0.1
    light = tube * line
    glow = blur(blur(light, odd(height, 0.06)), odd(height, 0.06))
    ground = tint([0.04, 0.02, 0.09], batch, x.device, 0.015)
    return ground + hue * flat.clamp(min=0).sqrt() * 0.2 + light + glow * 0.9 + (line - 0.55).clamp(min=0) * 0.7


STYLES: dict[str, Callable[[Tensor], Tensor]] = {
    style.__name__: style for style in (photo, oil, watercolor, pencil, lithograph, neon)
}


@torch.no_grad()
def apply(style: str, image: Tensor) -> Tensor:
    """Pictures (B, 3, H, W) in [0, 1] drawn in one of STYLES, the same shape and range."""
    return STYLES[style](image).clamp(0, 1)
