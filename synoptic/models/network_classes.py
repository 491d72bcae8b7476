"""The classes of networks, by name, and a network built from a config alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from transformers.utils import logging

from synoptic.utils.building import one_at_a_time
from synoptic.utils.json_objects import JsonObject

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel


def is_diffusers_class(name: str) -> bool:
    """Return whether a class is one of diffusers, not of transformers."""
    return not hasattr(import_module("transformers"), name)


def network_class(name: str) -> Any:
    """Return a class of diffusers or transformers.

    Each puts another module in its own place as it is imported, and a thread that imports it meanwhile gets the first: so
    they are asked for here, at each call, not once at the top.
    """
    return getattr(import_module("diffusers" if is_diffusers_class(name) else "transformers"), name)


def transformers_config(kind: type[PreTrainedModel], config: JsonObject) -> PretrainedConfig:
    """Return the config object of a class of transformers: a tower's may lie inside the whole model's."""
    found = kind.config_class
    assert found is not None
    part = found.base_config_key
    return found.from_dict(dict(config.get(part) or config))


@one_at_a_time
def build_network(name: str, config: JsonObject) -> nn.Module:
    """Return a network of diffusers or transformers with a config, its numbers as they come."""
    kind = network_class(name)
    return kind.from_config(dict(config)) if is_diffusers_class(name) else kind(transformers_config(kind, config))


def transformers_network(
    name: str, config: JsonObject, tensors: Mapping[str, Tensor], dtype: torch.dtype
) -> tuple[nn.Module, Collection[str], Collection[str]]:
    """Return a network of transformers, from tensors that we read ourselves, the names of those missing, and left over.

    From a directory, transformers opens whatever weights, adapter or kernel its config names.
    """
    logging.disable_progress_bar()
    kind = network_class(name)
    module, info = kind.from_pretrained(
        None, config=transformers_config(kind, config), state_dict=dict(tensors), dtype=dtype, output_loading_info=True
    )
    return module, info["missing_keys"], info["unexpected_keys"]
