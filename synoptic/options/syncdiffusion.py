"""What makes a wide picture one scene: SyncDiffusion (Lee et al. 2023)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, Self

from synoptic.distributed import is_distributed
from synoptic.errors import InputError, check_installed
from synoptic.models.checkpoint import Checkpoint
from synoptic.options.option import Option
from synoptic.options.pretrained_model import ModelOptions


@dataclass(frozen=True, kw_only=True)
class SyncDiffusionOptions(ModelOptions):
    """What moves the windows of a picture toward one look."""

    GROUP = "SyncDiffusion"

    syncdiffusion_weight: Annotated[
        float, Option("one scene: how strongly windows are drawn to one look; 8 suits clip, 20 lpips; 0 is off", at_least=0)
    ] = 0.0
    syncdiffusion_steps: Annotated[int, Option("in how many of the first steps", at_least=1)] = 10
    syncdiffusion_every: Annotated[int, Option("in every n-th of those: fewer are faster", at_least=1)] = 1
    syncdiffusion_metric: Annotated[
        Literal["clip", "lpips"], Option("what likeness is: the bundled grayscale CLIP's features, or LPIPS (needs: lpips)")
    ] = "clip"
    syncdiffusion_anchor: Annotated[
        float, Option("the window that the others follow: 0 the first, 1 the last, row by row", at_least=0, at_most=1)
    ] = 0.5

    @property
    def has_gradients(self) -> bool:
        return self.syncdiffusion_weight > 0

    def resolve(self, checkpoint: Checkpoint) -> Self:
        if self.syncdiffusion_weight and is_distributed():
            raise InputError(
                "--syncdiffusion-weight compares every window with one, which one process has: omit it, or torchrun",
                rule="syncdiffusion-distributed",
            )
        if self.syncdiffusion_weight and self.syncdiffusion_metric == "lpips":
            check_installed("lpips", "--syncdiffusion-metric lpips needs the package lpips", "pip install lpips")
        if not self.syncdiffusion_weight:
            names = ("syncdiffusion_steps", "syncdiffusion_every", "syncdiffusion_metric", "syncdiffusion_anchor")
            self.check_heeded(*names, where="of SyncDiffusion, which is off at --syncdiffusion-weight 0")
        return super().resolve(checkpoint)
