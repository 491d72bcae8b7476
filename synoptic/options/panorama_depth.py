"""A panorama along distances that are known all around: every view follows its own part of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib import import_module
from typing import Annotated, Self

from synoptic.errors import InputError
from synoptic.models.checkpoint import Checkpoint
from synoptic.models.names import CONTROLNET
from synoptic.options.controlnet import find_controlnets
from synoptic.options.option import Option
from synoptic.options.pretrained_model import ModelOptions
from synoptic.utils.picture import PictureSource


@dataclass(frozen=True, kw_only=True)
class PanoramaDepthOptions(ModelOptions):
    """What says how far away things are."""

    GROUP = "ControlNet"

    depth: Annotated[
        PictureSource | None,
        Option(
            "distances from the camera that are followed: equirectangular, a .npy array or a gray PNG or TIFF, in any unit;"
            " 0: nothing is there",
            picture=True,
        ),
    ] = None
    controlnet: Annotated[
        tuple[str, ...],
        Option(
            "of --depth, the ControlNet: bundled-depth, a hub id, a directory, FILE.safetensors (default: the bundled)",
            weights=CONTROLNET,
        ),
    ] = ()
    control_strength: Annotated[float, Option("how much --depth counts: 1 as trained, 0 not at all", at_least=0)] = 1.0

    def resolve(self, checkpoint: Checkpoint) -> Self:
        if self.depth is not None:
            import_module("synoptic.io.radial_depth").read_radial_depth(self.depth)
            self = replace(self, controlnet=find_controlnets(checkpoint, ("depth",), self.controlnet))
        elif self.controlnet or self.control_strength != 1:
            raise InputError(
                "--controlnet and --control-strength are of distances that are followed, none were given: name them by"
                " --depth",
                rule="depth-missing",
            )
        return super().resolve(checkpoint)
