"""Hybrids: each prompt makes its own component of one picture (Geng et al. 2024, Factorized Diffusion)."""

from __future__ import annotations

from functools import cached_property

from PIL.Image import Image
from torch import Tensor

from synoptic import io
from synoptic.options.hybrid import HybridOptions
from synoptic.pipelines.joint import JointPipeline
from synoptic.utils.picture import read_picture
from synoptic.views.decompositions import get_components, grayscale, motion_blur
from synoptic.views.factorized import Factorized

FAR_SIDE = 32  # pixels: all that is left from afar, a 256 px picture made 8 times smaller


class HybridPipeline(JointPipeline[HybridOptions]):
    """Each prompt is seen in a component of the picture: its low frequencies, its colors, what moves."""

    @cached_property
    def photo(self) -> Tensor | None:
        """The picture that is seen from afar, (1, 3, H, W)."""
        return io.from_pil(read_picture(self.options.photo)) if self.options.photo is not None else None

    def projection(self, canvas: tuple[int, int, int]) -> Factorized:
        kind = "pass" if self.options.kind == "inverse" else self.options.kind
        return Factorized(canvas, get_components(kind, self.options.sigma), self.photo)

    def seen(self, image: Image) -> list[Image]:
        """Return the picture as each prompt means it, from afar first."""
        match self.options.kind:
            case "pass":
                return [from_afar(image, FAR_SIDE), image]
            case "triple" | "triple-cascade":
                return [from_afar(image, FAR_SIDE), from_afar(image, 2 * FAR_SIDE), image]
            case "color":
                return [io.to_pil(grayscale(io.from_pil(image)))[0], image]
            case "motion" | "motion-zeros":
                return [io.to_pil(motion_blur(io.from_pil(image)))[0], image]
            case "inverse":
                return [image]


def from_afar(image: Image, side: int) -> Image:
    """Return what is left of a picture at so many pixels."""
    return image.resize((side, side)).resize(image.size)
