"""The picture that an application begins with, on a canvas that the model's windows cover."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

from PIL.Image import Image
from torch import Tensor
from torch.nn.functional import pad

from synoptic.diffusion.schedules import get_clip
from synoptic.guidance.cfg import Predict, cfg
from synoptic.io import from_pil
from synoptic.models.base import Denoiser
from synoptic.models.checkpoint import Checkpoint
from synoptic.options.input_image import InputImageOptions, working_size
from synoptic.pipelines.base import Pipeline, pass_on
from synoptic.pipelines.outputs import Output
from synoptic.sampling.joint import joint_predict
from synoptic.sampling.step import Step
from synoptic.utils.picture import PictureSource, read_picture
from synoptic.views.windows import Windows


@dataclass(frozen=True)
class InputImage:
    """A picture at the size that it is worked on, at least the model's own; a `circular` one goes on beyond its ends."""

    image: Image
    checkpoint: Checkpoint
    circular: bool = False

    @classmethod
    def read(cls, checkpoint: Checkpoint, source: PictureSource, size: int | None = None) -> InputImage:
        """Read a picture, and resize its shorter side to `size`. Raises InputError where it cannot be."""
        found = read_picture(source)
        sides = working_size(checkpoint, found.size, size)
        return cls(found if sides == found.size else found.resize(sides), checkpoint)

    @property
    def size(self) -> tuple[int, int]:
        return self.image.size

    @cached_property
    def windows(self) -> Windows:
        """The windows over its canvas: of the model's own size, in latents or pixels."""
        (width, height), c = self.size, self.checkpoint
        canvas = (c.channels, -(-height // c.factor), -(-width // c.factor))
        return Windows(canvas, (c.side, c.side), (c.defaults.stride, c.defaults.stride))

    @property
    def pixels(self) -> Tensor:
        """The picture as (1, 3, H, W) in [-1, 1]."""
        return from_pil(self.image)

    def padded(self, x: Tensor) -> Tensor:
        """Return x (B, C, H, W), of the picture's size, with its edges repeated until a latent divides it."""
        _, height, width = self.windows.canvas
        f = self.checkpoint.factor
        return pad(x, (0, width * f - x.shape[-1], 0, height * f - x.shape[-2]), mode="replicate")

    def encode(self, model: Denoiser) -> Tensor:
        """Return the canvas (1, C, h, w) of the picture."""
        return model.encode(self.padded(self.pixels).to(model.device))

    def decode(self, model: Denoiser, z: Tensor) -> Tensor:
        """Return the pictures (B, 3, H, W) of canvases (B, C, h, w), without the padding."""
        width, height = self.size
        return model.decode(z)[..., :height, :width]


I = TypeVar("I", bound=InputImageOptions)  # noqa: E741


class InputImagePipeline(Pipeline[I]):
    """A pipeline that begins with a picture, in windows where it is larger than the model."""

    @cached_property
    def picture(self) -> InputImage:
        return InputImage.read(self.model.checkpoint, self.options.image, self.options.size)

    @property
    def views_per_item(self) -> int:
        return len(self.picture.windows)

    def decode(self, z: Tensor) -> Tensor:
        """Return the pictures (B, 3, H, W) of canvases."""
        return self.picture.decode(self.model, z)

    def joint_predict(
        self, model: Denoiser, prompts: Sequence[str], guidance_scale: float, negative_prompt: str, clip: str
    ) -> Predict:
        """Return (z, t) -> Pred of canvases z (B, C, h, w), one prompt each: what their windows agree on."""
        s = model.schedule
        predict = cfg(model, prompts, guidance_scale, negative_prompt, clip=get_clip(clip, s))
        return joint_predict(predict, s, self.picture.windows)

    def pass_on(self, steps: Iterator[Step]) -> Generator[Step, None, Step]:
        """Yield Steps of the picture's canvas with their decoder, return the last."""
        return pass_on(replace(step, decode=self.decode) for step in steps)

    def outputs(self, images: Sequence[Image], files: Mapping[str, Image] = {}) -> list[Output]:
        """Return what came of each item: its picture, beside the one that it began with and further files."""
        return [Output(image, {"original.png": self.picture.image, **files}) for image in images]
