"""DDS: delta denoising score, for edits (Hertz et al. 2023)."""

from __future__ import annotations

from torch import Tensor

from synoptic.diffusion.equations import Schedule
from synoptic.distillation.base import Loss
from synoptic.distillation.edit_losses import difference
from synoptic.distillation.timesteps import Times, uniform
from synoptic.guidance.cfg import Predict


def dds(predict: Predict, s: Schedule, source: Tensor, *, times: Times | None = None) -> Loss:
    """grad = eps_target - eps_source, at t = 50 … 949 by default. `predict` and `source`: as `difference`.

    Theirs has guidance 7.5 and 200 steps of gradient descent.
    """
    return difference(predict, s, source, lambda t: (0.0, 1.0), times or uniform(50, 949))
