"""Whole spheres: perspective views in all directions, denoised together (Kim et al. 2024, SyncTweedies)."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from functools import cached_property, partial
from importlib.util import find_spec
from itertools import islice

import torch
from PIL.Image import Image
from torch import Tensor

from synoptic import io
from synoptic.animate.flight import save_flight
from synoptic.io.gpano import gpano_xmp, panorama_jpeg
from synoptic.io.panorama_page import panorama_page
from synoptic.metrics.clip import Clip
from synoptic.metrics.seams import closing_seam
from synoptic.metrics.sphere import pole_pinch, view_agreement
from synoptic.options.base import Item
from synoptic.options.panorama import PanoramaOptions
from synoptic.pipelines.base import NetworkCall, pass_on, rngs_of
from synoptic.pipelines.instance import InstancePipeline
from synoptic.pipelines.outputs import Content, Output
from synoptic.pipelines.sphere_guidance import SphereGuidance
from synoptic.pipelines.sphere_views import SphereViews
from synoptic.sampling.step import Step
from synoptic.views.cube_map import cube_map
from synoptic.views.directions import Direction
from synoptic.views.sphere import perspective, place_picture, stitch
from synoptic.views.sphere_bytes import sphere_bytes
from synoptic.views.sphere_coverage import coverage
from synoptic.views.subset import ViewSubset

CROP_FOV = 80.0  # degrees of the crops that a CLIP looks at


class PanoramaPipeline(InstancePipeline[PanoramaOptions]):
    """Denoise the views of a sphere together, each with its own state, then stitch what they show."""

    @cached_property
    def views(self) -> SphereViews:
        return SphereViews(self.model, self.options)

    @cached_property
    def guidance(self) -> SphereGuidance:
        return SphereGuidance(self.model, self.options, self.views)

    @property
    def shown(self) -> Tensor | None:
        init = self.views.init
        return None if init is None or not self.start else init.shown  # of all steps it would be noise alone

    @property
    def views_per_item(self) -> int:
        return self.options.num_views

    def calls_at(self, i: int) -> Sequence[NetworkCall]:
        return self.guidance.calls_at(i)

    def canvas_bytes(self, items: int) -> int:
        o = self.options
        return sphere_bytes(o.num_views, o.fov, self.model.checkpoint.native_size, o.height, items)

    def first_files(self) -> Mapping[str, Content]:
        return {} if self.guidance.depth is None else {"conditions.png": self.guidance.depth.sheet()}

    def sample(self, items: Sequence[Item]) -> Generator[Step, None, list[Output]]:
        rngs, stages = rngs_of(items), self.views.stages
        noise = self.begin(rngs)
        x, step = ViewSubset(self.views.in_latents, stages[0].views).select(noise), None
        for k, stage in enumerate(stages):
            if step is not None:
                x = self.views.joined(stages[k - 1], stage, step, noise)
            begin = max(self.start, stage.first_step)
            until = stages[k + 1].first_step if k + 1 < len(stages) else self.options.steps
            if begin < until:
                steps = self.denoise(partial(self.guidance.predict_for, stage), items, x, rngs, begin)
                step = yield from pass_on(islice(steps, until - begin))
                x = step.x
        return self._outputs(items, x)

    @torch.no_grad()
    def _outputs(self, items: Sequence[Item], x: Tensor) -> list[Output]:
        """Return the panoramas of views (B*N, C, h, w), each decoded by itself: latents that meet decode to seams."""
        o = self.options
        pictures = self.model.decode(x)
        panoramas = io.to_pil(self._with_kept(stitch(pictures, o.directions(), o.fov, o.height)))
        own = pictures.unflatten(0, (-1, o.num_views))
        titles = [item.title for item in items]
        return [
            Output(image, self._files(image, title), self._figures(image, views), gpano_xmp(*image.size))
            for image, title, views in zip(panoramas, titles, own, strict=True)
        ]

    def _with_kept(self, panoramas: Tensor) -> Tensor:
        """Return (B, 3, H, 2H) with what stays: the photograph itself, blended at its edge, or all outside a mask."""
        if self.views.init is not None:
            return self.views.init.kept(panoramas)
        if self.views.photo is None:
            return panoramas
        given, weight = place_picture(self.views.photo, self.options.photo_fov, self.options.height)
        return panoramas.lerp(given.to(panoramas), weight.to(panoramas))

    def _files(self, image: Image, title: str) -> dict[str, Content]:
        """Return what is saved beside a panorama: for viewers, for game engines, for a browser, for a film."""
        (cube,) = io.to_pil(cube_map(io.from_pil(image)))
        files: dict[str, Content] = {".jpg": panorama_jpeg(image), ".cube.png": cube}
        if find_spec("av"):
            files[".flight.mp4"] = partial(save_flight, image)
        return files | {".viewer.html": panorama_page(title, image)}

    def _figures(self, image: Image, views: Tensor) -> dict[str, float]:
        figures = {"wrap_seam": closing_seam(image, 1), "pole_pinch": pole_pinch(image)}
        figures["seen_twice"] = coverage(self.options.directions(), self.options.fov).twice
        return figures | {"agreement": view_agreement(self.views.in_pixels, views)}

    def score(self, clip: Clip, image: Image, item: Item) -> float:
        """Return the mean cosine of the horizon's crops and their prompt, of a traveling picture the nearest one."""
        stops = item.prompts
        crops = [Direction(360.0 * k / 8, 0.0) for k in range(8)]
        nearest = [stops[round(crop.azimuth / 360 * len(stops)) % len(stops)] for crop in crops]
        return sum(self._cosine(clip, image, *pair) for pair in zip(crops, nearest, strict=True)) / len(crops)

    def clip_figures(self, clip: Clip, image: Image, item: Item) -> Mapping[str, float]:
        """Return the cosines of the crop over the closing edge and of those at the poles, each with its own words."""
        o, stops = self.options, item.prompts
        views = {
            "score_back": (Direction(180.0, 0.0), stops[len(stops) // 2]),
            "score_up": (Direction(0.0, 90.0), o.prompt_up or stops[0]),
            "score_down": (Direction(0.0, -90.0), o.prompt_down or stops[0]),
        }
        return {name: self._cosine(clip, image, *view) for name, view in views.items()}

    def _cosine(self, clip: Clip, image: Image, direction: Direction, prompt: str) -> float:
        side = self.model.checkpoint.native_size
        crop = io.to_pil(perspective(io.from_pil(image), direction, CROP_FOV, (side, side)))
        return clip(crop, [prompt]).item()
