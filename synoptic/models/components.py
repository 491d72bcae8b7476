"""Build one component of a model: a network from safetensors that were checked, or a tokenizer.

What is opened is what was checked: no file that a config names, no pickle, no code, and for a directory nothing from the
network.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import load_file
from transformers.utils import logging

from synoptic.errors import InputError
from synoptic.models.checkpoint import Checkpoint
from synoptic.models.hub import first_line
from synoptic.utils.json_objects import JsonObject

DIFFUSERS_MODULES = {  # where each class lives: its own module imports faster than the whole library
    "UNet2DConditionModel": "diffusers.models.unets.unet_2d_condition",
    "SD3Transformer2DModel": "diffusers.models.transformers.transformer_sd3",
    "FluxTransformer2DModel": "diffusers.models.transformers.transformer_flux",
    "ZImageTransformer2DModel": "diffusers.models.transformers.transformer_z_image",
    "PixArtTransformer2DModel": "diffusers.models.transformers.pixart_transformer_2d",
    "AutoencoderKL": "diffusers.models.autoencoders.autoencoder_kl",
    "ControlNetModel": "diffusers.models.controlnets.controlnet",
}

ComponentLoader = Callable[..., Any]  # the name of a component in model_index.json -> the network or tokenizer


def load_network(name: str, checkpoint: Checkpoint, component: str, device: torch.device, dtype: torch.dtype) -> Any:
    """The network of class `name` in the model's folder `component` ("" is the model itself), with every tensor there.

    Raises InputError where a weight file is none, its tensors do not fit the config, or one is missing.
    """
    half = dtype.itemsize == 2
    with readable(checkpoint, component):
        files = checkpoint.fetch(checkpoint.weight_files(component, half))
        if name in DIFFUSERS_MODULES:
            build = getattr(importlib.import_module(DIFFUSERS_MODULES[name]), name).from_pretrained
            module, info = build(
                checkpoint.snapshot,
                subfolder=component,
                variant=checkpoint.variant(component, half),
                torch_dtype=dtype,
                use_safetensors=True,
                local_files_only=True,
                output_loading_info=True,
            )
        else:
            module, info = _transformers_network(name, checkpoint.config(component), files, dtype)
    if info["missing_keys"]:
        missing = sorted(info["missing_keys"])[0]
        whole = f"{component} of {checkpoint.name}" if component else checkpoint.name
        raise InputError(
            f"a weight file must be whole, {whole} lacks {missing}: copy or download it again", rule="weights-missing"
        )
    return module.to(device)


def _transformers_network(name: str, config: JsonObject, files: list[Path], dtype: torch.dtype) -> tuple[Any, Any]:
    """A network of transformers, from tensors that we read ourselves, and what it says of their names.

    From a directory, transformers opens whatever weights, adapter or kernel its config names.
    """
    logging.disable_progress_bar()
    kind = getattr(transformers, name)
    part = kind.config_class.base_config_key  # a tower's config may lie inside the whole model's
    config = config.get(part) or config
    tensors = {key: value for path in files if path.suffix == ".safetensors" for key, value in load_file(path).items()}
    return kind.from_pretrained(
        None, config=kind.config_class.from_dict(config), state_dict=tensors, dtype=dtype, output_loading_info=True
    )


def load_tokenizer(name: str, checkpoint: Checkpoint, component: str = "") -> Any:
    """The tokenizer of class `name` in the model's folder `component`; the component "" is the model itself.

    Raises InputError where transformers cannot read it.
    """
    with readable(checkpoint, component):
        checkpoint.fetch(checkpoint.word_files(component))
        return getattr(transformers, name).from_pretrained(checkpoint.snapshot, subfolder=component, local_files_only=True)


@contextmanager
def readable(checkpoint: Checkpoint, component: str) -> Iterator[None]:
    """Turn whatever a library dislikes about a component into a line that names it; not memory that runs out."""
    try:
        yield
    except (InputError, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as e:
        part = f"{component} of {checkpoint.name}" if component else checkpoint.name
        raise InputError(
            f"{part} cannot be loaded ({type(e).__name__}: {first_line(e)[:200]}): check its config.json and"
            " weights, or copy the model again",
            rule="component-unreadable",
        ) from e
