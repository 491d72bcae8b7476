"""What a run will take, known before anything loads: memory, rows a call, operations, seconds."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import torch

from synoptic.errors import InputError
from synoptic.guidance.batching import largest_batch
from synoptic.models.checkpoint import Checkpoint
from synoptic.models.compile import GRAPH_PLACES
from synoptic.models.component_bytes import coding_bytes, component_bytes, convolution_bytes
from synoptic.models.control_kinds import split_kind
from synoptic.models.cost import count_parameters, network_row_cost
from synoptic.models.device import choose_device, choose_dtype
from synoptic.models.memory import (
    CONTEXT_BYTES,
    MAX_CPU_ROWS,
    address_limit,
    free_memory,
    unet_row_bytes,
)
from synoptic.models.placement import check_placement, choose_offload, resident_bytes
from synoptic.models.placement_names import Offload
from synoptic.models.registry import resolve, resolve_controlnet, resolve_vae
from synoptic.options.base import Options
from synoptic.options.pretrained_model import ModelOptions
from synoptic.options.upscaling import find_upscalers
from synoptic.pipelines.base import Pipeline, pipeline_class
from synoptic.runs.run_cost import OFFLOADS, Plan, Stage, size
from synoptic.runs.speed import StageWork, command_seconds, stage_works

MOST_ROW_BYTES = 2 * 2**30  # that a native row of a network takes


@dataclass(frozen=True)
class UnloadedModel:
    """A model of which nothing but its configs is read: what a pipeline counts its steps and views by."""

    checkpoint: Checkpoint
    device: torch.device
    dtype: torch.dtype

    @property
    def shape(self) -> tuple[int, int, int]:
        return (self.checkpoint.channels, self.checkpoint.side, self.checkpoint.side)

    @property
    def factor(self) -> int:
        return self.checkpoint.factor


def make_plans(options: Options) -> list[Plan]:
    """Return what prepared options will take, each of their variants if there are any. Reads configs, no weights.

    Raises InputError for options of a training.
    """
    if not isinstance(options, ModelOptions):
        name = options.application().replace("_", "-")
        raise InputError(f"--dry-run plans pictures, {name} trains a network: omit it", rule="dry-run-training")
    return [make_plan(variant) for variant in options.variants().values()] or [make_plan(options)]


def unloaded_pipeline(options: ModelOptions) -> Pipeline[ModelOptions]:
    """Return the pipeline of prepared options with a model that is not loaded: what counts, and compares pictures."""
    checkpoint, device = resolve(options.model), choose_device(options.device)
    stand_in: Any = UnloadedModel(checkpoint, device, choose_dtype(options.dtype, device, checkpoint.family.half))
    return pipeline_class(options.application())(stand_in, options)


def make_plan(options: ModelOptions) -> Plan:
    """Return what prepared options will take, themselves."""
    checkpoint, device = resolve(options.model), choose_device(options.device)
    dtype = choose_dtype(options.dtype, device, checkpoint.family.half)
    pipeline = unloaded_pipeline(options)
    weights, items, free = model_weights(options, checkpoint, device, dtype), len(options.items()), free_memory(device)
    offload = planned_offload(options, checkpoint, device, dtype)
    lasting = resident_bytes(weights, checkpoint.family.network, offload)
    sources = {
        source.name: source for source in (checkpoint, *find_upscalers(checkpoint, getattr(options, "upscalers", ())))
    }

    def stage(source: Checkpoint, work: StageWork) -> Stage:
        row = network_row_cost(source, dtype, device)
        bound = max(1, row.bytes)  # as `max_batch_rows` counts, which knows a U-Net's less exactly
        if source.has_unet:
            bound = unet_row_bytes(source.network_config["block_out_channels"][0], source.side, dtype.itemsize)
        room = max(1, (free - lasting) // 2 // (bound * (1 + len(getattr(options, "controlnet", ())))))
        limit, views = min(room, MAX_CPU_ROWS) if device.type == "cpu" else room, pipeline.views_per_item
        batches = {items, max(1, min(items, limit // (2 * views)))}  # in Python all; else as `sample_tasks` does
        asked = {call for calls in work.calls for call in calls}
        at_once = max(largest_batch(call.conditions, n * call.views, limit) for n, call in product(batches, asked))
        compiled = source.has_unet and getattr(options, "compile", False)
        recorded = min(at_once, GRAPH_PLACES // source.side**2) if compiled and device.type == "cuda" else 0
        return Stage(row, work, at_once, recorded)

    stages = {name: stage(sources[name], work) for name, work in stage_works(pipeline).items()}
    coded = pipeline.coded_pixels * items
    vae, piece = vae_bytes(checkpoint, options, device, dtype, coded, max(0, free - lasting))
    seconds, network = command_seconds(pipeline, items), checkpoint.family.network
    return Plan(
        options.command(),
        device,
        dtype,
        free,
        items,
        weights,
        stages,
        vae,
        seconds,
        offload,
        network,
        piece,
        mapped_bytes(checkpoint, device, dtype),
        pipeline.canvas_bytes(items),
    )


def model_weights(options: ModelOptions, checkpoint: Checkpoint, device: torch.device, dtype: torch.dtype) -> dict[str, int]:
    """Return the bytes of every network that a run loads, in the precision that each is loaded in."""
    vae = resolve_vae(options.vae, checkpoint) if options.vae else None
    found = component_bytes(checkpoint, device, dtype, options.quantize, vae)
    if options.embeddings:
        found = {part: amount for part, amount in found.items() if not part.startswith("text_encoder")}
    for source in find_upscalers(checkpoint, getattr(options, "upscalers", ())):  # which take stage I's text
        own = component_bytes(source, device, dtype)
        found |= {f"{part} of {source.name}": n for part, n in own.items() if not part.startswith("text_encoder")}
    for name in getattr(options, "controlnet", ()):  # a union for several kinds of maps is loaded once
        source, called = resolve_controlnet(name, checkpoint), f"ControlNet {split_kind(name)[0]}"
        config = source.config("")
        found[called] = count_parameters(source, "") * dtype.itemsize
        kernels = convolution_bytes(config["_class_name"], config, device, dtype)
        found |= {f"{part} of {called}": amount for part, amount in kernels.items()}
    return found


def planned_offload(options: ModelOptions, checkpoint: Checkpoint, device: torch.device, dtype: torch.dtype) -> Offload:
    """Return what `load` will choose of --offload auto, by the model's own parts; what is asked for otherwise.

    On a CPU, whose memory is where weights wait, nothing is won: none.
    """
    if device.type == "cpu":
        return "none"
    if options.offload != "auto":
        return options.offload
    if options.weights_stay:
        return "text"
    vae = resolve_vae(options.vae, checkpoint) if options.vae else None
    weights = component_bytes(checkpoint, device, dtype, options.quantize, vae)
    return choose_offload(
        weights, checkpoint.family.network, coding_bytes(checkpoint, device, dtype), free_memory(device), device
    )


def vae_bytes(
    checkpoint: Checkpoint, options: ModelOptions, device: torch.device, dtype: torch.dtype, pixels: int, free: int
) -> tuple[int, int]:
    """Return what the VAE takes while it codes so many pixels, in pieces as large as fit, and for the smallest piece."""
    vae = resolve_vae(options.vae, checkpoint) if options.vae else None
    usual, least = (coding_bytes(checkpoint, device, dtype, vae, pixels, left) for left in (free, 0))
    return usual, min(usual, least)


def mapped_bytes(checkpoint: Checkpoint, device: torch.device, dtype: torch.dtype) -> int:
    """Return what a model's largest weight file takes of a limited address space while it is read; 0 without a limit."""
    if device.type != "cpu" or address_limit() is None:
        return 0
    parts = (part for part in checkpoint.components if part in checkpoint.family.weighted_components)
    names = {name for part in parts for name in checkpoint.weight_files(part, dtype.itemsize == 2)}
    files = [checkpoint.snapshot / name for name in names] if checkpoint.is_local else []
    return max((file.stat().st_size for file in files), default=0)


def check_memory(options: ModelOptions) -> None:
    """Raise InputError where a run cannot fit into what is free, however little it does at once, before anything loads."""
    checkpoint, device = resolve(options.model), choose_device(options.device)
    dtype = choose_dtype(options.dtype, device, checkpoint.family.half)
    check_placement(options.offload, options.quantize, device, dtype)
    weights, free = model_weights(options, checkpoint, device, dtype), free_memory(device)
    offload = planned_offload(options, checkpoint, device, dtype)
    needed = resident_bytes(weights, checkpoint.family.network, offload) + (CONTEXT_BYTES if device.type == "cuda" else 0)
    embedding = max((amount for name, amount in weights.items() if name.startswith("text_encoder")), default=0)
    piece = vae_bytes(checkpoint, options, device, dtype, 0, 0)[1]
    beside = max(embedding if offload in OFFLOADS else 0, mapped_bytes(checkpoint, device, dtype), piece)
    if needed + beside <= free < needed + MOST_ROW_BYTES:  # only now a row's bytes matter, which take seconds to know
        beside = max(beside, network_row_cost(checkpoint, dtype, device).bytes)
    needed += beside
    if needed > free:
        largest, less = max(weights, key=lambda name: weights[name]), cure(device, dtype, checkpoint.family.half, offload)
        raise InputError(
            f"{checkpoint.name} needs {size(needed)} of memory on {device} in {str(dtype).removeprefix('torch.')}, of which"
            f" {largest} takes {size(weights[largest])}; {size(free)} are free: {less}",
            rule="memory",
        )


def cure(device: torch.device, dtype: torch.dtype, half: str, offload: Offload) -> str:
    """Return what takes less memory."""
    if device.type == "cuda" and offload in ("none", "text"):
        return "use --offload group, or a smaller --model"
    if device.type == "cpu" and address_limit() is not None:
        return "raise the limit (ulimit -v), or use a smaller --model"
    if dtype.itemsize > 2:
        return f"use --dtype {'bfloat16' if device.type == 'cpu' else half}, or a smaller --model"
    return "use a smaller --model" if device.type == "cpu" else "use --device cpu, or a smaller --model"
