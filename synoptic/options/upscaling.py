"""Which upscalers enlarge what a model makes, and what they are given (Saharia et al. 2022, Imagen)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Self

from synoptic.errors import InputError, check_at_most
from synoptic.models.checkpoint import Checkpoint
from synoptic.models.registry import resolve_upscaler
from synoptic.options.option import Option
from synoptic.options.sampling import SamplingOptions

MATCHING = {"bundled-if": "bundled-if-ii", "if": "if-ii", "if-l": "if-ii", "if-xl": "if-ii-l"}  # made for one another
KEYWORDS = ("auto", "none")


Upscalers = Annotated[
    tuple[str, ...],
    Option(
        "stages that enlarge it 4 times each: bundled-if-ii, if-ii, sd-x4, …; auto: those for the model; none: its own size"
    ),
]


@dataclass(frozen=True, kw_only=True)
class UpscalingOptions(SamplingOptions):
    """What a sampling application takes that can enlarge its pictures."""

    GROUP = "Upscaling"

    upscalers: Upscalers = ("none",)
    noise_level: Annotated[
        int, Option("noise that upscalers add to the small picture: more keeps less of it and invents more", at_least=0)
    ] = 50

    def resolve(self, checkpoint: Checkpoint) -> Self:
        stages = find_upscalers(checkpoint, self.upscalers)
        check_noise_level(stages, self.noise_level)
        return replace(super().resolve(checkpoint), upscalers=tuple(up.name for up in stages) or ("none",))


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
