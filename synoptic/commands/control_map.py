"""One condition map of a picture, for a look at it or for another tool."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from synoptic.errors import InputError, check_writable
from synoptic.options.control import Depths, check_kinds
from synoptic.options.input_image import read

Picture = Annotated[str, "the picture: a PNG, JPEG, WebP, … file of any size"]
Kind = Annotated[Literal["canny", "scribble", "segment", "depth", "normal", "map"], "what is drawn of it"]
Out = Annotated[str | None, "the PNG to write (default: outputs/condition/NAME-KIND.png)"]


def condition(image: Picture, *, kind: Kind = "canny", depth: Depths = None, out: Out = None) -> Path:
    """Draw the map that a ControlNet follows: edges, scribbles, segments, depth or normals of a picture.

    synoptic condition castle.png --kind scribble
    """
    model = check_kinds([kind], depth)
    picture = read(image)
    path = Path(out or f"outputs/condition/{Path(image).stem}-{kind}.png").expanduser()
    if path.suffix != ".png":
        raise InputError(f"--out must end in .png, {out} was given: rename it")
    check_writable(path.parent)

    from synoptic import io
    from synoptic.options.control import maps

    (drawn,) = io.to_pil(2 * maps(picture, [kind], depth, model)[kind] - 1)
    io.save_image(path, drawn, {"of": image, "condition": kind})
    return path
