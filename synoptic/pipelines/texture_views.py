"""The views of a mesh: what they agree through at each step, the maps that they follow, the texture to begin with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property, partial

import torch
import torch.nn.functional as F
from PIL.Image import Image
from torch import Tensor

from synoptic import io
from synoptic.errors import InputError
from synoptic.mesh.fuse_texture import render_texture
from synoptic.mesh.painted_surface import PaintedSurface
from synoptic.mesh.surface_maps import ChosenViews, choose_views, depth_maps, normal_maps, surface_maps
from synoptic.models.base import PretrainedModel
from synoptic.nerf.cameras import Camera
from synoptic.options.texture import TextureOptions
from synoptic.utils.picture import read_mask, read_picture
from synoptic.views.base import Projection
from synoptic.views.known_part import KnownPart
from synoptic.views.surface import DecodedSurface, SurfaceViews

POWER = 6.0  # of the cosine that pixels count by at the last step; at the first 0


@dataclass(frozen=True)
class TextureViews:
    """The views of a model's own size from all around a surface, as the options say."""

    model: PretrainedModel
    options: TextureOptions

    @cached_property
    def surface(self) -> PaintedSurface:
        """Raises InputError where a texture to begin with is in coordinates that cannot be painted on."""
        o = self.options
        surface = PaintedSurface.read(o.file, o.up_axis, o.front_axis)
        if o.init_texture is not None and surface.unwrapped:
            raise InputError(
                f"--init-texture needs texture coordinates that are kept, those of {o.file.name} are not"
                f" ({surface.notes[-1]}): give what an earlier run wrote, its .glb or .obj and its .texture.png",
                rule="init-texture-coordinates",
            )
        return surface

    @cached_property
    def chosen(self) -> ChosenViews:
        return choose_views(self.surface, self.options.num_views)

    @property
    def camera(self) -> Camera:
        return self.chosen.camera

    def __len__(self) -> int:
        return len(self.camera.eye)

    @cached_property
    def in_latents(self) -> SurfaceViews:
        """The views, in the model's own pixels."""
        channels, side, _ = self.model.shape
        return SurfaceViews(channels, cache(partial(surface_maps, self.surface, self.camera)), side, 0.0)

    @cached_property
    def in_pixels(self) -> SurfaceViews:
        """The same views of pictures."""
        return SurfaceViews(3, self.in_latents.maps_at, self.in_latents.side * self.model.factor, 0.0)

    def at_step(self, i: int) -> Projection:
        """Return what the views agree through at step i: in latents, then in pixels; straight looks count ever more."""
        o, share = self.options, i / self.options.steps
        power = POWER * share
        if share < o.pixels_from:
            views = self.in_latents.with_power(power)
            return views if o.mask is None else self._keeping(views, self._shown_latents)
        views = self.in_pixels.with_power(power)
        kept = views if o.mask is None else self._keeping(views, self.shown)
        return DecodedSurface(kept, self.model.encode, self.model.decode)

    @cached_property
    def shown(self) -> Tensor:
        """What the views show of the texture to begin with, (N, 3, s, s)."""
        assert self.options.init_texture is not None
        texture = io.from_pil(read_picture(self.options.init_texture))[0]
        return render_texture(self.surface, texture, self.camera, self.in_pixels.side).to(self.model.device)

    @cached_property
    def _shown_latents(self) -> Tensor:
        return self.model.encode(self.shown)

    @cached_property
    def _masked(self) -> Tensor:
        """Where the views show anything of the mask, (N, 1, s, s) of 0 and 1."""
        assert self.options.mask is not None
        mask = io.from_pil(read_mask(self.options.mask).convert("RGB"))[0]
        return (render_texture(self.surface, mask, self.camera, self.in_pixels.side)[:, :1] > -1).float()

    def _keeping(self, views: SurfaceViews, shown: Tensor) -> KnownPart:
        """Return views of a surface that is kept, as they show it, but where any of the mask is."""
        coarse = F.max_pool2d(self._masked, self._masked.shape[-1] // views.side)
        where = views.unproject(coarse)[0, 0] == 0
        return KnownPart(views, views.unproject(shown)[0], where)

    @cached_property
    def maps(self) -> Tensor:
        """What the views follow, (N, 3, S, S) in [0, 1]."""
        draw = depth_maps if self.options.condition == "depth" else normal_maps
        return draw(self.surface, self.camera, self.model.checkpoint.native_size)

    def sheet(self) -> Image:
        """Return depth, normals and how straight each view looks, one column a view."""
        side, n = self.model.checkpoint.native_size, len(self)
        cosine = self.in_pixels.maps.cosine[:, None].float().expand(-1, 3, -1, -1)
        kept = (self.in_pixels.maps.cell >= 0)[:, None]
        rows = [depth_maps(self.surface, self.camera, side), normal_maps(self.surface, self.camera, side), cosine * kept]
        angles = (angle.rad2deg().tolist() for angle in (self.camera.azimuth, self.camera.elevation))
        names = [f"{azimuth:.0f}°, {elevation:.0f}°" for azimuth, elevation in zip(*angles, strict=True)]
        labels = [*(f"depth {name}" for name in names), *["normals"] * n, *["coverage"] * n]
        return io.image_grid(io.to_pil(2 * torch.cat(rows) - 1), labels, n, cell=min(side, 192))
