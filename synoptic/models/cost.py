"""What a network costs, known from its config alone: parameters, and one row's memory and operations.

Shapes are computed, numbers are not: no weights are needed, and no memory but the graph's. Memory is what lives at once
beside the weights; a GPU's libraries add up to 0.2 GiB of working space to it. Operations count attention (a multiplication
and an addition are two).
"""

from __future__ import annotations

import hashlib
import json
import math
import weakref
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, fields

import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from synoptic.models.checkpoint import Checkpoint
from synoptic.models.local_cache import read_cached, write_cached
from synoptic.models.network_classes import build_network
from synoptic.models.text_kv_cache import cross_attentions, text_layers
from synoptic.models.transformer_cost import CLIP_TOKENS, TRANSFORMER_INPUTS, Inputs
from synoptic.models.unet import float32_norms
from synoptic.utils.json_objects import JsonObject

FLOATS = (torch.empty, torch.zeros, torch.ones, torch.rand, torch.randn)  # that layers are made of


@dataclass(frozen=True)
class RowCost:
    """What one native row takes: bytes beside the weights, and floating-point operations.

    text_keys: bytes of the text's keys and values in all of a U-Net's layers, which are computed once a run for every row.
    """

    bytes: int
    flops: int
    text_keys: int = 0


class LiveBytes(TorchDispatchMode):
    """Follow the bytes that live at once of all that is computed, beside what a network owns: `peak`."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.now = self.peak = 0
        self.owned = {p.untyped_storage()._cdata for p in (*net.parameters(), *net.buffers())}
        self.seen: dict[int, weakref.ref[torch.UntypedStorage]] = {}

    def __torch_dispatch__(
        self, func: Callable[..., object], types: object, args: tuple = (), kwargs: dict | None = None
    ) -> object:
        out = func(*args, **(kwargs or {}))
        for value in tree_leaves(out):
            if isinstance(value, Tensor):
                self.add(value.untyped_storage())
        return out

    def add(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self.seen or key in self.owned:
            return

        def forget(_: object) -> None:
            self.seen.pop(key, None)
            self.now -= size

        self.seen[key] = weakref.ref(storage, forget)
        self.now += size
        self.peak = max(self.peak, self.now)


class DefaultDtype(TorchFunctionMode):
    """Build networks in a dtype from the start, in this thread alone: what holds no numbers cannot be converted."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype

    def __torch_function__(
        self,
        func: Callable[..., object],
        types: Collection[type],
        args: tuple[object, ...] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        given = dict(kwargs or {})
        if func in FLOATS and given.get("dtype") is None:
            given["dtype"] = self.dtype
        return func(*args, **given)


@torch.no_grad()
def measure_row(build: Callable[[], nn.Module], inputs: Inputs, dtype: torch.dtype) -> RowCost:
    """Return what a call of `build()` with `inputs(dtype)` takes. Two passes, each of seconds."""
    with FakeTensorMode(allow_non_fake_inputs=True):
        with DefaultDtype(dtype):
            net = build().eval()
        with LiveBytes(net) as live:
            net(**inputs(dtype))
    with torch.device("meta"):  # where attention is made of matrix products, which are counted
        with DefaultDtype(dtype):
            net = build().eval()
        with FlopCounterMode(display=False) as counter:
            net(**inputs(dtype))
    return RowCost(live.peak, counter.get_total_flops(), text_key_bytes(net, dtype))


def text_key_bytes(net: nn.Module, dtype: torch.dtype) -> int:
    """Return what the text's keys and values in all layers take of a U-Net's row, which `TextKVCache` holds."""
    if not isinstance(net, UNet2DConditionModel):
        return 0
    return sum(2 * text_layers(attn)[0].out_features for attn in cross_attentions(net)) * CLIP_TOKENS * dtype.itemsize


def unet_inputs(config: JsonObject, channels: int | None = None) -> Inputs:
    """Return the arguments of a diffusers U-Net for one native row, as its config asks for them."""
    side = config["sample_size"]
    text = config.get("encoder_hid_dim") or config.get("cross_attention_dim", 1280)
    text = text if isinstance(text, int) else text[0]

    def inputs(dtype: torch.dtype) -> dict[str, object]:
        given: dict[str, object] = {
            "sample": torch.empty(1, channels or config["in_channels"], side, side, dtype=dtype),
            "timestep": torch.ones(1, dtype=torch.long),
            "encoder_hidden_states": torch.empty(1, CLIP_TOKENS, text, dtype=dtype),
        }
        if config.get("addition_embed_type") == "text_time":
            pooled = config["projection_class_embeddings_input_dim"] - 6 * config["addition_time_embed_dim"]
            added = {"text_embeds": torch.empty(1, pooled, dtype=dtype), "time_ids": torch.empty(1, 6, dtype=dtype)}
            given["added_cond_kwargs"] = added
        if config.get("class_embed_type") or config.get("num_class_embeds"):
            given["class_labels"] = torch.ones(1, dtype=torch.long)
        return given

    return inputs


def unet_row_cost(config: JsonObject, dtype: torch.dtype, wide_norms: bool = False) -> RowCost:
    """Return what one native row of a U-Net takes; measured once a config, then kept on this machine.

    wide_norms: its norms are computed in float32, whatever its dtype.
    """
    return row_cost("UNet2DConditionModel", config, unet_inputs(config), dtype, wide_norms)


def network_row_cost(checkpoint: Checkpoint, dtype: torch.dtype, device: torch.device) -> RowCost:
    """Return what one native row of a model's network takes on a device."""
    config = checkpoint.network_config
    if checkpoint.has_unet:
        return unet_row_cost(config, dtype, device.type == "cpu" and dtype.itemsize == 2)
    name = checkpoint.family.components["transformer"]
    return row_cost(name, config, TRANSFORMER_INPUTS[name](config, checkpoint.side, checkpoint.text_length), dtype)


def row_cost(name: str, config: JsonObject, inputs: Inputs, dtype: torch.dtype, wide_norms: bool = False) -> RowCost:
    """Return what a call of a network of diffusers takes; measured once a config and size, then kept on this machine."""
    shapes = [list(value.shape) for value in tree_leaves(inputs(torch.float32)) if isinstance(value, Tensor)]
    about = [config, shapes, str(dtype), wide_norms, torch.__version__, [field.name for field in fields(RowCost)]]
    key = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:20]
    if found := read_cached("row_costs").get(key):
        return RowCost(**found)

    def build() -> nn.Module:
        net = build_network(name, config)
        if wide_norms:
            float32_norms(net, dtype)
        return net

    cost = measure_row(build, inputs, dtype)
    write_cached("row_costs", key, asdict(cost))
    return cost


def count_parameters(checkpoint: Checkpoint, component: str) -> int:
    """Return how many numbers a network holds: from its weight files' headers, or its config where they are not here.

    Among them are tensors that are saved though they are not learned: the places of SD 3.5's tokens are 0.42 GiB.
    """
    if (shapes := checkpoint.tensor_shapes(component)) is not None:
        return sum(map(math.prod, shapes.values()))
    name = checkpoint.family.components[component] if component else checkpoint.config("")["_class_name"]
    with torch.device("meta"):
        return saved_numbers(build_network(name, checkpoint.config(component)))


def saved_numbers(net: nn.Module) -> int:
    """Return how many numbers a network is saved with, those of one tensor by two names once."""
    return sum(value.numel() for value in {id(v): v for v in net.state_dict(keep_vars=True).values()}.values())
