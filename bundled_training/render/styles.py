"""Seven ways to draw a picture. Radii, cells and strokes are in units of the height: the same look at every size."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from bundled_training.render.noise import columns, each, enlarge, fbm, mix, rows, tint

THING = 0.845  # a pasted thing is nearer than this


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


def edges(x: Tensor, wide: float = 0.03, thin: float = 0.008) -> Tensor:
    """The dark side of every edge of any color (B, 1, H, W), from 0: equally light colors are told apart too."""
    height = x.shape[-2]
    return (blur(x, odd(height, wide)) - blur(x, odd(height, thin))).clamp(min=0).amax(1, True)


def outline(near: Tensor) -> Tensor:
    """A closed line (B, 1, H, W) in [0, 1] around the things, from the depth."""
    share = blur((near > THING).float(), odd(near.shape[-2], 0.02))
    return 4 * share * (1 - share)


def painted(x: Tensor, radius: int, sharp: float = 900.0) -> Tensor:
    """Flat patches with sharp, smooth edges: the means of the four quadrants, the calm ones counting most."""
    height, width = x.shape[-2:]
    both = torch.cat([x, (x**2).mean(1, True)], 1)
    mean = F.avg_pool2d(F.pad(both, (radius,) * 4, mode="replicate"), radius + 1, 1)
    mean = mean.clone()
    mean[:, 3:] -= (mean[:, :3] ** 2).mean(1, True)  # the variance
    total = weights = None
    for top in (0, radius):
        for left in (0, radius):
            part = mean[..., top : top + height, left : left + width]
            weight = (1 + sharp * part[:, 3:].clamp(min=0)) ** -3
            total = part[:, :3] * weight if total is None else total + part[:, :3] * weight
            weights = weight if weights is None else weights + weight
    assert total is not None and weights is not None
    return total / weights


def balanced(grey: Tensor, spread: float = 0.24, most: float = 2.0) -> Tensor:
    """Tones of which pale grounds stay pale, dark pictures get light enough to be drawn, flat ones get contrast."""
    mean, deviation = grey.mean((2, 3), True), grey.std((2, 3), keepdim=True)
    gain = (spread / (deviation + 0.05)).clamp(0.8, most)
    return (grey - mean) * gain + 0.4 * mean + 0.6 * 0.72 - 0.06 * (gain - 1).clamp(min=0)


def drawn(x: Tensor, by: float) -> Tensor:
    """The edges as lines in [0, 0.9], those of a picture of little contrast drawn harder."""
    deviation = luma(x).std((2, 3), keepdim=True)
    return (edges(x) * (0.2 / (deviation + 0.03)).clamp(1, 2.5) * by - 0.25).clamp(0, 0.9)


def photo(x: Tensor, near: Tensor) -> Tensor:
    batch, _, height, width = x.shape
    grain = enlarge(torch.randn(batch, 1, max(2, height // 3), max(2, width // 3), device=x.device), height, width)
    return x * each(batch, 0.97, 1.03, x.device) + grain * 0.0025


def oil(x: Tensor, near: Tensor) -> Tensor:
    """Patches in rich colors, drawn edges, the brush's ridges along and across."""
    batch, _, height, width = x.shape
    x = displace(x, 0.003, 40)
    radius = max(1, round(height * 0.012))
    x = painted(painted(x, radius), radius)
    hue = torch.cat([fbm(batch, height, width, x.device, cells=14, octaves=2) for _ in range(3)], 1) - 0.5
    along, across = (fbm(batch, height, width, x.device, cells=17, octaves=2, stretch=s) for s in (2.6, 0.45))
    turn = ((fbm(batch, height, width, x.device, cells=5, octaves=1) - 0.5) * 5 + 0.5).clamp(0, 1)
    paint = mix(along, across, turn) - 0.5
    step = max(1, height // 128)
    ridge = paint - paint.roll((step, step), (2, 3))
    x = (saturate(x, 1.18) - 0.5) * 1.06 + 0.48
    warm = torch.tensor([1.03, 1.0, 0.94], device=x.device).view(1, 3, 1, 1)
    dark = torch.maximum((edges(x) * 3 - 0.1).clamp(0, 0.45), outline(near) * 0.25)
    return (x * (1 + 0.09 * paint) + 0.11 * ridge + 0.05 * hue) * warm * (1 - dark)


def watercolor(x: Tensor, near: Tensor) -> Tensor:
    """Transparent washes on white paper, darker where a wash ends, with a few lines in pen."""
    batch, _, height, width = x.shape
    x = displace(x, 0.006, 12)
    line = (edges(x) * 5 - 0.2).clamp(0, 0.6)
    x = painted(x, max(1, round(height * 0.014)))
    soft = blur(x, odd(height, 0.014))
    rim = (blur(soft, odd(height, 0.05)) - soft).abs().mean(1, True)
    wash = 0.52 + 0.48 * fbm(batch, height, width, x.device, cells=4, octaves=3, gain=0.55)
    bloom = ((fbm(batch, height, width, x.device, cells=6, octaves=2) - 0.66) * 1.2).clamp(0, 0.5)
    ink = torch.maximum(line * 0.75, displaced_outline(near) * 0.55)
    x = 1 - (1 - saturate(soft, 1.2)) * wash * (1 - bloom) - rim * 1.1
    pen = tint([0.28, 0.26, 0.32], batch, x.device, 0.03)
    return mix(x * tint([0.995, 0.988, 0.97], batch, x.device, 0.005), pen.expand_as(x), ink)


def displaced_outline(near: Tensor) -> Tensor:
    """The outline drawn by a hand that is not quite steady and lifts here and there."""
    batch, _, height, width = near.shape
    press = (fbm(batch, height, width, near.device, cells=6, octaves=1) * 1.6).clamp(0.35, 1)
    return displace(outline(near), 0.003, 16) * press


def pencil(x: Tensor, near: Tensor) -> Tensor:
    """Gray outlines, soft graphite and slanting strokes in the shadows, on white paper."""
    batch, _, height, width = x.shape
    grey = balanced(luma(x))
    dark = (1 - blur(grey, odd(height, 0.02))).clamp(0, 1)
    bend = (fbm(batch, height, width, x.device, cells=3, octaves=2) - 0.5) * 4
    period = 2 * torch.pi / 0.048  # nine pixels of 256 from stroke to stroke: what latents of an eighth can hold
    down, over = rows(height, x.device), columns(height, width, x.device)
    one, two = (0.5 + 0.5 * torch.sin((over + sign * down) * period + bend) for sign in (1, -1))
    tone = 0.55 * (dark - 0.12).clamp(min=0) + ((dark - 0.38) * 1.5).clamp(0, 0.5) * one * 0.7
    tone = tone + ((dark - 0.62) * 1.5).clamp(0, 0.5) * two * 0.6
    lines = torch.maximum(drawn(x, 8), displaced_outline(near) * 0.85)
    ink = 1 - (1 - tone.clamp(0, 0.8)) * (1 - lines)
    paper = tint([0.95, 0.95, 0.94], batch, x.device, 0.01)
    return mix(paper, torch.full_like(paper, 0.15), ink)


def lithograph(x: Tensor, near: Tensor) -> Tensor:
    """Dark ink on cream paper in a few flat tones with closed lines, their edges broken by a crayon's grain."""
    batch, _, height, width = x.shape
    flat = painted(x, max(1, round(height * 0.014)))
    grey = balanced(luma(flat), 0.3, 3.0)
    grain = fbm(batch, height, width, x.device, cells=44, octaves=1) - 0.5
    level = ((grey + 0.07) + grain * 0.09 * (1 - grey).clamp(0.15, 1)).clamp(0, 0.999) * 4
    step = level.floor() + ((level.frac() - 0.5) * 5 + 0.5).clamp(0, 1)
    step = torch.where(level > 3, 4.0, step)  # the lightest quarter is bare paper
    lines = torch.maximum(drawn(flat, 7), outline(near) * 0.9)
    ink, paper = tint([0.16, 0.10, 0.08], batch, x.device, 0.02), tint([0.95, 0.89, 0.74], batch, x.device, 0.02)
    return mix(ink, paper, (step / 4).clamp(0, 1) * (1 - lines))


def glowing(x: Tensor) -> Tensor:
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


def neon(x: Tensor, near: Tensor) -> Tensor:
    """Glowing outlines, those of the things closed."""
    lit = glowing(x)
    tube = displace(outline(near), 0.002, 12)
    hue = blur(x, odd(x.shape[-2], 0.05))
    hue = (hue - hue.amin(1, True) * 0.9) / (hue.amax(1, True) - hue.amin(1, True) * 0.9 + 0.05)
    glow = blur(blur(tube, odd(x.shape[-2], 0.06)), odd(x.shape[-2], 0.06))
    return torch.maximum(lit, (hue * 0.85 + 0.15).clamp(0, 1) * (tube * 0.95 + glow * 0.5).clamp(0, 1))


def pixel(x: Tensor, near: Tensor) -> Tensor:
    """Few colors in squares, 32 a height, with a dark line of squares around the things."""
    height, width = x.shape[-2:]
    rows_of, columns_of = 32, max(1, round(32 * width / height))
    x = mix(x, torch.full_like(x, 0.08), outline(near) * 0.55)
    small = F.adaptive_avg_pool2d(painted(x, max(1, round(height * 0.012))), (rows_of, columns_of))
    small = saturate((small - 0.5) * 1.12 + 0.5, 1.25).clamp(0, 1)
    return F.interpolate((small * 7).round() / 7, (height, width), mode="nearest")


STYLES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    style.__name__: style for style in (photo, oil, watercolor, pencil, lithograph, neon, pixel)
}


@torch.no_grad()
def apply(style: str, image: Tensor, depth: Tensor) -> Tensor:
    """Draw pictures (B, 3, H, W) in [0, 1] with their depths (B, 1, H, W) in one of STYLES, the same shape and range."""
    return STYLES[style](image, depth).clamp(0, 1)
