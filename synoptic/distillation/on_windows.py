"""Canvases larger than the model: what it believes of every view, brought together (Bar-Tal et al. 2023)."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from synoptic.diffusion.equations import Pred
from synoptic.guidance.batching import BranchPredict
from synoptic.views.base import Projection


def canvas_branches(branch_predict: BranchPredict, views: Projection) -> BranchPredict:
    """Branches of views (B*N, C, h, w) -> branches of their canvas z (B, C, H, W), each the mean of what the views say.

    A loss built on it noises the canvas, at one time a picture, and its gradient is the canvas's.
    """

    def predict(z: Tensor, t: Tensor, camera: Any = None) -> dict[str, Pred]:
        found = branch_predict(views.project(z), t.repeat_interleave(len(views)), camera)
        return {name: Pred(views.unproject(p.x0), views.unproject(p.eps)) for name, p in found.items()}

    return predict
