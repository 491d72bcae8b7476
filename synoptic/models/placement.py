"""Where a model's networks lie while it runs, and in how many bits: offloading and quantization.

Weights that are not needed wait in the CPU's memory; diffusers and the named libraries do the work.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

import torch
from diffusers.models.modeling_utils import ModelMixin
from torch import nn

from synoptic.errors import InputError
from synoptic.models.memory import CONTEXT_BYTES, WORKSPACE_BYTES
from synoptic.models.placement_names import Offload, check_names

FP8_CAPABILITY = (8, 9)  # of CUDA
NF4_BITS = 4.5  # of a weight: 4, and a float32 of scale for every 64
LINK_BYTES = 25e9  # a second, that group offload streams to a GPU: PCIe 4 with 16 lanes; by PCIe 5 it was 49
WORK_BYTES = 2**29  # of a network's rows, where a placement is chosen: a few rows of a U-Net, one of a transformer


def check_placement(offload: str, quantize: str, device: torch.device, dtype: torch.dtype, compile: bool = False) -> None:
    """Raise InputError as `check_names`, and where a placement is not to be had on the device."""
    check_names(offload, quantize, compile)
    if quantize in ("nf4", "fp8-compute") and device.type != "cuda":
        raise InputError(
            f"--quantize {quantize} is computed by CUDA alone here, the device is {device.type}: use --quantize fp8 or int8",
            rule="quantize-device",
        )
    if quantize == "fp8-compute" and dtype != torch.bfloat16:
        raise InputError(
            f"--quantize fp8-compute multiplies what is in bfloat16, not in {str(dtype).removeprefix('torch.')}: use --dtype"
            " bfloat16 with it",
            rule="quantize-dtype",
        )
    if quantize == "fp8-compute" and torch.cuda.get_device_capability(device) < FP8_CAPABILITY:
        raise InputError(
            "--quantize fp8-compute needs a GPU that multiplies in fp8 (compute capability 8.9: Ada, Hopper or newer),"
            f" {torch.cuda.get_device_name(device)} does not: use --quantize fp8",
            rule="quantize-device",
        )


def quantize_network(net: nn.Module, quantize: str, dtype: torch.dtype) -> None:
    """Store the weights of a network on the CPU in 8 or 4 bits; it computes in `dtype`. Norms and biases stay as they are.

    fp8: diffusers' layerwise casting. fp8-compute: torchao; the products of linear layers are in fp8 too, each row of
    both factors with a scale, the inputs' found in each call. int8: torchao, of linear layers. nf4 (Dettmers et al. 2023):
    bitsandbytes, likewise, which converts when the network moves to its GPU.
    """
    match quantize:
        case "fp8":
            assert isinstance(net, ModelMixin)
            net.enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn, compute_dtype=dtype)
        case "fp8-compute":
            torchao = import_module("torchao.quantization")
            row = torchao.PerRow()
            how = torchao.Float8DynamicActivationFloat8WeightConfig(granularity=row, set_inductor_config=False)
            torchao.quantize_(net, how, filter_fn=multiplies_in_fp8)
        case "int8":
            torchao = import_module("torchao.quantization")
            torchao.quantize_(net, torchao.Int8WeightOnlyConfig())
        case "nf4":
            replace_linears_by_nf4(net, dtype)


def multiplies_in_fp8(layer: nn.Module, name: str) -> bool:
    """Return whether a layer is linear, of sizes that fp8's products take: multiples of 16."""
    return isinstance(layer, nn.Linear) and layer.in_features % 16 == 0 and layer.out_features % 16 == 0


def place_network(net: nn.Module, offload: str, quantize: str, device: torch.device, dtype: torch.dtype) -> nn.Module:
    """Return a network that was loaded into the CPU's memory, quantized and where it is to lie."""
    quantize_network(net, quantize, dtype)
    if offload != "group":
        return net.to(device)
    stream_network(net, device)
    return net


def replace_linears_by_nf4(net: nn.Module, dtype: torch.dtype) -> None:
    """Put bitsandbytes' layers in the place of every linear one."""
    bnb = import_module("bitsandbytes").nn
    for module in list(net.modules()):
        for name, layer in module.named_children():
            if type(layer) is nn.Linear:
                size = layer.in_features, layer.out_features
                new = bnb.Linear4bit(*size, layer.bias is not None, dtype, quant_type="nf4")
                new.weight = bnb.Params4bit(layer.weight.data, requires_grad=False, quant_type="nf4")
                new.bias = layer.bias
                setattr(module, name, new)


def stream_network(net: nn.Module, device: torch.device) -> None:
    """Keep a network's weights in the CPU's memory, each layer's on the device while it computes: diffusers' group offload.

    With CUDA the next layer's come while one computes, and the GPU's queue, not the CPU, waits for a layer that goes
    (`record_stream`).
    """
    assert isinstance(net, ModelMixin)
    cpu, cuda = torch.device("cpu"), device.type == "cuda"
    net.enable_group_offload(device, offload_device=cpu, offload_type="leaf_level", use_stream=cuda, record_stream=cuda)


def is_streamed(net: nn.Module) -> bool:
    """Return whether a network's layers come as they are called, in the order of its first call."""
    hooks = (getattr(module, "_diffusers_hook", None) for module in net.modules())
    return any(hook is not None and hook.get_hook("group_offloading") is not None for hook in hooks)


def on_device_while_called(net: nn.Module, device: torch.device) -> None:
    """Keep a text encoder in the CPU's memory, and have it on the device while it is called; its answers stay there.

    Its numbers are copied there and never back: those that wait are kept.
    """
    waiting: list[tuple[dict, str, torch.Tensor, torch.Tensor]] = []  # of which layer, by which name, itself, its numbers

    def come(module: nn.Module, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
        for layer in module.modules():
            for held in (layer._parameters, layer._buffers):
                waiting.extend((held, name, value, value.data) for name, value in held.items() if value is not None)
        module.to(device)
        return tuple(on(value, device) for value in args), {key: on(value, device) for key, value in kwargs.items()}

    def leave(*_: object) -> None:
        while waiting:
            held, name, value, numbers = waiting.pop()
            held[name] = value
            if value.device != numbers.device:
                value.data = numbers

    net.register_forward_pre_hook(come, with_kwargs=True)
    net.register_forward_hook(leave, always_call=True)


def on(value: object, device: torch.device) -> object:
    """Return a tensor on the device, and anything else as it is."""
    return value.to(device) if isinstance(value, torch.Tensor) else value


def choose_offload(weights: Mapping[str, int], network: str, coding: int, free: int, device: torch.device) -> Offload:
    """Return what of a model's weights, {component: bytes}, need not stay on the device: none, text, or group.

    The first of them whose peak fits into what is free, else group; on a CPU there is nowhere else to lie. `network` is the
    component that denoises, `coding` what the VAE takes.
    """
    if device.type != "cuda":
        return "none"
    for choice in ("none", "text"):
        own = CONTEXT_BYTES + WORKSPACE_BYTES
        if resident_bytes(weights, network, choice) + own + max(coding, WORK_BYTES) <= free:
            return choice
    return "group"


def resident_bytes(weights: Mapping[str, int], network: str, offload: str) -> int:
    """Return the bytes of what lies on the device at most, at rest: with one text encoder at a time, if they come and go.

    A streamed network has two of its layers there, which are counted as a thirtieth of it.
    """
    text = [amount for name, amount in weights.items() if name.startswith("text_encoder")]
    rest = {name: amount for name, amount in weights.items() if not name.startswith("text_encoder")}
    if offload == "group" and network in rest:
        rest[network] //= 30
    return sum(rest.values()) + (sum(text) if offload in ("none", "auto") else 0)
