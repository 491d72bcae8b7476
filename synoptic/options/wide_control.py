"""A wide picture along the edges or strokes of a given one: every window follows its own part of the map."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from synoptic.errors import InputError
from synoptic.models.registry import Checkpoint
from synoptic.options.control import PLAIN, Guides, guides
from synoptic.options.input_image import Given, read

if TYPE_CHECKING:
    from PIL.Image import Image

    from synoptic.models.base import Denoiser
    from synoptic.runs.manifest import Run

Control = Annotated[
    str | None, "follow this picture's --condition (ControlNet); without --width and --height the wide one takes its shape"
]
Kept = Annotated[list[str] | None, "what of --control is followed: canny, scribble, segment or map, the picture itself"]


@dataclass(frozen=True)
class Following:
    """A picture, and what of it is followed."""

    image: Image
    guides: Guides
    source: Checkpoint

    def onto(self, width: int, height: int, run: Run) -> Callable[[Denoiser], Denoiser]:
        """Cover so many pixels with it, keep its middle and its maps in the run's folder; model -> the same, following."""
        w, h = self.image.size
        scale = max(width / w, height / h)
        large = max(width, round(w * scale)), max(height, round(h * scale))
        left, top = (large[0] - width) // 2, (large[1] - height) // 2
        picture = Given(self.image.resize(large).crop((left, top, left + width, top + height)), self.source)
        picture.keep(run, "control")
        return self.guides.onto(picture, run)


def following(source: Checkpoint, settings: dict[str, Any]) -> Following | None:
    """What --control asks for; fills in width and height after its shape. Raises InputError on a broken rule."""
    if settings["control"] is None:
        for name in ("condition", "controlnet"):
            if settings[name]:
                raise InputError(
                    f"--{name} is followed from a picture, none was given: name it with --control, or leave it away"
                )
        return None
    found = guides(source, settings | PLAIN)
    if settings["layout"] is not None:
        raise InputError("--layout paints the picture small first, --control has said what is where: leave one away")
    image = read(settings["control"])
    sides = dict(zip(("width", "height"), image.size, strict=True))
    asked = [settings[side] / length for side, length in sides.items() if settings[side] is not None]
    scale = asked[0] if asked else source.native_size / min(image.size)
    for side, length in sides.items():
        if settings[side] is None:
            settings[side] = max(source.native_size, round(length * scale / source.factor) * source.factor)
    return Following(image, found, source)
