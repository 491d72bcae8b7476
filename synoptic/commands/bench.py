"""Synoptic and diffusers side by side on this machine: wide pictures by the bundled model, in one process."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import dataclass
from pathlib import Path

import torch

from synoptic import io
from synoptic.commands.bench_contenders import PROMPT, Contender, fastest_batch, time_all
from synoptic.errors import user_path
from synoptic.metrics.clip import Clip, clip_score
from synoptic.models.device import choose_dtype
from synoptic.options.bench import BenchOptions
from synoptic.runs.manifest import versions

COLUMNS = ("name", "dtype", "batch", "seconds", "of diffusers' default", "of its best", "score")


@dataclass(frozen=True)
class Bench:
    """A row per contender: name, dtype, batch, seconds, CLIP score, and how many times as fast as diffusers it is."""

    rows: list[dict[str, object]]
    file: Path

    def __str__(self) -> str:
        lines = ["\t".join(COLUMNS)]
        lines += [
            "\t".join(f"{v:.2f}" if isinstance(v, float) else str(v) for v in map(row.get, COLUMNS)) for row in self.rows
        ]
        return "\n".join([*lines, str(self.file)])


def execute(options: BenchOptions) -> Bench:
    """Time every contender; save the rows as JSON, with the machine and the versions, and the pictures."""
    folder, width, steps = user_path(options.out), options.width, options.steps
    auto = str(choose_dtype("auto", torch.device("cpu"))).removeprefix("torch.")
    default, best = Contender("diffusers", "float32", 1), fastest_batch("float32", width)
    ours = [Contender("synoptic", "float32"), Contender("synoptic", auto), Contender("synoptic", auto, fast=True)]
    seconds, pictures = time_all(list(dict.fromkeys([default, best, *ours])), width, steps, options.repeats)
    clip, rows = Clip("bundled", "cpu"), []
    for contender, spent in seconds.items():
        name, dtype, batch = str(contender).split("\t")
        row: dict[str, object] = {"name": name, "dtype": dtype, "batch": batch, "seconds": spent}
        row |= {"of diffusers' default": seconds[default] / spent, "of its best": seconds[best] / spent}
        rows.append(row | {"score": clip_score(clip, pictures[contender], PROMPT)})
        io.save_image(folder / f"{name}-{dtype}-{batch}.png".replace(" ", ""), pictures[contender], row)
    machine = {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()}
    machine |= {"threads": torch.get_num_threads(), "load": os.getloadavg()[0]}
    found = {"options": options.to_json(), "prompt": PROMPT, "machine": machine, "versions": versions(), "rows": rows}
    file = folder / "bench.json"
    io.write_whole(file, json.dumps(found, indent=2) + "\n")
    return Bench(rows, file)
