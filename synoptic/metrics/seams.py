"""Seams: does a picture jump where its windows begin, or where its ends meet?"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from PIL import Image
from torch import Tensor

from synoptic.errors import InputError
from synoptic.io import from_pil


def seam(image: Image.Image, starts: Sequence[int], factor: int) -> float:
    """Return mean |Δx| across the columns where windows start, over that across other columns of the same phase.

    `starts` in pixels; `factor` pixels a latent: a decoder's own grid shows at multiples of it, so only those columns
    are compared. 1 is no seam; plain pictures, measured at the same starts, or `seam_baseline` give its like without
    windows. Raises InputError where there is no start, or no other column, between the edges.
    """
    grid = grid_columns(image, factor)
    at = torch.isin(grid, torch.tensor(list(starts)))
    return _ratio(column_differences(image), grid[at], grid[~at])


def closing_seam(image: Image.Image, factor: int) -> float:
    """Return the same for a closed picture: |Δx| from its last column to its first, over that across the columns inside."""
    return _ratio(column_differences(image), torch.tensor([0]), grid_columns(image, factor))


def seam_baseline(image: Image.Image, starts: Sequence[int], factor: int) -> float:
    """Return the same measure inside a picture: at the columns halfway between the starts (and
    the edges), over those elsewhere.

    A network's own grid can be coarser than a latent (in the bundled model's plain pictures the columns at multiples of 8
    latents jump less), and halfway has another phase of it: plain pictures at the same starts are the surer baseline. For
    a closed picture, [] measures its middle column, a lone one as its closing seam is. Raises InputError as `seam`.
    """
    grid, w = grid_columns(image, factor), image.width
    marks = sorted({0, w, *(start for start in starts if 0 < start < w)})
    halfway = [round((a + b) / 2 / factor) * factor for a, b in pairwise(marks)]
    at = torch.isin(grid, torch.tensor(halfway)) & ~torch.isin(grid, torch.tensor(marks))
    return _ratio(column_differences(image), grid[at], grid[~at & ~torch.isin(grid, torch.tensor(marks))])


def grid_columns(image: Image.Image, factor: int) -> Tensor:
    return torch.arange(factor, image.width, factor)


def column_differences(image: Image.Image) -> Tensor:
    """Return |Δx| from column p - 1 to p, mean over rows and channels, (W,); at 0 from the last column to the first."""
    x = from_pil(image).double()
    return (x - x.roll(1, -1)).abs().mean((0, 1, 2))


def _ratio(jump: Tensor, at: Tensor, rest: Tensor) -> float:
    if not len(at) or not len(rest):
        raise InputError(
            f"a seam is compared with other columns on the decoder's grid, {len(at)} and {len(rest)} of {len(jump)}"
            " columns were left: give starts between the edges, farther apart than a latent",
            rule="seams-columns",
        )
    above, below = jump[at].mean().item(), jump[rest].mean().item()
    if below == 0:  # a flat picture has no seam; a step in one is all seam
        return 1.0 if above == 0 else float("inf")
    return above / below
