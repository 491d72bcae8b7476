"""How well the lines of a picture follow those that were asked for."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def edge_f1(found: Tensor, wanted: Tensor, tolerance: int = 1) -> Tensor:
    """Return F1 (N,) of edge maps (N, 1, H, W), 0 or 1, an edge met by one at most `tolerance` pixels away.

    Precision is the share of `found` near `wanted`, recall the share of `wanted` near `found` (as the Berkeley benchmark
    counts them, Martin et al. 2004, but without its one-to-one matching). Two empty maps agree: 1.
    """
    precision, recall = matched_fraction(found, wanted, tolerance), matched_fraction(wanted, found, tolerance)
    return 2 * precision * recall / (precision + recall).clamp(min=1e-12)


def matched_fraction(one: Tensor, other: Tensor, tolerance: int) -> Tensor:
    """Return the share (N,) of the edges of `one` that have one of `other` at most `tolerance`
    pixels away; maps as `edge_f1`.

    1 where there is none in either, 0 where there is none in `one` alone.
    """
    near = F.max_pool2d(other.float(), 2 * tolerance + 1, 1, tolerance)
    total = one.float().sum((1, 2, 3))
    share = (one.float() * near).sum((1, 2, 3)) / total.clamp(min=1)
    return share.where(total > 0, (other.sum((1, 2, 3)) == 0).to(share))
