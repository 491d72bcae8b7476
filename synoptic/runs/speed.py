"""What a run will take in seconds, by what runs before it took on this machine: rows of each network, pictures, the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from synoptic.models.base import PretrainedModel
from synoptic.models.local_cache import read_cached, write_cached
from synoptic.options.pretrained_model import ModelOptions
from synoptic.options.upscaling import UpscalingOptions, find_upscalers
from synoptic.pipelines.base import NetworkCall, Pipeline

SPEEDS = "speeds"  # what the cache calls them


@dataclass(frozen=True)
class StageWork:
    """One network's part of the work: what each of its steps asks it of one item, and what it is asked before the first."""

    calls: Sequence[Sequence[NetworkCall]]
    before: Sequence[NetworkCall] = ()

    @property
    def steps(self) -> int:
        return len(self.calls)

    def rows(self, first: int = 0) -> int:
        """Return the rows that one item takes, of the steps from `first` on together; of all with those before them."""
        return sum(call.rows for calls in (*self.calls[first:], () if first else self.before) for call in calls)


def stage_works(pipeline: Pipeline[ModelOptions]) -> dict[str, StageWork]:
    """Return what every network does for one item, in order, by their names."""
    checkpoint, options = pipeline.model.checkpoint, pipeline.options
    upscalers = find_upscalers(checkpoint, getattr(options, "upscalers", ()))
    upscaler_steps = options.steps_of(upscalers) if isinstance(options, UpscalingOptions) else []
    steps = pipeline.num_steps - sum(upscaler_steps)
    own = StageWork([pipeline.calls_at(i) for i in range(steps)], pipeline.calls_before)
    return {checkpoint.name: own} | {
        up.name: StageWork([[NetworkCall(1, 1 if up.defaults.guidance_scale == 1 else 2)]] * count)
        for up, count in zip(upscalers, upscaler_steps, strict=True)
    }


def speed_keys(options: ModelOptions, model: PretrainedModel) -> tuple[str, str]:
    """Return what seconds are recorded under: the model on this device; and the application too."""
    on = f"{model.device.type} {torch.get_num_threads()}"
    if model.device.type == "cuda":
        on = torch.cuda.get_device_name(model.device)
    key = f"{model.checkpoint.name} {on} {model.dtype}"
    if options.offload != "auto" or options.quantize != "none":
        key += f" {options.offload} {options.quantize}"
    films = " with films" if getattr(options, "trace", False) else ""
    return key, f"{key} {options.application()}{films}"


def found(pipeline: Pipeline[ModelOptions], what: str) -> float | None:
    """Return the seconds of something, of the last run of the application, or else of the model; None before one."""
    speeds, (by_model, by_application) = read_cached(SPEEDS), speed_keys(pipeline.options, pipeline.model)
    seconds = speeds.get(f"{by_application}: {what}", speeds.get(f"{by_model}: {what}"))
    return seconds if isinstance(seconds, float) and seconds > 0 else None


def record(pipeline: Pipeline[ModelOptions], what: str, seconds: float) -> None:
    """Keep the seconds of something for the next plan."""
    if seconds > 0:
        for key in speed_keys(pipeline.options, pipeline.model):
            write_cached(SPEEDS, f"{key}: {what}", seconds)


def work_seconds(pipeline: Pipeline[ModelOptions], items: int) -> float | None:
    """Return what the steps of items and their pictures will take; None before a run."""
    rows = [(found(pipeline, f"row of {name}"), work) for name, work in stage_works(pipeline).items()]
    if any(seconds is None for seconds, _ in rows):
        return None
    steps = sum((seconds or 0.0) * work.rows() for seconds, work in rows)
    return items * steps + (found(pipeline, "pixel") or 0.0) * pipeline.picture_pixels * items


def command_seconds(pipeline: Pipeline[ModelOptions], items: int) -> float | None:
    """Return what a command will take, with its imports, loading and scores; None before a run."""
    seconds = work_seconds(pipeline, items)
    return None if seconds is None else seconds + (found(pipeline, "rest of a command") or 0.0)


def record_steps(pipeline: Pipeline[ModelOptions], items: int, ticks: Sequence[float]) -> None:
    """Record what a row of each network took, by the times at which the steps of a batch ended.

    A stage's first step is left out where there are others: it has the prompts' embedding, and what is done once.
    """
    end = 0
    for name, work in stage_works(pipeline).items():
        begin, end = end, end + work.steps
        first = begin if work.steps > 1 else begin - 1
        if first >= 0 and end <= len(ticks):
            record(pipeline, f"row of {name}", (ticks[end - 1] - ticks[first]) / (items * work.rows(first + 1 - begin)))


def record_pictures(pipeline: Pipeline[ModelOptions], items: int, seconds: float) -> None:
    """Record what decoding and saving a batch took."""
    record(pipeline, "pixel", seconds / (pipeline.picture_pixels * items))


def record_command(pipeline: Pipeline[ModelOptions], items: int, seconds: float) -> None:
    """Record what a whole command took beside its steps and pictures."""
    work = work_seconds(pipeline, items)
    if work is not None:
        record(pipeline, "rest of a command", seconds - work)
