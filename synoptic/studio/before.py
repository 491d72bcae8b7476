"""What is seen before painting: the maps that a ControlNet will follow, and the boxes of regions."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

import gradio as gr
from PIL.Image import Image

from synoptic.options import options_class
from synoptic.options.base import Options
from synoptic.options.controlnet import ControlNetOptions
from synoptic.options.panorama import PanoramaOptions
from synoptic.options.pretrained_model import ModelOptions
from synoptic.options.wide import WideOptions
from synoptic.studio.heavy import import_heavy

ANYTHING = "a picture"  # the prompt of what is looked at before one was typed
DECIDING = ("image", "control", "condition", "depth", "size", "width", "height", "circular", "model")  # what is shown
BOXES = '<p class="hint">Drag boxes and enter a prompt for each, or type the regions below.</p>'
BOXES += '<div class="canvas" role="img" aria-label="boxes of regions"></div><div class="list"></div>'


class Canvas(TypedDict):
    """The size of what boxes are drawn on, in pixels."""

    wide: int
    high: int


def maps(options: ModelOptions) -> dict[str, Image]:
    """Return {condition: map} as a run of these options, prepared, would follow them; {} where it follows none."""
    if not isinstance(options, ControlNetOptions) or not options.condition:
        return {}
    return import_heavy("synoptic.studio.maps").followed(options)


def boxes(application: str) -> gr.HTML:
    """Build what boxes with prompts are drawn on: its value is the lines of --region, on a sphere in degrees."""
    css, script = (Path(__file__).with_name(f"boxes.{ending}").read_text("utf-8") for ending in ("css", "js"))
    options = options_class(application).from_arguments(prompt=ANYTHING).prepare()
    return gr.HTML(
        "",
        elem_id=f"boxes-{application}",
        html_template=BOXES,
        css_template=css,
        js_on_load=script,
        degrees=isinstance(options, PanoramaOptions),
        **canvas(options),
    )


def canvas(options: Options) -> Canvas:
    """Return the width and height, in pixels, of what boxes are drawn on for prepared options."""
    if isinstance(options, WideOptions):
        return {"wide": options.width, "high": options.height}
    assert isinstance(options, PanoramaOptions)
    return {"wide": 2 * options.height, "high": options.height}
