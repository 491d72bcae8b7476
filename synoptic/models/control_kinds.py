"""The classes of networks that follow a map, and the kinds of map of ControlNet unions. Imports nothing heavy."""

from __future__ import annotations

from synoptic.errors import InputError
from synoptic.utils.json_objects import JsonObject

CONTROL_CLASSES = ("ControlNetModel", "ControlNetUnionModel", "T2IAdapter")
UNION_KINDS = ("openpose", "depth", "scribble", "canny", "normal", "segment", "tile", "repaint")  # in the networks' order


def split_kind(name: str) -> tuple[str, str | None]:
    """Return a network's name and the kind of map behind its last colon: `xinsir/…:openpose`; None where there is none."""
    before, colon, kind = name.rpartition(":")
    return (before, kind) if colon and kind in UNION_KINDS else (name, None)


def union_kind(name: str, condition: str | None, config: JsonObject) -> int:
    """Return the index of the kind of map that a union named `name` is conditioned on: the name's, else the condition's.

    Raises InputError where neither is one that it was trained for.
    """
    plain, kind = split_kind(name)
    kind, known = kind or condition, UNION_KINDS[: config.get("num_control_type", 6)]
    if kind not in known:
        raise InputError(
            f"a ControlNet union must know what a map shows, {kind} is none of its kinds: name it {plain}:KIND, one of"
            f" {', '.join(known)}",
            rule="union-kind",
        )
    return known.index(kind)
