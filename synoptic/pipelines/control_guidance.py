"""A model that follows a picture's conditions, and the maps that were drawn for it (ControlNet, Zhang et al. 2023)."""

from __future__ import annotations

from PIL.Image import Image
from torch import Tensor

from synoptic.controlnet.maps import control_maps
from synoptic.io import to_pil
from synoptic.io.circular import close_ends, wrap_image
from synoptic.models.base import Denoiser, PretrainedModel
from synoptic.models.checkpoint import Checkpoint
from synoptic.models.control_kinds import split_kind, union_kind
from synoptic.models.controlnet import Control, ControlledDenoiser, ControlNetwork
from synoptic.models.controlnet_transformer import controlnet_of
from synoptic.models.controlnet_union import ControlNetUnion
from synoptic.models.load import load_controlnet, load_transformer_controlnet
from synoptic.models.registry import resolve_controlnet
from synoptic.models.transformer import TransformerDenoiser
from synoptic.options.controlnet import ControlNets, depth_source, find_depth
from synoptic.options.wide import WideOptions
from synoptic.pipelines.input_image import InputImage
from synoptic.utils.picture import read_picture


def with_controlnets(
    model: PretrainedModel, controlnets: ControlNets, picture: InputImage
) -> tuple[Denoiser, dict[str, Image]]:
    """Return the model, following the picture's conditions if there are any, and {"canny.png": map, …}."""
    if not controlnets.conditions:
        return model, {}
    maps = draw_maps(controlnets, picture)
    controls, loaded = [], {}
    for kind, name, strength in zip(controlnets.conditions, controlnets.names, controlnets.strengths, strict=True):
        plain, _ = split_kind(name)
        net = _of_kind(loaded[plain], model, name, kind) if plain in loaded else load_control(name, model, kind)
        loaded[plain] = net
        controls.append(Control(net, picture.padded(maps[kind]), strength, controlnets.begin, controlnets.end))
    files = {f"{kind}.png": to_pil(2 * drawn - 1)[0] for kind, drawn in maps.items()}
    return ControlledDenoiser(model, controls), files


def load_control(name: str, model: PretrainedModel, kind: str) -> ControlNetwork:
    """Return the ControlNet of this name for maps of a kind of condition, on the model's device and in its dtype."""
    if isinstance(model, TransformerDenoiser):
        return load_transformer_controlnet(resolve_controlnet(name, model.checkpoint, kind), model, kind)
    dtype = str(model.dtype).removeprefix("torch.")
    return load_controlnet(name, model=model.checkpoint, device=str(model.device), dtype=dtype, condition=kind)


def draw_maps(controlnets: ControlNets, picture: InputImage) -> dict[str, Tensor]:
    """Return {condition: map (1, 3, H, W) in [0, 1]} of a picture.

    Those of a circular one are drawn of a picture that goes on beyond each end with the other one.
    """
    source = depth_source(controlnets.depth, controlnets.conditions, picture.checkpoint)
    depth, drawn_of = find_depth(source, picture.size), picture.image
    beside = picture.checkpoint.native_size // 4 if picture.circular else 0
    if beside:
        drawn_of = wrap_image(drawn_of, beside)
        depth = wrap_image(depth.resize(picture.size), beside) if isinstance(depth, Image) else depth
    drawn = control_maps(drawn_of, controlnets.conditions, depth)
    return {kind: whole[..., beside : whole.shape[-1] - beside] for kind, whole in drawn.items()}


def _of_kind(loaded: ControlNetwork, model: PretrainedModel, name: str, condition: str) -> ControlNetwork:
    """Return a network that is loaded already, for maps of another kind."""
    if isinstance(model, TransformerDenoiser):
        return controlnet_of(loaded.net, model, condition)
    if isinstance(loaded, ControlNetUnion):
        return ControlNetUnion(loaded.net, union_kind(name, condition, loaded.net.config))
    return loaded


def with_wide_control(model: PretrainedModel, options: WideOptions) -> tuple[Denoiser, dict[str, Image]]:
    """Return the model, following --control if there is one, and its files: original.png and the maps."""
    if options.control is None:
        return model, {}
    picture = followed_picture(options, model.checkpoint)
    controlled, files = with_controlnets(model, options.controlnets(), picture)
    return controlled, {"original.png": picture.image} | files


def followed_picture(options: WideOptions, checkpoint: Checkpoint) -> InputImage:
    """Return the picture of --control as it is followed.

    It covers the wide picture, and its middle is kept. For a circular one its ends are made to meet, but where it is a map
    itself.
    """
    assert options.control is not None
    image, width, height = read_picture(options.control), options.width, options.height
    scale = max(width / image.width, height / image.height)
    large = max(width, round(image.width * scale)), max(height, round(image.height * scale))
    left, top = (large[0] - width) // 2, (large[1] - height) // 2
    part = image.resize(large).crop((left, top, left + width, top + height))
    if options.circular and "map" not in options.condition:
        part = close_ends(part, checkpoint.native_size // 8)
    return InputImage(part, checkpoint, options.circular)
