"""What a batch costs beside its work: jobs one after another in one process, and by an engine with one worker.

PYTHONPATH=. python benchmarks/batch.py [--engines local ray] [--jobs 200] [--seconds 1 | --steps N] [--threads 1]
[--workers 1] [--exact] [--folder DIR] [--out FILE]: seconds a job of a plain loop, which holds its model, of the batch whose
jobs share no calls (`exact`), and of the one whose jobs do (not with --exact), and the ratio of each to the loop's. They
count from when the first job is done to when the last one is: imports and loading are stated apart. By the clock, and on the
CPU, of all processes together, which is what counts where others use the machine. Without --steps a job has as many as take
--seconds here.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import time
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import psutil

import synoptic as syn
from synoptic.io.progress import listening
from synoptic.jobs.driver import SHARING

WARM, SHORT, LONG = 1, 2, 6  # steps of the runs that say what a step takes


class Moment(NamedTuple):
    """Seconds of the clock, and of the CPU."""

    wall: float
    cpu: float


class Marks:
    """When jobs were done: of the first and the last what the CPU spent too, whose reading takes time itself."""

    def __init__(self, jobs: int) -> None:
        self.jobs, self.begin = jobs, now()
        self.ends: list[float] = []

    def add(self) -> None:
        self.ends.append(time.perf_counter())
        if len(self.ends) == 1:
            self.first = now()
        if len(self.ends) == self.jobs:
            self.last = now()

    def row(self, name: str) -> dict[str, Any]:
        """Return seconds until the first job was done, and of a job from then on."""
        later = sum(end > self.first.wall + 0.05 for end in self.ends)  # jobs that share calls are done at once
        each = [(last - first) / later for first, last in zip(self.first, self.last, strict=True)]
        until = [first - begin for begin, first in zip(self.begin, self.first, strict=True)]
        return {"name": name, "seconds": each[0], "cpu": each[1], "first": until[0], "first_cpu": until[1]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engines", nargs="+", choices=["local", "ray"], default=["local"])
    parser.add_argument("--exact", action="store_true", help="only batches whose jobs share no calls")
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--threads", type=int, default=1, help="of the loop, and of a worker")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/synoptic-overhead"))
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    if args.jobs <= SHARING and not args.exact:
        parser.error(f"--jobs must be above {SHARING} where {SHARING} share calls, or add --exact")
    os.environ["OMP_NUM_THREADS"] = str(args.threads)  # before torch is imported
    shutil.rmtree(args.folder, ignore_errors=True)
    steps = args.steps or steps_of(args.seconds, args.folder)
    how = {"prompt": "a photo of a horse", "model": "bundled", "steps": steps}
    marks = Marks(args.jobs)
    for seed in range(args.jobs):
        syn.run("generate", **how, seed=seed, out=str(args.folder / "loop" / str(seed)))
        marks.add()
    rows = [marks.row("loop")]
    show(rows)
    job = {"application": "generate", **how, "grid": {"seed": range(args.jobs)}}
    for engine, exact in product(args.engines, (True,) if args.exact else (True, False)):
        name, marks = f"{engine} {'exact' if exact else 'shared'}", Marks(args.jobs)
        with listening(lambda taken, total, marks=marks: marks.add()):
            out = str(args.folder / name.replace(" ", "-"))
            syn.batch([job], out=out, engine=engine, workers=args.workers, exact=exact)
        rows.append(marks.row(name))
        show(rows)
    if args.out:
        about = {"jobs": args.jobs, "steps": steps, "threads": args.threads, "workers": args.workers}
        args.out.write_text(json.dumps(about | {"cores": os.cpu_count(), "rows": rows}, indent=1) + "\n")


def steps_of(seconds: float, folder: Path) -> int:
    """Return the steps whose job takes so many seconds in this process, which holds the model then."""
    took = []
    for steps in (WARM, SHORT, LONG):
        begin = time.perf_counter()
        syn.run("generate", "a red mug", model="bundled", steps=steps, out=str(folder / f"steps-{steps}"))
        took.append(time.perf_counter() - begin)
    _, short, long = took
    steps = max(1, round(SHORT + (seconds - short) * (LONG - SHORT) / max(long - short, 1e-3)))
    print(f"{short:.2f} s with {SHORT} steps, {long:.2f} with {LONG}: {steps} steps a job", flush=True)
    return steps


def now() -> Moment:
    """Return the time, and the CPU seconds of this process and those that it started."""
    process = psutil.Process()
    return Moment(time.perf_counter(), sum(sum(p.cpu_times()[:2]) for p in [process, *process.children(recursive=True)]))


def show(rows: list[dict[str, Any]]) -> None:
    """Print the last row, and its ratio to the first, which it is given."""
    row = rows[-1]
    row["ratio"], row["cpu_ratio"] = row["seconds"] / rows[0]["seconds"], row["cpu"] / rows[0]["cpu"]
    print(
        f"{row['name']}\t{row['seconds']:.3f} s a job, {row['cpu']:.3f} on the CPU, {row['ratio']:.3f} and"
        f" {row['cpu_ratio']:.3f} of the loop's; {row['first']:.1f} and {row['first_cpu']:.1f} s until the first was done",
        flush=True,
    )


if __name__ == "__main__":
    main()
