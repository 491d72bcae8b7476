"""What every family built on diffusers' UNet2DConditionModel shares."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from synoptic.diffusion import Time
from synoptic.models.base import Cond


class UNet:
    """A diffusers UNet as a function (x, t, cond) -> raw output (N, out_channels, h, w) in the dtype of x.

    An upscaler's has `beside` input channels that are not x's: cond["low"]. cond["level"] (N,) is how noisy those are.
    """

    def __init__(self, net: Any, beside: int = 0) -> None:
        on_cpu = net.device.type == "cpu"
        self.device, self.dtype = net.device, net.dtype
        self.layout = torch.channels_last if on_cpu else torch.contiguous_format  # where it pays
        self.net = net.eval().requires_grad_(False).to(memory_format=self.layout)
        if on_cpu and self.dtype.itemsize == 2:
            float32_norms(net, self.dtype)
        size = net.config.sample_size
        self.shape: tuple[int, int, int] = (net.config.in_channels - beside, size, size)

    @property
    def row_bytes(self) -> int:
        """Of one native row: about 32 feature maps of the outermost block live at once."""
        _, h, w = self.shape
        return 32 * self.net.config.block_out_channels[0] * h * w * self.dtype.itemsize

    def __call__(self, x: Tensor, t: Time, cond: Cond) -> Tensor:
        cond = dict(cond)
        level = cond.pop("level", None)  # a whole number, which half precision would round
        inside = torch.cat([x, cond.pop("low").to(x.dtype)], 1) if "low" in cond else x
        inside = inside.to(self.dtype, memory_format=self.layout)
        cond = {key: value.to(self.dtype) for key, value in cond.items()}
        text = cond.pop("text")
        more = cond or None
        t = t.to(inside.device) if isinstance(t, Tensor) else t
        return self.net(inside, t, text, class_labels=level, added_cond_kwargs=more, return_dict=False)[0].to(x.dtype)


def float32_norms(net: torch.nn.Module, dtype: torch.dtype) -> None:
    """Compute every group norm in float32: in half precision and channels_last a CPU takes up to six times as long."""
    for norm in (module for module in net.modules() if isinstance(module, torch.nn.GroupNorm)):
        norm.float()
        norm.register_forward_pre_hook(lambda _, args: (args[0].float(),))
        norm.register_forward_hook(lambda _, args, out: out.to(dtype))
