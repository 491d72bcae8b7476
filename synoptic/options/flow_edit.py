"""The options of `flow_edit`: a picture moved from one prompt to another."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, NamedTuple, Self

from synoptic.errors import InputError
from synoptic.models.checkpoint import Checkpoint
from synoptic.options.input_image import InputImageOptions, InputPicture, OnePromptOptions
from synoptic.options.option import UNSET, Option
from synoptic.options.sampling import SamplingOptions, Seed


class FlowEditDefaults(NamedTuple):
    """What a family takes where nothing was asked: the authors' own numbers where they have some."""

    source_guidance_scale: float
    guidance_scale: float
    strength: float


AUTHORS = {
    "StableDiffusion3Pipeline": FlowEditDefaults(3.5, 13.5, 33 / 50),
    "FluxPipeline": FlowEditDefaults(1.5, 5.5, 24 / 28),
}
OTHERS = FlowEditDefaults(1.5, 5.5, 0.7)


@dataclass(frozen=True, kw_only=True)
class FlowEditOptions(OnePromptOptions, InputImageOptions, SamplingOptions):
    """Edit a picture from what it shows to something else, and leave the rest: no noise is added to it (FlowEdit).

    synoptic flow-edit car.png "a photo of a blue car" --source-prompt "a photo of a red car"
    """

    image: InputPicture
    prompt: Annotated[str, Option("what the result shows, in words", positional=True)]
    source_prompt: Annotated[str, Option("what the picture shows, in words, as near to PROMPT's as it can be")] = ""
    strength: Annotated[
        float,
        Option(
            "share of the steps that are taken: more changes more (default: 0.7; Stable Diffusion 3 0.66, FLUX.1 0.86,"
            " bundled-if 0.9)",
            above=0,
            at_most=1,
        ),
    ] = UNSET
    source_guidance_scale: Annotated[
        float,
        Option(
            "guidance scale towards --source-prompt (default: 1.5, and 5.5 of --guidance-scale; of SD 3 3.5 and 13.5)",
            at_least=0,
        ),
    ] = UNSET
    seed: Seed = 1

    def texts(self) -> list[str]:
        return [*super().texts(), self.source_prompt]

    def default_guidance(self, checkpoint: Checkpoint) -> float:
        return self.usual_edit(checkpoint).guidance_scale

    @property
    def source_cfg_scale(self) -> float:
        """The scale of classifier-free guidance towards the source's prompt, once resolved; 1 is off."""
        return self.source_guidance_scale if self.true_cfg_scale is None else self.true_cfg_scale

    def usual_edit(self, checkpoint: Checkpoint) -> FlowEditDefaults:
        """Return what the model takes by default; without guidance where it is distilled."""
        usual, own = AUTHORS.get(checkpoint.pipeline_class, OTHERS), self.usual(checkpoint)
        usual = usual._replace(strength=own.edit_strength or usual.strength)
        guided = checkpoint.takes_guidance_scale or own.guidance_scale > 1
        return usual if guided else usual._replace(source_guidance_scale=1.0, guidance_scale=1.0)

    def resolve(self, checkpoint: Checkpoint) -> Self:
        if not self.source_prompt:
            raise InputError(
                "an edit goes from what the picture shows, nothing was said of it: describe it with --source-prompt",
                rule="source-prompt-missing",
            )
        if self.sampler != "ddim" or self.eta:
            raise InputError(
                f"flow-edit takes steps of its own, --sampler {self.sampler} --eta {self.eta:g} were given: omit them",
                rule="flow-edit-sampler",
            )
        usual = self.usual_edit(checkpoint)
        self = super().resolve(checkpoint)
        self = self.filled(source_guidance_scale=usual.source_guidance_scale, strength=usual.strength)
        least = 0.0 if checkpoint.takes_guidance_scale else 1.0
        return replace(self, source_guidance_scale=max(self.source_guidance_scale, least))
