"""The maps that a ControlNet will follow. Imported when the first is asked for: the page does not wait for models."""

from __future__ import annotations

from PIL.Image import Image

from synoptic.io import to_pil
from synoptic.models.registry import resolve
from synoptic.options.controlnet import ControlNetOptions
from synoptic.options.input_image import InputImageOptions
from synoptic.options.wide import WideOptions
from synoptic.pipelines.control_guidance import draw_maps, followed_picture
from synoptic.pipelines.input_image import InputImage


def followed(options: ControlNetOptions) -> dict[str, Image]:
    """Return {condition: map} as a run of these options, prepared, would follow them."""
    checkpoint = resolve(options.model)
    if isinstance(options, WideOptions):
        picture = followed_picture(options, checkpoint)
    else:
        assert isinstance(options, InputImageOptions)
        picture = InputImage.read(checkpoint, options.image, options.size)
    drawn = draw_maps(options.controlnets(), picture)
    return {kind: to_pil(2 * one - 1)[0] for kind, one in drawn.items()}
