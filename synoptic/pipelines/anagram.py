"""Anagrams: one picture that is another when looked at another way (Geng et al. 2024, Visual Anagrams; Kim et al. 2024)."""

from __future__ import annotations

from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from synoptic import io
from synoptic.animate import animate
from synoptic.options.anagram import AnagramOptions
from synoptic.pipelines.joint import JointPipeline
from synoptic.views.anagram import Anagram
from synoptic.views.base import View
from synoptic.views.registry import get_view

if TYPE_CHECKING:
    from PIL.Image import Image

    from synoptic.pipelines.base import Content


class AnagramPipeline(JointPipeline[AnagramOptions]):
    """Each view of the picture shows its own prompt."""

    @cached_property
    def each_view(self) -> list[View]:
        return [get_view(name) for name in self.options.views]

    def projection(self, canvas: tuple[int, int, int]) -> Anagram:
        return Anagram(canvas, self.each_view, self.options.weights or None)

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
