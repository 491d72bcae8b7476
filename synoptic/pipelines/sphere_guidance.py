"""What the views of a sphere are guided by: their prompts, and distances that they follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from PIL.Image import Image
from torch import Tensor

from synoptic import io
from synoptic.diffusion.equations import Pred, Time
from synoptic.diffusion.schedules import get_clip
from synoptic.guidance.cfg import Predict
from synoptic.guidance.regional_prompts import PromptSpec, is_guided, regional_cfg
from synoptic.guidance.sphere_prompts import share_in_view, sphere_prompts
from synoptic.io.radial_depth import read_radial_depth
from synoptic.models.base import Denoiser, PretrainedModel
from synoptic.models.controlnet import Control, ControlNetwork
from synoptic.models.controlnet_views import ViewControlledDenoiser
from synoptic.options.base import Item
from synoptic.options.panorama import PanoramaOptions
from synoptic.pipelines.base import NetworkCall
from synoptic.pipelines.control_guidance import load_control
from synoptic.pipelines.sphere_views import SphereViews, Stage
from synoptic.views.base import Projection
from synoptic.views.planar_depth import inverse_planar_depth, near_maps
from synoptic.views.subset import ViewSubset, together

CELL = 128  # pixels of a map's side on the sheet of all


@dataclass(frozen=True)
class SphereDepth:
    """The maps of --depth, one a view, and the ControlNet that follows them."""

    model: PretrainedModel
    options: PanoramaOptions

    @cached_property
    def maps(self) -> Tensor:
        """(N, 3, S, S) in [0, 1], white near."""
        o = self.options
        assert o.depth is not None
        radial = torch.from_numpy(read_radial_depth(o.depth))
        return near_maps(inverse_planar_depth(radial, o.directions(), o.fov, self.model.checkpoint.native_size))

    @cached_property
    def _net(self) -> ControlNetwork:
        return load_control(self.options.controlnet[0], self.model, "depth")

    def follow(self, model: Denoiser, views: Sequence[int]) -> Denoiser:
        """Return the model of some of the views, each of which follows its own map."""
        maps = self.maps[list(views)].to(self.model.device)
        return ViewControlledDenoiser(model, [Control(self._net, maps, self.options.control_strength)])

    def sheet(self) -> Image:
        """Return all maps side by side, with where their views look."""
        names = [f"{d.azimuth:.0f}°, {d.elevation:.0f}°" for d in self.options.directions()]
        return io.image_grid(io.to_pil(2 * self.maps - 1), names, min(len(names), 6), cell=CELL)


@dataclass(frozen=True)
class SphereGuidance:
    """The guided predictions of a sphere's views."""

    model: PretrainedModel
    options: PanoramaOptions
    views: SphereViews

    @cached_property
    def depth(self) -> SphereDepth | None:
        """The distances that the views follow."""
        return SphereDepth(self.model, self.options) if self.options.depth is not None else None

    def calls_at(self, i: int) -> list[NetworkCall]:
        """Return the rows that step i takes of the network."""
        specs, weights = self._prompts_of_one
        kinds = self._kinds_at_once(self.views.stage_at(i))
        return [NetworkCall(len(kind), 2 if is_guided(specs, weights[kind]) else 1) for kind in kinds]

    def _kinds_at_once(self, stage: Stage) -> list[list[int]]:
        """Return the views of each call: all, but where guidance is of the horizon's views alone, or of the others."""
        specs, weights = self._prompts_of_one
        kinds = self.views.kinds(stage)
        return kinds if len({is_guided(specs, weights[kind]) for kind in kinds}) > 1 else [stage.views]

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

    def predict_for(self, stage: Stage, items: Sequence[Item], model: Denoiser) -> Predict:
        """Return the guided prediction of a stage's views; what is not guided takes one row, not two."""
        clip = get_clip(self.options.clip, model.schedule)
        specs, weights = self._prompts(items)
        kinds, of_stage = self._kinds_at_once(stage), weights[stage.views]
        by_kind = [regional_cfg(self._following(model, kind), specs, lambda _: of_stage, clip=clip) for kind in kinds]

        def predict(x: Tensor, t: Time, views: Projection) -> Pred:
            some = [ViewSubset(views, stage.positions(kind)) for kind in kinds]
            return together(some, [guide(own.select(x), t, own) for guide, own in zip(by_kind, some, strict=True)])

        return predict

    def _following(self, model: Denoiser, views: Sequence[int]) -> Denoiser:
        """Return the model of some of the views, which follow their maps where there are any."""
        return model if self.depth is None else self.depth.follow(model, views)
