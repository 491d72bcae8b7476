"""The way from one view to the next: its stops, and what is seen between two of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor
from torch.nn.functional import pad

from synoptic.animate.motion import Motion
from synoptic.animate.rigid_pieces import rigid_pieces
from synoptic.views.base import View
from synoptic.views.chain import Chain
from synoptic.views.permutation import Permutation

Keyframe = tuple[View, ...]  # the views that have been applied, the first one first
Transition = Callable[[float], Tensor]  # a in [0, 1] -> (3, W, W)


def keyframes(here: View, there: View, side: int) -> list[Keyframe]:
    """Return the stops between two views: what they do not share is undone part by part, then done part by part.

    Where neither has more than one part of its own, the way is direct.
    """
    a, b = _parts(here, side), _parts(there, side)
    shared = _shared(a, b)
    if max(len(a), len(b)) - shared <= 1:
        return [a, b]
    return [*(a[:k] for k in range(len(a), shared, -1)), *(b[:k] for k in range(shared, len(b) + 1))]


def transition(picture: Tensor, here: Keyframe, there: Keyframe, scale: int, background: Tensor) -> Transition:
    """Return a picture (3, S, S) between two stops that differ in at most one part each: pieces that move where both parts
    are permutations, else a blend. `scale` enlarges every pixel, `background` (3,) is the color around.
    """
    side, shared = picture.shape[-1], _shared(here, there)
    before, after = apply_views(picture, here), apply_views(picture, there)
    parts = [part for part in (*here[shared:], *there[shared:]) if not isinstance(part, Permutation)]
    if parts:
        return lambda a: torch.lerp(_framed(before, scale, background), _framed(after, scale, background), a)
    start, goal = (_places(stop[shared:], side) for stop in (here, there))
    return Motion(before, rigid_pieces(start.argsort()[goal], side), scale, background).frame


def apply_views(picture: Tensor, keyframe: Keyframe) -> Tensor:
    """Return a picture (3, S, S) as it looks at a stop."""
    x = picture[None]
    for part in keyframe:
        x = part.view(x)
    return x[0]


def _parts(view: View, side: int) -> Keyframe:
    """Return a view's parts; the identity has none."""
    if isinstance(view, Chain):
        return tuple(part for link in view.views for part in _parts(link, side))
    still = isinstance(view, Permutation) and torch.equal(view.indices(side), torch.arange(side * side))
    return () if still else (view,)


def _shared(a: Keyframe, b: Keyframe) -> int:
    """Return how many parts two stops begin with alike."""
    unlike = (k for k, (one, other) in enumerate(zip(a, b, strict=False)) if one.name != other.name)
    return next(unlike, min(len(a), len(b)))


def _places(permutations: Iterable[View], side: int) -> Tensor:
    """Return where each pixel comes from when all permutations are applied: (S*S,)."""
    number = torch.arange(side * side).view(1, 1, side, side)
    for part in permutations:
        number = part.view(number)
    return number.flatten()


def _framed(x: Tensor, scale: int, background: Tensor) -> Tensor:
    """Enlarge x (3, S, S) and put it in the middle of a scene half as wide again."""
    x = x.repeat_interleave(scale, 1).repeat_interleave(scale, 2) - background.view(3, 1, 1)
    return pad(x, [x.shape[-1] // 4] * 4) + background.view(3, 1, 1)
