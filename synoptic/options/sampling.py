"""What every sampling loop takes: steps, guidance, the solver, seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal, Self

from synoptic.diffusion.scheduler_classes import NOISY_SAMPLERS
from synoptic.errors import InputError, check_at_most
from synoptic.models.checkpoint import BUNDLED_DEFAULTS, Checkpoint
from synoptic.models.families import FAMILIES
from synoptic.options.option import UNSET, Option
from synoptic.options.output import OutputOptions
from synoptic.options.pretrained_model import ModelOptions
from synoptic.options.seeds import RANDOM

MAX_SEED = 2**63 - 1
MOST_PIXELS = 2**20  # of a side

Seed = Annotated[
    int,
    Option("seed of the first picture; picture k of --count has seed + k; -1: random", at_least=RANDOM, at_most=MAX_SEED),
]
Count = Annotated[int, Option("pictures per prompt", at_least=1, at_most=100_000)]
BUNDLED, STABLE_DIFFUSION = BUNDLED_DEFAULTS["sd"], FAMILIES["StableDiffusionPipeline"].defaults  # which help names
Steps = Annotated[
    int,
    Option(
        f"denoising steps (default: the model's; {BUNDLED.steps} bundled, {STABLE_DIFFUSION.steps} Stable Diffusion)",
        at_least=1,
    ),
]
Sampler = Annotated[
    Literal["ddim", "ddpm", "dpm++", "lcm", "tcd"],
    Option("how a step is taken: ddpm is ancestral, dpm++ of second order, lcm and tcd for models distilled to a few steps"),
]
Clip = Annotated[
    Literal["auto", "none", "static", "dynamic"], Option("keep x0 in range; auto: as the model's scheduler does")
]
Sync = Annotated[Literal["x0", "eps", "xt", "none"], Option("what the views agree on at each step; none: nothing")]
NegativePrompt = Annotated[str, Option("what not to show")]


@dataclass(frozen=True, kw_only=True)
class SamplingOptions(ModelOptions, OutputOptions):
    """What every sampling loop takes."""

    GROUP = "Sampling"

    steps: Steps = UNSET
    guidance_scale: Annotated[
        float,
        Option(
            "classifier-free guidance scale; 0 to 1 is off (default: the model's;"
            f" {BUNDLED.guidance_scale:g} bundled, {STABLE_DIFFUSION.guidance_scale:g} Stable Diffusion 1 and 2);"
            " FLUX.1-dev: the scale that its network takes",
            at_least=0,
        ),
    ] = UNSET
    true_cfg_scale: Annotated[
        float,
        Option(
            "classifier-free guidance scale where the network takes --guidance-scale (FLUX.1-dev); above 1 a step takes"
            " twice as long (default: 1, off)",
            at_least=0,
        ),
    ] = UNSET
    negative_prompt: NegativePrompt = ""
    sampler: Sampler = "ddim"
    eta: Annotated[
        float, Option("DDIM's noise per step: 0 (deterministic) to 1 (the ancestral sampler's)", at_least=0, at_most=1)
    ] = 0.0
    clip: Clip = "auto"
    seed: Seed = 0
    count: Count = 1

    def resolve(self, checkpoint: Checkpoint) -> Self:
        self = self.with_guidance(checkpoint).filled(steps=self.usual(checkpoint).steps)
        check_at_most("--steps", self.steps, checkpoint.most_steps(self.sampler))
        if self.guidance_scale > 1 and checkpoint.has_embedded_guidance:
            raise InputError(
                f"--guidance-scale must be 1 where a network has guidance built in, as that of {checkpoint.name},"
                f" {self.guidance_scale:g} was given: omit it",
                rule="guidance-embedded",
            )
        if self.eta and self.sampler != "ddim":
            raise InputError(
                f"--eta is the noise of ddim's steps, {self.sampler} has its own; {self.eta} was given: omit it",
                rule="eta-sampler",
            )
        if self.seed + self.count - 1 > MAX_SEED:
            raise InputError(
                f"--seed + --count must stay within 64 bits, {self.seed} was given: lower it", rule="seed-count"
            )
        return super().resolve(checkpoint)

    @property
    def adds_noise(self) -> bool:
        """Whether steps add noise, which no decoder knows."""
        return self.eta > 0 or self.sampler in NOISY_SAMPLERS

    @property
    def cfg_scale(self) -> float:
        """The scale of classifier-free guidance, once resolved; 1 is off."""
        return self.guidance_scale if self.true_cfg_scale is None else self.true_cfg_scale

    def embedded_guidance_scale(self, checkpoint: Checkpoint) -> float:
        return self.guidance_scale

    def with_guidance(self, checkpoint: Checkpoint) -> Self:
        """Return the options with their guidance scales. Raises InputError where the model would not heed one of them."""
        self = self.filled(guidance_scale=self.default_guidance(checkpoint))
        if checkpoint.takes_guidance_scale:
            self, option = replace(self, true_cfg_scale=max(self.true_cfg_scale or 1.0, 1.0)), "--true-cfg-scale"
        elif self.true_cfg_scale is not None:
            raise InputError(
                f"--true-cfg-scale is of networks that take --guidance-scale, that of {checkpoint.name} takes none,"
                f" {self.true_cfg_scale:g} was given: use --guidance-scale",
                rule="true-cfg-scale",
            )
        else:
            self, option = replace(self, guidance_scale=max(self.guidance_scale, 1.0)), "--guidance-scale"
        if self.negative_prompt and self.cfg_scale == 1 and not checkpoint.has_unet:
            raise InputError(
                f"--negative-prompt is seen by classifier-free guidance alone, {checkpoint.name} has none at"
                f" {option} 1: raise that, or omit the negative prompt",
                rule="negative-ignored",
            )
        return self

    def default_guidance(self, checkpoint: Checkpoint) -> float:
        return self.usual(checkpoint).guidance_scale

    def warnings(self) -> list[str]:
        return [*super().warnings(), *unseen_negative(self.negative_prompt, self.cfg_scale)]

    def item_seeds(self) -> Sequence[int]:
        return range(self.seed, self.seed + self.count)

    def texts(self) -> list[str]:
        prompts = dict.fromkeys(prompt for item in self.items() for prompt in item.prompts)
        return [*prompts, self.negative_prompt]


def unseen_negative(negative_prompt: str, cfg_scale: float) -> list[str]:
    """Return the warning of a negative prompt that guidance at this scale does not see, if there is one."""
    says = "guidance is off at scale 1: --negative-prompt is not seen, raise the scale"
    return [says] if negative_prompt and cfg_scale == 1 else []
