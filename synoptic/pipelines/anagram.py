"""Anagrams: one picture that is another when looked at another way (Geng et al. 2024, Visual Anagrams; Kim et al. 2024)."""

from __future__ import annotations

from dataclasses import fields
from functools import cache, cached_property
from pathlib import Path

from PIL.Image import Image

from synoptic import io
from synoptic.animate import animate
from synoptic.options.anagram import AnagramOptions
from synoptic.pipelines.joint import JointPipeline
from synoptic.pipelines.outputs import Content
from synoptic.sampling.joint_sampler import JointSampler
from synoptic.sampling.repeats import RepeatingSampler, repeats_of
from synoptic.views.anagram import Anagram, blend_mean
from synoptic.views.base import View
from synoptic.views.laplacian import blend_pyramids
from synoptic.views.registry import get_view


class AnagramPipeline(JointPipeline[AnagramOptions]):
    """Each view of the picture shows its own prompt."""

    @cached_property
    def each_view(self) -> list[View]:
        return [get_view(name) for name in self.options.views]

    @property
    def num_steps(self) -> int:
        o = self.options
        return super().num_steps - o.steps + sum(repeats_of(o.steps, o.step_repeats, o.first_alone))

    def projection(self, canvas: tuple[int, int, int]) -> Anagram:
        blend = blend_pyramids if self.options.blend == "pyramid" else blend_mean
        return Anagram(canvas, self.each_view, self.options.weights or None, blend)

    def first_sampler(self) -> JointSampler:
        o, usual = self.options, super().first_sampler()
        if o.step_repeats == 1 and not o.first_alone:
            return usual
        alone = self.in_pixels(Anagram(self.picture_views().canvas, self.each_view[:1]))
        return RepeatingSampler(
            **{f.name: getattr(usual, f.name) for f in fields(usual)},
            repeats=o.step_repeats,
            first_alone=o.first_alone,
            first=(alone, self.predict_for(o.prompts()[:1], o.cfg_scale, o.steps)),
        )

    def seen(self, image: Image) -> list[Image]:
        x = io.from_pil(image)
        return [io.to_pil(view.view(x))[0] for view in self.each_view]

    def labels(self) -> list[str]:
        return [f"{name}: {text}" for name, text in zip(self.options.views, self.options.prompts(), strict=True)]

    def files(self, image: Image) -> dict[str, Content]:
        return super().files(image) | (self.films(image) if self.options.animate else {})

    def films(self, image: Image) -> dict[str, Content]:
        """Return the films of the picture turning from view to view and back, each a function that writes it."""

        @cache
        def frames() -> list[Image]:
            return list(animate(image, self.each_view, self.options.prompts()))

        def gif(file: Path) -> None:
            io.save_gif(file, frames()[::2], 15)

        def mp4(file: Path) -> None:
            io.save_video(file, frames())

        return {".gif": gif, ".mp4": mp4}
