"""What a run will take, known before anything loads: memory, rows a call, operations, seconds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import torch

from synoptic.errors import InputError
from synoptic.guidance.batching import largest_batch
from synoptic.models.checkpoint import Checkpoint
from synoptic.models.compile import GRAPH_PLACES
from synoptic.models.component_bytes import coding_bytes, component_bytes, convolution_bytes, gradient_bytes
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
    """The model of prepared options before it loads: what a pipeline counts its steps by, and what memory it will take."""

    options: ModelOptions

    @cached_property
    def checkpoint(self) -> Checkpoint:
        return resolve(self.options.model)

    @cached_property
    def device(self) -> torch.device:
        return choose_device(self.options.device)

    @cached_property
    def dtype(self) -> torch.dtype:
        return choose_dtype(self.options.dtype, self.device, self.checkpoint.family.half)

    @property
    def shape(self) -> tuple[int, int, int]:
        return (self.checkpoint.channels, self.checkpoint.side, self.checkpoint.side)

    @property
    def factor(self) -> int:
        return self.checkpoint.factor

    @cached_property
    def upscalers(self) -> list[Checkpoint]:
        return find_upscalers(self.checkpoint, getattr(self.options, "upscalers", ()))

    @cached_property
    def other_vae(self) -> Checkpoint | None:
        return resolve_vae(self.options.vae, self.checkpoint) if self.options.vae else None

    def component_bytes(self) -> dict[str, int]:
        """Return the bytes of the model's own parts."""
        return component_bytes(self.checkpoint, self.device, self.dtype, self.options.quantize, self.other_vae)

    @cached_property
    def weights(self) -> dict[str, int]:
        """Bytes of every network that a run loads, in the precision that each is loaded in."""
        found = self.component_bytes()
        if self.options.embeddings:
            found = {part: amount for part, amount in found.items() if not part.startswith("text_encoder")}
        for source in self.upscalers:  # which take stage I's text
            own = component_bytes(source, self.device, self.dtype)
            found |= {f"{part} of {source.name}": n for part, n in own.items() if not part.startswith("text_encoder")}
        for name in getattr(self.options, "controlnet", ()):  # a union for several kinds of maps is loaded once
            source, called = resolve_controlnet(name, self.checkpoint), f"ControlNet {split_kind(name)[0]}"
            config = source.config("")
            found[called] = count_parameters(source, "") * self.dtype.itemsize
            kernels = convolution_bytes(config["_class_name"], config, self.device, self.dtype)
            found |= {f"{part} of {called}": amount for part, amount in kernels.items()}
        return found

    @cached_property
    def offload(self) -> Offload:
        """What `load` will choose of --offload auto, by the model's own parts; what is asked for otherwise.

        On a CPU, whose memory is where weights wait, nothing is won: none.
        """
        if self.device.type == "cpu":
            return "none"
        if self.options.offload != "auto":
            return self.options.offload
        if self.options.weights_stay:
            return "text"
        coding = coding_bytes(self.checkpoint, self.device, self.dtype)
        network, free = self.checkpoint.family.network, free_memory(self.device)
        return choose_offload(self.component_bytes(), network, coding, free, self.device)

    @property
    def resident_bytes(self) -> int:
        """Bytes of the weights that stay on the device."""
        return resident_bytes(self.weights, self.checkpoint.family.network, self.offload)

    def vae_bytes(self, pixels: int, free: int) -> tuple[int, int]:
        """Return what the VAE takes while it codes so many pixels, in pieces as large as fit, and for the smallest piece."""
        usual, least = (
            coding_bytes(self.checkpoint, self.device, self.dtype, self.other_vae, pixels, left) for left in (free, 0)
        )
        return usual, min(usual, least)

    def gradient_bytes(self, pixels: int) -> int:
        """Return what the VAE's encoder keeps of so many pixels where gradients pass through it."""
        return gradient_bytes(self.checkpoint, self.device, self.dtype, self.other_vae, pixels)

    @property
    def mapped_bytes(self) -> int:
        """What its largest weight file takes of a limited address space while it is read; 0 without a limit."""
        if self.device.type != "cpu" or address_limit() is None:
            return 0
        checkpoint = self.checkpoint
        parts = (part for part in checkpoint.components if part in checkpoint.family.weighted_components)
        names = {name for part in parts for name in checkpoint.weight_files(part, self.dtype.itemsize == 2)}
        files = [checkpoint.snapshot / name for name in names] if checkpoint.is_local else []
        return max((file.stat().st_size for file in files), default=0)


def make_plans(options: Options) -> list[Plan]:
    """Return what prepared options will take, each of their variants if there are any. Reads configs, no weights.

    Raises InputError for options of a training.
    """
    if not isinstance(options, ModelOptions):
        name = options.command_name()
        raise InputError(f"--dry-run plans pictures, {name} trains a network: omit it", rule="dry-run-training")
    return [make_plan(variant) for variant in options.variants().values()] or [make_plan(options)]


def unloaded_pipeline(options: ModelOptions) -> Pipeline[ModelOptions]:
    """Return the pipeline of prepared options with a model that is not loaded: what counts, and compares pictures."""
    stand_in: Any = UnloadedModel(options)
    return pipeline_class(options.application())(stand_in, options)


def make_plan(options: ModelOptions) -> Plan:
    """Return what prepared options will take, themselves."""
    model, pipeline, items = UnloadedModel(options), unloaded_pipeline(options), len(options.items())
    device, dtype = model.device, model.dtype
    free = free_memory(device)
    unused = max(0, free - model.resident_bytes)
    sources = {source.name: source for source in (model.checkpoint, *model.upscalers)}
    views = pipeline.views_per_item

    def row_limit(source: Checkpoint) -> int:
        row = network_row_cost(source, dtype, device)
        bound = max(1, row.bytes)  # as `max_batch_rows` counts, which knows a U-Net's less exactly
        if source.has_unet:
            bound = unet_row_bytes(source.network_config["block_out_channels"][0], source.side, dtype.itemsize)
        room = max(1, unused // 2 // (bound * (1 + len(getattr(options, "controlnet", ())))))
        return min(room, MAX_CPU_ROWS) if device.type == "cpu" else room

    def stage(source: Checkpoint, work: StageWork) -> Stage:
        row, limit = network_row_cost(source, dtype, device), row_limit(source)
        batches = {items, max(1, min(items, limit // (2 * views)))}  # in Python all; else as `sample_tasks` does
        asked = {call for calls in (*work.calls, work.before) for call in calls}
        sizes = {(n, call): largest_batch(call.conditions, n * call.views, limit) for n, call in product(batches, asked)}
        at_once = max(sizes.values())
        held = max(at_once, *(min(rows * call.row_memory, limit) for (_, call), rows in sizes.items()))
        compiled = source.has_unet and getattr(options, "compile", False)
        recorded = min(at_once, GRAPH_PLACES // source.side**2) if compiled and device.type == "cuda" else 0
        return Stage(row, work, at_once, held, recorded)

    vae, piece = model.vae_bytes(pipeline.coded_pixels * items, unused)
    batch = max(1, min(items, pipeline.max_items or items, row_limit(model.checkpoint) // (2 * views)))
    return Plan(
        command=options.command(),
        device=device,
        dtype=dtype,
        free=free,
        items=items,
        weights=model.weights,
        stages={name: stage(sources[name], work) for name, work in stage_works(pipeline).items()},
        vae=vae,
        batch=batch,
        gradients=model.gradient_bytes(pipeline.gradient_pixels),
        seconds=command_seconds(pipeline, items),
        offload=model.offload,
        network=model.checkpoint.family.network,
        piece=piece,
        mapped=model.mapped_bytes,
        canvas=pipeline.canvas_bytes(items),
    )


def check_memory(options: ModelOptions) -> None:
    """Raise InputError where a run cannot fit into what is free, however little it does at once, before anything loads."""
    model = UnloadedModel(options)
    device, dtype = model.device, model.dtype
    check_placement(options.offload, options.quantize, device, dtype)
    weights, free = model.weights, free_memory(device)
    needed = model.resident_bytes + (CONTEXT_BYTES if device.type == "cuda" else 0)
    embedding = max((amount for name, amount in weights.items() if name.startswith("text_encoder")), default=0)
    beside = max(embedding if model.offload in OFFLOADS else 0, model.mapped_bytes, model.vae_bytes(0, 0)[1])
    if needed + beside <= free < needed + MOST_ROW_BYTES:  # only now a row's bytes matter, which take seconds to know
        beside = max(beside, network_row_cost(model.checkpoint, dtype, device).bytes)
    needed += beside
    if needed > free:
        largest = max(weights, key=lambda name: weights[name])
        raise InputError(
            f"{model.checkpoint.name} needs {size(needed)} of memory on {device} in {str(dtype).removeprefix('torch.')}, of"
            f" which {largest} takes {size(weights[largest])}; {size(free)} are free: {cure(model)}",
            rule="memory",
        )


def cure(model: UnloadedModel) -> str:
    """Return what takes less memory."""
    kind = model.device.type
    if kind == "cuda" and model.offload in ("none", "text"):
        return "use --offload group, or a smaller --model"
    if kind == "cpu" and address_limit() is not None:
        return "raise the limit (ulimit -v), or use a smaller --model"
    if model.dtype.itemsize > 2:
        return f"use --dtype {'bfloat16' if kind == 'cpu' else model.checkpoint.family.half}, or a smaller --model"
    return "use a smaller --model" if kind == "cpu" else "use --device cpu, or a smaller --model"
