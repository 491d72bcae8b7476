"""The options of `rf_inversion`: a picture edited through noise that remembers it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Self

from synoptic.errors import InputError
from synoptic.models.checkpoint import Checkpoint
from synoptic.models.names import FLOW_MODEL
from synoptic.options.input_image import InputImageOptions, InputPicture, OnePromptOptions, Prompt
from synoptic.options.option import Option
from synoptic.options.pretrained_model import ModelName
from synoptic.options.sampling import SamplingOptions, Seed


@dataclass(frozen=True, kw_only=True)
class RfInversionOptions(OnePromptOptions, InputImageOptions, SamplingOptions):
    """Edit a picture on a flow model by inverting it to noise (RF-Inversion).

    synoptic rf-inversion cat.png "a lion"
    synoptic rf-inversion cat.png "a lion" --model flux-dev
    """

    MODEL_KIND = FLOW_MODEL

    image: InputPicture
    prompt: Prompt
    model: ModelName = "sd3.5"
    white_share: Annotated[
        float, Option("share of white noise in the picture's noise: more changes more", at_least=0, at_most=1)
    ] = 0.5
    picture_share: Annotated[
        float, Option("share of the picture in what is predicted: more keeps more of it", at_least=0, at_most=1)
    ] = 0.9
    picture_steps: Annotated[
        float, Option("share of the steps, the first ones, that --picture-share holds for", at_least=0, at_most=1)
    ] = 0.25
    seed: Seed = 1

    def texts(self) -> list[str]:
        return [*super().texts(), ""]

    def resolve(self, checkpoint: Checkpoint) -> Self:
        if not checkpoint.is_flow:
            raise InputError(
                f"rf-inversion is of flow models, {checkpoint.name} is none: use flow-edit or edit", rule="rf-inversion-flow"
            )
        if self.sampler != "ddim" or self.eta:
            raise InputError(
                f"it takes the flow's own steps, --sampler {self.sampler} --eta {self.eta:g} were given: omit them",
                rule="rf-inversion-sampler",
            )
        if not self.picture_share:
            self.check_heeded("picture_steps", where="of steps drawn to the picture, there are none at --picture-share 0")
        if not self.picture_steps:
            self.check_heeded("picture_share", where="of steps drawn to the picture, there are none at --picture-steps 0")
        return super().resolve(checkpoint)
