"""Check that a ControlNet or a T2I-Adapter was made for a model, by their configs. Imports nothing heavy."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from synoptic.errors import InputError
from synoptic.models.checkpoint import Checkpoint
from synoptic.models.control_kinds import CONTROL_CLASSES, split_kind
from synoptic.models.names import CONTROLNETS

TRANSFORMER_CONTROLNETS = {"StableDiffusion3Pipeline": "SD3ControlNetModel", "FluxPipeline": "FluxControlNetModel"}
UNION_CONDITIONS = ("canny", "depth")  # of those that are drawn here, what FLUX.1's unions know
KIND_WORDS = {  # of names of ControlNets, by the condition that they follow
    "canny": {"canny"},
    "scribble": {"scribble", "scribbles"},
    "segment": {"seg", "segment", "segmentation"},
    "depth": {"depth", "midas"},
    "normal": {"normal", "normals", "normalbae"},
}
UNET_KEYS = ("block_out_channels", "layers_per_block", "cross_attention_dim", "in_channels")  # shared with its ControlNets
TRANSFORMER_KEYS = ("joint_attention_dim", "pooled_projection_dim", "in_channels")  # shared with its ControlNets


def check_controlnet(controlnet: Checkpoint, checkpoint: Checkpoint, kind: str | None) -> None:
    """Raise InputError where a network is no ControlNet, or was made for another U-Net.

    kind: the kind of map that its name gives, which only a union may have.
    """
    config, name = controlnet.config(""), controlnet.name
    if config.get("_class_name") not in CONTROL_CLASSES:
        others = ", ".join(CONTROLNETS)
        raise InputError(
            f"a ControlNet must be a {', '.join(CONTROL_CLASSES)}, {name} is none: use {others}, a hub id or such a"
            " directory",
            rule="controlnet-class",
        )
    if kind and config["_class_name"] != "ControlNetUnionModel":
        raise InputError(
            f"only ControlNet unions take a kind of map, {name} is none, :{kind} was given: omit it", rule="union-kind"
        )
    if config["_class_name"] == "T2IAdapter":
        check_adapter(controlnet, checkpoint)
        return
    embedding = config.get("conditioning_embedding_out_channels", "1234")
    ours = {key: checkpoint.network_config.get(key) for key in UNET_KEYS} | {"pixels per latent": checkpoint.factor}
    theirs = {key: config.get(key) for key in UNET_KEYS} | {"pixels per latent": 2 ** (len(embedding) - 1)}
    _check_same(controlnet, theirs, checkpoint, ours)


def check_adapter(adapter: Checkpoint, checkpoint: Checkpoint) -> None:
    """Raise InputError where a T2I-Adapter was made for another U-Net: its channels, or pixels per feature, differ."""
    config = adapter.config("")
    levels = list(checkpoint.network_config["block_out_channels"])
    xl = config.get("adapter_type") == "full_adapter_xl"
    ours = (levels + levels[-1:] * xl, checkpoint.factor * (1 + xl))
    theirs = (list(config.get("channels", [320, 640, 1280, 1280])), config.get("downscale_factor", 8))
    if ours != theirs or config.get("in_channels", 3) not in (1, 3):
        raise InputError(
            f"a T2I-Adapter must be made for the model: {adapter.name} has channels {theirs[0]} at every {theirs[1]} pixels,"
            f" {checkpoint.name} {ours[0]} at {ours[1]}; choose another --controlnet or --model",
            rule="controlnet-fit",
        )


def check_condition(name: str, condition: str) -> None:
    """Raise InputError where a ControlNet is named for other maps than those of a condition that is drawn."""
    plain, chosen = split_kind(name)
    words = set(re.split(r"[^a-z0-9]+", Path(plain).name.lower()))
    named = [chosen] if chosen else [kind for kind, some in KIND_WORDS.items() if words & some]
    if named and condition in KIND_WORDS and condition not in named:
        theirs = named[0] if named[0] in KIND_WORDS else "map"
        raise InputError(
            f"a ControlNet follows maps of the kind that it was trained on, {name} is named for {named[0]}, {condition} was"
            f" given: choose a --controlnet for {condition}, or --condition {theirs} (map: a map of your own)",
            rule="controlnet-condition",
        )


def transformer_controlnet_class(checkpoint: Checkpoint) -> str:
    """Return the class of a transformer's ControlNets. Raises InputError where there are none of its family."""
    if checkpoint.pipeline_class not in TRANSFORMER_CONTROLNETS:
        raise InputError(
            f"a ControlNet guides a U-Net, Stable Diffusion 3 or FLUX.1, {checkpoint.name} is none: use --model sd1.5, for"
            " example",
            rule="controlnet-family",
        )
    return TRANSFORMER_CONTROLNETS[checkpoint.pipeline_class]


def check_transformer_controlnet(controlnet: Checkpoint, wanted: str, checkpoint: Checkpoint, kind: str) -> None:
    """Raise InputError where a network is not of the class `wanted`, of another model, or lacks this kind of map."""
    config = controlnet.config("")
    if (
        config.get("_class_name") != wanted
        or config.get("conditioning_embedding_channels")
        or not config.get("use_pos_embed", True)
    ):
        raise InputError(
            f"a ControlNet of {checkpoint.name} must be an {wanted} that sees the encoded map with the network's own places,"
            f" {controlnet.name} is none: choose another",
            rule="controlnet-class",
        )
    ours = {key: checkpoint.network_config.get(key) for key in TRANSFORMER_KEYS}
    _check_same(controlnet, {key: config.get(key) for key in TRANSFORMER_KEYS}, checkpoint, ours)
    if config.get("num_mode") is not None and kind and kind not in UNION_CONDITIONS:
        raise InputError(
            f"{controlnet.name} is a union of conditions, {kind} is none of them: use --condition"
            f" {' or '.join(UNION_CONDITIONS)}",
            rule="controlnet-union",
        )


def _check_same(
    controlnet: Checkpoint, theirs: Mapping[str, object], checkpoint: Checkpoint, ours: Mapping[str, object]
) -> None:
    """Raise InputError where one of a ControlNet's numbers, `theirs`, is not the model's."""
    for key, value in theirs.items():
        if value != ours[key]:
            raise InputError(
                f"a ControlNet must be made for the model: {key} of {controlnet.name} is {value}, of {checkpoint.name}"
                f" {ours[key]}; choose another --controlnet or --model",
                rule="controlnet-fit",
            )
