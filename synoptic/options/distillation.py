"""The options that every score distillation shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from synoptic.distillation.loss_defaults import GUIDANCE_ALONE, NEGATIVE_AT_ANY_SCALE, STUDENT, losses_that_take
from synoptic.errors import InputError, check_at_most
from synoptic.models.checkpoint import Checkpoint
from synoptic.options.option import UNSET, Option
from synoptic.options.pretrained_model import ModelOptions
from synoptic.options.sampling import unseen_negative

MOST_STEPS = 10**7  # of an optimization


@dataclass(frozen=True, kw_only=True)
class DistillationOptions(ModelOptions):
    """How strongly, and at which noise levels, a loss is followed. What is left out depends on the loss and the model."""

    GROUP = "Distillation"

    guidance_scale: Annotated[float, Option("guidance scale (default: the loss's own for the model)", at_least=0)] = UNSET
    negative_prompt: Annotated[
        str, Option("what not to show: in the null branch's place; csd and nfsd have a branch of its own for it")
    ] = ""
    lr: Annotated[float, Option("the optimizer's learning rate at its peak (default: the model's)", at_least=0)] = UNSET
    student_lr: Annotated[
        float,
        Option("of vsd: learning rate of the student (default: 1e-4; of distill 3e-3 bundled, 1e-3 bundled-if)", at_least=0),
    ] = UNSET
    t_min: Annotated[int, Option("least noisy time that is sampled (default: the loss's own)", at_least=1)] = UNSET
    t_max: Annotated[int, Option("noisiest time that is sampled (default: the loss's own)", at_least=1)] = UNSET

    if TYPE_CHECKING:
        loss: str  # an application's own option, of the losses that it has
        perp_neg: bool

    @property
    def has_gradients(self) -> bool:
        return True

    def warnings(self) -> list[str]:
        unseen = [] if self.sees_negative_unguided else unseen_negative(self.negative_prompt, self.guidance_scale)
        return [*super().warnings(), *unseen]

    @property
    def sees_negative_unguided(self) -> bool:
        """Whether a negative prompt counts at guidance scale 1 too."""
        return self.loss in NEGATIVE_AT_ANY_SCALE or self.perp_neg

    def check_loss(self, loss: str) -> None:
        """Raise InputError where options do not go with the loss: a student that it has not, no guidance if it is that."""
        if loss in GUIDANCE_ALONE and self.guidance_scale == 0:
            raise InputError(
                f"--loss {loss} follows guidance alone, --guidance-scale 0 was given: raise it", rule="guidance-loss"
            )
        students = losses_that_take("student")
        if loss not in students:
            self.check_heeded(*STUDENT, where=f"of --loss {' and '.join(students)}, {loss} has no student")

    def check_times(self, checkpoint: Checkpoint) -> None:
        """Raise InputError where the times are not the model's, or in disorder."""
        check_at_most("--t-max", self.t_max, checkpoint.num_train_timesteps - 1)
        check_at_most("--t-min", self.t_min, self.t_max)
