"""The options of `control-map`: one condition's map of a picture."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Self

from synoptic.errors import InputError, check_output_file, user_path
from synoptic.models.checkpoint import Checkpoint
from synoptic.options.base import Options
from synoptic.options.controlnet import Condition, Depth, check_conditions, depth_source, find_depth
from synoptic.options.option import Option
from synoptic.utils.picture import PictureSource, read_picture

NARROW = 32  # how much longer than the other a side may be of which depth is found
MAX_PIXELS = 50_000_000  # drawing edges takes about 100 bytes a pixel: 5 GB


@dataclass(frozen=True, kw_only=True)
class ControlMapOptions(Options):
    """Draw the map that a ControlNet follows: edges, scribbles, segments, depth or normals of a picture.

    synoptic control-map castle.png --kind scribble
    """

    image: Annotated[
        PictureSource, Option("the picture: a PNG, JPEG, WebP, … file of any size", positional=True, picture=True)
    ]
    kind: Annotated[Condition, Option("what is drawn of it")] = "canny"
    depth: Depth = None
    out: Annotated[str | None, Option("the PNG to write (default: outputs/control-map/NAME-KIND.png)", recorded=False)] = (
        None
    )

    def prepare(self) -> Self:
        self = replace(self, depth=depth_source(self.depth, (self.kind,)))
        check_conditions((self.kind,), self.depth)
        width, height = read_picture(self.image).size
        if width * height > MAX_PIXELS:
            raise InputError(
                f"a map is drawn of {MAX_PIXELS // 1_000_000} megapixels at most, this picture has {width}x{height}:"
                " make it smaller",
                rule="map-megapixels",
            )
        if isinstance(find_depth(self.depth, (width, height)), Checkpoint) and max(width, height) > NARROW * min(
            width, height
        ):
            raise InputError(
                f"a depth model sees sides of which one is at most {NARROW} times the other, this picture has"
                f" {width}x{height}: crop it",
                rule="map-narrow",
            )
        name = Path(self.image).stem if isinstance(self.image, str) else "picture"
        out = user_path(self.out or f"outputs/control-map/{name}-{self.kind}.png")
        read = [user_path(source) for source in (self.image, self.depth) if isinstance(source, str)]
        check_output_file(out, [".png"], read)
        return replace(self, out=str(out))
