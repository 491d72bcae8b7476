"""One condition's map of a picture, for a look at it or for another tool."""

from __future__ import annotations

from pathlib import Path

from synoptic.controlnet.maps import control_maps
from synoptic.io import save_image, to_pil
from synoptic.options.control_map import ControlMapOptions
from synoptic.options.controlnet import find_depth
from synoptic.utils.picture import read_picture


def execute(options: ControlMapOptions) -> Path:
    """Draw the map, return its file."""
    assert options.out is not None
    picture, file = read_picture(options.image), Path(options.out)
    drawn = control_maps(picture, [options.kind], find_depth(options.depth, picture.size))[options.kind]
    about = {"application": "control_map", "command": options.command(), "options": options.to_json()}
    save_image(file, to_pil(2 * drawn - 1)[0], about)
    return file
