"""What a scene or a picture follows: the loss of its options, on the branches that the model predicts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from synoptic.diffusion.equations import Schedule
from synoptic.distillation.lora_student import LoRAStudent
from synoptic.distillation.loss_spec import LossInputs
from synoptic.distillation.loss_table import LOSSES, Objective
from synoptic.distillation.losses import StudentTraining
from synoptic.distillation.timesteps import TIMESTEPS
from synoptic.distillation.weights import WEIGHTS
from synoptic.guidance.batching import BranchPredict, one_branch
from synoptic.options.distill import DistillOptions
from synoptic.options.text_to_3d import TextTo3DOptions


@dataclass(frozen=True)
class LossBranches:
    """What a model predicts for a loss: `every` branch in one call, or one `alone`; with VSD, a student's among them."""

    every: BranchPredict
    alone: Callable[[str], BranchPredict]
    separate_negative: bool  # whether a negative prompt has a branch of its own
    student: LoRAStudent | None


def build_objective(
    o: DistillOptions | TextTo3DOptions,
    s: Schedule,
    branches: LossBranches,
    weight: str,
    *,
    source: Tensor | None = None,
    stride: int = 2,
    student_steps: int = 1,
) -> Objective:
    """Return what is followed; an edit starts from `source` (B, C, h, w), by PDS from t to `stride` times later."""
    inputs = LossInputs(
        s,
        branches.every,
        lambda name: one_branch(branches.alone(name), name),
        o.guidance_scale,
        TIMESTEPS[o.anneal](o.t_min, o.t_max, o.steps),
        WEIGHTS[weight],
        o.steps,
        source,
        stride,
        branches.separate_negative,
    )
    student, learner = branches.student, None
    if student:
        learner = StudentTraining(student, branches.alone("student"), s, lr=o.student_lr, steps=student_steps)
    return Objective(LOSSES[o.loss].build(inputs), learner, student)
