"""Which network follows a map, and which kind of map a ControlNet union is told. Imports nothing heavy."""

from __future__ import annotations

from synoptic.errors import InputError
from synoptic.models.checkpoint import Checkpoint
from synoptic.utils.json_objects import JsonObject

CONTROL_CLASSES = ("ControlNetModel", "ControlNetUnionModel", "T2IAdapter")
UNION_KINDS = ("openpose", "depth", "scribble", "canny", "normal", "segment", "tile", "repaint")  # in the networks' order


def split_kind(name: str) -> tuple[str, str | None]:
    """Return a network's name and the kind of map behind its last colon: `xinsir/…:openpose`; None where there is none."""
    before, colon, kind = name.rpartition(":")
    return (before, kind) if colon and kind in UNION_KINDS else (name, None)


def union_kind(name: str, condition: str | None, config: JsonObject) -> int:
    """Return the index of the kind of map that a union named `name` is told: the name's, else the condition's.

    Raises InputError where neither is one that it was trained for.
    """
    plain, kind = split_kind(name)
    kind, known = kind or condition, UNION_KINDS[: config.get("num_control_type", 6)]
    if kind not in known:
        raise InputError(
            f"a ControlNet union must be told what a map shows, {kind} is none of its kinds: name it {plain}:KIND, one of"
            f" {', '.join(known)}",
            rule="union-kind",
        )
    return known.index(kind)


def check_adapter(name: str, config: JsonObject, checkpoint: Checkpoint) -> None:
    """Raise InputError where a T2I-Adapter was made for another U-Net: its channels, or pixels per feature, differ."""
    levels = list(checkpoint.network_config["block_out_channels"])
    xl = config.get("adapter_type") == "full_adapter_xl"
    ours = (levels + levels[-1:] * xl, checkpoint.factor * (1 + xl))
    theirs = (list(config.get("channels", [320, 640, 1280, 1280])), config.get("downscale_factor", 8))
    if ours != theirs or config.get("in_channels", 3) not in (1, 3):
        raise InputError(
            f"a T2I-Adapter must be made for the model: {name} has channels {theirs[0]} at every {theirs[1]} pixels,"
            f" {checkpoint.name} {ours[0]} at {ours[1]}; choose another --controlnet or --model",
            rule="controlnet-fit",
        )
