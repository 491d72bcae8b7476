"""Views with a state each, which agree at every step and are decoded one by one: what panoramas and painted meshes share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor

from synoptic.diffusion.equations import add_noise
from synoptic.diffusion.solvers import timestep_pairs
from synoptic.guidance.cfg import Predict
from synoptic.models.base import Denoiser
from synoptic.options.base import Item
from synoptic.options.instance import InstanceOptions
from synoptic.pipelines.base import Pipeline
from synoptic.sampling.joint_sampler import JointSampler
from synoptic.sampling.sdedit import start_index
from synoptic.sampling.step import Step

if TYPE_CHECKING:
    from synoptic.pipelines.sphere_views import SphereViews
    from synoptic.pipelines.texture_views import TextureViews

I = TypeVar("I", bound=InstanceOptions)  # noqa: E741


class InstancePipeline(Pipeline[I]):
    """Denoise views from noise, or from what they show of a picture, noised to a later step (SDEdit, Meng et al. 2022)."""

    @cached_property
    @abstractmethod
    def views(self) -> SphereViews | TextureViews:
        """The views, and what they agree through at each step."""

    @property
    @abstractmethod
    def shown(self) -> Tensor | None:
        """What the views show of the picture to begin with, (N, 3, s, s), where there is one."""

    @cached_property
    def start(self) -> int:
        """The step to begin with: later where there is a picture to begin with."""
        o = self.options
        return 0 if o.strength is None else start_index(o.strength, o.steps)

    @property
    def num_steps(self) -> int:
        return self.options.steps - self.start

    @property
    def coded_pixels(self) -> int:
        return self.views_per_item * self.model.checkpoint.native_size**2  # the views, not what is made of them

    def begin(self, rngs: Sequence[torch.Generator]) -> Tensor:
        """Return the views (B*N, C, h, w) before the first step."""
        like = torch.empty(0, dtype=torch.float32)
        model, noise = self.model, self.views.in_latents.noise(rngs, like).to(self.model.device)
        if self.shown is None:
            return noise
        t, _ = timestep_pairs(self.options.sampler, model.schedule, self.options.steps)[self.start]
        x0 = model.encode(self.shown.to(model.device)).repeat(len(rngs), 1, 1, 1)
        return add_noise(model.schedule, x0, noise, t)

    def denoise(
        self,
        predict_for: Callable[[Sequence[Item], Denoiser], Predict],
        items: Sequence[Item],
        x: Tensor,
        rngs: Sequence[torch.Generator],
        start: int,
    ) -> Iterator[Step]:
        """Yield the Steps of views x (B*N, C, h, w) from step `start` to the end."""
        o = self.options
        sampler = JointSampler(partial(predict_for, items), o.steps, o.sync, "instance", "shared", o.sampler, o.eta)
        return sampler.steps(self.model, self.views.at_step, x, rngs, start=start)
