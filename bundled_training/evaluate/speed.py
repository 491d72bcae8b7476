"""Seconds a picture on this machine, as the package paints it: one prompt, 20 steps, guidance, two threads on a CPU."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch

from bundled_training.evaluate.samples import GUIDANCE, STEPS, Sampler
from bundled_training.evaluate.task import Findings, Task
from bundled_training.evaluate.upscale import Upscaler

THREADS, PROMPT = 2, "a photo of a horse"


def measure(task: Task) -> Findings:
    """The median of three after one to warm up; loading is not counted. Members that the family lacks are left out."""
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    steps = task.count(STEPS, 2)
    found = Findings({"threads": THREADS, "steps": steps, "guidance": GUIDANCE, "prompt": PROMPT})
    for part in ("sd", "if"):
        for kind, place in task.models(part).items():
            sampler = Sampler(place, task.device)
            clock(found, part, kind, task, lambda sampler=sampler: sampler([PROMPT], [task.seed], steps=steps))
    if (task.family / "if-ii").is_dir():
        for kind, place in task.models("if-ii").items():
            upscaler, small = Upscaler(place, task.on), torch.full((1, 3, 64, 64), 0.5)
            up = lambda upscaler=upscaler, small=small: upscaler(small, [PROMPT], [task.seed], steps)  # noqa: E731
            clock(found, "if-ii", kind, task, up)
    torch.set_num_threads(before)
    return found


def clock(found: Findings, part: str, kind: str, task: Task, paint: Callable[[], object]) -> None:
    paint()
    seconds = []
    for _ in range(task.count(3, 2)):
        begin = time.perf_counter()
        paint()
        seconds.append(time.perf_counter() - begin)
    error = statistics.stdev(seconds) / len(seconds) ** 0.5
    found.add(f"{part}, seconds a picture", kind, "", (statistics.median(seconds), error), len(seconds))
    found.details[f"{part}, {kind}"] = seconds
