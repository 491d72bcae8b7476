"""A model that follows a picture's conditions, and the maps that were drawn for it (ControlNet, Zhang et al. 2023)."""

from __future__ import annotations

from PIL.Image import Image

from synoptic.controlnet.maps import control_maps
from synoptic.io import to_pil
from synoptic.models.base import Denoiser, PretrainedModel
from synoptic.models.controlnet import Control, ControlledDenoiser
from synoptic.models.load import load_controlnet
from synoptic.models.registry import resolve_controlnet
from synoptic.options.controlnet import ControlNets, find_depth
from synoptic.options.picture import read_picture
from synoptic.options.wide_control import WideControlOptions
from synoptic.pipelines.input_image import InputImage


def with_controlnets(
    model: PretrainedModel, controlnets: ControlNets, picture: InputImage
) -> tuple[Denoiser, dict[str, Image]]:
    """Return the model, following the picture's conditions if there are any, and {"canny.png": map, …}."""
    if not controlnets.conditions:
        return model, {}
    maps = control_maps(picture.image, controlnets.conditions, find_depth(controlnets.depth, picture.size))
    device, dtype = str(model.device), str(model.dtype).removeprefix("torch.")
    controls = []
    for kind, name, strength in zip(controlnets.conditions, controlnets.names, controlnets.strengths, strict=True):
        net = load_controlnet(resolve_controlnet(name, model.checkpoint), device=device, dtype=dtype)
        controls.append(Control(net, picture.padded(maps[kind]), strength, controlnets.begin, controlnets.end))
    files = {f"{kind}.png": to_pil(2 * drawn - 1)[0] for kind, drawn in maps.items()}
    return ControlledDenoiser(model, controls), files


def with_wide_control(
    model: PretrainedModel, options: WideControlOptions, width: int, height: int
) -> tuple[Denoiser, dict[str, Image]]:
    """Return the model, following --control if there is one, and its files: original.png and the maps.

    The picture covers width x height pixels, and its middle is kept.
    """
    if options.control is None:
        return model, {}
    image = read_picture(options.control)
    scale = max(width / image.width, height / image.height)
    large = max(width, round(image.width * scale)), max(height, round(image.height * scale))
    left, top = (large[0] - width) // 2, (large[1] - height) // 2
    picture = InputImage(image.resize(large).crop((left, top, left + width, top + height)), model.checkpoint)
    controlled, files = with_controlnets(model, options.controlnets(), picture)
    return controlled, {"original.png": picture.image} | files
