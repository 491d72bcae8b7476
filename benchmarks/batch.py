"""What a batch costs beside its work: jobs one after another in one process, and by `--engine local` with one worker.

python benchmarks/batch.py [--jobs 200] [--steps 6] [--workers 1] [--folder DIR]: seconds of the loop and of the batch, each
from when its first job is done to when its last one is, so that imports and loading are stated apart.
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
    loop, first = ends[-1] - ends[0], ends[0] - begin
    begin, ends = time.perf_counter(), []
    job = {"application": "generate", **how, "grid": {"seed": range(args.jobs)}}
    with listening(lambda taken, total: ends.append(time.perf_counter())):
        syn.batch([job], out=str(args.folder / "batch"), workers=args.workers)
    batch, begun = ends[-1] - ends[0], ends[0] - begin
    jobs = args.jobs - 1
    print(f"loop\t{loop:.1f} s, {loop / jobs:.3f} a job; {first:.1f} s until the first was done")
    print(f"batch\t{batch:.1f} s, {batch / jobs:.3f} a job, {args.workers} workers; {begun:.1f} s until the first was done")
    print(f"overhead\t{100 * (batch / loop - 1):.1f} %")


if __name__ == "__main__":
    main()
