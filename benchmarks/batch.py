"""What a batch costs beside its work: jobs one after another in one process, and by `--engine local` with one worker.

python benchmarks/batch.py [--jobs 200] [--steps 6] [--workers 1] [--folder DIR]: seconds a job of the loop, of the batch
whose jobs share no calls (`exact`), and of the one whose jobs do; each from when its first job is done to when its last one
is, so that imports and loading are stated apart.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import synoptic as syn
from synoptic.io.progress import listening


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/synoptic-overhead"))
    args = parser.parse_args()
    how = {"prompt": "a photo of a horse", "model": "bundled", "steps": args.steps}
    begin, ends = time.perf_counter(), list[float]()
    for seed in range(args.jobs):
        syn.run("generate", **how, seed=seed, out=str(args.folder / "loop" / str(seed)))
        ends.append(time.perf_counter())
    alone = report("loop", begin, ends)
    job = {"application": "generate", **how, "grid": {"seed": range(args.jobs)}}
    for name, exact in {"exact": True, "shared": False}.items():
        begin, ends = time.perf_counter(), []
        with listening(lambda taken, total, ends=ends: ends.append(time.perf_counter())):
            syn.batch([job], out=str(args.folder / name), workers=args.workers, exact=exact)
        print(f"{name}: {100 * (report(name, begin, ends) / alone - 1):+.1f} % of the loop's")


def report(name: str, begin: float, ends: list[float]) -> float:
    """Print the seconds of a job, and those until the first was done; return the former."""
    later = sum(end > ends[0] + 0.05 for end in ends)  # jobs that share calls are done at once
    each = (ends[-1] - ends[0]) / later
    print(f"{name}\t{each:.3f} s a job; {ends[0] - begin:.1f} s until the first was done", flush=True)
    return each


if __name__ == "__main__":
    main()
