"""What every family built on diffusers' UNet2DConditionModel shares."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from synoptic.diffusion.equations import Time
from synoptic.models.base import Cond
from synoptic.models.compile import CompiledNet, compile_blocks
from synoptic.models.deepcache import DeepCache
from synoptic.models.shared_prefix import SharedPrefix
from synoptic.models.text_kv_cache import TextKVCache


class UNet:
    """A diffusers UNet as a function (x, t, cond) -> raw output (N, out_channels, h, w) in the dtype of x.

    cond["place"] (N, 2), on the CPU, says of which branch of guidance and of which x each row is: branches of the same x,
    one after another, share what comes before the text (`SharedPrefix`). An upscaler's has `extra_channels` input channels
    that are not x's: cond["low"]. cond["level"] (N,) is how noisy those are. cond["added k"] is what a ControlNet adds to
    the output of its encoder's level k, the last to that of the middle.
    """

    def __init__(self, net: Any, extra_channels: int = 0) -> None:
        self.device, self.dtype = net.device, net.dtype
        self.net, self.layout = freeze_and_layout(net)
        self.text_kv_cache, self.shared_prefix, self.compiled = TextKVCache(net), SharedPrefix(net), None
        self.deepcache: DeepCache | None = None
        size = net.config.sample_size
        self.shape: tuple[int, int, int] = (net.config.in_channels - extra_channels, size, size)

    @property
    def row_bytes(self) -> int:
        """Of one native row: about 32 feature maps of the outermost block live at once."""
        _, h, w = self.shape
        return 32 * self.net.config.block_out_channels[0] * h * w * self.dtype.itemsize

    def compile(self) -> None:
        """Compile the network at its first call of each batch size: a minute that long runs get back.

        Where gradients pass through it, its blocks are compiled one by one: its whole way back would take minutes.
        """
        self.layout = torch.channels_last
        self.compiled = CompiledNet(compile_blocks(self.net))

    def cache_text_keys(self, cond: Cond) -> Cond:
        """The condition with what the network makes of its text alone, "keys": computed here once, not in every call."""
        return cond | {"keys": self.text_kv_cache(cond["text"].to(self.dtype))} if self.text_kv_cache else cond

    def __call__(self, x: Tensor, t: Time, cond: Cond) -> Tensor:
        cond = dict(cond)
        place = cond.pop("place", None)
        place = torch.cartesian_prod(torch.arange(1), torch.arange(len(x))) if place is None else place
        num_branches = int((place[:, 1] == place[0, 1]).sum())
        compiled = None if torch.is_grad_enabled() and x.requires_grad else self.compiled
        m = len(x) // num_branches
        if compiled and (size := compiled.padded_batch(m)) > m:  # each part is filled up with its last row
            row = (m * torch.arange(num_branches)[:, None] + torch.arange(size).clamp(max=m - 1)).flatten().to(x.device)
            full = self._forward(
                compiled, x[row], t[row] if isinstance(t, Tensor) and t.ndim else t, index_rows(cond, row), num_branches
            )
            return full.unflatten(0, (num_branches, size))[:, :m].flatten(0, 1)
        return self._forward(
            self.deepcache.set_rows(t, place) if self.deepcache else compiled or self.net, x, t, cond, num_branches
        )

    def _forward(self, net: Any, x: Tensor, t: Time, cond: Cond, num_branches: int) -> Tensor:
        """What `net` says, of rows in so many parts that hold the same x."""
        t = t.to(x.device) if isinstance(t, Tensor) else torch.full((), t, device=x.device)
        t = t.expand(len(x)).contiguous()  # of one layout, for which a network is compiled once
        level = cond.pop("level", None)  # a whole number, which half precision would round
        inside = torch.cat([x, cond.pop("low").to(x.dtype)], 1) if "low" in cond else x
        inside = inside.to(self.dtype, memory_format=self.layout)
        cond = {key: value.to(self.dtype) for key, value in cond.items()}
        *downs, mid = [cond.pop(key) for key in list(cond) if key.startswith("added")] or [None]
        text, keys = cond.pop("text"), {key: cond.pop(key) for key in ("keys",) if key in cond}
        num_branches = 1 if cond or level is not None else num_branches  # whatever else is said may reach every layer
        kwargs: dict[str, Any] = {
            "class_labels": level,
            "added_cond_kwargs": cond or None,
            "cross_attention_kwargs": keys or None,
        }
        kwargs |= {"down_block_additional_residuals": downs or None, "mid_block_additional_residual": mid}
        with self.shared_prefix.for_branches(num_branches):
            return net(inside, t, text, **kwargs, return_dict=False)[0].to(x.dtype)


def index_rows(cond: Cond, row: Tensor) -> Cond:
    """These rows of every tensor."""
    return {key: value[row] for key, value in cond.items()}


def freeze_and_layout(net: Any) -> tuple[Any, torch.memory_format]:
    """A frozen network in the memory layout that its device is fastest in."""
    on_cpu = net.device.type == "cpu"
    layout = torch.channels_last if on_cpu else torch.contiguous_format
    if on_cpu and net.dtype.itemsize == 2:
        float32_norms(net, net.dtype)
    return net.eval().requires_grad_(False).to(memory_format=layout), layout


def float32_norms(net: torch.nn.Module, dtype: torch.dtype) -> None:
    """Compute every group norm in float32: in half precision and channels_last a CPU takes up to six times as long."""
    for norm in (module for module in net.modules() if isinstance(module, torch.nn.GroupNorm)):
        norm.float()
        norm.register_forward_pre_hook(lambda _, args: (args[0].float(),))
        norm.register_forward_hook(lambda _, args, out: out.to(dtype))
