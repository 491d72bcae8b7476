"""Build one component of a model: a network from safetensors that were checked, or a tokenizer.

What is opened is what was checked: no file that a config names, no pickle, no code, and for a directory nothing from the
network.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from safetensors.torch import load_file

from synoptic.errors import InputError
from synoptic.models.checkpoint import Checkpoint
from synoptic.models.clip_tokenizer import END, clip_tokenizer
from synoptic.models.hub import first_line
from synoptic.models.network_classes import is_diffusers_class, network_class, transformers_network
from synoptic.models.open_clip import OpenClip, clip_tensors
from synoptic.models.single_file import SingleFile
from synoptic.models.single_file_weights import network_of_file
from synoptic.utils.building import one_at_a_time
from synoptic.utils.out_of_memory import is_out_of_memory

ComponentLoader = Callable[[str], Any]  # the name of a component in model_index.json -> the network or tokenizer


@one_at_a_time
def load_network(name: str, checkpoint: Checkpoint, component: str, device: torch.device, dtype: torch.dtype) -> Any:
    """Return the network of class `name` in the model's folder `component` ("" is the model
    itself), with every tensor there.

    Raises InputError where a weight file is none, its tensors do not fit the config, or one is missing.
    """
    left: Collection[str] = ()
    with readable(checkpoint, component):
        if isinstance(checkpoint, SingleFile):
            module, missing, left = network_of_file(name, checkpoint, component, dtype)
        elif is_diffusers_class(name):
            module, missing, left = _diffusers_network(name, checkpoint, component, dtype)
        else:
            files = checkpoint.fetch(checkpoint.weight_files(component, dtype.itemsize == 2))
            tensors = {
                key: value for path in files if path.suffix == ".safetensors" for key, value in load_file(path).items()
            }
            tensors = clip_tensors(tensors) if isinstance(checkpoint, OpenClip) else tensors
            module, missing, left = transformers_network(name, checkpoint.config(component), tensors, dtype)
    whole = f"{component} of {checkpoint.name}" if component else checkpoint.name
    if layer := surplus_layer(module, left):
        raise InputError(
            f"a config must name every layer of its weights, that of {whole} has fewer, without {layer}: correct it, or copy"
            " the model again",
            rule="weights-surplus",
        )
    if missing:
        raise InputError(
            f"a weight file must be whole, {whole} lacks {sorted(missing)[0]}: copy or download it again",
            rule="weights-missing",
        )
    return module.to(device)


def _diffusers_network(
    name: str, checkpoint: Checkpoint, component: str, dtype: torch.dtype
) -> tuple[torch.nn.Module, Collection[str], Collection[str]]:
    """Return a network of diffusers, from a directory's checked files, the tensors that are missing, and those left over."""
    half = dtype.itemsize == 2
    checkpoint.fetch(checkpoint.weight_files(component, half))
    module, info = network_class(name).from_pretrained(
        checkpoint.snapshot,
        subfolder=component,
        variant=checkpoint.variant(component, half),
        torch_dtype=dtype,
        use_safetensors=True,
        local_files_only=True,
        output_loading_info=True,
    )
    return module, info["missing_keys"], info["unexpected_keys"]


def surplus_layer(module: torch.nn.Module, left: Collection[str]) -> str | None:
    """Return a tensor that is of a further layer of a list that the network has; None where none that is left over is.

    Other tensors that are left over are of other tasks (a projection, a decoder); libraries report them.
    """
    lists = [f".{name}." for name, child in module.named_modules() if isinstance(child, torch.nn.ModuleList)]
    return next((name for name in sorted(left) if any(start in f".{name}" for start in lists)), None)


def load_tokenizer(name: str, checkpoint: Checkpoint, component: str = "") -> Any:
    """Return the tokenizer of class `name` in the model's folder `component`; the component "" is the model itself.

    Raises InputError where transformers cannot read it.
    """
    if isinstance(checkpoint, SingleFile):
        return clip_tokenizer(checkpoint.config(component)["pad_token"])
    if isinstance(checkpoint, OpenClip):
        return clip_tokenizer(END)
    with readable(checkpoint, component):
        checkpoint.fetch(checkpoint.word_files(component))
        return network_class(name).from_pretrained(checkpoint.snapshot, subfolder=component, local_files_only=True)


@contextmanager
def readable(checkpoint: Checkpoint, component: str) -> Iterator[None]:
    """Turn whatever a library dislikes about a component into a line that names it; not memory that runs out."""
    try:
        yield
    except InputError:
        raise
    except Exception as e:
        if is_out_of_memory(e):
            raise
        part = f"{component} of {checkpoint.name}" if component else checkpoint.name
        raise InputError(
            f"{part} cannot be loaded ({type(e).__name__}: {first_line(e)[:200]}): check its config.json and"
            " weights, or copy the model again",
            rule="component-unreadable",
        ) from e
