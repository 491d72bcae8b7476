"""How batches scale: the same jobs by one worker, by two, and so on, one a GPU where there are GPUs.

PYTHONPATH=. python benchmarks/batch_scaling.py [--workers 1 2] [--model sd2|tiny|bundled] [--jobs 32] [--steps 30]
[--engine local|ray] [--shared] [--threads N] [--out FILE]: jobs a second from when every worker has done one to the last,
and how much that is of so many times the first number's. Seconds until the first job is done, which each worker spends on
imports and on its model, are apart. `sd2` and `tiny` are Stable Diffusion 2's shapes with random weights, written to
--folder first. Ends with 1 where a job fails.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from full_size import SHAPES, make

import synoptic as syn
from synoptic.io.progress import listening


class Row(NamedTuple):
    """What so many workers did: seconds until the first job was done, jobs a second from then on, jobs that failed."""

    workers: int
    first: float
    rate: float
    failed: int


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--model", choices=[*SHAPES, "bundled"], default="sd2")
    parser.add_argument("--jobs", type=int, default=32, help="for each worker: so many times --workers in all")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--engine", choices=["local", "ray"], default="local")
    parser.add_argument("--shared", action="store_true", help="jobs share calls of the network")
    parser.add_argument("--threads", type=int, help="of a worker, as many by one as by eight (default: its share of cores)")
    parser.add_argument("--folder", type=Path, default=Path("/tmp/synoptic-scaling"))
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    if args.threads:
        os.environ["OMP_NUM_THREADS"] = str(args.threads)
        torch.set_num_threads(args.threads)
    shutil.rmtree(args.folder / "batches", ignore_errors=True)
    model, begin = args.folder / args.model, time.perf_counter()
    if args.model in SHAPES and not model.exists():
        make(args.model, model)
        print(f"random weights written in {time.perf_counter() - begin:.0f} s", flush=True)
    named = str(model) if args.model in SHAPES else args.model
    rows = list[Row]()
    for workers in args.workers:
        job = {"application": "generate", "prompt": "a mountain village", "model": named, "steps": args.steps}
        jobs = [job | {"upscalers": ["none"], "grid": {"seed": range(args.jobs * workers)}}]
        out = str(args.folder / "batches" / str(workers))
        rows.append(measure(jobs, workers, out, args.engine, not args.shared))
        print(line(rows[-1], rows[0]), flush=True)
    if args.out:
        device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
        about = {"device": device, "torch": torch.__version__, "model": args.model, "steps": args.steps}
        about |= {"cores": os.cpu_count(), "threads": args.threads}
        args.out.write_text(json.dumps(about | {"rows": [row._asdict() for row in rows]}, indent=1) + "\n")
    return 1 if any(row.failed for row in rows) else 0


def measure(jobs: Sequence[dict[str, object]], workers: int, out: str, engine: str, exact: bool) -> Row:
    """Carry out jobs by so many workers."""
    begin, ends = time.perf_counter(), list[float]()
    with listening(lambda taken, total: ends.append(time.perf_counter())):
        batch = syn.batch(jobs, out=out, engine=engine, workers=workers, exact=exact)
    print("\n".join(batch.failed.values()), end="", file=sys.stderr)
    shared = max(record.shared_by for record in batch.records.values())
    held = ends[workers * shared - 1]  # every worker has come to the end of something
    return Row(workers, ends[0] - begin, sum(end > held for end in ends) / (ends[-1] - held), len(batch.failed))


def line(row: Row, one: Row) -> str:
    share = row.rate / row.workers / (one.rate / one.workers)
    return (
        f"{row.workers} workers\t{row.rate:.3f} jobs a second, {share:.2f} of linear;"
        f" {row.first:.1f} s until the first was done; {row.failed} failed"
    )


if __name__ == "__main__":
    sys.exit(main())
