"""The settings of a ControlNet's training, checked at the door."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal

from synoptic.errors import InputError, check_at_least, check_at_most, check_choice, install_command
from synoptic.models.registry import Checkpoint, resolve, resolve_controlnet
from synoptic.options.captions import captioned, drawn
from synoptic.options.control import KINDS, check_kinds

Condition = Annotated[
    Literal["canny", "scribble", "segment", "depth", "normal", "map"], "what it learns to follow; map: those in --maps"
]
Images = Annotated[str, "the folder of pictures; each is cut to a square and resized to the model's own size"]
Captions = Annotated[
    str, 'what they show: a JSON object {file name: words}, or lines: name, tab, words; or {"file_name", "text"}'
]
Maps = Annotated[str | None, "for --condition map: the folder of the pictures' maps, each of its picture's name"]
Depths = Annotated[str | None, "for depth and normal: transformers' depth model, a hub id or directory"]
Init = Annotated[
    str | None, "a ControlNet to go on from: bundled-canny, …, a hub id or a directory (default: the U-Net's encoder)"
]
Slim = Annotated[bool, "leave attention out: half as large, and the map speaks, not the prompt"]
Steps = Annotated[int, "how often the weights move"]
Rows = Annotated[int, "pictures that are looked at together, in each process"]
Accumulate = Annotated[int, "so many batches make one step, for large batches in little memory"]
Rate = Annotated[float | None, "AdamW's rate (default: 1e-5; bundled 5e-4)"]
Dtype = Annotated[
    Literal["auto", "float32", "bfloat16", "float16"],
    "mixed precision: what the networks compute in, weights stay float32; auto: bfloat16 on a GPU",
]
Checkpointing = Annotated[bool, "compute activations twice: less memory, a third slower"]
Wordless = Annotated[float, "the share of rows without a caption, so that the map alone tells something"]
Every = Annotated[int, "measure and save after so many steps, besides the beginning and the end"]
HeldBack = Annotated[int, "pictures that are not learned from: their maps are painted to measure by"]
Where = Annotated[Literal["auto", "cpu"], "auto: the GPU, if there is one; under torchrun each process has its own"]

RATE = {True: 5e-4, False: 1e-5}  # of bundled models, which are small, and of others


def settle(given: dict[str, Any]) -> tuple[Checkpoint, dict[str, Any], dict[str, str], dict[str, str] | None]:
    """The model's source, the settings, {picture: caption} and for --maps {picture: file}. Raises InputError."""
    source = resolve(given["model"])
    if "vae" not in source.family.weighted_components:
        raise InputError(f"ControlNets guide latent models, {source.name} paints pixels: use --model bundled, for example")
    settings = {name: value for name, value in given.items() if name != "out"}
    check_choice("--condition", settings["condition"], KINDS)
    for name, least in {"steps": 1, "batch": 1, "accumulate": 1, "evaluate_every": 1, "held_back": 2, "seed": 0}.items():
        check_at_least(f"--{name.replace('_', '-')}", settings[name], least)
    check_at_least("--wordless", settings["wordless"], 0)
    check_at_most("--wordless", settings["wordless"], 1)
    settings["lr"] = RATE[source.is_bundled] if settings["lr"] is None else settings["lr"]
    if not settings["lr"] > 0:
        raise InputError(f"--lr must be above 0, {settings['lr']} was given: 1e-5 is usual")
    if settings["init"] is not None:
        resolve_controlnet(settings["init"], source)
        if settings["slim"]:
            raise InputError(f"--slim is for a new net, --init {settings['init']} has its shape already: leave one away")
    check_map(settings)
    captions = captioned(settings["images"], settings["captions"])
    if len(captions) <= settings["held_back"]:
        raise InputError(
            f"some pictures must be left to learn from, {len(captions)} are there and --held-back is"
            f" {settings['held_back']}: lower it, or bring more"
        )
    return source, settings, captions, drawn(settings["maps"], list(captions)) if settings["maps"] is not None else None


def check_map(settings: dict[str, Any]) -> None:
    """Check that the condition's maps can be drawn, of every picture."""
    kind, depth = settings["condition"], settings["depth"]
    if find_spec("skimage") is None:
        raise InputError(f"edges are drawn by scikit-image, which is not installed: {install_command('control')}")
    if (kind == "map") != (settings["maps"] is not None):
        raise InputError(f"--maps and --condition map belong together, --condition is {kind}: give both or neither")
    if depth is not None and Path(depth).expanduser().is_file():
        raise InputError(f"--depth must be a model that sees every picture, {depth} is a file: name one, or use --maps")
    check_kinds([kind], depth)
