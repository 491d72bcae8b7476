"""Check a model's config before anything is built from it: no code, no other files, numbers that are numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeGuard

from synoptic.errors import InputError, is_finite
from synoptic.models.vae_configs import vae_channels
from synoptic.utils.json_objects import JsonObject

FOREIGN_KEYS = (  # which would have a library open other files, other formats or code
    "transformers_weights",
    "quantization_config",
    "fast_tokenizer_files",
    "configuration_files",
    "auto_map",
    "use_pretrained_backbone",
    "use_kernels",
    "kernel_config",
)
ATTENTION_KEYS = ("attn_implementation", "_attn_implementation", "_attn_implementation_internal", "experts_implementation")
ATTENTIONS = (None, "eager", "sdpa")  # torch's own; any other name may be fetched as code

REQUIRED_KEYS = {
    "UNet2DConditionModel": ("sample_size", "in_channels", "block_out_channels"),
    "SD3Transformer2DModel": ("sample_size", "in_channels", "joint_attention_dim", "pooled_projection_dim"),
    "FluxTransformer2DModel": ("in_channels", "joint_attention_dim", "pooled_projection_dim"),
    "ZImageTransformer2DModel": ("in_channels", "dim", "cap_feat_dim"),
    "PixArtTransformer2DModel": ("sample_size", "in_channels", "caption_channels"),
    "Transformer2DModel": ("sample_size", "in_channels", "caption_channels"),
    "QwenImageTransformer2DModel": ("in_channels", "joint_attention_dim"),
    "SanaTransformer2DModel": ("sample_size", "in_channels", "caption_channels"),
    "Flux2Transformer2DModel": ("in_channels", "joint_attention_dim"),
    "AutoencoderKL": ("block_out_channels",),
    "AutoencoderKLQwenImage": ("base_dim", "z_dim", "temperal_downsample"),
    "AutoencoderDC": ("encoder_block_out_channels", "decoder_block_out_channels"),
    "AutoencoderKLFlux2": ("block_out_channels", "latent_channels", "batch_norm_eps"),
    "SD3ControlNetModel": ("in_channels", "pooled_projection_dim", "joint_attention_dim"),
    "FluxControlNetModel": ("in_channels", "pooled_projection_dim", "joint_attention_dim"),
    "ControlNetModel": ("in_channels", "block_out_channels"),
}


def is_count(value: object) -> TypeGuard[int]:
    """Return whether a value is a whole number, at least 1 and below 2^31."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31


def is_counts(value: object) -> TypeGuard[list[int]]:
    """Return whether a value is a list of whole numbers, each at least 1."""
    return isinstance(value, list) and len(value) > 0 and all(is_count(item) for item in value)


def is_number(value: object) -> TypeGuard[float]:
    """Return whether a value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and is_finite(value)


def is_numbers(value: object) -> TypeGuard[list[float]]:
    """Return whether a value is a list of finite numbers."""
    return isinstance(value, list) and len(value) > 0 and all(is_number(item) for item in value)


def one_of(*values: str) -> tuple[Callable[[object], bool], str]:
    """Return what a value of a few must satisfy."""
    return (lambda value: isinstance(value, str) and value in values, f"one of {', '.join(values)}")


BOOLEAN = (lambda value: isinstance(value, bool), "true or false")
ABOVE_0 = (lambda value: is_number(value) and value > 0, "a number above 0")
COUNT = (is_count, "a whole number above 0")
COUNT_OR_COUNTS = (lambda value: is_count(value) or is_counts(value), "a whole number above 0, or a list of such")
RISING = (("base_image_seq_len", "max_image_seq_len"), ("sigma_min", "sigma_max"))  # keys whose numbers must rise
VALUES: dict[str, tuple[Callable[[object], bool], str]] = {  # key -> (what it must satisfy, in words), unless null
    "in_channels": COUNT,
    "out_channels": COUNT,
    "latent_channels": COUNT,
    "z_dim": COUNT,
    "base_dim": COUNT,
    "batch_norm_eps": ABOVE_0,
    "encoder_block_out_channels": (is_counts, "a list of whole numbers above 0"),
    "decoder_block_out_channels": (is_counts, "a list of whole numbers above 0"),
    "norm_num_groups": COUNT,
    "norm_eps": ABOVE_0,
    "layer_norm_eps": ABOVE_0,
    "num_train_timesteps": (lambda value: is_count(value) and value <= 100_000, "a whole number from 1 to 100000"),
    "steps_offset": (lambda value: value == 0 or is_count(value), "a whole number of at least 0"),
    "original_inference_steps": COUNT,
    "time_cond_proj_dim": (lambda value: is_count(value) and value % 2 == 0 and value > 2, "an even number above 2"),
    "trained_betas": (
        lambda value: isinstance(value, list) and all(is_number(beta) and 0 < beta < 1 for beta in value),
        "a list of numbers between 0 and 1",
    ),
    "hidden_size": COUNT,
    "num_hidden_layers": COUNT,
    "num_attention_heads": COUNT_OR_COUNTS,
    "max_position_embeddings": COUNT,
    "vocab_size": COUNT,
    "model_max_length": (lambda value: is_number(value) and value >= 1, "a number of at least 1"),
    "block_out_channels": (is_counts, "a list of whole numbers above 0"),
    "conditioning_embedding_out_channels": (is_counts, "a list of whole numbers above 0"),
    "layers_per_block": COUNT_OR_COUNTS,
    "joint_attention_dim": COUNT,
    "pooled_projection_dim": COUNT,
    "cap_feat_dim": COUNT,
    "caption_channels": COUNT,
    "dim": COUNT,
    "shift": ABOVE_0,
    "base_shift": (is_number, "a finite number"),
    "max_shift": (is_number, "a finite number"),
    "base_image_seq_len": COUNT,
    "max_image_seq_len": COUNT,
    "cross_attention_dim": COUNT_OR_COUNTS,
    "sample_size": COUNT_OR_COUNTS,
    "scaling_factor": (lambda value: is_number(value) and value != 0, "a finite number, not 0"),
    "shift_factor": (is_number, "a finite number"),
    "latents_mean": (is_numbers, "a list of finite numbers"),
    "latents_std": (lambda value: is_numbers(value) and 0 not in value, "a list of finite numbers, none of them 0"),
    "beta_start": (lambda value: is_number(value) and 0 < value < 1, "a number between 0 and 1"),
    "beta_end": (lambda value: is_number(value) and 0 < value < 1, "a number between 0 and 1"),
    "beta_schedule": one_of("linear", "scaled_linear", "squaredcos_cap_v2"),
    "prediction_type": one_of("epsilon", "v_prediction", "sample", "flow_prediction"),
    "timestep_spacing": one_of("leading", "trailing", "linspace"),
    "time_shift_type": one_of("exponential", "linear"),
    "invert_sigmas": (lambda value: value is False, "false, for steps go from noise to a picture"),
    "clip_sample": BOOLEAN,
    "thresholding": BOOLEAN,
    "rescale_betas_zero_snr": BOOLEAN,
    "set_alpha_to_one": BOOLEAN,
    "use_dynamic_shifting": BOOLEAN,
    "use_flow_sigmas": BOOLEAN,
    "use_karras_sigmas": BOOLEAN,
    "clip_sample_range": ABOVE_0,
    "flow_shift": ABOVE_0,
    "sigma_min": ABOVE_0,
    "sigma_max": ABOVE_0,
    "sample_max_value": (lambda value: is_number(value) and value >= 1, "a number of at least 1"),
    "dynamic_thresholding_ratio": (lambda value: is_number(value) and 0 < value <= 1, "a number above 0, at most 1"),
}


def check_config(config: JsonObject, source: str) -> None:
    """Check a config.json, scheduler_config.json or tokenizer_config.json of `source` (a part, in words).

    Raises InputError where it names code or other files, lacks what every config of its class has, or holds a value that
    cannot be one.
    """
    for key, value in _items(config):
        if (key in FOREIGN_KEYS and value) or (key in ATTENTION_KEYS and value not in ATTENTIONS):
            raise InputError(
                f"a model's config may not name code or other files, that of {source} has {key} {str(value)[:60]!r}: take a"
                " copy of the model without it",
                rule="config-foreign",
            )
        if key in VALUES and value is not None and not VALUES[key][0](value):
            raise InputError(
                f"{key} must be {VALUES[key][1]}, the config of {source} has {str(value)[:60]!r}: correct it, or copy the"
                " model again",
                rule="config-value",
            )
    for low, high in RISING:
        if config.get(low) is not None and config.get(high) is not None and not config[low] < config[high]:
            raise InputError(
                f"{low} must be below {high}, the config of {source} has {config[low]} and {config[high]}: correct it",
                rule="config-value",
            )
    betas = config.get("trained_betas")
    if isinstance(betas, list) and len(betas) != config.get("num_train_timesteps", 1000):
        raise InputError(
            f"a schedule must have num_train_timesteps betas, the config of {source} has {len(betas)}: correct it",
            rule="config-value",
        )
    for key in ("latents_mean", "latents_std"):
        channels, numbers = vae_channels(config), config.get(key)
        if isinstance(numbers, list) and len(numbers) != channels:
            raise InputError(
                f"a VAE's {key} must have a number per channel, {channels}, that of {source} has {len(numbers)}:"
                " correct it, or copy the model again",
                rule="config-value",
            )
    for key in REQUIRED_KEYS.get(str(config.get("_class_name")), ()):
        if config.get(key) is None:
            raise InputError(
                f"a model's config must give {key}, that of {source} does not: copy the model again", rule="config-value"
            )


def shard_names(index: Mapping[str, object], file: str) -> list[str]:
    """Return the weight files that an index (`…safetensors.index.json`) names, once each, sorted.

    Raises InputError unless each is a safetensors file of the same folder.
    """
    names = index.get("weight_map")
    if not isinstance(names, dict) or not names:
        raise InputError(f"an index of weights must have a weight_map, {file} has none: copy it again", rule="weights-index")
    for name in names.values():
        if not isinstance(name, str) or not name.endswith(".safetensors") or "/" in name or "\\" in name:
            raise InputError(
                f"an index of weights names safetensors files beside it, {file} names {str(name)[:60]!r}: copy it again",
                rule="weights-index",
            )
    return sorted(set(names.values()))


def _items(config: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Yield every key and value of a config, those of nested ones too."""
    for key, value in config.items():
        yield key, value
        if isinstance(value, Mapping):
            yield from _items(value)
