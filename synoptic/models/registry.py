"""Names resolved to checkpoints that are checked before weights load: models, upscalers, ControlNets, VAEs, scorers.

Imports nothing heavy: a missing file, a pickle or a corrupt weight file is answered at once.
"""

from __future__ import annotations

from synoptic.errors import InputError
from synoptic.models.checkpoint import Checkpoint
from synoptic.models.component_checks import check_components, check_input_channels, check_network
from synoptic.models.control_kinds import split_kind
from synoptic.models.controlnet_checks import (
    check_controlnet,
    check_transformer_controlnet,
    transformer_controlnet_class,
)
from synoptic.models.file_kinds import weight_file
from synoptic.models.names import (
    ALIASES,
    BUNDLED_MODELS,
    CLIP_MODEL,
    CONTROLNET,
    DEPTH_MODEL,
    MODEL,
    UPSCALER,
    UPSCALERS,
    VAE,
    Kind,
    find_checkpoint,
)
from synoptic.models.open_clip import CONFIG_FILE, OpenClip
from synoptic.models.parts_fit import check_latent_scale
from synoptic.models.single_file import model_file
from synoptic.models.single_network import controlnet_file, has_config_beside, vae_file

CLIP_CLASSES = {"clip": "CLIPModel", "siglip": "SiglipModel"}  # by model_type


def resolve(name: str, kind: Kind = MODEL) -> Checkpoint:
    """Return the source of `bundled`, `bundled-if`, an alias, a hub id `org/name`, a diffusers
    directory or a safetensors file.

    Raises InputError, with the cure, where it is unknown, of an unsupported pipeline, lacks a part, only has pickle weights,
    or has a corrupt weight file; and where the hub cannot be reached or wants a login.
    """
    if (path := weight_file(name, kind.instead)) is not None:
        single = model_file(name, path)
        check_input_channels(single)
        return single
    if name in UPSCALERS or (checkpoint := find_checkpoint(name, kind)).family.low_res_scheduler:
        others = ", ".join(BUNDLED_MODELS | ALIASES)
        raise InputError(
            f"a model paints from prompts alone, {name} enlarges a small picture: use one of {others}", rule="model-upscales"
        )
    return check_components(checkpoint)


def resolve_upscaler(name: str) -> Checkpoint:
    """Return the source of `bundled-if-ii`, another upscaler's alias, a hub id or a directory.
    Raises InputError as `resolve`.
    """
    if name in BUNDLED_MODELS | ALIASES or not (checkpoint := find_checkpoint(name, UPSCALER)).family.low_res_scheduler:
        others = ", ".join(UPSCALERS)
        raise InputError(
            f"an upscaler enlarges a small picture, {name} paints from prompts alone: use one of {others}",
            rule="upscaler-paints",
        )
    return check_components(checkpoint)


def resolve_controlnet(name: str, checkpoint: Checkpoint, condition: str = "") -> Checkpoint:
    """Return the ControlNet `name`: `bundled-canny`, …, a hub id, a directory or a safetensors
    file; a union with its `:kind`.

    Raises InputError as `resolve`, and as `check_controlnet` and `check_transformer_controlnet` where it was made for
    another model than `checkpoint`.
    """
    kind_of_net = controlnet_kind(checkpoint, condition)
    if not checkpoint.has_unet:
        wanted = transformer_controlnet_class(checkpoint)
        controlnet = find_checkpoint(name, kind_of_net)
        check_transformer_controlnet(controlnet, wanted, checkpoint, condition)
        return check_network(controlnet, "")
    name, kind = split_kind(name)
    if (path := weight_file(name, kind_of_net.instead)) is not None:
        controlnet = controlnet_file(name, path, checkpoint)
    else:
        controlnet = find_checkpoint(name, kind_of_net)
    check_controlnet(controlnet, checkpoint, kind)
    return controlnet if path is not None else check_network(controlnet, "")


def controlnet_kind(checkpoint: Checkpoint, condition: str) -> Kind:
    """Return what a ControlNet's name can stand for: where a bundled one follows the condition, it is the cure."""
    has_bundled = checkpoint.is_bundled and f"bundled-{condition}" in CONTROLNET.aliases
    return CONTROLNET._replace(instead=f"omit --controlnet or {CONTROLNET.instead}") if has_bundled else CONTROLNET


def resolve_vae(name: str, checkpoint: Checkpoint) -> Checkpoint:
    """Return the AutoencoderKL `name`, a hub id, a directory or a safetensors file, used in place of a model's own.

    Raises InputError as `resolve`, and where it was made for other latents: their channels, or pixels per latent, differ.
    """
    if not checkpoint.has_latents:
        raise InputError(
            f"a VAE makes pictures of latents, {checkpoint.name} has none, its network sees pixels: omit --vae",
            rule="vae-latents",
        )
    if checkpoint.family.components["vae"] != "AutoencoderKL":
        raise InputError(
            f"a VAE of another class cannot take the place of {checkpoint.name}'s, an {checkpoint.family.components['vae']}:"
            " omit --vae",
            rule="vae-class",
        )
    if (path := weight_file(name, VAE.instead)) is not None:
        if not has_config_beside(path):
            return vae_file(name, path, checkpoint)
        name = str(path.parent)
    vae = find_checkpoint(name, VAE)
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
    check_latent_scale(checkpoint, config, name)
    return check_network(vae, "")


def resolve_depth_model(name: str) -> Checkpoint:
    """Return the source of `bundled`, or of transformers' depth model, a hub id or a directory.

    Raises InputError as `resolve`.
    """
    checkpoint = find_checkpoint(name, DEPTH_MODEL)
    kinds = checkpoint.config("").get("architectures") or []
    if not any(kind.endswith("ForDepthEstimation") for kind in kinds):
        raise InputError(
            f"a depth model must be one of transformers', {name} is a {', '.join(kinds) or 'nameless one'}: choose one",
            rule="depth-class",
        )
    return check_network(checkpoint, "")


def resolve_clip(name: str) -> Checkpoint:
    """Return the source of a model that scores: `bundled`, `clip-vit-b32`, a hub id or a
    directory. Raises InputError as `resolve`.

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
    return check_network(checkpoint, "")


def _find_clip(name: str) -> Checkpoint:
    """Return the source, by transformers' config or else open_clip's."""
    try:
        return find_checkpoint(name, CLIP_MODEL)
    except InputError as e:
        try:
            found = find_checkpoint(name, CLIP_MODEL._replace(aliases={}, file=CONFIG_FILE))
        except InputError:
            raise e from None
    return OpenClip(found.name, found.path_or_repo, instead=found.instead)
