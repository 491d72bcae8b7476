"""The options of `denoise`: classical and learned denoisers side by side."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Literal, Self

from synoptic.errors import InputError, check_at_least, check_at_most
from synoptic.models.checkpoint import Checkpoint
from synoptic.options.base import Item
from synoptic.options.input_image import GENERAL_PROMPT, InputImageOptions, InputPicture, Prompt
from synoptic.options.option import Option
from synoptic.options.output import Out
from synoptic.options.pretrained_model import ModelName
from synoptic.options.sampling import Clip, NegativePrompt, Sampler, Seed, unseen_negative

Method = Literal["gaussian", "onestep", "iterative"]


@dataclass(frozen=True, kw_only=True)
class DenoiseOptions(InputImageOptions):
    """Denoise a noised picture: by blurring, by the model's one-step estimate, and by the model step by step.

    synoptic denoise horse.png "a photo of a horse" --t 250,500,750 --method gaussian,onestep
    """

    image: InputPicture
    prompt: Prompt = GENERAL_PROMPT
    t: Annotated[tuple[int, ...], Option("noise levels: times of the model, of 1000 mostly", at_least=0)] = (250, 500, 750)
    method: Annotated[
        tuple[Method, ...],
        Option(
            "gaussian: blurs, of kernel 5 and sigma 2, and the one nearest to the original; onestep: the model's estimate of"
            " the clean picture; iterative: the model, step by step"
        ),
    ] = ("gaussian", "onestep", "iterative")
    stride: Annotated[int, Option("of the iterative denoiser: from t to t - stride, and so on to 0", at_least=1)] = 30
    guidance_scale: Annotated[
        float, Option("classifier-free guidance scale; 0 to 1 is off, which is best for estimates", at_least=0)
    ] = 1.0
    negative_prompt: NegativePrompt = ""
    sampler: Sampler = "ddpm"
    clip: Clip = "auto"
    seed: Seed = 0
    model: ModelName = "bundled-if"
    out: Out = None

    def texts(self) -> list[str]:
        return [self.prompt, self.negative_prompt]

    def warnings(self) -> list[str]:
        return [*super().warnings(), *unseen_negative(self.negative_prompt, self.guidance_scale)]

    def items(self) -> list[Item]:
        return [Item((self.prompt,), self.seed, f"t{t}") for t in self.t]

    def resolve(self, checkpoint: Checkpoint) -> Self:
        if not self.t:
            raise InputError("--t needs a noise level, none was given: try 250", rule="t-missing")
        if "iterative" not in self.method:
            self.check_heeded("stride", "sampler", where="of the iterative denoiser, which --method has not")
        if not {"iterative", "onestep"} & set(self.method):
            names = ("guidance_scale", "negative_prompt", "clip")
            self.check_heeded(*names, where="of the model's estimates, --method has none")
        check_at_least("--t", min(self.t), int(checkpoint.is_flow))  # at 0 a flow has no noise
        check_at_most("--t", max(self.t), checkpoint.num_train_timesteps - 1)
        return replace(
            super().resolve(checkpoint), t=tuple(dict.fromkeys(self.t)), guidance_scale=max(self.guidance_scale, 1.0)
        )
