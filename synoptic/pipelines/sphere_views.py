"""A panorama's views, and what they agree through at each step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from torch import Tensor
from torch.nn.functional import interpolate

from synoptic import io
from synoptic.diffusion.equations import add_noise
from synoptic.diffusion.solvers import timestep_pairs
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


class Stage(NamedTuple):
    """The views, by number, that take part from a step on."""

    first_step: int
    views: list[int]

    def positions(self, some: Sequence[int]) -> list[int]:
        """Return where some of these views are among them."""
        return [self.views.index(n) for n in some]


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

    def _with_known(self, views: Projection) -> Projection:
        """Return the views with what stays of a picture, which are pixels: those of a photograph, or outside a mask."""
        if self.photo is not None:
            given, weight = place_picture(self.photo, self.options.photo_fov, views.canvas[1])
            return KnownPart(views, given, weight > 0.5)
        known = None if self.init is None else self.init.known()
        return views if known is None else CarriedPart(views, *known, self.model.factor)

    @cached_property
    def stages(self) -> list[Stage]:
        """Which views take part from which step on: those of the horizon, sky and ground with words of their own, all."""
        o = self.options
        shares = [o.begin_share(direction) for direction in o.directions()]
        begins = [sum(i / o.steps < share for i in range(o.steps)) for share in shares]
        return [Stage(first, [n for n, begin in enumerate(begins) if begin <= first]) for first in sorted({*begins})]

    def stage_at(self, i: int) -> Stage:
        """Return the stage that step i belongs to."""
        return next(stage for stage in reversed(self.stages) if stage.first_step <= i)

    def at_step(self, i: int) -> Projection:
        """Return what the views of a step agree through: latents, then pixels."""
        views = self.stage_at(i).views
        decoded = i / self.options.steps >= self.options.pixels_from
        key = len(views), decoded
        if key not in self._kept:
            self._kept[key] = self._meeting(views, decoded)
        return self._kept[key]

    @cached_property
    def _kept(self) -> dict[tuple[int, bool], Projection]:
        """The projections of `at_step`, by the number of views and whether they meet in pixels."""
        return {}

    def _meeting(self, views: Sequence[int], decoded: bool) -> Projection:
        every = self.in_pixels if decoded else self.in_latents
        some = self._with_known(every if len(views) == len(every) else HorizonRing(every, views))
        return PixelSpace(some, self.model.encode, self.model.decode) if decoded else some

    def joined(self, before: Stage, stage: Stage, step: Step, noise: Tensor) -> Tensor:
        """Return the state (B*n, C, h, w) of a stage's views, after the last step of the stage before.

        Those that were not there are what that step's canvas shows of them, noised to its time by their own part of the
        start noise of all views (B*N, C, h, w).
        """
        new = [n for n in stage.views if n not in before.views]
        if isinstance(step.projection, PixelSpace):
            x0 = self.model.encode(ViewSubset(self.in_pixels, new).project(step.canvas_x0))
        else:
            x0 = ViewSubset(self.in_latents, new).project(step.canvas_x0)
        time = timestep_pairs(self.options.sampler, self.model.schedule, self.options.steps)[stage.first_step - 1][1]
        noised = add_noise(self.model.schedule, x0, ViewSubset(self.in_latents, new).select(noise), time)
        some = [ViewSubset(self.in_latents, stage.positions(views)) for views in (before.views, new)]
        return among_all(some, [step.x, noised])

    def kinds(self, stage: Stage) -> list[list[int]]:
        """Return a stage's views by what they are guided by: those of the horizon first, then the others, if there are."""
        off = [n for n in stage.views if self.options.directions()[n].elevation != 0]
        kinds = [[n for n in stage.views if n not in off], off]
        return [kind for kind in kinds if kind]
