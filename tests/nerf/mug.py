"""A red mug with a handle and a mark on its front, as the bundled models know it: a field that has grown well."""

from __future__ import annotations

import torch
from torch import Tensor

from synoptic.nerf.background import SolidBackground
from synoptic.nerf.scene import RadianceScene
from tests.nerf.known import Known

RED, WHITE = (0.85, 0.12, 0.12), (0.95, 0.95, 0.95)


def away(x: Tensor) -> Tensor:
    """How far places (M, 3) are outside of the mug, below 0 inside."""
    round_ = x[:, [0, 2]].norm(dim=1)
    cup = torch.maximum(torch.maximum(round_ - 0.5, x[:, 1].abs() - 0.6), -torch.maximum(round_ - 0.42, -0.5 - x[:, 1]))
    ring = (x[:, :2] - x.new_tensor([0.55, 0.0])).norm(dim=1) - 0.28
    return torch.minimum(cup, torch.maximum(torch.stack([ring, x[:, 2]], 1).norm(dim=1) - 0.07, 0.45 - round_))


def mug(two_faced: bool = False, dense: float = 200.0) -> RadianceScene:
    """`two_faced`: the mark is on its back too."""

    def paint(x: Tensor) -> Tensor:
        z = x[:, 2].abs() if two_faced else x[:, 2]
        mark = (x[:, :2].norm(dim=1) < 0.22) & (z > 0.3)
        inside = (x[:, [0, 2]].norm(dim=1) < 0.44) & (x[:, 1] > -0.5)
        return torch.where((mark | inside)[:, None], x.new_tensor(WHITE), x.new_tensor(RED))

    return RadianceScene(Known(lambda x: dense * (-away(x) / 0.03).clamp(0, 1), paint), SolidBackground())
