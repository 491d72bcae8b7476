"""A panorama's views, and what they agree through at each step."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from torch import Tensor
from torch.nn.functional import interpolate

from synoptic import io
from synoptic.diffusion.equations import Time, add_noise
from synoptic.io.sphere_blending import composite_panorama
from synoptic.models.base import PretrainedModel
from synoptic.options.panorama import PanoramaOptions
from synoptic.sampling.step import Step
from synoptic.utils.picture import read_mask, read_picture
from synoptic.views.base import Projection
from synoptic.views.carried_part import CarriedPart
from synoptic.views.equirectangular import Equirectangular, matching_height
from synoptic.views.horizon import HorizonRing
from synoptic.views.known_part import KnownPart
from synoptic.views.pixel_space import PixelSpace
from synoptic.views.sphere import place_picture, views_of
from synoptic.views.subset import ViewSubset, among_all


@dataclass(frozen=True)
class SphereInit:
    """The panorama of --init-panorama and its mask; `views` are those of pictures of the model's own size."""

    options: PanoramaOptions
    views: Equirectangular

    @cached_property
    def _panorama(self) -> Tensor:
        """(1, 3, H, 2H)."""
        assert self.options.init_panorama is not None
        return io.from_pil(read_picture(self.options.init_panorama))

    @cached_property
    def _mask(self) -> Tensor | None:
        """(1, 1, H, 2H) in [0, 1], 1 where it is made anew."""
        mask = self.options.mask
        return None if mask is None else (io.from_pil(read_mask(mask))[:, :1] + 1) / 2

    @cached_property
    def shown(self) -> Tensor:
        """(N, 3, S, S), what the views show of it."""
        return views_of(self._panorama, self.views.directions, self.views.fov, self.views.side)

    def known(self) -> tuple[Tensor, Tensor] | None:
        """Return (3, h, 2h), what the views' canvas shows of it, and where that stays; None without a mask."""
        if self._mask is None:
            return None
        stays = (interpolate(self._mask, self.views.canvas[1:], mode="area") == 0).float()
        where = self.views.unproject(self.views.project(stays))[0, 0] > 0.5  # what no view reads is as what stands in for it
        return self.views.unproject(self.shown)[0], where

    def kept(self, painted: Tensor) -> Tensor:
        """Return panoramas (B, 3, H, 2H) with what the mask keeps as it was, to the bit, and no seam around it."""
        if self._mask is None:
            return painted
        return composite_panorama(painted.float().cpu(), self._panorama.expand_as(painted), self._mask)


@dataclass(frozen=True)
class SphereViews:
    """The views of a model's own size over a sphere, as the options say."""

    model: PretrainedModel
    options: PanoramaOptions

    @cached_property
    def in_latents(self) -> Equirectangular:
        """The views, over a canvas as coarse as they are, in the model's own pixels."""
        o, (channels, side, _) = self.options, self.model.shape
        height = matching_height(o.fov, side)
        return Equirectangular((channels, height, 2 * height), o.directions(), o.fov, side)

    @cached_property
    def in_pixels(self) -> Equirectangular:
        """The same views of pictures."""
        return self.in_latents.scaled(self.model.factor)

    @cached_property
    def init(self) -> SphereInit | None:
        """The panorama to begin with."""
        return SphereInit(self.options, self.in_pixels) if self.options.init_panorama is not None else None

    @cached_property
    def photo(self) -> Tensor | None:
        """The photograph that is continued, (1, 3, h, w)."""
        return io.from_pil(read_picture(self.options.photo)) if self.options.photo is not None else None

    @cached_property
    def _all_views(self) -> Projection:
        return self._with_known(self.in_latents)

    @cached_property
    def _horizon(self) -> Projection:
        return self._with_known(HorizonRing(self.in_latents))

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

    def joined(self, step: Step, noise: Tensor, t: Time) -> Tensor:
        """Return the state (B*N, C, h, w) of all views at time t, after the last step of the horizon's.

        The others are what that step's canvas shows of them, noised by their own part of the start noise (B*N, C, h, w).
        """
        around, off = (ViewSubset(self.in_latents, kind) for kind in self.kinds)
        if isinstance(step.projection, PixelSpace):
            x0 = self.model.encode(ViewSubset(self.in_pixels, self.off).project(step.canvas_x0))
        else:
            x0 = off.project(step.canvas_x0)
        return among_all([around, off], [step.x, add_noise(self.model.schedule, x0, off.select(noise), t)])

    @cached_property
    def kinds(self) -> list[list[int]]:
        """The views that are asked together: those of the horizon first."""
        return [self.around, self.off]
