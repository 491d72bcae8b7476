"""How well a picture follows its map: the measure of a ControlNet under training."""

from __future__ import annotations

from torch import Tensor

from synoptic.controlnet.annotators.canny import canny
from synoptic.controlnet.annotators.scribble import scribble
from synoptic.metrics.edges import edge_f1, matched_fraction

LINE_ANNOTATORS = {"canny": canny, "scribble": scribble}


def control_fidelity(condition: str, images: Tensor, control_images: Tensor) -> Tensor:
    """Return a share (N,) of paintings (N, 3, H, W) in [-1, 1] and their maps (N, 3, H, W) in
    [0, 1]; a line may be a pixel off.

    canny and scribble: F1 of the painting's own map against the one it was given. Other conditions: the share of the
    map's canny edges where the painting has one, which holds for every kind of map, and asks no depth model.
    """
    wanted = control_images[:, :1].cpu()
    if condition in LINE_ANNOTATORS:
        return edge_f1(LINE_ANNOTATORS[condition](images)[:, :1], wanted.round())
    return matched_fraction(canny(2 * control_images - 1)[:, :1], canny(images)[:, :1], 1)
