"""Distances from the camera as what the views of a sphere follow, by a ControlNet of depth (Zhang et al. 2023)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from synoptic import io
from synoptic.io.radial_depth import read_radial_depth
from synoptic.models.base import Denoiser, PretrainedModel
from synoptic.models.controlnet import Control, ControlNetwork
from synoptic.models.controlnet_views import ViewControlledDenoiser
from synoptic.options.panorama import PanoramaOptions
from synoptic.pipelines.control_guidance import load_control
from synoptic.views.planar_depth import inverse_planar_depth, near_maps

if TYPE_CHECKING:
    from PIL.Image import Image

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
