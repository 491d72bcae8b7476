"""What every family built on diffusers' UNet2DConditionModel shares."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import nullcontext
from copy import copy
from dataclasses import replace
from math import log
from typing import Any, Protocol, TypeVar

import torch
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor

from synoptic.diffusion.equations import Time
from synoptic.models.base import Conditioning
from synoptic.models.compile import CompiledNet, GraphedNet, compile_blocks, is_graphed, without_compiled_blocks
from synoptic.models.deepcache import DeepCache, UNetArguments
from synoptic.models.locks import lock_of
from synoptic.models.memory import unet_row_bytes
from synoptic.models.placement import is_streamed
from synoptic.models.shared_prefix import SharedPrefix
from synoptic.models.text_kv_cache import TextKVCache
from synoptic.models.winograd import use_winograd


class UNet:
    """A diffusers UNet as a function (x, t, cond) -> raw output (N, out_channels, h, w) in the dtype of x.

    Branches of the same x, one after another by `cond.branch_rows`, share what comes before the text (`SharedPrefix`). An
    upscaler's has `extra_channels` input channels that are not x's: `cond.low_res`. Threads take turns in the network.
    """

    def __init__(self, net: ModelMixin, extra_channels: int = 0) -> None:
        self.device, self.dtype = net.device, net.dtype
        self.net, self.layout = freeze_and_layout(net)
        self.text_kv_cache, self.shared_prefix, self.compiled = TextKVCache(net), SharedPrefix(net), None
        self.deepcache: DeepCache | None = None
        self.graphed = GraphedNet(net)
        self.is_plain = is_plain(net)
        width = net.config.get("time_cond_proj_dim")
        self.guidance_embedding = None if width is None else guidance_embedding(width).to(self.device, self.dtype)
        size = net.config.sample_size
        self.shape: tuple[int, int, int] = (net.config.in_channels - extra_channels, size, size)

    @property
    def row_bytes(self) -> int:
        """Of one native row."""
        return unet_row_bytes(self.net.config.block_out_channels[0], self.shape[1], self.dtype.itemsize)

    def compile(self) -> None:
        """Compile the network at its first call of each batch size of many rows: a minute that long runs get back.

        Where gradients pass through it, its blocks are compiled one by one: its whole way back would take minutes.
        """
        self.layout = torch.channels_last
        self.compiled = CompiledNet(compile_blocks(self.net))

    def cache_text_keys(self, cond: Conditioning) -> Conditioning:
        """Return it with `text_keys`, what the network makes of the text alone: computed here once, not in every call."""
        return replace(cond, text_keys=self.text_kv_cache(cond.text.to(self.dtype))) if self.text_kv_cache else cond

    def __call__(self, x: Tensor, t: Time, cond: Conditioning) -> Tensor:
        branch_rows, cond = cond.branch_rows, replace(cond, branch_rows=None)
        if branch_rows is None:
            branch_rows = torch.cartesian_prod(torch.arange(1), torch.arange(len(x)))
        num_branches = int((branch_rows[:, 1] == branch_rows[0, 1]).sum())
        compiled = None if (torch.is_grad_enabled() and x.requires_grad) or is_graphed(x) else self.compiled
        m = len(x) // num_branches
        if compiled and (size := compiled.padded_batch(m)) > m:  # each part is filled up with its last row
            row = (m * torch.arange(num_branches)[:, None] + torch.arange(size).clamp(max=m - 1)).flatten().to(x.device)
            full = self._forward(
                compiled, x[row], t[row] if isinstance(t, Tensor) and t.ndim else t, cond.rows(row), num_branches
            )
            return full.unflatten(0, (num_branches, size))[:, :m].flatten(0, 1)
        return self._forward(
            self.deepcache.set_rows(t, branch_rows) if self.deepcache else compiled or self.net, x, t, cond, num_branches
        )

    def _forward(
        self, net: torch.nn.Module | DeepCache | CompiledNet, x: Tensor, t: Time, cond: Conditioning, num_branches: int
    ) -> Tensor:
        """Return what `net` says, of rows in so many parts that hold the same x."""
        t = t.to(x.device) if isinstance(t, Tensor) else time_tensor(t, x.device)
        t = t.expand(len(x)).contiguous()  # of one layout, for which a network is compiled once
        inside = x if cond.low_res is None else torch.cat([x, cond.low_res.to(x.dtype)], 1)
        inside = inside.to(self.dtype, memory_format=self.layout)
        cond = replace(cond, low_res=None).to(dtype=self.dtype)
        *downs, mid = cond.control_residuals or (None,)
        added = cond.added_cond_kwargs
        apart = added or cond.noise_level is not None or self.guidance_embedding is not None
        num_branches = 1 if apart else num_branches  # these may reach every layer
        kwargs: UNetArguments = {
            "timestep_cond": None if self.guidance_embedding is None else self.guidance_embedding.expand(len(x), -1),
            "class_labels": cond.noise_level,
            "added_cond_kwargs": added or None,
            "cross_attention_kwargs": None if cond.text_keys is None else {"keys": cond.text_keys},
            "down_block_additional_residuals": downs or None,
            "mid_block_additional_residual": mid,
            "down_intrablock_additional_residuals": list(cond.adapter_features) or None,
        }
        passes_gradients = torch.is_grad_enabled() and x.requires_grad
        blocks = without_compiled_blocks(passes_gradients) if self.compiled and net is self.net else nullcontext()
        with lock_of(self.net), self.shared_prefix.for_branches(num_branches), blocks:
            if net is self.net and self._may_capture(inside, cond):
                num_bytes = len(x) * self.row_bytes
                return self.graphed(num_branches, num_bytes, inside, t, cond.text, **kwargs, return_dict=False).to(x.dtype)
            return net(inside, t, cond.text, **kwargs, return_dict=False)[0].to(x.dtype)

    def _may_capture(self, x: Tensor, cond: Conditioning) -> bool:
        """Return whether a call is one that may be a CUDA graph: few rows on a GPU, no gradients, no student beside it."""
        if not self.is_plain or not is_graphed(x) or cond.student_kwargs:
            return False
        return not (torch.is_grad_enabled() and any(v.requires_grad for v in (x, *cond.named_tensors().values())))


def time_tensor(t: float, device: torch.device) -> Tensor:
    """Return a time as a tensor: whole numbers as such, others in float32, whatever torch's default dtype."""
    return torch.full((), t, dtype=torch.float32 if isinstance(t, float) else torch.int64, device=device)


def is_plain(net: torch.nn.Module) -> bool:
    """Return whether a network's weights are tensors that stay where they are: neither streamed nor quantized."""
    return not is_streamed(net) and all(type(p) is torch.nn.Parameter and type(p.data) is Tensor for p in net.parameters())


def guidance_embedding(width: int, scale: float = 8.5) -> Tensor:
    """Return the embedding of a latent consistency model's guidance scale: sinusoids of 1000 (scale - 1), (1, width).

    Luo et al. 2023, section 4.2; the scale is the default of diffusers' LatentConsistencyModelPipeline.
    """
    half = width // 2
    angles = 1000 * (scale - 1) * torch.exp(torch.arange(half, dtype=torch.float32) * (-log(10000) / (half - 1)))
    return torch.cat([angles.sin(), angles.cos()])[None]


def freeze_and_layout(net: ModelMixin) -> tuple[ModelMixin, torch.memory_format]:
    """Return a frozen network in the memory layout that its device is fastest in."""
    on_cpu = net.device.type == "cpu"
    layout = torch.channels_last if on_cpu else torch.contiguous_format
    if on_cpu and net.dtype.itemsize == 2:
        float32_norms(net, net.dtype)
    if on_cpu and net.dtype == torch.float32:
        use_winograd(net)
    freeze(net, layout)
    return net, layout


def freeze(net: Any, layout: torch.memory_format) -> None:
    """Keep a network as it is, in a memory layout."""
    net.eval().requires_grad_(False).to(memory_format=layout)


def float32_norms(net: torch.nn.Module, dtype: torch.dtype) -> None:
    """Compute every group norm in float32: in half precision and channels_last a CPU takes up to six times as long."""
    for norm in (module for module in net.modules() if isinstance(module, torch.nn.GroupNorm)):
        for name, p in list(norm.named_parameters()):  # as `norm.float()`, of parameters without numbers too
            setattr(norm, name, torch.nn.Parameter(p.float()))
        norm.register_forward_pre_hook(lambda _, args: (args[0].float(),))
        norm.register_forward_hook(lambda _, args, out: out.to(dtype))


class HasUNet(Protocol):
    """A Denoiser on a U-Net."""

    unet: UNet


D = TypeVar("D", bound=HasUNet)


def with_deepcache(model: D, full_times: Collection[Time]) -> D:
    """Return a Denoiser whose U-Net runs whole at `full_times` only."""
    model, unet = copy(model), copy(model.unet)
    model.unet, unet.deepcache = unet, DeepCache(unet.net, full_times)
    return model
