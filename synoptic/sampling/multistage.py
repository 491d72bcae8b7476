"""Painting in stages: N views denoised together, small at first, then by upscalers, still together (DeepFloyd IF)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from synoptic.diffusion import solvers
from synoptic.diffusion.equations import Step, randn
from synoptic.diffusion.schedules import get_clip
from synoptic.guidance.cfg import cfg
from synoptic.models.base import Denoiser
from synoptic.models.upscaler import Upscaler
from synoptic.sampling.joint import Sync, canonical, instance
from synoptic.views.base import Projection
from synoptic.views.pixel_space import PixelSpace


@dataclass(frozen=True)
class JointSampler:
    """How N views are denoised together, whatever they are views of: `prompts` has one a view.

    start "shared": one noise on the canvas, seen by each view; "independent": each view has its own, which needs the state
    per view. `equalize_guidance` brings the views' guidance to one strength, so that no prompt swallows the others.
    """

    prompts: Sequence[str]
    num_steps: int
    guidance_scale: float = 1.0
    negative_prompt: str = ""
    sync: Sync = "x0"
    space: Literal["instance", "canonical"] = "canonical"
    init: Literal["shared", "independent"] = "shared"
    sampler: str = "ddim"
    eta: float = 0.0
    clip: str = "auto"
    equalize_guidance: bool = False

    def init_noise(self, model: Denoiser, views: Projection, rngs: Sequence[torch.Generator]) -> Tensor:
        """The noise to start from, one generator a picture: the canvas's (B, C, H, W) or the views' (B*N, C, h, w)."""
        if self.init == "independent":
            _, H, W = views.canvas
            factor = model.factor if isinstance(views, PixelSpace) else 1
            own = torch.stack([randn((model.shape[0], H // factor, W // factor), rngs) for _ in range(len(views))], 1)
            return own.flatten(0, 1).to(model.device)
        z = randn(views.canvas, rngs).to(model.device)
        return z if self.space == "canonical" else views.project(z)

    def steps(
        self,
        model: Denoiser,
        views: Projection,
        x: Tensor,
        rngs: Sequence[torch.Generator],
        start: int = 0,
        history: tuple = (),
    ) -> Iterator[Step]:
        """Denoise what `init_noise` gave; Steps of the canvas or of views, as `space` says. `start` and `history` resume."""
        s, pictures = model.schedule, len(rngs)
        rows = list(self.prompts) * pictures
        equal = len(self.prompts) if self.equalize_guidance else 1
        predict = cfg(
            model, rows, self.guidance_scale, self.negative_prompt, clip=get_clip(self.clip, s), views_per_image=equal
        )
        loop = canonical if self.space == "canonical" else instance
        steps = solvers.timestep_pairs(self.sampler, s, self.num_steps)
        solver = solvers.get_solver(self.sampler, self.eta)
        return loop(
            predict, s, views, x, steps=steps, sync=self.sync, solver=solver, rngs=rngs, start=start, history=history
        )

    def sample(self, model: Denoiser, views: Projection, rngs: Sequence[torch.Generator]) -> Iterator[Step]:
        """From noise to the end: the Steps of `steps`, the last one's x brought onto the canvas."""
        steps = self.steps(model, views, self.init_noise(model, views, rngs), rngs)
        before = next(steps)
        for step in steps:
            yield before
            before = step
        yield before._replace(x=self.to_canvas(views, before.x))

    def to_canvas(self, views: Projection, x: Tensor) -> Tensor:
        """The canvas (B, C, H, W) of a Step's x or x0."""
        return x if self.space == "canonical" else views.unproject(x)

    def upscale(
        self,
        upscaler: Upscaler,
        views: Projection,
        z: Tensor,
        rngs: Sequence[torch.Generator],
        *,
        noise_level: int,
        noise_augmentation: bool = True,
    ) -> Iterator[Step]:
        """The next stage, of the canvas z (B, 3, H, W) in pixels: Steps as `sample`, larger; `views` are those of z.

        Each view is given its own small picture, noised with noise of the canvas (`noise_augmentation`), and painted
        together with the others. Where the upscaler is a latent model they meet in pixels, on x0, and no step adds noise.
        """
        fine, small = views.scaled(upscaler.scale_factor), views.project(z)
        if upscaler.factor == 1:
            model = upscaler.denoiser_for(small, noise_level, fine.noise(rngs, z) if noise_augmentation else None)
            return self.sample(model, fine, rngs)
        model = upscaler.denoiser_for(small, noise_level, views.noise(rngs, z) if noise_augmentation else None)
        sync, sampler = ("none" if self.sync == "none" else "x0"), ("ddim" if self.sampler == "ddpm" else self.sampler)
        per_view = replace(self, sync=sync, space="instance", init="independent", sampler=sampler, eta=0.0)
        return per_view.sample(model, PixelSpace(fine, upscaler.encode, upscaler.decode), rngs)
