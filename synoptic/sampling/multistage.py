"""Views denoised together in stages: small at first, then by upscalers, still together (DeepFloyd IF)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from synoptic.diffusion.scheduler_classes import NOISY_SAMPLERS
from synoptic.models.upscaler import Upscaler
from synoptic.sampling.joint_sampler import JointSampler
from synoptic.sampling.step import Step
from synoptic.views.base import Projection
from synoptic.views.pixel_space import PixelSpace


def upscale(
    sampler: JointSampler,
    upscaler: Upscaler,
    views: Projection,
    z: Tensor,
    rngs: Sequence[torch.Generator],
    *,
    noise_level: int,
    noise_augmentation: bool = True,
) -> Iterator[Step]:
    """Enlarge the pictures z (B, 3, H, W): yield the Steps of the next stage; `views` are those of z.

    Each view is given its own small picture, noised with noise of the canvas (`noise_augmentation`), and denoised together
    with the others. Where the upscaler is a latent model they meet in pixels, on x0, and no step adds noise.
    """
    fine, small = views.scaled(upscaler.scale_factor), views.project(z)
    if upscaler.factor == 1:
        model = upscaler.denoiser_for(small, noise_level, fine.noise(rngs, z) if noise_augmentation else None)
        return sampler.sample(model, fine, rngs)
    model = upscaler.denoiser_for(small, noise_level, views.noise(rngs, z) if noise_augmentation else None)
    per_view = replace(
        sampler,
        sync="none" if sampler.sync == "none" else "x0",
        space="instance",
        init="independent",
        sampler="ddim" if sampler.sampler in NOISY_SAMPLERS else sampler.sampler,
        eta=0.0,
    )
    return per_view.sample(model, PixelSpace(fine, upscaler.encode, upscaler.decode), rngs)
