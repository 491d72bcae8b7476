"""What a picture is guided by: conditions drawn from a given one, each followed by a ControlNet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from synoptic.errors import InputError, check_at_least, check_choice, install_command
from synoptic.models.registry import CONTROLNETS, Checkpoint, resolve_controlnet, resolve_depth_model
from synoptic.options.input_image import Given, read

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from synoptic.controlnet.annotators.depth import DepthEstimator
    from synoptic.models.base import Denoiser
    from synoptic.runs.manifest import Run

Conditions = Annotated[
    list[str] | None,
    "what of the picture is kept: canny, scribble, segment, depth, normal, or map, the picture itself (default: canny)",
]
Nets = Annotated[
    list[str] | None,
    "a ControlNet for each: bundled-canny, bundled-scribble, bundled-depth, a hub id or a directory (default: the bundled)",
]
Depths = Annotated[
    str | None, "for depth and normal: a depth map's file, white near, or transformers' depth model, a hub id or directory"
]

PLAIN = {"strength": None, "begin": 0.0, "end": 1.0, "depth": None}  # where a recipe lets only conditions be chosen
KINDS = ("canny", "scribble", "segment", "depth", "normal", "map")
BY_LIBRARY = ("canny", "scribble", "segment")
BY_DEPTH = ("depth", "normal")


def check_kinds(kinds: list[str], depth: str | None) -> Checkpoint | None:
    """Check that every map can be drawn; the depth model's source if one is asked for. Raises InputError."""
    if not kinds:
        raise InputError("at least one condition is needed, none was given: name canny, for example")
    for kind in kinds:
        check_choice("a condition", kind, KINDS)
    if set(kinds) & set(BY_LIBRARY) and find_spec("skimage") is None:
        raise InputError(f"maps are drawn by scikit-image, which is not installed: {install_command('control')}")
    wanting = next((kind for kind in kinds if kind in BY_DEPTH), None)
    if wanting and depth is None:
        raise InputError(f"{wanting} needs --depth, a depth map's file or a depth model: give it, or use another condition")
    if not wanting and depth is not None:
        raise InputError(
            f"--depth is for the conditions {' and '.join(BY_DEPTH)}, {depth} was given for none: leave it away"
        )
    return resolve_depth_model(depth) if depth is not None and not Path(depth).expanduser().is_file() else None


@cache
def estimator(model: Checkpoint) -> DepthEstimator:
    """The depth model, loaded once."""
    from synoptic.controlnet.annotators.depth import DepthEstimator

    return DepthEstimator(model)


def maps(picture: Image, kinds: list[str], depth: str | None, model: Checkpoint | None) -> dict[str, Tensor]:
    """Each condition's map (1, 3, H, W) in [0, 1], of the picture's size. Raises InputError."""
    from synoptic.controlnet.annotators.canny import canny
    from synoptic.controlnet.annotators.normal import normal_map
    from synoptic.controlnet.annotators.scribble import scribble
    from synoptic.controlnet.annotators.segment import segment
    from synoptic.io import from_pil

    def near(pixels: Tensor) -> Tensor:
        if model:
            return estimator(model)(pixels)
        found = read(str(depth))
        if abs(found.width * picture.height - found.height * picture.width) > max(*found.size, *picture.size):
            raise InputError(f"a depth map must have its picture's shape, {picture.size}, {depth} is {found.size}: crop it")
        return (from_pil(found.convert("L").resize(picture.size)) + 1) / 2

    ways: dict[str, Callable[[Tensor], Tensor]] = {
        "canny": canny,
        "scribble": scribble,
        "segment": segment,
        "depth": near,
        "normal": lambda pixels: normal_map(near(pixels)),
        "map": lambda pixels: (pixels + 1) / 2,
    }
    return {kind: ways[kind](from_pil(picture)) for kind in dict.fromkeys(kinds)}


@dataclass(frozen=True)
class Guides:
    """Conditions, a ControlNet's source and a strength for each, and when they act."""

    kinds: list[str]
    nets: list[Checkpoint]
    strengths: list[float]
    begin: float
    end: float
    depth: str | None
    model: Checkpoint | None

    def onto(self, picture: Given, run: Run) -> Callable[[Denoiser], Denoiser]:
        """Draw the maps of the picture, keep them in the run's folder; model -> the same, following them."""
        from synoptic import io

        drawn = maps(picture.image, self.kinds, self.depth, self.model)
        for kind, seen in drawn.items():
            (image,) = io.to_pil(2 * seen - 1)
            io.save_image(run.folder / f"{kind}.png", image, {"condition": kind, "settings": run.settings})

        def follow(model: Denoiser) -> Denoiser:
            from synoptic.models.controlnet import Control, ControlledDenoiser
            from synoptic.models.load import load_controlnet

            how = {"device": run.settings["device"], "dtype": run.settings["dtype"]}
            asked = zip(self.kinds, self.nets, self.strengths, strict=True)
            padded = {kind: picture.padded(seen) for kind, seen in drawn.items()}
            controls = [
                Control(load_controlnet(net, **how), padded[kind], s, self.begin, self.end) for kind, net, s in asked
            ]
            return ControlledDenoiser(model, controls)

        return follow


def guides(source: Checkpoint, settings: dict[str, Any]) -> Guides:
    """Check the conditions of the settings, and fill in their nets and strengths. Raises InputError on a broken rule."""
    kinds, nets, strengths = settings["condition"] or ["canny"], settings["controlnet"], settings["strength"] or [1.0]
    if "vae" not in source.family.weighted_components:
        raise InputError(f"ControlNets guide latent models, {source.name} paints pixels: use --model bundled, for example")
    depth = check_kinds(kinds, settings["depth"])
    if nets is None:
        nets = [f"bundled-{kind}" for kind in kinds]
        if lacking := [name for name in nets if name not in CONTROLNETS or not source.is_bundled]:
            raise InputError(
                f"a condition needs a ControlNet made for it and for the model, there is no {lacking[0]} for {source.name}:"
                " name one for each with --controlnet"
            )
    if len(nets) != len(kinds):
        raise InputError(f"every condition needs a ControlNet, {len(kinds)} and {len(nets)} were given: give as many")
    if len(strengths) not in (1, len(kinds)):
        raise InputError(f"--strength is one for all conditions or one for each, {len(strengths)} were given: change it")
    for strength in strengths:
        check_at_least("--strength", strength, 0)
    begin, end = settings["begin"], settings["end"]
    if not 0 <= begin < end <= 1:
        raise InputError(f"--begin must be at least 0 and below --end, at most 1; {begin} and {end} were given: change them")
    strengths = strengths * len(kinds) if len(strengths) == 1 else strengths
    settings |= {"condition": kinds, "controlnet": nets, "strength": strengths}
    return Guides(kinds, [resolve_controlnet(net, source) for net in nets], strengths, begin, end, settings["depth"], depth)
