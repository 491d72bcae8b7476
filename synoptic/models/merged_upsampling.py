"""Upsampling and the convolution after it as one, for float32 on a CPU: 4 products in place of 9, no enlarged copy between.

A 3x3 kernel over pixels that stand two by two sees 2x2 different ones. Which of its weights fall together depends on whether
the line and the column are even: four kernels of 2x2, each of which makes a quarter of the output. Exact up to rounding.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from diffusers.models.upsampling import Upsample2D
from torch import Tensor, nn


class MergedUpsample2D(Upsample2D):
    """diffusers' layer with the same convolution, in channels_last; as it was where a gradient passes or a size is asked."""

    def __init__(self, part: Upsample2D) -> None:
        with torch.device("meta"):
            super().__init__(part.channels, use_conv=True, out_channels=part.out_channels)
        self.conv = part.conv

    def forward(self, hidden_states: Tensor, output_size: int | None = None, *args: object, **kwargs: object) -> Tensor:
        assert self.conv is not None
        weight, bias = self.conv.weight, self.conv.bias
        passes = torch.is_grad_enabled() and (hidden_states.requires_grad or weight.requires_grad)
        if passes or output_size is not None or hidden_states.dtype != torch.float32:
            return super().forward(hidden_states, output_size, *args, **kwargs)
        n, _, h, w = hidden_states.shape
        shape = (n, self.out_channels, 2 * h, 2 * w)
        out = torch.empty(shape, dtype=hidden_states.dtype, memory_format=torch.channels_last)
        for i, lines in enumerate(merged(weight, 2)):
            for j, kernel in enumerate(merged(lines, 3)):
                quarter = F.conv2d(hidden_states, kernel.contiguous(memory_format=torch.channels_last), bias, padding=1)
                out[..., i::2, j::2] = quarter[..., i : i + h, j : j + w]
        return out


def merged(kernel: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """Return what three weights along an axis are to two pixels that stand twice: for even outputs, for odd ones."""
    before, here, after = kernel.unbind(axis)
    return torch.stack([before, here + after], axis), torch.stack([before + here, after], axis)


def is_suitable(part: Upsample2D) -> bool:
    """Return whether it doubles a picture and then convolves it by 3x3 in float32."""
    if type(part) is not Upsample2D or part.norm is not None or not part.use_conv or part.name != "conv":
        return False
    conv = part.conv
    return (
        type(conv) is nn.Conv2d
        and part.interpolate
        and conv.weight.dtype == torch.float32
        and (conv.kernel_size, conv.stride, conv.padding, conv.dilation) == ((3, 3), (1, 1), (1, 1), (1, 1))
        and conv.groups == 1
        and conv.padding_mode == "zeros"
    )


def merge_upsampling(net: nn.Module) -> None:
    """Replace a network's suitable layers."""
    parts = dict(net.named_modules())
    for name, part in parts.items():
        if isinstance(part, Upsample2D) and is_suitable(part):
            net.set_submodule(name, MergedUpsample2D(part))
