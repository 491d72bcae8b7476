"""A panorama's views: what they agree on at each step, and what each is guided by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from synoptic import io
from synoptic.diffusion.equations import Pred, Time, add_noise
from synoptic.diffusion.schedules import get_clip
from synoptic.diffusion.solvers import timestep_pairs
from synoptic.guidance.cfg import Predict
from synoptic.guidance.regional_prompts import PromptSpec, is_guided, regional_cfg
from synoptic.guidance.sphere_prompts import share_in_view, sphere_prompts
from synoptic.models.base import Denoiser, PretrainedModel
from synoptic.options.base import Item
from synoptic.options.panorama import PanoramaOptions
from synoptic.pipelines.base import NetworkCall
from synoptic.pipelines.sphere_depth import SphereDepth
from synoptic.pipelines.sphere_init import SphereInit
from synoptic.sampling.sdedit import start_index
from synoptic.sampling.step import Step
from synoptic.utils.picture import read_picture
from synoptic.views.base import Projection
from synoptic.views.carried_part import CarriedPart
from synoptic.views.equirectangular import Equirectangular, matching_height
from synoptic.views.horizon import HorizonRing
from synoptic.views.known_part import KnownPart
from synoptic.views.pixel_space import PixelSpace
from synoptic.views.sphere import place_picture
from synoptic.views.subset import ViewSubset, among_all, together


@dataclass(frozen=True)
class SphereViews:
    """The views of a model's own size over a sphere, as the options say."""

    model: PretrainedModel
    options: PanoramaOptions

    @cached_property
    def sphere(self) -> Equirectangular:
        """The views, over a canvas as coarse as they are, in the model's own pixels."""
        o, (channels, side, _) = self.options, self.model.shape
        height = matching_height(o.fov, side)
        return Equirectangular((channels, height, 2 * height), o.directions(), o.fov, side)

    @cached_property
    def in_pixels(self) -> Equirectangular:
        """The same views of pictures."""
        return self.sphere.scaled(self.model.factor)

    @cached_property
    def init(self) -> SphereInit | None:
        """The panorama to begin with."""
        return SphereInit(self.options, self.in_pixels) if self.options.init_panorama is not None else None

    @cached_property
    def depth(self) -> SphereDepth | None:
        """The distances that the views follow."""
        return SphereDepth(self.model, self.options) if self.options.depth is not None else None

    @cached_property
    def photo(self) -> Tensor | None:
        """The photograph that is continued, (1, 3, h, w)."""
        return io.from_pil(read_picture(self.options.photo)) if self.options.photo is not None else None

    @cached_property
    def _all_views(self) -> Projection:
        return self._with_known(self.sphere)

    @cached_property
    def _horizon(self) -> Projection:
        return self._with_known(HorizonRing(self.sphere))

    @cached_property
    def _decoded(self) -> Projection:
        return PixelSpace(self._with_known(self.in_pixels), self.model.encode, self.model.decode)

    @cached_property
    def _decoded_horizon(self) -> Projection:
        return PixelSpace(self._with_known(HorizonRing(self.in_pixels)), self.model.encode, self.model.decode)

    def _with_known(self, views: Projection) -> Projection:
        """Return the views with what stays of a picture, which are pixels: those of a photograph, or outside a mask."""
        if self.photo is not None:
            given, weight = place_picture(self.photo, self.options.photo_fov, views.canvas[1])
            return KnownPart(views, given, weight > 0.5)
        known = None if self.init is None else self.init.known()
        return views if known is None else CarriedPart(views, *known, self.model.factor)

    @cached_property
    def start(self) -> int:
        """The step to begin with: later where there is a panorama to begin with."""
        o = self.options
        return 0 if o.strength is None else start_index(o.strength, o.steps)

    def begin(self, rngs: Sequence[torch.Generator]) -> Tensor:
        """Return the views (B*N, C, h, w) before the first step: noise, later than at the start on a given panorama."""
        o, model = self.options, self.model
        noise = self.sphere.noise(rngs, torch.empty(0)).to(model.device)
        if self.init is None or not self.start:
            return noise
        t, _ = timestep_pairs(o.sampler, model.schedule, o.steps)[self.start]
        x0 = model.encode(self.init.shown.to(model.device)).repeat(len(rngs), 1, 1, 1)
        return add_noise(model.schedule, x0, noise, t)

    @property
    def around(self) -> list[int]:
        """The views that look at the horizon."""
        return [n for n, direction in enumerate(self.options.directions()) if direction.elevation == 0]

    @property
    def off(self) -> list[int]:
        """The views that look up and down."""
        return [n for n in range(self.options.num_views) if n not in self.around]

    @property
    def led_steps(self) -> int:
        """How many steps the horizon's views are alone in, the first ones."""
        o = self.options
        return sum(i / o.steps < o.horizon_first for i in range(o.steps))

    def at_step(self, i: int) -> Projection:
        """Return what the views agree through at step i: the horizon's alone at first, then all; latents, then pixels."""
        if i / self.options.steps < self.options.pixels_from:
            return self._horizon if i < self.led_steps else self._all_views
        return self._decoded_horizon if i < self.led_steps else self._decoded

    def calls_at(self, i: int) -> list[NetworkCall]:
        """Return the rows that step i takes of the network."""
        specs, weights = self._prompts_of_one
        guided = [2 if is_guided(specs, weights[kind]) else 1 for kind in self._kinds]
        calls = [NetworkCall(len(kind), rows) for kind, rows in zip(self._kinds, guided, strict=True)]
        return calls[:1] if i < self.led_steps else calls

    def joined(self, step: Step, noise: Tensor, t: Time) -> Tensor:
        """Return the state (B*N, C, h, w) of all views at time t, after the last step of the horizon's.

        The others are what that step's canvas shows of them, noised by their own part of the start noise (B*N, C, h, w).
        """
        around, off = (ViewSubset(self.sphere, kind) for kind in self._kinds)
        if isinstance(step.projection, PixelSpace):
            x0 = self.model.encode(ViewSubset(self.in_pixels, self.off).project(step.canvas_x0))
        else:
            x0 = off.project(step.canvas_x0)
        return among_all([around, off], [step.x, add_noise(self.model.schedule, x0, off.select(noise), t)])

    @cached_property
    def _kinds(self) -> list[list[int]]:
        """The views that are asked together: those of the horizon first."""
        return [self.around, self.off]

    @cached_property
    def _prompts_of_one(self) -> tuple[list[PromptSpec], Tensor]:
        """The prompts of one item, and the weight of each in each view, (N, J)."""
        return self._prompts(self.options.items()[:1])

    def _prompts(self, items: Sequence[Item]) -> tuple[list[PromptSpec], Tensor]:
        """Return all prompts, and the weight of each in each view.

        Views off the horizon are guided where they have words of their own, or were there from the first step, with nothing
        to begin with: a scene's words would paint another horizon into them.
        """
        o, n, stops = self.options, len(items), self.options.stops(items)

        def guided(prompts: Sequence[str], scale: float = o.guidance_scale) -> PromptSpec:
            return PromptSpec(prompts, o.negative_prompt, scale)

        def beside(own: str | None) -> list[PromptSpec]:
            if own is not None:
                return [guided([own] * n)]
            follows = o.horizon_first or o.init_panorama is not None
            return [guided(stop, 1.0 if follows else o.guidance_scale) for stop in stops]

        parts = [
            (guided([part.prompt] * n), [share_in_view(part.holds, d, o.fov) for d in o.directions()])
            for part in o.regions()
        ]
        around = [guided(stop) for stop in stops]
        return sphere_prompts(o.directions(), around, beside(o.prompt_up), beside(o.prompt_down), parts)

    def predict_for(self, items: Sequence[Item], model: Denoiser) -> Predict:
        """Return the guided prediction of the views; what is not guided takes one row, not two."""
        clip = get_clip(self.options.clip, model.schedule)
        specs, weights = self._prompts(items)
        models = [self._following(model, kind) for kind in self._kinds]
        by_kind = [regional_cfg(own, specs, lambda _: weights, clip=clip) for own in models]

        def predict(x: Tensor, t: Time, views: Projection) -> Pred:
            some = [ViewSubset(views, kind) for kind in self._kinds]
            return together(some, [guide(own.select(x), t, own) for guide, own in zip(by_kind, some, strict=True)])

        return predict

    def predict_around_for(self, items: Sequence[Item], model: Denoiser) -> Predict:
        """Return the guided prediction of the horizon's views alone."""
        specs, weights = self._prompts(items)
        clip = get_clip(self.options.clip, model.schedule)
        return regional_cfg(self._following(model, self.around), specs, lambda _: weights[self.around], clip=clip)

    def _following(self, model: Denoiser, views: Sequence[int]) -> Denoiser:
        """Return the model of some of the views, which follow their maps where there are any."""
        return model if self.depth is None else self.depth.follow(model, views)
