"""Canvases larger than the model: the predictions of every view, averaged (Bar-Tal et al. 2023)."""

from __future__ import annotations

from torch import Tensor

from synoptic.diffusion.equations import Pred
from synoptic.guidance.batching import BranchPredict
from synoptic.views.base import Projection


def canvas_branches(branch_predict: BranchPredict, views: Projection) -> BranchPredict:
    """Return the branches of a canvas z (B, C, H, W) from those of its views (B*N, C, h, w): means of their predictions.

    A loss built on it noises the canvas, at one time a picture, and its gradient is the canvas's.
    """

    def predict(z: Tensor, t: Tensor, camera: object = None) -> dict[str, Pred]:
        found = branch_predict(views.project(z), t.repeat_interleave(len(views)), camera)
        return {name: Pred(views.unproject(p.x0), views.unproject(p.eps)) for name, p in found.items()}

    return predict
