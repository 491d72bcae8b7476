"""Seams: does a picture jump where its windows begin?"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from PIL import Image

from synoptic.images import from_pil


def seam(image: Image.Image, starts: Sequence[int], factor: int) -> float:
    """Mean |Δx| across the columns where windows start, over that across the other columns of the same phase.

    `starts` in pixels; `factor` pixels a latent: a decoder's own grid shows at multiples of it, so only those columns
    are compared. 1 is no seam; plain pictures, measured at the same starts, give the baseline.
    """
    x = from_pil(image)
    jump = (x[..., 1:] - x[..., :-1]).abs().mean((0, 1, 2))  # jump[p - 1] is from column p - 1 to p
    grid = torch.arange(factor, image.width, factor)
    at = torch.isin(grid, torch.tensor(list(starts)))
    return (jump[grid[at] - 1].mean() / jump[grid[~at] - 1].mean()).item()
