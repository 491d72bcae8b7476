"""Line drawings of pictures, batched: scikit-image's canny as torch, and scribbles made of it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from bundled_training.render.noise import each
from bundled_training.render.styles import displace

LUMINANCE = (0.2125, 0.7154, 0.0721)  # skimage.color.rgb2gray's
LOW, HIGH = 0.1, 0.2  # skimage.feature.canny's thresholds
SCRIBBLE, THICK = 3.0, 3  # sigma and pixels, as in synoptic/controlnet/annotators/scribble.py


@torch.no_grad()
def canny(pictures: Tensor, sigma: float = 1.0) -> Tensor:
    """Edges (B, 1, H, W), 0 or 1, of pictures (B, 3, H, W) in [0, 1], as skimage.feature.canny finds them (Canny 1986)."""
    grey = (pictures * pictures.new_tensor(LUMINANCE).view(1, 3, 1, 1)).sum(1, keepdim=True)
    soft = blur(grey, sigma) / blur(torch.ones_like(grey[:1]), sigma)
    down, right = sobel(soft)
    size = (down.square() + right.square()).sqrt()
    low = thin(size, down, right) & (size >= LOW) & inner(size)
    return connected(low & (size >= HIGH), low).float()


def blur(x: Tensor, sigma: float) -> Tensor:
    """Gaussian, zeros outside, cut off at four sigma."""
    radius = int(4 * sigma + 0.5)
    kernel = torch.exp(-0.5 * (torch.arange(-radius, radius + 1, device=x.device) / sigma).square())
    kernel = (kernel / kernel.sum()).view(1, 1, -1, 1)
    return F.conv2d(F.conv2d(x, kernel, padding=(radius, 0)), kernel.transpose(2, 3), padding=(0, radius))


def sobel(x: Tensor) -> tuple[Tensor, Tensor]:
    """The gradient downwards and to the right, each (B, 1, H, W)."""
    kernel = torch.outer(x.new_tensor([-1.0, 0, 1]), x.new_tensor([1.0, 2, 1]))
    both = F.conv2d(F.pad(x, (1,) * 4, mode="replicate"), torch.stack([kernel, kernel.T])[:, None])
    return both[:, :1], both[:, 1:]


def thin(size: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Where the gradient's size is not exceeded one step up or down the gradient, interpolated there."""
    slope = torch.where(down * right >= 0, 1, -1)
    steep = down.abs() > right.abs()
    w = torch.minimum(down.abs(), right.abs()) / torch.maximum(down.abs(), right.abs()).clamp(min=1e-20)

    def beside(dy: int) -> Tensor:
        diagonal = torch.where(slope > 0, moved(size, dy, dy), moved(size, dy, -dy))
        level = torch.where(slope > 0, moved(size, 0, dy), moved(size, 0, -dy))
        return w * diagonal + (1 - w) * torch.where(steep, moved(size, dy, 0), level)

    return (beside(1) <= size) & (beside(-1) <= size)


def moved(x: Tensor, dy: int, dx: int) -> Tensor:
    """What lies (dy, dx) further; it wraps around, which `inner` hides."""
    return x.roll((-dy, -dx), (2, 3))


def inner(x: Tensor) -> Tensor:
    """All but the outermost pixels, (1, 1, H, W)."""
    return F.pad(x.new_ones(1, 1, x.shape[2] - 2, x.shape[3] - 2), (1,) * 4).bool()


def connected(strong: Tensor, weak: Tensor) -> Tensor:
    """The `weak` pixels that a path of weak ones, corner to corner, joins to a strong one."""
    found, count = strong, -1
    while count != (count := int(found.sum())):
        for _ in range(8):
            found = grown(found, 3) & weak
    return found


def grown(mask: Tensor, size: int) -> Tensor:
    """The mask with `size` pixels of width for every one (odd)."""
    return F.max_pool2d(mask.float(), size, 1, size // 2) > 0.5


@torch.no_grad()
def scribble(pictures: Tensor) -> Tensor:
    """The coarse outlines (B, 1, H, W), 0 or 1, in thick strokes."""
    return grown(canny(pictures, SCRIBBLE) > 0, THICK).float()


def unsteady(strokes: Tensor) -> Tensor:
    """Strokes by a hand that is up to a few pixels off."""
    firm = displace(strokes, 0.02, 6)
    return torch.where(each(len(strokes), 0, 1, strokes.device) < 0.7, firm, strokes).round()
