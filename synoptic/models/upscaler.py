"""Upscalers: DeepFloyd IF's stage II (Saharia et al. 2022, Imagen) and Stable Diffusion's x4 (Rombach et al. 2022)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from synoptic.diffusion.equations import Schedule, add_noise
from synoptic.diffusion.schedules import DDPMSchedule
from synoptic.models.base import Cond, Denoiser
from synoptic.models.latent import Latent
from synoptic.models.pixel import Pixel
from synoptic.models.text import Text
from synoptic.models.unet import UNet

RGB = 3  # the channels of a small picture


class Upscaler:
    """A stage that paints a picture `times` as large as the small one it is given.

    Its network sees x beside `low`, the small picture at x's size. Noise may be added to that up to a level, which the
    network is told: noise conditioning augmentation (Saharia et al. 2022, section 2.4). Levels are 0 … levels - 1.
    """

    def __init__(self, model: Denoiser, noising: DDPMSchedule, times: int, levels: int) -> None:
        self.model, self.noising, self.times, self.levels = model, noising, times, levels
        self.schedule, self.shape, self.factor = model.schedule, model.shape, model.factor
        self.device, self.dtype, self.row_bytes = model.device, model.dtype, model.row_bytes
        self.encode, self.decode = model.encode, model.decode

    def given(self, small: Tensor, level: int, noise: Tensor | None = None) -> Denoiser:
        """The Denoiser of the large pictures of `small`, one row a row of x. Arguments and errors as `low`."""
        return self.beside(self.low(small, level, noise), level)

    def low(self, small: Tensor, level: int, noise: Tensor | None = None) -> Tensor:
        """What the network sees beside x: small (N, 3, h, w) in [-1, 1], enlarged to x's size and noised.

        noise: shaped as the result; without it none is added, though the network is told the level all the same. Raises
        ValueError for a level that the noising does not have, and for noise of another shape.
        """
        if not 0 <= level < self.levels:
            raise ValueError(f"an upscaler's noise level must be between 0 and {self.levels - 1}, not {level}")
        size = [side * self.times // self.factor for side in small.shape[-2:]]
        low = F.interpolate(small.to(self.device), size, mode="bilinear", align_corners=True)
        if noise is None:
            return low
        if noise.shape != low.shape:
            raise ValueError(f"noise must be shaped as the enlarged picture, {tuple(low.shape)}, not {tuple(noise.shape)}")
        return add_noise(self.noising, low, noise.to(low), level)

    def beside(self, low: Tensor, level: int) -> Denoiser:
        """The Denoiser that sees `low`, as `low` makes it: of views, crops of what a whole canvas is given, for example."""
        return Upscaling(self.model, low, level)


class Upscaling:
    """A Denoiser of large pictures that sees `low` (N, 3, h, w) beside x, one row a row of x."""

    def __init__(self, model: Denoiser, low: Tensor, level: int) -> None:
        self.model, self.low, self.level = model, low, level
        self.schedule, self.shape, self.factor = model.schedule, model.shape, model.factor
        self.device, self.dtype, self.row_bytes = model.device, model.dtype, model.row_bytes
        self.predict, self.encode, self.decode = model.predict, model.encode, model.decode

    def embed(self, prompts: Sequence[str]) -> Cond:
        """One row a row of `low`; of fewer prompts each serves as many rows in turn: N views of every picture.

        Raises ValueError where the prompts do not divide the rows.
        """
        each, left = divmod(len(self.low), len(prompts))
        if left:
            raise ValueError(f"{len(self.low)} small pictures need as many prompts or a divisor, not {len(prompts)}")
        cond = {key: value.repeat_interleave(each, 0) for key, value in self.model.embed(prompts).items()}
        return cond | {"low": self.low, "level": torch.full((len(self.low),), self.level, device=self.low.device)}


def deepfloyd(part: Callable[..., Any], schedule: Schedule, noising: DDPMSchedule, index: dict, text: Text) -> Upscaler:
    """An IFSuperResolutionPipeline directory; `part(name)` loads its component of that name."""
    model = Pixel(UNet(part("unet"), RGB), text, schedule)
    return Upscaler(model, noising, times=4, levels=len(noising.alphas_cumprod))


def stable_diffusion(
    part: Callable[..., Any], schedule: Schedule, noising: DDPMSchedule, index: dict, text: Text
) -> Upscaler:
    """A StableDiffusionUpscalePipeline directory: its latents have the small picture's size."""
    model = Latent(UNet(part("unet"), RGB), part("vae"), text, schedule)
    return Upscaler(model, noising, times=model.factor, levels=index.get("max_noise_level", 350) + 1)
