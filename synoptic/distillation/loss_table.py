"""Every loss by its name, from the files that define them."""

from __future__ import annotations

from dataclasses import dataclass

from synoptic.distillation import edit_losses, inversion_losses, losses
from synoptic.distillation.base import Learner, Loss
from synoptic.distillation.lora_student import LoRAStudent
from synoptic.distillation.loss_spec import LossSpec

LOSSES: dict[str, LossSpec] = losses.LOSSES | inversion_losses.LOSSES | edit_losses.LOSSES


@dataclass(frozen=True)
class Objective:
    """A loss, and what learns beside the scene: with VSD, a student that is on the model's network until `close`."""

    loss: Loss[object]
    learner: Learner[object] | None = None
    student: LoRAStudent | None = None

    def close(self) -> None:
        """Take the student off the network."""
        if self.student:
            self.student.remove()
