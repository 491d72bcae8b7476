"""An anagram as a film: the picture turns from view to view and back to the first, each with its caption."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from synoptic import io
from synoptic.animate.keyframes import keyframes, transition
from synoptic.views.base import View

if TYPE_CHECKING:
    from PIL import Image

BACKGROUND = (238, 237, 233)  # a warm light gray, calm beside any picture
MIN_SIDE = 256  # pixels: a smaller picture is enlarged, each of its pixels a block
REST_FRACTION = 0.35  # of a view's time it stands still
FADE_FRACTION = 0.25  # of a motion a caption takes to go, and the next one to come


def animate(
    picture: Image.Image,
    views: Sequence[View],
    captions: Sequence[str],
    *,
    seconds: float = 4.0,
    fps: float = 30,
) -> Iterator[Image.Image]:
    """Yield the frames, round(seconds * fps) of one size: view 1, view 2 … the last, and back
    to the first, so that it loops.

    What a permutation does is shown by moving its rigid pieces, the parts of a chain one after the other; where a view is
    no permutation, one picture fades into the next. At rest a frame holds view(picture) exactly, and its caption. Frames
    are half as wide again as the picture, which is enlarged by a whole number where it is smaller than 256 pixels.

    Raises ValueError for a picture that is not square, fewer than two views, captions that are not one a view, a film too
    short to rest and move once a view, and where a view cannot divide the picture's side.
    """
    frames = round(seconds * fps)
    if picture.width != picture.height:
        raise ValueError(f"an animation needs a square picture, {picture.width}x{picture.height} was given: crop it")
    if len(views) < 2 or len(captions) != len(views):
        rule = "an animation needs two views or more, and a caption for each"
        raise ValueError(f"{rule}, {len(views)} views and {len(captions)} captions were given: name what is missing")
    if frames < 2 * len(views):
        raise ValueError(f"{len(views)} views need at least {2 * len(views)} frames, {frames} were given: raise seconds")
    return _frames(io.from_pil(picture)[0], views, captions, frames)


def _frames(z: Tensor, views: Sequence[View], captions: Sequence[str], frames: int) -> Iterator[Image.Image]:
    side, N = z.shape[-1], len(views)
    scale = max(MIN_SIDE // side, 1)
    ground = torch.tensor(BACKGROUND, dtype=torch.float32) / 127.5 - 1
    width = side * scale + 2 * (side * scale // 4)
    strips = [io.from_pil(io.caption_strip(text, (width, width // 6), BACKGROUND))[0] for text in captions]
    starts = [frames * n // N for n in range(N + 1)]
    for n, (first, last) in enumerate(pairwise(starts)):
        here, there = n, (n + 1) % N
        legs = [transition(z, a, b, scale, ground) for a, b in pairwise(keyframes(views[here], views[there], side))]
        rest = max(round((last - first) * REST_FRACTION), 1)
        moves = last - first - rest
        for a in (0.0, *((i + 1) / (moves + 1) for i in range(moves))):
            leg, within = divmod(a * len(legs), 1)
            strip = strips[here] if a < 0.5 else strips[there]
            strip = torch.lerp(ground.view(3, 1, 1).expand_as(strip), strip, max(1 - min(a, 1 - a) / FADE_FRACTION, 0.0))
            frame = io.to_pil(torch.cat([legs[int(leg)](ease(within)), strip], 1)[None])[0]
            yield from [frame] * (rest if a == 0 else 1)


def ease(a: float) -> float:
    """Return a in [0, 1] eased, slow, fast, slow: the cubic 3a² - 2a³."""
    return a * a * (3 - 2 * a)
