"""Upscalers: DeepFloyd IF's stage II (Saharia et al. 2022, Imagen) and Stable Diffusion's x4 (Rombach et al. 2022)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from synoptic.diffusion.ddpm_schedule import DDPMSchedule
from synoptic.diffusion.equations import Schedule, add_noise
from synoptic.models.base import Conditioning, Denoiser
from synoptic.models.components import ComponentLoader
from synoptic.models.latent import LatentDenoiser
from synoptic.models.pixel import PixelDenoiser
from synoptic.models.text import TextEncoder
from synoptic.models.unet import UNet

RGB_CHANNELS = 3  # the channels of a small picture


class Upscaler:
    """A stage that paints a picture `scale_factor` times as large as the small one it is given.

    Its network sees x beside `low_res`, the small picture at x's size. Noise may be added to that up to a level, which the
    network is conditioned on: noise conditioning augmentation (Saharia et al. 2022, section 2.4). Levels are 0 … levels - 1.
    """

    def __init__(self, model: Denoiser, low_res_schedule: DDPMSchedule, scale_factor: int, num_noise_levels: int) -> None:
        self.model, self.low_res_schedule, self.scale_factor, self.num_noise_levels = (
            model,
            low_res_schedule,
            scale_factor,
            num_noise_levels,
        )
        self.schedule, self.shape, self.factor = model.schedule, model.shape, model.factor
        self.device, self.dtype, self.row_bytes = model.device, model.dtype, model.row_bytes
        self.encode, self.decode = model.encode, model.decode

    def denoiser_for(self, small: Tensor, noise_level: int, noise: Tensor | None = None) -> Denoiser:
        """Return the Denoiser of the large pictures of `small`, one row a row of x. Arguments and errors as `low_res`."""
        return self.with_low_res(self.low_res(small, noise_level, noise), noise_level)

    def low_res(self, small: Tensor, noise_level: int, noise: Tensor | None = None) -> Tensor:
        """Return what the network sees beside x: small (N, 3, h, w) in [-1, 1], enlarged to x's size and noised.

        noise: shaped as the result; without it none is added, though the level conditions the network all the same. Raises
        ValueError for a level that the noising does not have, and for noise of another shape.
        """
        if not 0 <= noise_level < self.num_noise_levels:
            raise ValueError(
                f"an upscaler's noise level must be between 0 and {self.num_noise_levels - 1}, not {noise_level}"
            )
        size = [side * self.scale_factor // self.factor for side in small.shape[-2:]]
        low_res = F.interpolate(small.to(self.device), size, mode="bilinear", align_corners=True)
        if noise is None:
            return low_res
        if noise.shape != low_res.shape:
            raise ValueError(
                f"noise must be shaped as the enlarged picture, {tuple(low_res.shape)}, not {tuple(noise.shape)}"
            )
        return add_noise(self.low_res_schedule, low_res, noise.to(low_res), noise_level)

    def with_low_res(self, low_res: Tensor, noise_level: int) -> Denoiser:
        """Return the Denoiser that sees `low_res`, as the method of that name makes it: of views, for example."""
        return ConditionedDenoiser(self.model, low_res, noise_level)


class ConditionedDenoiser:
    """A Denoiser of large pictures that sees `low_res` (N, 3, h, w) beside x, one row a row of x."""

    def __init__(self, model: Denoiser, low_res: Tensor, noise_level: int) -> None:
        self.model, self.low_res, self.noise_level = model, low_res, noise_level
        self.schedule, self.shape, self.factor = model.schedule, model.shape, model.factor
        self.device, self.dtype, self.row_bytes = model.device, model.dtype, model.row_bytes
        self.predict, self.encode, self.decode = model.predict, model.encode, model.decode

    def embed(self, prompts: Sequence[str]) -> Conditioning:
        """Return one row a row of `low_res`; of fewer prompts each serves as many rows in turn: N views of every picture.

        Raises ValueError where the prompts do not divide the rows.
        """
        each, left = divmod(len(self.low_res), len(prompts))
        if left:
            raise ValueError(f"{len(self.low_res)} small pictures need as many prompts or a divisor, not {len(prompts)}")
        cond = self.model.embed(prompts).rows(torch.arange(len(prompts)).repeat_interleave(each))
        noise_level = torch.full((len(self.low_res),), self.noise_level, device=self.low_res.device)
        return replace(cond, low_res=self.low_res, noise_level=noise_level)


def deepfloyd(
    component: ComponentLoader,
    schedule: Schedule,
    low_res_schedule: DDPMSchedule,
    model_index: dict,
    text_encoder: TextEncoder,
) -> Upscaler:
    """Return an IFSuperResolutionPipeline directory; `part(name)` loads its component of that name."""
    model = PixelDenoiser(UNet(component("unet"), RGB_CHANNELS), text_encoder, schedule)
    return Upscaler(model, low_res_schedule, scale_factor=4, num_noise_levels=len(low_res_schedule.alphas_cumprod))


def stable_diffusion(
    component: ComponentLoader,
    schedule: Schedule,
    low_res_schedule: DDPMSchedule,
    model_index: dict,
    text_encoder: TextEncoder,
) -> Upscaler:
    """Return a StableDiffusionUpscalePipeline directory: its latents have the small picture's size."""
    model = LatentDenoiser(UNet(component("unet"), RGB_CHANNELS), component("vae"), text_encoder, schedule)
    return Upscaler(
        model, low_res_schedule, scale_factor=model.factor, num_noise_levels=model_index.get("max_noise_level", 350) + 1
    )
