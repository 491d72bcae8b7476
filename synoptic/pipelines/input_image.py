"""The picture that an application begins with, on a canvas that the model's windows cover."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from PIL.Image import Image
from torch import Tensor
from torch.nn.functional import pad

from synoptic.io import from_pil
from synoptic.models.base import Denoiser
from synoptic.models.registry import Checkpoint
from synoptic.options.input_image import working_size
from synoptic.options.picture import PictureSource, read_picture
from synoptic.views.windows import Windows


@dataclass(frozen=True)
class InputImage:
    """A picture at the size that it is worked on, at least the model's own."""

    image: Image
    checkpoint: Checkpoint

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
