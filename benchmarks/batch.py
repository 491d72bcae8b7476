"""What a batch costs beside its work: jobs one after another in one process, and by an engine with one worker.

python benchmarks/batch.py [--engines local ray] [--jobs 200] [--steps 6] [--workers 1] [--exact] [--folder DIR]: seconds a
job of the loop, of the batch whose jobs share no calls (`exact`), and of the one whose jobs do (not with --exact); each from
when its first job is done to when its last one is, so that imports and loading are stated apart; by the clock, and on the
CPU, of all processes together, which is what counts where others use the machine.
"""

from __future__ import annotations

import argparse
import time
from itertools import product
from pathlib import Path
from typing import NamedTuple

import psutil

import synoptic as syn
from synoptic.io.progress import listening


class Moment(NamedTuple):
    """Seconds of the clock, and of the CPU."""

    wall: float
    cpu: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engines", nargs="+", choices=["local", "ray"], default=["local"])
    parser.add_argument("--exact", action="store_true", help="only batches whose jobs share no calls")
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/synoptic-overhead"))
    args = parser.parse_args()
    how = {"prompt": "a photo of a horse", "model": "bundled", "steps": args.steps}
    begin, ends = now(), list[Moment]()
    for seed in range(args.jobs):
        syn.run("generate", **how, seed=seed, out=str(args.folder / "loop" / str(seed)))
        ends.append(now())
    alone = report("loop", begin, ends)
    job = {"application": "generate", **how, "grid": {"seed": range(args.jobs)}}
    for engine, exact in product(args.engines, (True,) if args.exact else (True, False)):
        name, begin, ends = f"{engine} {'exact' if exact else 'shared'}", now(), list[Moment]()
        with listening(lambda taken, total, ends=ends: ends.append(now())):
            out = str(args.folder / name.replace(" ", "-"))
            syn.batch([job], out=out, engine=engine, workers=args.workers, exact=exact)
        each = report(name, begin, ends)
        wall, cpu = (100 * (a / b - 1) for a, b in zip(each, alone, strict=True))
        print(f"{name}: {wall:+.1f} % of the loop's by the clock, {cpu:+.1f} % on the CPU")


def now() -> Moment:
    """Return the time, and the CPU seconds of this process and those that it started."""
    process = psutil.Process()
    return Moment(time.perf_counter(), sum(sum(p.cpu_times()[:2]) for p in [process, *process.children(recursive=True)]))


def report(name: str, begin: Moment, ends: list[Moment]) -> Moment:
    """Print the seconds of a job, and those until the first was done; return the former."""
    later = sum(end.wall > ends[0].wall + 0.05 for end in ends)  # jobs that share calls are done at once
    each = Moment(*((last - first) / later for first, last in zip(ends[0], ends[-1], strict=True)))
    first = Moment(*(a - b for a, b in zip(ends[0], begin, strict=True)))
    print(
        f"{name}\t{each.wall:.3f} s a job, {each.cpu:.3f} on the CPU;"
        f" {first.wall:.1f} and {first.cpu:.1f} s until the first was done",
        flush=True,
    )
    return each


if __name__ == "__main__":
    main()
