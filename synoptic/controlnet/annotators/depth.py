"""Depth, by any of transformers' depth models."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from synoptic.models.checkpoint import Checkpoint
from synoptic.models.components import load_network, readable
from synoptic.models.memory import in_halves
from synoptic.models.network_classes import network_class

IN_METRES = ("glpn", "tipsv2_dpt", "zoedepth")  # what these model types predict is how far a place is


class DepthEstimator:
    """A depth model: pictures (N, 3, H, W) in [-1, 1] -> (N, 3, H, W), 0 where each is farthest, 1 where it is nearest."""

    def __init__(self, checkpoint: Checkpoint, device: str | torch.device = "cpu") -> None:
        architecture = checkpoint.config("")["architectures"][0]
        model = load_network(architecture, checkpoint, "", torch.device(device), torch.float32)
        self.model = model.eval().requires_grad_(False)
        checkpoint.processor_config()
        with readable(checkpoint, ""):
            self.processor = network_class("AutoImageProcessor").from_pretrained(checkpoint.snapshot, local_files_only=True)
        config = self.model.config
        metres = config.model_type in IN_METRES or getattr(config, "depth_estimation_type", None) == "metric"
        self.power = -1 if metres else 1  # most models say how near a place is, some how far

    def enlarged(self, picture: Tensor) -> Tensor:
        """Return pictures (N, 3, H, W) with no side shorter than the processor's: narrow ones would be shrunk to none."""
        size, short = self.processor.size, min(picture.shape[-2:])
        least = min(size.get("height", short), size.get("width", short))
        sides = [round(side * least / short) for side in picture.shape[-2:]]
        return F.interpolate(picture, sides, mode="bicubic", align_corners=False) if short < least else picture

    @torch.no_grad()
    def __call__(self, picture: Tensor) -> Tensor:
        def estimate(rows: Sequence[Tensor]) -> Tensor:
            asked = self.processor(images=rows, do_rescale=False, return_tensors="pt").to(self.model.device)
            return self.model(**asked).predicted_depth[:, None].float().cpu() ** self.power

        near = torch.cat(in_halves(estimate, list((self.enlarged(picture.float().cpu()).clamp(-1, 1) + 1) / 2)))
        bounds = near.amin((1, 2, 3), keepdim=True), near.amax((1, 2, 3), keepdim=True)
        near = F.interpolate(near, picture.shape[-2:], mode="bicubic", align_corners=False).clamp(*bounds)  # no overshoot
        low, high = near.amin((1, 2, 3), keepdim=True), near.amax((1, 2, 3), keepdim=True)
        return ((near - low) / (high - low).clamp(min=torch.finfo(near.dtype).tiny)).expand(-1, 3, -1, -1)
