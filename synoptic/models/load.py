"""load(name) -> Denoiser, load_upscaler, load_controlnet, load_text_encoder: every family by one call each.

Safetensors only; no code from a checkpoint is ever run.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch

from synoptic.diffusion.equations import Schedule
from synoptic.diffusion.schedules import schedule_from_config
from synoptic.errors import InputError
from synoptic.models import transformer
from synoptic.models.base import PretrainedModel
from synoptic.models.builders import BUILDERS, TEXT_ENCODERS, UPSCALER_BUILDERS
from synoptic.models.checkpoint import TEXT_COMPONENTS, Checkpoint
from synoptic.models.clip_options import check_clip_skip
from synoptic.models.component_bytes import coding_bytes, component_bytes, component_dtype
from synoptic.models.components import ComponentLoader, load_network, load_tokenizer, readable
from synoptic.models.control_kinds import union_kind
from synoptic.models.controlnet import ControlNet, ControlNetwork
from synoptic.models.controlnet_transformer import TransformerControlNet, controlnet_of
from synoptic.models.controlnet_union import ControlNetUnion
from synoptic.models.device import DeviceName, choose_device, choose_dtype, dtype_name, keep_freed_memory
from synoptic.models.lora import Lora, layers_per_block, read_loras
from synoptic.models.memory import free_memory
from synoptic.models.placement import (
    check_placement,
    choose_offload,
    on_device_while_called,
    place_network,
)
from synoptic.models.placement_names import Offload, Quantize
from synoptic.models.registry import resolve, resolve_controlnet, resolve_upscaler, resolve_vae
from synoptic.models.t2i_adapter import T2IAdapter
from synoptic.models.text import (
    ClipTextEncoder,
    DoubleClipTextEncoder,
    TextEncoder,
    add_words,
)
from synoptic.models.textual_inversion import read_textual_inversions
from synoptic.models.upscaler import Upscaler
from synoptic.utils.arguments import typed
from synoptic.utils.building import one_at_a_time

Named = str | os.PathLike[str] | Checkpoint


def checkpoint_of(name: Named, find: Callable[[str], Checkpoint]) -> Checkpoint:
    """Return the checkpoint that `find` gives for a name, or the one that was given."""
    return name if isinstance(name, Checkpoint) else find(os.fspath(name))


@typed
@one_at_a_time
def load(
    name: Named = "bundled",
    *,
    device: DeviceName = "auto",
    dtype: str | torch.dtype = "auto",
    text_encoder: TextEncoder | None = None,
    compile: bool = False,
    lora: Sequence[str] = (),
    vae: str | os.PathLike[str] | None = None,
    textual_inversion: Sequence[str] = (),
    clip_skip: int = 0,
    offload: Offload = "none",
    quantize: Quantize = "none",
) -> PretrainedModel:
    """Return the model `name`: `bundled`, an alias (`sd1.5`, `sd2`, `sdxl`, `if`, …), a hub id,
    a diffusers directory or a file.

    device: auto (CUDA, else MPS, else CPU) or any torch device; dtype: auto (on a GPU the family's half precision, float16
    or bfloat16; bfloat16 on a CPU that is fast at it, else float32) or one of float32, bfloat16, float16, float64,
    or torch's.
    text_encoder: what embeds prompts in place of the model's own text tower, which is then not loaded: a file of embeddings,
    for example. compile: a minute at the first call of each batch size, which makes the others faster. lora: files, folders
    or hub ids, each with `:scale` where that is not 1, whose changes are added to the weights. vae: an AutoencoderKL's
    directory, hub id or file, used in place of the model's own. textual_inversion: files or hub ids, each with `:word` where
    that is another than its own. clip_skip: the last layers of CLIP's text encoder that are left out. offload: what waits
    in the CPU's memory while it is not needed: none, text (the text encoders), group (the network's layers too) or auto, the
    first of these that fits. quantize: the network's weights in fp8, int8 or nf4, or its products
    in fp8 too (`fp8-compute`). Raises InputError as `resolve`,
    `read_loras`, `read_textual_inversions`, `resolve_vae` and `check_placement` do.
    """
    checkpoint, dtype = checkpoint_of(name, resolve), dtype_name(dtype)
    loras = read_loras(lora, checkpoint)
    other_vae = resolve_vae(os.fspath(vae), checkpoint) if vae else None
    inversions = read_textual_inversions(textual_inversion, checkpoint)
    check_clip_skip(clip_skip, checkpoint)
    on = choose_device(device)
    kind = choose_dtype(dtype, on, checkpoint.family.half)
    check_placement(offload, quantize, on, kind, compile)
    if offload == "auto":
        weights = component_bytes(checkpoint, on, kind, quantize, other_vae)
        coding = coding_bytes(checkpoint, on, kind)
        offload = choose_offload(weights, checkpoint.family.network, coding, free_memory(on), on)
    component = _component_loader(checkpoint, device, dtype, loras, other_vae, offload, quantize)
    text = text_encoder or TEXT_ENCODERS[checkpoint.pipeline_class](component, checkpoint)
    if isinstance(text, ClipTextEncoder | DoubleClipTextEncoder):
        text = replace(text, clip_skip=clip_skip)
        add_words(text, inversions)
    model = BUILDERS[checkpoint.pipeline_class](component, checkpoint, _schedule(checkpoint, "scheduler"), text)
    model.checkpoint, model.loras, model.other_vae, model.textual_inversions = checkpoint, loras, other_vae, inversions
    if compile:
        model.compile()
    return model


@typed
@one_at_a_time
def load_upscaler(
    name: Named = "bundled-if-ii",
    *,
    device: DeviceName = "auto",
    dtype: str | torch.dtype = "auto",
    text_encoder: TextEncoder | None = None,
) -> Upscaler:
    """Return the upscaler `name`: `bundled-if-ii`, an alias (`if-ii`, `if-ii-l`, `sd-x4`), a
    hub id or a diffusers directory.

    device, dtype and text_encoder: as `load`; text may be stage I's `embed`, for example, where both have the same tower.
    Raises InputError as `resolve_upscaler` does, and where there is neither text nor tower.
    """
    checkpoint, dtype = checkpoint_of(name, resolve_upscaler), dtype_name(dtype)
    if text_encoder is None and not checkpoint.components.keys() >= set(TEXT_COMPONENTS):
        raise InputError(
            f"prompts need a text encoder, {checkpoint.name} has none of its own: give `text_encoder`, such as stage I's",
            rule="upscaler-text",
        )
    component = _component_loader(checkpoint, device, dtype)
    s, low_res_schedule = (
        _schedule(checkpoint, scheduler) for scheduler in ("scheduler", checkpoint.family.low_res_scheduler or "")
    )
    return UPSCALER_BUILDERS[checkpoint.pipeline_class](
        component,
        s,
        low_res_schedule,
        checkpoint.model_index,
        text_encoder or TEXT_ENCODERS[checkpoint.pipeline_class](component, checkpoint),
    )


@typed
@one_at_a_time
def load_controlnet(
    name: Named,
    *,
    model: Named = "bundled",
    device: DeviceName = "auto",
    dtype: str | torch.dtype = "auto",
    condition: str | None = None,
) -> ControlNetwork:
    """Return the ControlNet `name`: `bundled-canny`, `bundled-scribble`, `bundled-depth`, a hub id, a directory or a file.

    A ControlNet, a union of them or a T2I-Adapter. model: what it was made for; device and dtype: as `load`. condition: what
    its maps show, which a union must know, where its name does not (`…:canny`). Raises InputError as
    `resolve_controlnet` and `union_kind`.
    """
    checkpoint = checkpoint_of(name, lambda text: resolve_controlnet(text, checkpoint_of(model, resolve)))
    on, config = choose_device(device), checkpoint.config("")
    kind: str = config["_class_name"]
    index = (
        union_kind(name.name if isinstance(name, Checkpoint) else os.fspath(name), condition, config)
        if kind == "ControlNetUnionModel"
        else 0
    )
    net = load_network(kind, checkpoint, "", on, choose_dtype(dtype_name(dtype), on))
    match kind:
        case "ControlNetUnionModel":
            return ControlNetUnion(net, index)
        case "T2IAdapter":
            return T2IAdapter(net)
    return ControlNet(net)


@one_at_a_time
def load_transformer_controlnet(
    controlnet: Checkpoint, model: transformer.TransformerDenoiser, kind: str
) -> TransformerControlNet:
    """Return the ControlNet of a transformer, for maps of a kind of condition, on the model's device and in its dtype."""
    name = controlnet.config("")["_class_name"]
    return controlnet_of(load_network(name, controlnet, "", model.device, model.dtype), model, kind)


@one_at_a_time
def load_text_encoder(checkpoint: Checkpoint, *, device: str = "auto", dtype: str = "auto") -> TextEncoder:
    """Return a model's text tower alone. device and dtype: as `load`."""
    return TEXT_ENCODERS[checkpoint.pipeline_class](_component_loader(checkpoint, device, dtype), checkpoint)


def _schedule(checkpoint: Checkpoint, component: str) -> Schedule:
    with readable(checkpoint, component):
        config = checkpoint.config(component, "scheduler_config.json")
        return schedule_from_config(config, checkpoint.family.spacing, checkpoint.tokens)


def _component_loader(
    checkpoint: Checkpoint,
    device: DeviceName,
    dtype: str,
    loras: Sequence[Lora] = (),
    vae: Checkpoint | None = None,
    offload: Offload = "none",
    quantize: Quantize = "none",
) -> ComponentLoader:
    """Return (name) -> the component of that name, on the device or where it waits for it, in the dtype asked for."""
    on = choose_device(device)
    kind = choose_dtype(dtype, on, checkpoint.family.half)
    if on.type == "cpu":
        keep_freed_memory()

    def load_component(name: str) -> Any:
        if name == "vae" and vae is not None:
            return load_network("AutoencoderKL", vae, "", on, component_dtype(vae, "", on, kind))
        is_network, is_text = name == checkpoint.family.network, name.startswith("text_encoder")
        is_placed = is_network and (offload == "group" or quantize != "none")
        waits = is_text and offload in ("text", "group")
        component = _load_component(checkpoint, name, on, kind, torch.device("cpu") if is_placed or waits else on)
        for lora in loras if name in checkpoint.family.weighted_components else ():
            lora.fuse(component, name, layers_per_block(checkpoint))
        if waits:
            on_device_while_called(component, on)
        return place_network(component, offload, quantize, on, kind) if is_placed else component

    return load_component


def _load_component(
    checkpoint: Checkpoint, component: str, device: torch.device, dtype: torch.dtype, place: torch.device
) -> Any:
    """Return one component, always our own class, at a place, in what computes it on the device."""
    name = checkpoint.family.components[component]
    if component not in checkpoint.family.weighted_components:
        return load_tokenizer(name, checkpoint, component)
    return load_network(name, checkpoint, component, place, component_dtype(checkpoint, component, device, dtype))
