"""What a batch costs beside its work: jobs one after another in one process, and by an engine with one worker.

PYTHONPATH=. python benchmarks/batch.py [--engines local ray] [--jobs 200] [--seconds 1 | --steps N] [--threads 1]
[--workers 1] [--exact] [--only NAME] [--folder DIR] [--out FILE]: seconds a job of a plain loop, which holds its model, of
the batch whose jobs share no calls (`local exact`), and of the one whose jobs do (`local shared`, not with --exact), and the
ratio of each to the loop's. They count from when the first job is done to when the last one is: imports and loading are
stated apart. By the clock, and on the CPU, of all processes together, which is what counts where others use the machine.
Without --steps a job has as many as take --seconds here.

What is measured is kept in FILE every few seconds: a command that was stopped, begun again, goes on with the jobs that are
left. `--only loop` and then `--only "local exact"` measure the ways by commands of their own. Delete FILE to begin anew.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import psutil

import synoptic as syn
from synoptic.io import write_whole
from synoptic.io.progress import listening
from synoptic.jobs.driver import SHARING
from synoptic.jobs.records import read_record
from synoptic.jobs.store import LocalStore
from synoptic.utils.timing import Interval

WARM, SHORT, LONG = 1, 2, 6  # steps of the runs that say what a step takes
SAME = ("jobs", "steps", "threads", "workers")  # of every way that is compared
Session = dict[str, float]


class Moment(NamedTuple):
    """Seconds of the clock, and of the CPU."""

    wall: float
    cpu: float


class Marks:
    """When the jobs of one command were done: `keep` has its figures now and then, since what reads the CPU's takes time."""

    def __init__(self, keep: Callable[[Session], None]) -> None:
        self.keep, self.begin, self.interval = keep, now(), Interval()
        self.ends: list[float] = []

    def add(self, done: int, total: int) -> None:
        self.ends.append(time.perf_counter())
        if done == 1:
            self.first = now()
        elif done == total or self.interval.is_over():
            with self.interval.writing():
                self.keep(self.session(now()))

    def session(self, last: Moment) -> Session:
        """Return seconds until the first job was done, how many were done from then on, and the seconds of those."""
        jobs = sum(end > self.first.wall + 0.05 for end in self.ends)  # jobs that share calls are done at once
        until = [b - a for a, b in zip(self.begin, self.first, strict=True)]
        took = [b - a for a, b in zip(self.first, last, strict=True)]
        return {"jobs": jobs, "seconds": took[0], "cpu": took[1], "first": until[0], "first_cpu": until[1]}


class Measured:
    """The file of what was measured: about the jobs, and of every way the figures of each command that took part."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.content: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}

    def keep(self, **values: object) -> None:
        self.content |= values
        text = json.dumps(self.content, indent=1) + "\n"
        write_whole(self.file, text)

    def marks(self, name: str) -> Marks:
        """Return the marks of a command that begins, or goes on with, a way."""
        before = self.content.get("sessions", {}).get(name, [])

        def keep(session: Session) -> None:
            self.keep(sessions=self.content.get("sessions", {}) | {name: [*before, session]})

        return Marks(keep)

    def rows(self) -> list[dict[str, Any]]:
        """Return seconds a job of every way, with their ratio to the loop's where that was measured."""
        rows = []
        for name, sessions in self.content.get("sessions", {}).items():
            counted = [one for one in sessions if one["jobs"]]
            jobs = sum(one["jobs"] for one in counted)
            if jobs:
                each = {key: sum(one[key] for one in counted) / jobs for key in ("seconds", "cpu")}
                rows.append(
                    {"name": name, "counted": jobs} | each | {key: sessions[0][key] for key in ("first", "first_cpu")}
                )
        for loop in [row for row in rows if row["name"] == "loop"]:
            for row in rows:
                row["ratio"], row["cpu_ratio"] = row["seconds"] / loop["seconds"], row["cpu"] / loop["cpu"]
        return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engines", nargs="+", choices=["local", "ray"], default=["local"])
    parser.add_argument("--exact", action="store_true", help="only batches whose jobs share no calls")
    parser.add_argument("--only", help='one of the ways: loop, "local exact", …')
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--threads", type=int, default=1, help="of the loop, and of a worker")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/synoptic-overhead"))
    parser.add_argument("--out", type=Path, help="(default: measured.json in the folder)")
    args = parser.parse_args()
    if args.jobs <= SHARING and not args.exact:
        parser.error(f"--jobs must be above {SHARING} where {SHARING} share calls, or add --exact")
    kinds = ("exact",) if args.exact else ("exact", "shared")
    ways = ["loop", *(f"{engine} {kind}" for engine, kind in product(args.engines, kinds))]
    if args.only and args.only not in ways:
        parser.error(f"--only must be one of {', '.join(ways)}; {args.only} was given")
    os.environ["OMP_NUM_THREADS"] = str(args.threads)  # before torch is imported
    measured = Measured(args.out or args.folder / "measured.json")
    if not measured.content:
        shutil.rmtree(args.folder, ignore_errors=True)
    args.steps = args.steps or measured.content.get("steps") or steps_of(args.seconds, args.folder)
    about = {key: getattr(args, key) for key in SAME}
    if measured.content and about != {key: measured.content[key] for key in SAME}:
        parser.error(f"{measured.file} holds the figures of other jobs: delete it, or choose another --out and --folder")
    measured.keep(**about, cores=os.cpu_count())
    how = {"prompt": "a photo of a horse", "model": "bundled", "steps": args.steps}
    for way in [args.only] if args.only else ways:
        folder = args.folder / way.replace(" ", "-")
        if way == "loop":
            loop(folder, args.jobs, how, measured.marks(way))
        else:
            engine, kind = way.split()
            job = {"application": "generate", **how, "grid": {"seed": range(args.jobs)}}
            with listening(measured.marks(way).add):
                syn.batch([job], out=str(folder), engine=engine, workers=args.workers, exact=kind == "exact")
        measured.keep(rows=measured.rows())
    for row in measured.rows():
        print(line(row))


def loop(folder: Path, jobs: int, how: dict[str, object], marks: Marks) -> None:
    """Carry out the jobs that are not done, one after another, in this process."""
    store = LocalStore(folder)
    todo = [k for k in range(jobs) if read_record(lambda name, k=k: store.read(f"{k}/{name}")).state != "done"]
    for done, seed in enumerate(todo, 1):
        syn.run("generate", **how, seed=seed, out=str(folder / str(seed)))
        marks.add(done, len(todo))


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


def line(row: dict[str, Any]) -> str:
    ratio = f", {row['ratio']:.3f} and {row['cpu_ratio']:.3f} of the loop's" if "ratio" in row else ""
    return (
        f"{row['name']}\t{row['seconds']:.3f} s a job, {row['cpu']:.3f} on the CPU{ratio}, of {row['counted']} jobs;"
        f" {row['first']:.1f} and {row['first_cpu']:.1f} s until the first was done"
    )


if __name__ == "__main__":
    main()
