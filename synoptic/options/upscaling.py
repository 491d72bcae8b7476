"""Which upscalers enlarge what a model makes, and what they are given (Saharia et al. 2022, Imagen)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Annotated, Self

from synoptic.errors import InputError, check_at_most
from synoptic.models.checkpoint import Checkpoint
from synoptic.models.names import UPSCALER
from synoptic.models.registry import resolve_upscaler
from synoptic.options.option import Option
from synoptic.options.speed import SpeedOptions

MATCHING = {"bundled-if": "bundled-if-ii", "if": "if-ii", "if-l": "if-ii", "if-xl": "if-ii-l"}  # made for one another
KEYWORDS = ("auto", "none")
OF_UPSCALERS = ("upscaler_steps", "noise_level", "noise_augmentation")  # options that they alone heed
FAST_SHARE, FEWEST = 0.25, 5  # of an upscaler's own steps, that --fast takes; of those it leaves at least so many


Upscalers = Annotated[
    tuple[str, ...],
    Option(
        "stages that enlarge it 4 times each: bundled-if-ii, if-ii, sd-x4, …; auto: those for the model; none: its own size",
        weights=UPSCALER,
    ),
]


@dataclass(frozen=True, kw_only=True)
class UpscalingOptions(SpeedOptions):
    """What a sampling application takes that can enlarge its pictures."""

    GROUP = "Upscaling"

    upscalers: Upscalers = ("none",)
    upscaler_steps: Annotated[
        tuple[int, ...], Option("denoising steps of each upscaler, or of all (default: their own)", at_least=1)
    ] = ()
    fast: Annotated[
        bool,
        Option(
            "half the steps by dpm++, --deepcache 2, a quarter of the upscalers' own steps (unless --steps, --deepcache or"
            " --upscaler-steps say otherwise)"
        ),
    ] = False
    noise_level: Annotated[
        int, Option("noise that upscalers add to the small picture: more keeps less of it and invents more", at_least=0)
    ] = 50

    def resolve(self, checkpoint: Checkpoint) -> Self:
        stages = find_upscalers(checkpoint, self.upscalers)
        check_noise_level(stages, self.noise_level)
        names = tuple(up.name for up in stages) or ("none",)
        asked = tuple(self.steps_of(stages)) if self.upscaler_steps or self.fast else ()
        if not stages:
            self.check_heeded(*OF_UPSCALERS, where="of upscalers, and none enlarges this picture")
        resolved = replace(super().resolve(checkpoint), upscalers=names, upscaler_steps=asked)
        for up, steps in zip(stages, asked, strict=bool(asked)):
            check_at_most(f"--upscaler-steps of {up.name}", steps, up.most_steps(resolved.sampler))
        return resolved

    def guides(self, checkpoint: Checkpoint) -> bool:
        stages = find_upscalers(checkpoint, self.upscalers)
        return super().guides(checkpoint) or any(up.defaults.guidance_scale > 1 for up in stages)

    def steps_of(self, stages: Sequence[Checkpoint]) -> list[int]:
        """Return the denoising steps of each stage. Raises InputError where other numbers than one or all were given."""
        given = self.upscaler_steps
        if len(given) == 1:
            return [given[0]] * len(stages)
        if given and len(given) != len(stages):
            raise InputError(
                f"--upscaler-steps are one number, or one for each of {len(stages)} upscalers; {len(given)} were given:"
                " correct them",
                rule="upscaler-steps-count",
            )
        usual = [up.defaults.steps for up in stages]
        fewer = [max(ceil(steps * FAST_SHARE), min(steps, FEWEST)) for steps in usual]
        return list(given) or (fewer if self.fast else usual)


def find_upscalers(checkpoint: Checkpoint, names: Sequence[str]) -> list[Checkpoint]:
    """Return the stages after `checkpoint`, in order: none for ("none",), those made for it, if any, for ("auto",).

    An upscaler of pixels takes pictures of its native size / 4, one of latents of any size. Raises InputError where what
    it is given has another size, and as `resolve_upscaler`.
    """
    if len(names) > 1 and (alone := [name for name in names if name in KEYWORDS]):
        raise InputError(
            f"--upscalers {alone[0]} stands alone, {', '.join(names)} was given: omit it, or the others",
            rule="upscalers-keyword",
        )
    if not names or names[0] in KEYWORDS:
        names = [MATCHING[checkpoint.name]] if names and names[0] == "auto" and checkpoint.name in MATCHING else []
    stages, side = [], checkpoint.native_size
    for name in names:
        up = resolve_upscaler(name)
        takes = up.native_size // scale_of(up)
        if up.factor == 1 and side != takes:
            raise InputError(
                f"{name} enlarges pictures of {takes} pixels, what it is given here has {side}: omit it from --upscalers"
                f" or choose a --model with {takes}",
                rule="upscalers-size",
            )
        stages.append(up)
        side *= scale_of(up)
    return stages


def scale_of(up: Checkpoint) -> int:
    """Return how much larger an upscaler's picture is: latents have the small picture's size, pixel stages enlarge by 4."""
    return up.factor if up.factor > 1 else 4


def check_noise_level(stages: Sequence[Checkpoint], level: int) -> None:
    """Raise InputError where an upscaler does not know the noise level."""
    for up in stages:
        T = up.read_json(f"{up.family.low_res_scheduler}/scheduler_config.json").get("num_train_timesteps", 1000)
        most = up.model_index.get("max_noise_level", 350) if up.factor > 1 else T - 1
        check_at_most(f"--noise-level for {up.name}", level, most)
