"""A glyph or a solid pasted on a picture: turned, warped and dyed a little differently each time, with its depth."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from bundled_training.render.noise import Device, columns, each, enlarge, mix, rows, uniform

LETTERED = frozenset(("clock", "watch", "school bus", "police car", "fire truck", "ambulance", "taxi", "computer", "map"))

LIGHT = {"sunset": (1.0, 0.88, 0.80), "sunrise": (1.0, 0.93, 0.90), "night": (0.68, 0.72, 0.90), "mist": (0.96, 0.97, 0.98)}
BENT = 0.012  # how far a tile is warped, in units of it


def pyramid(tiles: Tensor, levels: int) -> list[Tensor]:
    """Tiles (N, 4, T, T) uint8 with colors multiplied by alpha, and halved again and again, in [0, 255] as uint8."""
    tiles = tiles.clone()
    for part in tiles.split(64):
        alpha = part[:, 3:].float() / 255
        part[:, :3] = (part[:, :3] * alpha + 0.5).to(torch.uint8)
    made = [tiles]
    for _ in range(1, levels):
        made.append(torch.cat([(F.avg_pool2d(part.float(), 2) + 0.5).to(torch.uint8) for part in made[-1].split(64)]))
    return made


def paste(
    tiles: Tensor, place: Tensor, size: int, *, turn: Tensor, flip: Tensor, light: Tensor
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Glyphs as layers: colors (B, 3, S, S), multiplied by alpha, and alpha (B, 1, S, S).

    tiles (B, 4, T, T) in [0, 1], multiplied by alpha; place (B, 3): x, y, scale; turn (B, 1) in radians; flip (B, 1), -1 or
    1; light (B, 3), by which the colors are multiplied.
    """
    batch, device = len(tiles), tiles.device
    middle = (torch.arange(size, device=device) + 0.5) / size
    x_to, y_to, scale = (part.view(batch, 1, 1) for part in place.unbind(1))
    warp = enlarge(uniform(batch, 2, 5, 5, low=-BENT, high=BENT, device=device), size, size)
    x = (middle.view(1, 1, size) - x_to) / scale + warp[:, 0]
    y = (middle.view(1, size, 1) - y_to) / scale + warp[:, 1]
    cos, sin = turn.cos().view(batch, 1, 1) * 2, turn.sin().view(batch, 1, 1) * 2
    aspect = flip.view(batch, 1, 1) * uniform(batch, 1, 1, low=0.92, high=1.08, device=device)
    where = torch.stack([x * (cos * aspect) + y * (sin * aspect), y * cos - x * sin], -1)
    layer = F.grid_sample(tiles, where, mode="bilinear", align_corners=False)
    soft = layer[:, 3:]
    # a glyph enlarged has a wide soft edge: steepen it by how much it was enlarged
    steep = (place[:, 2] * size / tiles.shape[-1]).clamp(min=1).view(batch, 1, 1, 1)
    edge = ((soft - 0.5) * steep + 0.5).clamp(0, 1)
    alpha = mix(soft, edge * edge * (3 - 2 * edge), (steep - 1).clamp(0, 1))
    gain = light.view(batch, 3, 1, 1) * uniform(batch, 3, 1, 1, low=0.94, high=1.06, device=device)
    return (layer[:, :3] * (alpha / soft.clamp(min=1e-3))) * gain + alpha * each(batch, -0.04, 0.04, device), alpha


def dye(tiles: Tensor, colour: Tensor, rainbow: Tensor) -> Tensor:
    """Tiles (B, 4, T, T) in the light and shade they had, dark parts towards black, light ones towards white.

    color (B, 3); where rainbow (B, 1) is 1, all hues instead, from the top left to the bottom right.
    """
    batch, _, size, _ = tiles.shape
    device = tiles.device
    alpha = tiles[:, 3:]
    rgb = (tiles[:, :3] / alpha.clamp(min=1e-3)).clamp(0, 1)
    along = rows(size, device) * 0.75 + columns(size, size, device) * 0.25
    order = torch.tensor([0.0, 4.0, 2.0], device=device).view(1, 3, 1, 1)
    hues = ((((along * 6 + order) % 6) - 3).abs() - 1).clamp(0, 1)
    colour = mix(colour.view(batch, 3, 1, 1), 0.1 + 0.88 * hues, rainbow.view(batch, 1, 1, 1))
    grey = (rgb * torch.tensor([0.3, 0.59, 0.11], device=device).view(1, 3, 1, 1)).sum(1, keepdim=True)
    shades = torch.where(
        grey < 0.62, colour * (grey / 0.62), mix(colour, torch.ones_like(colour), (grey - 0.62) / 0.38 * 0.7)
    )
    white = (colour.amin(1, keepdim=True) > 0.9).float()
    return torch.cat([mix(rgb, mix(shades, 0.45 + 0.55 * grey, white), 0.92) * alpha, alpha], 1)


def dome(alpha: Tensor, place: Tensor, device: Device) -> Tensor:
    """A pasted thing's depth (B, 1, S, S): 0.95 at its middle, 0.85 at its rim."""
    size = alpha.shape[-1]
    middle = (torch.arange(size, device=device) + 0.5) / size
    x, y, scale = (part.view(-1, 1, 1, 1) for part in place.unbind(1))
    far = ((middle.view(1, 1, 1, size) - x) ** 2 + (middle.view(1, 1, size, 1) - y) ** 2) / (0.5 * scale) ** 2
    return 0.85 + 0.1 * (1 - far).clamp(min=0).sqrt()
