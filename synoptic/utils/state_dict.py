"""What an optimization needs to go on bit for bit, as one flat table of tensors, which safetensors takes as it is."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


def add_prefix(prefix: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return copies, under names that begin with `prefix`."""
    return {f"{prefix}/{name}": value.detach().clone().contiguous() for name, value in state.items()}


def strip_prefix(prefix: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return what `add_prefix` put there."""
    return {name.removeprefix(f"{prefix}/"): value for name, value in state.items() if name.startswith(f"{prefix}/")}


def flatten_optimizer(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return an optimizer's memory of each parameter: "3/exp_avg" is that of the fourth."""
    memory = optimizer.state_dict()["state"]
    return {f"{k}/{name}": value for k, of in memory.items() for name, value in of.items() if value is not None}


def load_optimizer(optimizer: torch.optim.Optimizer, state: Mapping[str, Tensor]) -> None:
    """Give an optimizer of the same parameters that memory back. Its rates stay its own."""
    memory: dict[int, dict[str, Tensor]] = {}
    for key, value in state.items():
        k, name = key.split("/")
        memory.setdefault(int(k), {})[name] = value.clone()
    optimizer.load_state_dict({"state": memory, "param_groups": optimizer.state_dict()["param_groups"]})
