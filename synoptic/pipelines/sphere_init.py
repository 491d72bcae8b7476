"""A panorama to begin with: its views, noised (SDEdit, Meng et al. 2022), and the part of it that a mask keeps."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from torch import Tensor
from torch.nn.functional import interpolate

from synoptic import io
from synoptic.io.sphere_blending import composite_panorama
from synoptic.options.panorama import PanoramaOptions
from synoptic.utils.picture import read_mask, read_picture
from synoptic.views.equirectangular import Equirectangular
from synoptic.views.sphere import views_of


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
