"""Painted meshes: views from all around, denoised together on the surface (Kim et al. 2024, SyncTweedies)."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial

import torch
from PIL.Image import Image
from torch import Tensor

from synoptic.diffusion.equations import Pred, Time
from synoptic.diffusion.schedules import get_clip
from synoptic.distillation.loss_defaults import scene_defaults
from synoptic.guidance.cfg import Predict, cfg
from synoptic.guidance.view_prompts import VIEW_WORDS, view_weights
from synoptic.mesh.painted_sides import side_boxes
from synoptic.metrics.clip import Clip, clip_score
from synoptic.models.base import Denoiser
from synoptic.models.controlnet import Control, ControlledDenoiser
from synoptic.models.vocabulary import known_from_all_sides
from synoptic.nerf.diagnostics import CAPTION_TEMPLATE
from synoptic.options.base import Item
from synoptic.options.texture import TextureOptions
from synoptic.pipelines.base import Result, rngs_of
from synoptic.pipelines.control_guidance import load_control
from synoptic.pipelines.instance import InstancePipeline
from synoptic.pipelines.outputs import Content, Output
from synoptic.pipelines.texture_views import TextureViews
from synoptic.pipelines.textured_output import TexturedOutput, textured_output
from synoptic.sampling.step import Step
from synoptic.views.base import Projection


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


class TexturePipeline(InstancePipeline[TextureOptions]):
    """Denoise views of a surface together, each with its own state, then fuse what they show into its texture."""

    result_class = TextureResult

    @cached_property
    def views(self) -> TextureViews:
        return TextureViews(self.model, self.options)

    @property
    def shown(self) -> Tensor | None:
        return None if self.options.init_texture is None else self.views.shown

    @property
    def views_per_item(self) -> int:
        return len(self.views)

    def notes(self) -> list[str]:
        o, seen, straight = self.options, self.views.chosen.seen, self.views.chosen.straight
        views = f"{self.views_per_item} views see {seen:.0%} of the surface, {straight:.0%} straighter than 60 degrees"
        others = {item.title: self._words_of_others(item) for item in o.items()} if o.view_words else {}
        words = [
            f'"{title}", of which the model knows no views, is asked for as "{own}"' for title, own in others.items() if own
        ]
        return [*(f"{o.file.name}: {note}" for note in self.views.surface.notes), views, *words]

    def first_files(self) -> Mapping[str, Content]:
        return {"conditions.png": self.views.sheet()}

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
        words = [VIEW_WORDS[k] for k in view_weights(self.views.camera).argmax(1).tolist()]
        return [template.format(item.title, word) for word in words]

    def predict_for(self, items: Sequence[Item], model: Denoiser) -> Predict:
        """Return the guided prediction of the views, each of which follows its own map."""
        o = self.options
        net = load_control(o.controlnet[0], self.model, o.condition)
        maps = self.views.maps.repeat(len(items), 1, 1, 1)
        controlled = ControlledDenoiser(model, [Control(net, maps, o.control_strength)])
        prompts = [prompt for item in items for prompt in self.prompts(item)]
        guided = cfg(controlled, prompts, o.cfg_scale, o.negative_prompt, clip=get_clip(o.clip, model.schedule))

        def predict(x: Tensor, t: Time, views: Projection | None = None) -> Pred:
            return guided(x, t)  # every view has its own map

        return predict

    def sample(self, items: Sequence[Item]) -> Generator[Step, None, list[Output]]:
        rngs = rngs_of(items)
        x = self.begin(rngs)
        for step in self.denoise(self.predict_for, items, x, rngs, self.start):
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
        pictures = self.model.decode(x).float().cpu().clamp(-1, 1).unflatten(0, (-1, self.views_per_item))
        make_output = partial(textured_output, self.options, self.views.surface, self.views.camera)
        return [make_output(own, item) for item, own in zip(items, pictures, strict=True)]

    def score(self, clip: Clip, image: Image, item: Item) -> float:
        """Return the mean cosine of the eight sides and the prompt, in words that the CLIP knows for things."""
        caption = CAPTION_TEMPLATE.format(item.title) if self.options.view_words else item.title
        sides = [image.crop(box) for box in side_boxes(image)]
        return sum(clip_score(clip, side, caption) for side in sides) / len(sides)
