"""Tensors that views are made with on the CPU, and that canvases on other devices need at every call."""

from __future__ import annotations

import torch
from torch import Tensor


class DeviceCopies:
    """A tensor of the CPU, and its copy for each device and dtype, made once: to copy it at every call would be to wait.

    A GPU that works ahead of Python has to finish before what is copied to it, or read back, is there.
    """

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor
        self._copies: dict[tuple[torch.device, torch.dtype], Tensor] = {}

    def on(self, device: torch.device) -> Tensor:
        """Return it on a device, in its own dtype."""
        return self._copy(device, self.tensor.dtype)

    def like(self, x: Tensor) -> Tensor:
        """Return it on the device of x and in its dtype."""
        return self._copy(x.device, x.dtype)

    def _copy(self, device: torch.device, dtype: torch.dtype) -> Tensor:
        if (device, dtype) not in self._copies:
            self._copies[device, dtype] = self.tensor.to(dtype).to(device)
        return self._copies[device, dtype]
