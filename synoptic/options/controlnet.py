"""What of a picture is followed: conditions drawn from it, each followed by a ControlNet (Zhang et al. 2023)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal, NamedTuple, Self, TypeVar

from PIL.Image import Image

from synoptic.errors import InputError, check_installed, install_command
from synoptic.models.checkpoint import Checkpoint
from synoptic.models.control_kinds import union_kind
from synoptic.models.controlnet_checks import check_condition, transformer_controlnet_class
from synoptic.models.names import CONTROLNET, CONTROLNETS, DEPTH_MODEL
from synoptic.models.registry import resolve_controlnet, resolve_depth_model
from synoptic.options.option import Option
from synoptic.options.pretrained_model import ModelOptions
from synoptic.utils.image_formats import FORMATS
from synoptic.utils.picture import PictureSource, is_file, picture_name, read_picture

Condition = Literal["canny", "scribble", "segment", "depth", "normal", "map"]
Depth = Annotated[
    PictureSource | None,
    Option(
        "for depth and normal: a depth map's picture, white near, or a depth model, bundled or transformers' (a hub id or"
        " directory; default: bundled, for bundled models)",
        picture=True,
        weights=DEPTH_MODEL,
    ),
]
Source = TypeVar("Source")
BY_SCIKIT_IMAGE = ("canny", "scribble", "segment")
BY_DEPTH = ("depth", "normal")
OF_PHOTOGRAPHS = "depth-anything/Depth-Anything-V2-Small-hf"  # a depth model


class ControlNets(NamedTuple):
    """Conditions, a ControlNet's name and a strength for each, when they act, and where depth comes from."""

    conditions: tuple[Condition, ...]
    names: tuple[str, ...]
    strengths: tuple[float, ...]
    begin: float = 0.0
    end: float = 1.0
    depth: PictureSource | None = None


@dataclass(frozen=True, kw_only=True)
class ControlNetOptions(ModelOptions):
    """What every application takes that can follow a picture's conditions."""

    GROUP = "ControlNet"

    condition: Annotated[
        tuple[Condition, ...],
        Option(
            "what of the picture is kept too: canny, scribble, segment, map, the picture itself, or depth and normal, by"
            " bundled models (default: nothing)"
        ),
    ] = ()
    controlnet: Annotated[
        tuple[str, ...],
        Option(
            "a ControlNet per condition: bundled-canny, -scribble, -depth, -normal, a hub id, a directory, FILE.safetensors"
            " (default: the bundled); a union with :KIND where its map is one's own, a T2I-Adapter likewise",
            weights=CONTROLNET,
        ),
    ] = ()

    def controlnets(self) -> ControlNets:
        """Return what is followed, and how."""
        return ControlNets(self.condition, self.controlnet, (1.0,) * len(self.condition))

    def resolve(self, checkpoint: Checkpoint) -> Self:
        names = find_controlnets(checkpoint, self.condition, self.controlnet)
        check_conditions(self.condition, depth_source(self.controlnets().depth, self.condition, checkpoint))
        return replace(super().resolve(checkpoint), controlnet=names)


def find_controlnets(checkpoint: Checkpoint, conditions: Sequence[Condition], names: Sequence[str]) -> tuple[str, ...]:
    """Return the name of a ControlNet per condition, the bundled ones where none is named. Raises InputError."""
    if not conditions and not names:
        return ()
    check_latents(checkpoint)
    if not checkpoint.has_unet:
        transformer_controlnet_class(checkpoint)
    if not names:
        names = [f"bundled-{kind}" for kind in conditions]
        if lacking := [name for name in names if name not in CONTROLNETS or not checkpoint.is_bundled]:
            raise InputError(
                f"a condition needs a ControlNet made for it and for the model, there is no {lacking[0]} for"
                f" {checkpoint.name}: name one per condition with --controlnet",
                rule="controlnet-missing",
            )
    if len(names) != len(conditions):
        raise InputError(
            f"every --condition needs a --controlnet, {len(conditions)} and {len(names)} were given: give as many",
            rule="controlnet-count",
        )
    for name, condition in zip(names, conditions, strict=True):
        check_condition(name, condition)
        config = resolve_controlnet(name, checkpoint, condition).config("")
        if config["_class_name"] == "ControlNetUnionModel":
            union_kind(name, condition, config)
    return tuple(names)


def check_latents(checkpoint: Checkpoint) -> None:
    """Raise InputError where a model has no latents for a ControlNet to follow."""
    if not checkpoint.has_latents:
        raise InputError(
            f"ControlNets guide latent models, {checkpoint.name} is one of pixels: use --model bundled, for example",
            rule="controlnet-latents",
        )


def check_conditions(conditions: Sequence[Condition], depth: PictureSource | None) -> None:
    """Raise InputError where a map cannot be drawn, or where depth is given for none."""
    if set(conditions) & set(BY_SCIKIT_IMAGE):
        check_installed("skimage", "maps are drawn by scikit-image", install_command("control"))
    by_depth = next((kind for kind in conditions if kind in BY_DEPTH), None)
    if by_depth and depth is None:
        raise InputError(
            f"{by_depth} needs --depth, a depth map's file or a depth model: give one, {OF_PHOTOGRAPHS} for example, or take"
            " another condition",
            rule="depth-missing",
        )
    if not by_depth and depth is not None:
        raise InputError(
            f"--depth is for the conditions {' and '.join(BY_DEPTH)}, {picture_name(depth)} was given for none: omit it",
            rule="depth-unused",
        )


def depth_source(
    depth: Source | None, conditions: Sequence[Condition], checkpoint: Checkpoint | None = None
) -> Source | str | None:
    """Return where depth comes from: what was given, else the bundled depth model where a condition needs one.

    It has seen renders alone: for pictures by another model than the bundled ones (checkpoint) it is not taken unnamed.
    """
    if depth is not None or not set(conditions) & set(BY_DEPTH):
        return depth
    return "bundled" if checkpoint is None or checkpoint.is_bundled else None


def find_depth(depth: PictureSource | None, sides: tuple[int, int]) -> Image | Checkpoint | None:
    """Return the depth map of a picture of these sides, or the depth model that finds one. Raises InputError.

    A depth map of another size is fine, one of another shape is not.
    """
    if depth is None or (isinstance(depth, str) and not is_file(depth)):
        return None if depth is None else resolve_depth_model(depth)
    found = read_depth_map(depth)
    if abs(found.width * sides[1] - found.height * sides[0]) > max(*found.size, *sides):
        raise InputError(
            f"a depth map must have its picture's shape, {sides}, {picture_name(depth)} is {found.size}: crop it",
            rule="depth-shape",
        )
    return found


def read_depth_map(source: PictureSource) -> Image:
    """Read a depth map, white near. Raises InputError as `read_picture` does, also where it is a file of numbers."""
    try:
        return read_picture(source)
    except InputError as e:
        if e.rule != "picture-unreadable":
            raise
        raise InputError(
            f"--depth is a depth map as a picture ({', '.join(FORMATS)}), white near, or a depth model;"
            f" {picture_name(source)} cannot be read as one: save its numbers as a gray PNG",
            rule="depth-unreadable",
        ) from None
