"""What every family built on diffusers' UNet2DConditionModel shares."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from synoptic.diffusion import Time
from synoptic.models.base import Cond


class UNet:
    """A diffusers UNet as a function (x, t, cond) -> raw output (N, out_channels, h, w) in the dtype of x."""

    def __init__(self, net: Any) -> None:
        self.layout = torch.channels_last if net.device.type == "cpu" else torch.contiguous_format  # where it pays
        self.net = net.eval().requires_grad_(False).to(memory_format=self.layout)
        size = net.config.sample_size
        self.shape: tuple[int, int, int] = (net.config.in_channels, size, size)

    @property
    def device(self) -> torch.device:
        return self.net.device

    @property
    def dtype(self) -> torch.dtype:
        return self.net.dtype

    @property
    def row_bytes(self) -> int:
        """Of one native row: about 32 feature maps of the outermost block live at once."""
        _, h, w = self.shape
        return 32 * self.net.config.block_out_channels[0] * h * w * self.net.dtype.itemsize

    def __call__(self, x: Tensor, t: Time, cond: Cond) -> Tensor:
        cond = {key: value.to(self.net.dtype) for key, value in cond.items()}
        text = cond.pop("text")
        inside = x.to(self.net.dtype, memory_format=self.layout)
        return self.net(inside, t, text, added_cond_kwargs=cond or None, return_dict=False)[0].to(x.dtype)
