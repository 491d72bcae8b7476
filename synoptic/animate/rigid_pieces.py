"""A permutation taken apart into rigid pieces: what has to move as one when a picture turns into its anagram."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

# The 8 ways a piece can lie, as 2x2 matrices on (row, column): four quarter turns, then four mirrors. A turn is tried
# before a mirror, and no turn first, so that whatever can fly straight does.
_I, _TURN, _MIRROR = torch.tensor([[[1, 0], [0, 1]], [[0, -1], [1, 0]], [[1, 0], [0, -1]]], dtype=torch.float32)
TURNS = torch.stack([_I, _TURN, _TURN @ _TURN, _TURN.T])
TRANSFORMS = torch.cat([TURNS, TURNS @ _MIRROR]).long()


class Pieces(NamedTuple):
    """K pieces of a picture of `side`, from the largest to the smallest.

    of (S*S,): the piece that each pixel of the picture belongs to; way (K,): which of TRANSFORMS takes the piece from where
    it lies to where it goes; start and goal (K, 2): its center before and after, (row, column) in pixels, a pixel's middle
    at half.
    """

    side: int
    of: Tensor
    transform: Tensor
    start: Tensor
    end: Tensor

    def __len__(self) -> int:
        return len(self.transform)


def rigid_pieces(indices: Tensor, side: int) -> Pieces:
    """Map a permutation to its pieces: the largest connected sets of pixels with one turn or mirror A and one offset b.

    places (side*side,): pixel p of the result shows pixel places[p] of the picture. A pixel q goes to A q + b; which A that
    is, its neighbors tell: the way that keeps the most of the squares around it together.
    """
    n = side * side
    to = torch.empty(n, dtype=torch.long)
    to[indices] = torch.arange(n)
    before, after = _positions(torch.arange(n), side), _positions(to, side)
    offsets = after - torch.einsum("wij,nj->wni", TRANSFORMS, before)  # (8, n, 2): the b of each pixel for each A
    keys = (offsets[..., 0] + 2 * side) * 4 * side + offsets[..., 1] + 2 * side
    way = (8 * _coherence_votes(keys.view(8, side, side)) - torch.arange(8)[:, None]).argmax(0)  # the first of equals
    lot = _connected((keys.gather(0, way[None])[0] * 8 + way).view(side, side))
    _, of, size = torch.unique(lot, return_inverse=True, return_counts=True)
    order = size.argsort(descending=True, stable=True)
    of, size = order.argsort()[of], size[order]
    start, goal = (_means(at.float() + 0.5, of, size) for at in (before, after))
    return Pieces(side, of, torch.empty_like(size).scatter_(0, of, way), start, goal)


def _connected(keys: Tensor) -> Tensor:
    """Label all pixels of keys (S, S) that neighbors of equal keys connect by the lowest of their numbers: (S*S,)."""
    number = torch.arange(keys.numel()).view_as(keys)
    beside, below = keys[:, 1:] == keys[:, :-1], keys[1:] == keys[:-1]
    one = torch.cat([number[:, 1:][beside], number[1:][below]])
    other = torch.cat([number[:, :-1][beside], number[:-1][below]])
    label, old = number.flatten(), None
    while old is None or not torch.equal(label, old):
        old, low = label, torch.minimum(label[one], label[other])
        label = label.scatter_reduce(0, label[one], low, "amin").scatter_reduce(0, label[other], low, "amin")
        label = label[label]
    return label


def _positions(pixels: Tensor, side: int) -> Tensor:
    return torch.stack([pixels // side, pixels % side], -1)


def _means(at: Tensor, of: Tensor, size: Tensor) -> Tensor:
    return at.new_zeros(len(size), 2).index_add(0, of, at) / size[:, None]


def _coherence_votes(keys: Tensor) -> Tensor:
    """Count 5 for every 2x2 square around a pixel whose keys (8, S, S) are equal, 1 for every such neighbor: (8, S*S)."""
    beside, below = keys[:, :, 1:] == keys[:, :, :-1], keys[:, 1:] == keys[:, :-1]
    square = beside[:, 1:] & beside[:, :-1] & below[:, :, 1:]
    score = torch.zeros_like(keys)
    for same, weight, reach in ((beside, 1, ((0, 0), (0, 1))), (below, 1, ((0, 0), (1, 0)))):
        _spread(score, same * weight, reach)
    _spread(score, square * 5, ((0, 0), (0, 1), (1, 0), (1, 1)))
    return score.flatten(1)


def _spread(score: Tensor, votes: Tensor, reach: tuple[tuple[int, int], ...]) -> None:
    for y, x in reach:
        score[:, y : y + votes.shape[1], x : x + votes.shape[2]] += votes
