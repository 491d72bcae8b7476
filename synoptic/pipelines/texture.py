"""Painted meshes: views from all around, denoised together on the surface (Kim et al. 2024, SyncTweedies)."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial
from importlib.util import find_spec
from typing import TYPE_CHECKING

import PIL.Image
import torch
import torch.nn.functional as F
from torch import Tensor

from synoptic import io
from synoptic.diffusion.equations import Pred, Time, add_noise
from synoptic.diffusion.schedules import get_clip
from synoptic.diffusion.solvers import timestep_pairs
from synoptic.distillation.loss_defaults import scene_defaults
from synoptic.errors import InputError
from synoptic.guidance.cfg import Predict, cfg
from synoptic.guidance.view_prompts import VIEW_WORDS, view_weights
from synoptic.io.html import encoded
from synoptic.mesh.fuse_texture import fuse, multi_view_psnr, render_texture
from synoptic.mesh.painted_sides import (
    FPS,
    FRAME_SIDE,
    SIDES,
    save_page,
    side_boxes,
    sides_sheet,
    turned,
    turntable_film,
)
from synoptic.mesh.painted_surface import PaintedSurface
from synoptic.mesh.surface_maps import ChosenViews, choose_views, depth_maps, normal_maps, surface_maps
from synoptic.mesh.texture_seams import CREASE, texture_seam_ratio
from synoptic.metrics.clip import Clip, clip_score
from synoptic.models.base import Denoiser
from synoptic.models.controlnet import Control, ControlledDenoiser
from synoptic.models.vocabulary import known_from_all_sides
from synoptic.nerf.cameras import Camera
from synoptic.nerf.diagnostics import CAPTION_TEMPLATE
from synoptic.options.base import Item
from synoptic.options.texture import TextureOptions
from synoptic.pipelines.base import Output, Pipeline, Result, rngs_of
from synoptic.pipelines.control_guidance import load_control
from synoptic.sampling.joint import JointSampler
from synoptic.sampling.sdedit import start_index
from synoptic.sampling.step import Step
from synoptic.utils.picture import read_mask, read_picture
from synoptic.views.base import Projection
from synoptic.views.known_part import KnownPart
from synoptic.views.surface import DecodedSurface, SurfaceViews

if TYPE_CHECKING:
    from PIL.Image import Image

    from synoptic.pipelines.base import Content

POWER = 6.0  # of the cosine that pixels count by at the last step; at the first 0


@dataclass(frozen=True)
class TexturedOutput(Output):
    """What came of one item: `image` shows it from eight sides, `mesh` is {ending: data}, `textures` one per material."""

    mesh: Mapping[str, bytes] | None = None
    textures: tuple[Image, ...] = ()


class TextureResult(Result):
    """Painted meshes, in memory."""

    @property
    def mesh(self) -> Mapping[str, bytes]:
        """The first mesh, as {ending: data}: ".glb", or ".obj" and what lies beside it."""
        (first, *_) = self.outputs
        assert isinstance(first, TexturedOutput) and first.mesh is not None
        return first.mesh

    @property
    def texture(self) -> Image:
        """The first texture of the first mesh."""
        (first, *_) = self.outputs
        assert isinstance(first, TexturedOutput)
        return first.textures[0]


class TexturePipeline(Pipeline[TextureOptions]):
    """Denoise views of a surface together, each with its own state, then fuse what they show into its texture."""

    result_class = TextureResult

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
    def start(self) -> int:
        """The step to begin with: later where a texture is edited."""
        o = self.options
        return 0 if o.strength is None else start_index(o.strength, o.steps)

    @cached_property
    def chosen(self) -> ChosenViews:
        return choose_views(self.surface, self.options.num_views)

    @property
    def camera(self) -> Camera:
        return self.chosen.camera

    @property
    def num_steps(self) -> int:
        return self.options.steps - self.start

    @property
    def views_per_item(self) -> int:
        return len(self.camera.eye)

    @property
    def coded_pixels(self) -> int:
        return self.views_per_item * self.model.checkpoint.native_size**2  # the views, not what is made of them

    def notes(self) -> list[str]:
        o, seen, straight = self.options, self.chosen.seen, self.chosen.straight
        views = f"{self.views_per_item} views see {seen:.0%} of the surface, {straight:.0%} straighter than 60 degrees"
        others = {item.title: self._words_of_others(item) for item in o.items()} if o.view_words else {}
        words = [
            f'"{title}", of which the model knows no views, is asked for as "{own}"' for title, own in others.items() if own
        ]
        return [*(f"{o.file.name}: {note}" for note in self.surface.notes), views, *words]

    def first_files(self) -> Mapping[str, Content]:
        return {"conditions.png": self._conditions()}

    @cached_property
    def _maps(self) -> Tensor:
        side = self.model.checkpoint.native_size
        return (depth_maps if self.options.condition == "depth" else normal_maps)(self.surface, self.camera, side)

    def _conditions(self) -> Image:
        """Return depth, normals and how straight each view looks, one column a view."""
        side, n = self.model.checkpoint.native_size, self.views_per_item
        views = self._views_in_pixels
        cosine = views.maps.cosine[:, None].float().expand(-1, 3, -1, -1)
        kept = (views.maps.cell >= 0)[:, None]
        rows = [depth_maps(self.surface, self.camera, side), normal_maps(self.surface, self.camera, side), cosine * kept]
        names = [f"{a:.0f}°, {e:.0f}°" for a, e in zip(*self._angles(), strict=True)]
        labels = [*(f"depth {name}" for name in names), *["normals"] * n, *["coverage"] * n]
        return io.image_grid(io.to_pil(2 * torch.cat(rows) - 1), labels, n, cell=min(side, 192))

    def _angles(self) -> tuple[list[float], list[float]]:
        return self.camera.azimuth.rad2deg().tolist(), self.camera.elevation.rad2deg().tolist()

    @cached_property
    def _views(self) -> SurfaceViews:
        """The views, in the model's own pixels."""
        channels, side, _ = self.model.shape
        return SurfaceViews(channels, cache(partial(surface_maps, self.surface, self.camera)), side, 0.0)

    @cached_property
    def _views_in_pixels(self) -> SurfaceViews:
        return self._views.scaled(self.model.factor)

    def views_at(self, i: int) -> Projection:
        """Return what the views agree through at step i: in latents, then in pixels; straight looks count ever more."""
        o, share = self.options, i / self.options.steps
        power = POWER * share
        if share < o.pixels_from:
            views = self._views.with_power(power)
            return views if o.mask is None else self._keeping(views, self.model.encode(self._initial_views))
        views = SurfaceViews(3, self._views.maps_at, self._views_in_pixels.side, power)
        kept = views if o.mask is None else self._keeping(views, self._initial_views)
        return DecodedSurface(kept, self.model.encode, self.model.decode)

    @cached_property
    def _initial_views(self) -> Tensor:
        """The views (N, 3, s, s) of the texture to begin with."""
        texture = self._initial_texture
        return render_texture(self.surface, texture, self.camera, self._views_in_pixels.side).to(self.model.device)

    @cached_property
    def _initial_texture(self) -> Tensor:
        assert self.options.init_texture is not None
        return io.from_pil(read_picture(self.options.init_texture))[0]

    def _keeping(self, views: SurfaceViews, shown: Tensor) -> KnownPart:
        """Return views of a surface that is kept, as they show it, but where any of the mask is."""
        assert self.options.mask is not None
        mask = io.from_pil(read_mask(self.options.mask).convert("RGB"))[0]
        masked = render_texture(self.surface, mask, self.camera, self._views_in_pixels.side)[:, :1] > -1
        coarse = F.max_pool2d(masked.float(), masked.shape[-1] // views.side)
        where = SurfaceViews(1, views.maps_at, views.side, views.power).unproject(coarse)[0, 0] == 0
        return KnownPart(views, views.unproject(shown)[0], where)

    def _words_of_others(self, item: Item) -> str | None:
        """Return the prompt of a thing that the model knows no views of, None of all others.

        Words for a view would draw parts of the things that it does know from there: windows and wheels, on a rabbit.
        """
        template = scene_defaults(self.model.checkpoint).template_of_others
        return None if not template or known_from_all_sides(item.title) else template.format(item.title)

    def prompts(self, item: Item) -> list[str]:
        """Return what each view is asked for."""
        alike = self._words_of_others(item) if self.options.view_words else item.title
        if alike is not None:
            return [alike] * self.views_per_item
        template = scene_defaults(self.model.checkpoint).template
        words = [VIEW_WORDS[k] for k in view_weights(self.camera).argmax(1).tolist()]
        return [template.format(item.title, word) for word in words]

    def _predict_for(self, items: Sequence[Item], model: Denoiser) -> Predict:
        o = self.options
        net = load_control(o.controlnet[0], self.model, o.condition)
        maps = self._maps.repeat(len(items), 1, 1, 1)
        controlled = ControlledDenoiser(model, [Control(net, maps, o.control_strength)])
        prompts = [prompt for item in items for prompt in self.prompts(item)]
        guided = cfg(controlled, prompts, o.cfg_scale, o.negative_prompt, clip=get_clip(o.clip, model.schedule))

        def predict(x: Tensor, t: Time, views: Projection | None = None) -> Pred:
            return guided(x, t)  # every view has its own map

        return predict

    def sample(self, items: Sequence[Item]) -> Generator[Step, None, list[Output]]:
        o, rngs, model = self.options, rngs_of(items), self.model
        x = self._views.noise(rngs, torch.empty(0)).to(model.device)
        if o.init_texture is not None:
            t, _ = timestep_pairs(o.sampler, model.schedule, o.steps)[self.start]
            x = add_noise(model.schedule, model.encode(self._initial_views).repeat(len(items), 1, 1, 1), x, t)
        sampler = JointSampler(partial(self._predict_for, items), o.steps, o.sync, "instance", "shared", o.sampler, o.eta)
        for step in sampler.steps(model, self.views_at, x, rngs, start=self.start):
            x = step.x
            yield self._side_by_side(step)
        return self._outputs(items, x)

    def _side_by_side(self, step: Step) -> Step:
        """Return a step whose canvas is its views beside one another: the surface's cells are no picture."""

        def row(x: Tensor) -> Tensor:
            return torch.cat(x.unflatten(0, (-1, self.views_per_item)).unbind(1), -1)

        return replace(
            step, x=row(step.x), x0=row(step.x0), projection=None, per_view=False, history=(), decode=self.model.decode
        )

    @torch.no_grad()
    def _outputs(self, items: Sequence[Item], x: Tensor) -> list[Output]:
        pictures = self.model.decode(x).float().cpu().clamp(-1, 1)
        return [
            self._output(item, own)
            for item, own in zip(items, pictures.unflatten(0, (-1, self.views_per_item)), strict=True)
        ]

    def _output(self, item: Item, pictures: Tensor) -> Output:
        o, surface = self.options, self.surface
        fused = fuse(surface, self.camera, pictures, o.texture_size)
        textures = io.to_pil(fused.texture.view(3, -1, o.texture_size, o.texture_size).transpose(0, 1))
        if o.init_texture is not None and o.mask is not None:
            textures = [PIL.Image.composite(textures[0], read_picture(o.init_texture), read_mask(o.mask))]
            fused = fused._replace(texture=io.from_pil(textures[0])[0])
        data = {number: encoded(image, "PNG") for number, image in zip(surface.materials, textures, strict=True)}
        mesh = surface.file.textured(data, surface.unwrapped, item.stem)
        around = turned(surface, SIDES)
        sheet = sides_sheet(io.to_pil(render_texture(surface, fused.texture, around, FRAME_SIDE)))
        files: dict[str, Content] = {**mesh}
        if ".texture.png" not in files:
            files |= {f".texture{f'-{k}' if k else ''}.png": data[number] for k, number in enumerate(surface.materials)}
        views = io.to_pil(pictures)
        files[".views.png"] = io.image_grid(views, [""] * len(views), len(views), cell=pictures.shape[-1])
        film = cache(partial(turntable_film, surface, fused.texture))
        if find_spec("av"):
            files[".turntable.mp4"] = lambda file: io.save_video(file, film(), FPS)
        files[".viewer.html"] = partial(save_page, item.title, film)
        figures = {"view_agreement": multi_view_psnr(surface, fused.texture, self.camera, pictures)}
        figures |= {"texels_seen": fused.seen}
        seams = {"seam_ratio": 180.0, "seam_ratio_smooth": CREASE}
        ratios = {name: texture_seam_ratio(surface, fused.texture, sharpest) for name, sharpest in seams.items()}
        figures |= {name: ratio for name, ratio in ratios.items() if ratio is not None}
        return TexturedOutput(sheet, files, figures, mesh=mesh, textures=tuple(textures))

    def score(self, clip: Clip, image: Image, item: Item) -> float:
        """Return the mean cosine of the eight sides and the prompt, in words that the CLIP knows for things."""
        caption = CAPTION_TEMPLATE.format(item.title) if self.options.view_words else item.title
        sides = [image.crop(box) for box in side_boxes(image)]
        return sum(clip_score(clip, side, caption) for side in sides) / len(sides)
