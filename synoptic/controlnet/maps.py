"""The maps that ControlNets follow, drawn from one picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

from PIL.Image import Image
from torch import Tensor

from synoptic.controlnet.annotators.depth import DepthEstimator
from synoptic.controlnet.annotators.normal import normal_map
from synoptic.io import from_pil
from synoptic.models.checkpoint import Checkpoint


def control_maps(picture: Image, conditions: Sequence[str], depth: Image | Checkpoint | None = None) -> dict[str, Tensor]:
    """Return {condition: map (1, 3, H, W) in [0, 1]}, of the picture's size.

    Conditions are canny, scribble, segment, depth, normal, and map, the picture itself. `depth`, which depth and normal
    need, is a depth map of the picture's shape, white near, or a depth model.
    """

    def near(pixels: Tensor) -> Tensor:
        assert depth is not None
        if isinstance(depth, Checkpoint):
            return depth_estimator(depth)(pixels)
        return (from_pil(depth.convert("L").resize(picture.size)) + 1) / 2

    annotators: dict[str, Callable[[Tensor], Tensor]] = {
        "depth": near,
        "normal": lambda pixels: normal_map(near(pixels)),
        "map": lambda pixels: (pixels + 1) / 2,
    }
    return {kind: (annotators.get(kind) or line_annotator(kind))(from_pil(picture)) for kind in dict.fromkeys(conditions)}


def line_annotator(condition: str) -> Callable[[Tensor], Tensor]:
    """Return the annotator canny, scribble or segment. They need scikit-image, which the extra `control` brings."""
    from synoptic.controlnet.annotators import canny, scribble, segment

    return {"canny": canny.canny, "scribble": scribble.scribble, "segment": segment.segment}[condition]


@cache
def depth_estimator(model: Checkpoint) -> DepthEstimator:
    """Return the depth model, loaded once."""
    return DepthEstimator(model)
