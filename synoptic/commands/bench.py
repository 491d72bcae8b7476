"""Synoptic and its peer side by side on this machine: wide pictures by the bundled model, in one process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from synoptic.commands.bench_contenders import STEPS, WIDTH
from synoptic.errors import check_at_least, check_writable

Steps = Annotated[int, "denoising steps of each side"]
Width = Annotated[int, "pixels of the picture"]
Repeats = Annotated[int, "times that each side paints, in turn; the median counts"]
Out = Annotated[str, "folder for bench.json and the pictures"]


@dataclass(frozen=True)
class Bench:
    """A row a side: its name, dtype, batch, seconds, the judge's score, and how many times as fast as the peer it is."""

    rows: list[dict[str, Any]]
    file: Path

    def __str__(self) -> str:
        columns = ("side", "dtype", "batch", "seconds", "of the peer's default", "of its best", "score")
        lines = ["\t".join(columns)]
        lines += [
            "\t".join(f"{v:.2f}" if isinstance(v, float) else str(v) for v in map(row.get, columns)) for row in self.rows
        ]
        return "\n".join([*lines, str(self.file)])


def bench(*, width: Width = WIDTH, steps: Steps = STEPS, repeats: Repeats = 1, out: Out = "outputs/bench") -> Bench:
    """Time diffusers' panorama pipeline and ours on this machine's CPU, the same picture: a few minutes.

    synoptic bench --width 512 --steps 5
    """
    check_at_least("--width", width, 128)
    check_at_least("--steps", steps, 1)
    check_at_least("--repeats", repeats, 1)
    folder = Path(out).expanduser()
    check_writable(folder)

    import torch

    from synoptic import io
    from synoptic.commands.bench_contenders import PROMPT, Side, fastest, measured
    from synoptic.metrics.clip import Clip, clip_score
    from synoptic.models.device import choose_dtype

    auto = str(choose_dtype("auto", torch.device("cpu"))).removeprefix("torch.")
    plain, best = Side("diffusers", "float32", 1), fastest("float32", width)
    mine = [Side("synoptic", "float32"), Side("synoptic", auto), Side("synoptic", auto, fast=True)]
    seconds, pictures = measured(list(dict.fromkeys([plain, best, *mine])), width, steps, repeats)
    judge, rows = Clip("bundled", "cpu"), []
    for side, spent in seconds.items():
        name, dtype, batch = str(side).split("\t")
        row: dict[str, Any] = {"side": name, "dtype": dtype, "batch": batch, "seconds": spent}
        row |= {"of the peer's default": seconds[plain] / spent, "of its best": seconds[best] / spent}
        rows.append(row | {"score": clip_score(judge, pictures[side], PROMPT)})
        io.save_image(folder / f"{name}-{dtype}-{batch}.png".replace(" ", ""), pictures[side], row)
    return kept(rows, folder / "bench.json", {"width": width, "steps": steps, "repeats": repeats, "prompt": PROMPT})


def kept(rows: list[dict[str, Any]], file: Path, asked: dict[str, Any]) -> Bench:
    """The rows as a result and as JSON, with the machine and the versions."""
    import json
    import os
    import platform

    import torch

    from synoptic import io
    from synoptic.runs.manifest import versions

    machine = {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()}
    machine |= {"threads": torch.get_num_threads(), "load": os.getloadavg()[0]}
    found = {"asked": asked, "machine": machine, "versions": versions(), "rows": rows}
    io.atomic_write(file, lambda f: f.write((json.dumps(found, indent=2) + "\n").encode()))
    return Bench(rows, file)
