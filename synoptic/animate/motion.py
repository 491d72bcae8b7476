"""Pieces on their way: a picture drawn at any moment between what it is and what a permutation makes of it."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from synoptic.animate.rigid_pieces import TRANSFORMS, Pieces

CELLS = 2  # a pixel of the scene is this many cells wide: the mean of its cells smooths the edges
POINTS = 3  # points a side that every pixel is drawn with: dense enough to leave no cell of a turned piece empty


class Motion:
    """One picture (3, S, S) whose pieces travel: centers on straight lines, turned or turned over on the way.

    `scale`: pixels of the scene per pixel of the picture. The scene is half as wide again, so that a corner may stick
    out. Of pieces that overlap the smaller one lies on top, always; what lies still lies below.
    """

    def __init__(self, picture: Tensor, pieces: Pieces, scale: int, background: Tensor) -> None:
        self.pieces, self.background, side = pieces, background, pieces.side
        self.edge = side * scale // 4 / scale  # in pixels of the picture
        self.width = side * scale + 2 * (side * scale // 4)
        self.grain = scale * CELLS  # cells per pixel of the picture
        still = (pieces.transform == 0) & (pieces.start == pieces.end).all(1)
        self.rank = (torch.arange(len(pieces)) + 1) * ~still + 1  # 0 is the ground
        pixels = torch.arange(side * side)
        self.arm = torch.stack([pixels // side, pixels % side], -1).float() + 0.5 - pieces.start[pieces.of]
        fine = (torch.arange(POINTS * scale, dtype=torch.float32) + 0.5) / (POINTS * scale) - 0.5
        self.points = torch.cartesian_prod(fine, fine)  # around a pixel's middle
        self.color = picture.flatten(1).repeat_interleave(len(self.points), 1)
        self.above = self.rank[pieces.of].repeat_interleave(len(self.points)).int()

    def frame(self, a: float) -> Tensor:
        """Return the scene (3, W, W) at a in [0, 1]: the picture itself at 0, permuted at 1."""
        parts, wide = self.pieces, self.width * CELLS
        pose = transforms_at(a)[parts.transform]
        center = torch.lerp(parts.start, parts.end, a)
        middle = torch.einsum("nij,nj->ni", pose[parts.of], self.arm) + center[parts.of]
        around = torch.einsum("kij,mj->kmi", transforms_at(a), self.points)[parts.transform[parts.of]]
        y, x = (((middle[:, i, None] + around[..., i] + self.edge) * self.grain).long().flatten() for i in (0, 1))
        place = y * wide + x
        top = self.above.new_zeros(wide * wide).scatter_reduce_(0, place, self.above, "amax")
        seen = (top[place] == self.above).float()
        count = torch.bincount(place, seen, wide * wide)
        light = torch.stack([torch.bincount(place, seen * c, wide * wide) for c in self.color])
        scene = torch.where(count > 0, light / count, self.background[:, None])
        return avg_pool2d(scene.view(1, 3, wide, wide), CELLS)[0]


def transforms_at(a: float) -> Tensor:
    """Return each of TRANSFORMS at a in [0, 1], from the identity to itself: (8, 2, 2).

    A turn by θ is a turn by aθ. A mirror M = I - (I - M) squeezes through its line as cos πa goes from 1 to -1, as a card
    that is turned over does: I - (1 - cos πa)/2 (I - M).
    """
    eye, ways = torch.eye(2, dtype=torch.float32), TRANSFORMS.float()
    θ = a * torch.tensor([0.0, 0.5, 1.0, -0.5], dtype=torch.float32) * math.pi
    turns = torch.stack([torch.stack([θ.cos(), -θ.sin()], -1), torch.stack([θ.sin(), θ.cos()], -1)], -2)
    return torch.cat([turns, eye - (1 - math.cos(math.pi * a)) / 2 * (eye - ways[4:])])
