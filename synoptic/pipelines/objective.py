"""What a scene or a picture follows: the loss of its options, on the branches that the model predicts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from synoptic.diffusion.equations import Schedule
from synoptic.distillation.lora_student import LoRAStudent
from synoptic.distillation.loss_defaults import losses_that_take
from synoptic.distillation.loss_spec import LossInputs
from synoptic.distillation.loss_table import LOSSES, Objective
from synoptic.distillation.losses import StudentTraining
from synoptic.distillation.timesteps import TIMESTEPS, TimestepSampler
from synoptic.distillation.weights import WEIGHTS
from synoptic.guidance.batching import BranchPredict, one_branch
from synoptic.options.distill import DistillOptions
from synoptic.options.text_to_3d import TextTo3DOptions
from synoptic.pipelines.base import NetworkCall

GRADIENT_ROWS = 4  # rows of a call without gradients whose memory one with gradients takes


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
    timesteps: TimestepSampler | None = None,
    source: Tensor | None = None,
    stride: int = 2,
    student_steps: int = 1,
) -> Objective:
    """Return what is followed, at `timesteps`, by default those of the options.

    An edit starts from `source` (B, C, h, w), by PDS from t to `stride` times later.
    """
    inputs = LossInputs(
        s,
        branches.every,
        lambda name: one_branch(branches.alone(name), name),
        o.guidance_scale,
        timesteps or TIMESTEPS[o.anneal](o.t_min, o.t_max, o.steps),
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


def loss_calls(loss: str, views: int, conditions: int, student_steps: int = 1, row_memory: int = 1) -> list[NetworkCall]:
    """Return what a step of a loss asks the network of one item, of so many views under so many conditions each."""
    spec, several = LOSSES[loss], 2 if loss in losses_that_take("source") else 1
    learning = student_steps if loss in losses_that_take("student") else 0
    return [
        *[NetworkCall(views, conditions)] * spec.guided_inversions,
        *[NetworkCall(views, 1)] * spec.null_inversions,
        NetworkCall(several * views, conditions, row_memory),
        *[NetworkCall(views, 1, GRADIENT_ROWS)] * learning,
    ]
