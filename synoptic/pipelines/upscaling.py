"""Stages: which upscalers enlarge what a model paints, and what each is given (Saharia et al. 2022, Imagen)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from synoptic.errors import InputError, check_at_least, check_at_most
from synoptic.models.registry import TEXT_COMPONENTS, Checkpoint, resolve_upscaler

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from synoptic.models.base import Denoiser
    from synoptic.models.upscaler import Upscaler

NEXT = {"bundled-if": "bundled-if-ii", "if": "if-ii", "if-l": "if-ii", "if-xl": "if-ii-l"}  # made for one another
ALONE = ("auto", "none")


def upscalers(source: Checkpoint, asked: list[str] | None) -> list[Checkpoint]:
    """The stages after `source`, in order; none for ["none"], what was made for it (if anything) for None or ["auto"].

    An upscaler of pixels takes pictures of its native size / 4, one of latents of any size. Raises InputError where what
    it is given has another size, and as `resolve_upscaler`.
    """
    names = list(asked or ["auto"])
    if len(names) > 1 and (alone := [name for name in names if name in ALONE]):
        raise InputError(f"--upscalers {alone[0]} stands alone, {' '.join(names)} was given: leave it out, or the others")
    if names[0] in ALONE:
        names = [NEXT[source.name]] if names[0] == "auto" and source.name in NEXT else []
    larger, side = [], source.native_size
    for name in names:
        up = resolve_upscaler(name)
        takes = up.native_size // times(up)
        if up.factor == 1 and side != takes:
            raise InputError(
                f"{name} enlarges pictures of {takes} pixels, what it is given here has {side}: leave it out of --upscalers"
                f" or choose a --model that paints {takes}"
            )
        larger.append(up)
        side *= times(up)
    return larger


def times(up: Checkpoint) -> int:
    """How much larger an upscaler's picture is: latents have the small picture's size; DeepFloyd's stages enlarge by 4."""
    return up.factor if up.factor > 1 else 4


def check_level(larger: Sequence[Checkpoint], level: int) -> None:
    """Raises InputError where an upscaler does not know the noise level."""
    check_at_least("--level", level, 0)
    for up in larger:
        T = up.read_json(f"{up.family.low_res_scheduler}/scheduler_config.json").get("num_train_timesteps", 1000)
        check_at_most(
            f"--level for {up.name}", level, up.model_index.get("max_noise_level", 350) if up.factor > 1 else T - 1
        )


def load_stage(up: Checkpoint, source: Checkpoint, model: Denoiser, settings: dict[str, Any]) -> Upscaler:
    """The upscaler, with stage I's prompts where both have the same text tower: DeepFloyd's stages share a frozen T5."""
    from synoptic.models.load import load_upscaler

    text = model.embed if same_tower(up, source) else None
    return load_upscaler(up, device=settings["device"], dtype=settings["dtype"], text_encoder=text)


def same_tower(up: Checkpoint, source: Checkpoint) -> bool:
    """Whether two models' prompts are embedded by one tower, as far as their configs say; or the upscaler has none."""
    if not up.components.keys() >= set(TEXT_COMPONENTS):
        return True
    ours, theirs = (one.read_json("text_encoder/config.json") for one in (up, source))
    told = ours.keys() - {"_name_or_path", "transformers_version", "torch_dtype", "dtype"}
    return all(ours[key] == theirs.get(key) for key in told)


class Stages:
    """Plain pictures through stages: each is loaded when its turn comes, and decodes what it painted."""

    def __init__(self, source: Checkpoint, settings: dict[str, Any]) -> None:
        self.level = settings["level"]
        self.load = cache(lambda up, model: load_stage(up, source, model, settings))
        self.by_shape: dict[tuple[int, ...], Upscaler] = {}  # no two stages' x have the same

    def begin(
        self, up: Checkpoint, model: Denoiser, small: Tensor, rngs: Sequence[torch.Generator]
    ) -> tuple[Denoiser, Tensor]:
        """The Denoiser of the pictures that enlarge `small` (B, 3, h, w), and their noise, drawn before that of `small`."""
        from synoptic.diffusion.equations import randn

        stage = self.load(up, model)
        size = [side * stage.scale_factor // stage.factor for side in small.shape[-2:]]
        x, noise = (randn((channels, *size), rngs, small) for channels in (stage.shape[0], small.shape[1]))
        self.by_shape[tuple(x.shape[1:])] = stage
        return stage.denoiser_for(small, self.level, noise), x

    def decode(self, model: Denoiser, x: Tensor) -> Tensor:
        """Images (B, 3, H, W) of what a stage painted, the first or a later one; large ones picture by picture."""
        import torch

        stage = self.by_shape.get(tuple(x.shape[1:]))
        return torch.cat([stage.decode(one) for one in x.split(1)]) if stage else model.decode(x)
