"""How views are denoised together, as one value: rule, space, start noise, solver, and what each view is prompted by."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Literal

import torch
from torch import Tensor

from synoptic.diffusion.equations import randn
from synoptic.diffusion.schedules import get_clip
from synoptic.diffusion.solvers import get_solver, timestep_pairs
from synoptic.guidance.cfg import Predict, cfg
from synoptic.models.base import Denoiser
from synoptic.sampling.joint import Space, Sync, Views, ViewUpdate, canonical, instance
from synoptic.sampling.step import Step
from synoptic.utils.arguments import typed
from synoptic.views.base import Projection
from synoptic.views.pixel_space import PixelSpace

PredictFor = Callable[[Denoiser], Predict]  # model -> the guided prediction of all pictures' views


@typed
@dataclass(frozen=True)
class JointSampler:
    """How views are denoised together, whatever they are views of: windows, anagrams, components.

    `predict_for` gives the guided prediction: `prompts_per_view`, or that of windows. `init` "shared" is one noise on the
    canvas, seen by each view; "independent" gives each view its own, which needs the state per view.
    """

    predict_for: PredictFor
    num_steps: int
    sync: Sync = "x0"
    space: Space = "canonical"
    init: Literal["shared", "independent"] = "shared"
    sampler: str = "ddim"
    eta: float = 0.0

    def init_noise(self, model: Denoiser, views: Projection, rngs: Sequence[torch.Generator]) -> Tensor:
        """Return the start noise, one generator a picture: the canvas's (B, C, H, W) or the views' (B*N, C, h, w)."""
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
        views: Views,
        x: Tensor,
        rngs: Sequence[torch.Generator],
        *,
        view_update: ViewUpdate | None = None,
        start: int = 0,
        history: tuple = (),
    ) -> Iterator[Step]:
        """Denoise x, as `init_noise` gives it; yield Steps per view or of the canvas, as `space` says.

        `start` and `history` resume. `view_update` needs space "canonical": ValueError.
        """
        s = model.schedule
        steps = timestep_pairs(self.sampler, s, self.num_steps)
        predict, solver = self.predict_for(model), get_solver(self.sampler, self.eta)
        if self.space == "canonical":
            loop = partial(canonical, views=views, view_update=view_update)
        elif view_update:
            raise ValueError("views that are updated have their state on the canvas")
        else:
            loop = partial(instance, views=views)
        common = {"steps": steps, "sync": self.sync, "solver": solver, "rngs": rngs, "start": start, "history": history}
        name = "z" if self.space == "canonical" else "x"
        for step in loop(predict, s, **{name: x}, **common):
            yield replace(step, decode=(lambda z: z) if isinstance(step.projection, PixelSpace) else model.decode)

    def sample(self, model: Denoiser, views: Projection, rngs: Sequence[torch.Generator]) -> Iterator[Step]:
        """Denoise from noise to the end."""
        return self.steps(model, views, self.init_noise(model, views, rngs), rngs)


def prompts_per_view(
    prompts: Sequence[str],
    guidance_scale: float = 1.0,
    negative_prompt: str = "",
    *,
    clip: str = "auto",
    equalize_guidance: bool = False,
) -> PredictFor:
    """Return the `predict_for` of views with a prompt each, the same in every picture: as many as x has rows for.

    `equalize_guidance` brings the views' guidance to one strength, so that no prompt dominates the others.
    """

    def predict_for(model: Denoiser) -> Predict:
        clipped, equal = get_clip(clip, model.schedule), len(prompts) if equalize_guidance else 1

        @cache
        def guided(pictures: int) -> Predict:
            rows = list(prompts) * pictures
            return cfg(model, rows, guidance_scale, negative_prompt, clip=clipped, views_per_image=equal)

        return lambda x, t, views=None: guided(len(x) // len(prompts))(x, t, views)

    return predict_for
