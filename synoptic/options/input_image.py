"""The picture that a person gives: read at the door, and laid on a canvas that the model's windows cover."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from synoptic.errors import InputError, check_at_least
from synoptic.models.registry import Checkpoint

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from synoptic.models.base import Denoiser
    from synoptic.runs.manifest import Run
    from synoptic.views.windows import Windows

Picture = Annotated[str, "the picture: a PNG, JPEG, WebP, … file of any size; larger than the model, it is done in windows"]
Prompt = Annotated[str, "what is to be seen, in words"]
Size = Annotated[
    int | None, "resize the picture first, its shorter side to so many pixels (default: only if smaller than the model's)"
]

LARGEST = 16_000_000  # pixels: beyond it a canvas takes days
GENERAL = "a high quality photo"


@dataclass(frozen=True)
class Given:
    """A picture at the size that it is worked on: at least the model's own."""

    image: Image
    source: Checkpoint

    @property
    def size(self) -> tuple[int, int]:
        return self.image.size

    @cached_property
    def views(self) -> Windows:
        """The windows over its canvas: of the model's own size, in latents or pixels."""
        from synoptic.views.windows import Windows

        f, side, stride = self.source.factor, self.source.native_size // self.source.factor, self.source.defaults.stride
        (width, height), channels = self.size, self.source.unet_config["in_channels"]
        return Windows((channels, -(-height // f), -(-width // f)), (side, side), (stride, stride))

    @property
    def pixels(self) -> Tensor:
        """(1, 3, H, W) in [-1, 1]."""
        from synoptic.io import from_pil

        return from_pil(self.image)

    def padded(self, x: Tensor) -> Tensor:
        """(B, C, H, W) of the picture's size, its edges repeated until a latent divides it."""
        from torch.nn.functional import pad

        _, height, width = self.views.canvas
        f = self.source.factor
        return pad(x, (0, width * f - x.shape[-1], 0, height * f - x.shape[-2]), mode="replicate")

    def encode(self, model: Denoiser) -> Tensor:
        """(1, C, h, w), the canvas of the picture."""
        return model.encode(self.padded(self.pixels).to(model.device))

    def decode(self, model: Denoiser, z: Tensor) -> Tensor:
        """A canvas (B, C, h, w) -> pictures (B, 3, H, W), without the padding."""
        width, height = self.size
        return model.decode(z)[..., :height, :width]

    def keep(self, run: Run, setting: str = "image") -> None:
        """Put it into the run's folder; `setting` names its file. Raises InputError where that holds work on another one."""
        from synoptic import io

        path = run.folder / "original.png"
        if not path.exists():
            io.save_image(path, self.image, {"of": run.settings[setting]})
        elif io.load_image(path).tobytes() != self.image.tobytes():
            raise InputError(
                f"one folder holds one run, and {run.folder} holds work on another {run.settings[setting]}: choose another"
                " --out or delete the old one"
            )


def given(source: Checkpoint, settings: dict[str, Any]) -> Given:
    """The picture of settings["image"], at the size that it is worked on. Raises InputError where it cannot be."""
    if settings["size"] is not None:
        check_at_least("--size (the model's own)", settings["size"], source.native_size)
    found = read(settings["image"])
    small = min(found.size)
    short = settings["size"] or max(small, source.native_size)
    width, height = size = tuple(round(side * short / small) for side in found.size)
    if width * height > LARGEST:
        raise InputError(
            f"a picture must have at most {LARGEST // 1_000_000} megapixels, this one has {width * height / 1e6:.0f}: give"
            " --size, the length of its shorter side"
        )
    if size != found.size:
        print(f"{settings['image']}: resized from {found.width}x{found.height} to {width}x{height}", file=sys.stderr)
    return Given(found if size == found.size else found.resize((width, height)), source)


def read(path: str) -> Image:
    """A picture's file. Raises InputError, at once where there is none."""
    place = Path(path).expanduser()
    if not place.is_file():
        raise InputError(f"a picture's file is needed, {path} is none: check the path")

    from synoptic.io import load_photo

    try:
        return load_photo(place)
    except ValueError as e:
        raise InputError(str(e)) from None
