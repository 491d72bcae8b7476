"""A VAE or a ControlNet in one file. Its config, which the file does not hold, is the model's. Imports nothing heavy."""

from __future__ import annotations

from pathlib import Path

from synoptic.errors import InputError
from synoptic.models.checkpoint import Checkpoint
from synoptic.models.file_kinds import another_kind
from synoptic.models.parts_fit import foreign_vae
from synoptic.models.single_file import SingleFile
from synoptic.models.vae_configs import FLUX, LATENTS, SD, SD3, SDXL, vae_shape
from synoptic.models.weights import axis_size, read_safetensors_header
from synoptic.utils.json_objects import JsonObject

CONTROLNET_MARKS = (  # tensors of which a ControlNet has one
    "control_model.input_hint_block.0.weight",
    "input_hint_block.0.weight",
    "controlnet_cond_embedding.conv_in.weight",
)
MODEL_MARKS = {  # of the tensors beside a VAE in a whole model's file -> how its latents are scaled
    "conditioner.embedders.1.": SDXL,
    "cond_stage_model.": SD,
    "joint_blocks.": SD3,
    "double_blocks.": FLUX,
}
ARCHITECTURES = {  # as ModelSpec's header begins their names
    "stable-diffusion-xl": SDXL,
    "stable-diffusion-v1": SD,
    "stable-diffusion-v2": SD,
    "stable-diffusion-v3": SD3,
    "flux-1": FLUX,
}
CONTROLNET_CONFIG = (  # what a ControlNet has of its U-Net's config
    "in_channels",
    "flip_sin_to_cos",
    "freq_shift",
    "down_block_types",
    "mid_block_type",
    "only_cross_attention",
    "block_out_channels",
    "layers_per_block",
    "downsample_padding",
    "act_fn",
    "norm_num_groups",
    "norm_eps",
    "cross_attention_dim",
    "transformer_layers_per_block",
    "attention_head_dim",
    "num_attention_heads",
    "use_linear_projection",
    "upcast_attention",
    "addition_embed_type",
    "addition_time_embed_dim",
    "projection_class_embeddings_input_dim",
)


def vae_file(name: str, path: Path, checkpoint: Checkpoint) -> SingleFile:
    """Return the VAE of a file, a whole model's too, for a model, which tells how latents are scaled: the file does not.

    Raises InputError, with what it is, where it is none, or where its latents have other channels.
    """
    header, config = read_safetensors_header(path)[0], checkpoint.config("vae")
    prefix = next(
        (start for start in ("", "first_stage_model.", "vae.") if f"{start}encoder.conv_in.weight" in header), None
    )
    if prefix is None:
        raise another_kind(name, header, "a VAE")
    theirs, ours = axis_size(header, f"{prefix}decoder.conv_in.weight", 1), config.get("latent_channels", 4)
    if theirs != ours:
        raise InputError(
            f"a VAE must be made for the model: {name} has {theirs} channels, {checkpoint.name} {ours}: use another --vae",
            rule="vae-fit",
        )
    for key, (found, usual) in vae_shape(header, prefix).items():
        if found != (own := config.get(key, usual)):
            raise InputError(
                f"a VAE's file must have the shape of the model's own, {key} of {name} is {found}, of {checkpoint.name}"
                f" {own}: give its directory in diffusers' format, whose config says the rest, or use another --vae",
                rule="vae-fit",
            )
    check_file_scale(checkpoint, name, header)
    return SingleFile(name, str(path), "", {"": config}, {"": prefix})


def has_config_beside(path: Path) -> bool:
    """Return whether a file lies in a directory of diffusers, whose config says what it is."""
    return path.name == "diffusion_pytorch_model.safetensors" and path.with_name("config.json").is_file()


def check_file_scale(checkpoint: Checkpoint, name: str, header: JsonObject) -> None:
    """Raise InputError where something tells that the latents of a VAE's file are scaled as another family's: the tensors of
    a whole model, or ModelSpec's header."""
    said = str((header.get("__metadata__") or {}).get("modelspec.architecture"))
    marked = (latents for mark, latents in MODEL_MARKS.items() if any(mark in key for key in header))
    named = (latents for start, latents in ARCHITECTURES.items() if said.startswith(start))
    own, other = LATENTS.get(checkpoint.pipeline_class), next(iter((*marked, *named)), None)
    if own is not None and other not in (None, own):
        raise foreign_vae(other, name, "use another --vae")


def controlnet_file(name: str, path: Path, checkpoint: Checkpoint) -> SingleFile:
    """Return the ControlNet of a file for a model, whose U-Net's first half it has.

    Raises InputError, with what it is, where it is none, or where it takes other words.
    """
    header, unet = read_safetensors_header(path)[0], checkpoint.network_config
    if not any(mark in header for mark in CONTROLNET_MARKS):
        raise another_kind(name, header, "a ControlNet")
    theirs = {axis_size(header, key, -1) for key in header if key.endswith("attn2.to_k.weight")}
    ours = unet.get("cross_attention_dim")
    if theirs != {ours}:
        raise InputError(
            f"a ControlNet must be made for the model: cross_attention_dim of {name} is {sorted(theirs)}, of"
            f" {checkpoint.name} {ours}; choose another --controlnet or --model",
            rule="controlnet-fit",
        )
    config = {key: value for key, value in unet.items() if key in CONTROLNET_CONFIG} | {"_class_name": "ControlNetModel"}
    if "task_embedding" in header:
        embedding = "controlnet_cond_embedding"
        layers = [f"{embedding}.conv_in.weight", *(f"{embedding}.blocks.{k}.weight" for k in (1, 3, 5))]
        config |= {
            "_class_name": "ControlNetUnionModel",
            "num_control_type": axis_size(header, "task_embedding", 0),
            "num_trans_channel": axis_size(header, "task_embedding", 1),
            "num_proj_channel": axis_size(header, "spatial_ch_projs.weight", 0),
            "conditioning_embedding_out_channels": [axis_size(header, key, 0) for key in layers],
        }
    return SingleFile(name, str(path), "", {"": config}, {"": ""})
