"""What a loss is built from, and which predictions of the model it needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from synoptic.diffusion.equations import Schedule
from synoptic.distillation.base import Loss
from synoptic.distillation.timesteps import TimestepSampler, linear_schedule
from synoptic.distillation.weights import WeightFunction
from synoptic.guidance.batching import BranchPredict
from synoptic.guidance.cfg import Predict
from synoptic.guidance.perp_neg import cfg_predict


@dataclass(frozen=True)
class LossInputs:
    """What a loss is built from; each takes what it needs.

    `branch_predict` has the branches of the loss's row, `branch(name)` predicts one of them alone. `steps` is how many the
    optimization has. `source` (B, C, h, w) is the x that an edit starts from; its predictions have 2B rows, first those of
    the edited pictures.
    """

    schedule: Schedule
    branch_predict: BranchPredict
    branch: Callable[[str], Predict]
    guidance_scale: float
    timesteps: TimestepSampler
    weight: WeightFunction
    steps: int
    source: Tensor | None = None
    stride: int = 2
    separate_negative: bool = False

    @property
    def edited(self) -> Tensor:
        """Return the source. Raises ValueError where there is none."""
        if self.source is None:
            raise ValueError("this loss edits a source, none was given")
        return self.source

    @property
    def guided(self) -> tuple[BranchPredict, Schedule, float]:
        """Return what most losses begin with: branches, schedule, guidance scale."""
        return self.branch_predict, self.schedule, self.guidance_scale

    @property
    def negative_weight(self) -> Callable[[int], float] | None:
        """Return the weight of a separate negative branch by step, up to the guidance scale (Yu et al. 2024, CSD)."""
        return linear_schedule(0, self.guidance_scale, self.steps) if self.separate_negative else None

    def cfg(self, scale: float) -> Predict:
        """Return the prediction of the branches cond and null, guided so much."""
        return cfg_predict(self.branch_predict, scale)


@dataclass(frozen=True)
class LossSpec:
    """A loss, and the branches that it needs besides cond and null.

    `negative_branch`: whether a negative prompt is in the null branch's place ("never" apart), in a branch of its own where
    there is one ("given"), or always in a branch of its own. `loss_defaults` says which losses have a student, and which
    edit a source, whose rows each branch has then too. Before that the network is asked
    `guided_inversions` times for all branches, or `null_inversions` times for null alone.
    """

    build: Callable[[LossInputs], Loss[object]]
    negative_branch: Literal["never", "given", "always"] = "never"
    guided_inversions: int = 0
    null_inversions: int = 0

    def separates(self, negative_prompt: str) -> bool:
        """Return whether the negative prompt has a branch of its own."""
        return self.negative_branch == "always" or (self.negative_branch == "given" and bool(negative_prompt))
