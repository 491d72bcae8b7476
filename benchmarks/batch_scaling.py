"""How batches scale: the same jobs by one worker, by two, and so on, one a GPU where there are GPUs.

PYTHONPATH=. python benchmarks/batch_scaling.py [--workers 1 2] [--model sd2|tiny|bundled] [--jobs 32] [--steps 30]
[--engine local|ray] [--shared] [--threads N] [--out FILE]: jobs a second while every worker paints, and how much that is
of so many times the first number's; of each worker its GPU, the seconds in which the network painted a job, and those
between the paintings, by what took them. No job is handed out before every worker has imported: those seconds are apart,
as are those until each has done one job, with which it loads its model. `sd2` and `tiny` are Stable Diffusion 2's shapes
with random weights, written to --folder first. Ends with 1 where a job fails.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from full_size import SHAPES, make

import synoptic as syn
from synoptic.jobs import run
from synoptic.jobs.engine import Engine, Worker
from synoptic.jobs.planning import Job
from synoptic.jobs.records import Record
from synoptic.runs.folders import MANIFEST

NETWORK = "sample"  # the phase of a run in which its network paints


@dataclass
class Share:
    """What one worker did: its device, its jobs, and of all but the first the seconds by what took them."""

    device: str
    jobs: int
    first: float  # seconds from the batch's beginning until its first job was done
    last: float
    network: list[float]  # mean, least, most
    between: list[float]  # from the end of a job to that of the next, without the network
    parts: dict[str, float]  # means of what `between` is made of: phases of a run, what else a worker does, the driver


@dataclass
class Row:
    """What so many workers did: seconds until each could take jobs, jobs a second while all painted, of so many jobs."""

    workers: int
    ready: list[float]
    first: float  # seconds until the first job was done
    rate: float
    counted: int
    failed: int
    devices: dict[str, int]  # jobs on each
    shares: list[Share]
    of_linear: float = 1.0


@dataclass
class Span:
    """What a worker was handed at once, when, and when the driver had its answer."""

    jobs: Sequence[Job]
    handed: float
    ended: float = 0.0


@dataclass
class Watch:
    """Sees every worker of an engine begin, get jobs and end them; no worker gets any before all can take some."""

    spans: list[list[Span]] = field(default_factory=list)  # of each worker
    ready: list[float] = field(default_factory=list)
    held: list[tuple[Future[str | None], Future[str | None]]] = field(default_factory=list)

    def engine_of(self, *asked: Any) -> tuple[Engine, Any]:
        """Build an engine as `run.engine_of` does, whose workers are watched."""
        engine, head = BUILD(*asked)
        start = engine.start
        setattr(engine, "start", lambda: self.worker(start(), engine.count))
        return engine, head

    def worker(self, worker: Worker, of: int) -> Worker:
        """Watch a worker, one of so many; one that takes the place of a lost one is not held back."""
        spans, submit, begun = list[Span](), worker.submit, worker.ready
        self.spans.append(spans)

        def watched(jobs: Sequence[Job]) -> Future[list[Record]]:
            span = Span(jobs, time.perf_counter())
            spans.append(span)
            answer = submit(jobs)
            answer.add_done_callback(lambda _: setattr(span, "ended", time.perf_counter()))
            return answer

        setattr(worker, "submit", watched)
        worker.ready = Future()
        self.held.append((begun, worker.ready))
        begun.add_done_callback(lambda _: self.release(of))
        return worker

    def release(self, of: int) -> None:
        """Tell the driver which workers are ready once all have begun, or have failed to."""
        self.ready.append(time.perf_counter())
        if len(self.ready) < of:
            return
        for begun, told in self.held:
            if begun.done() and not told.done():
                error = begun.exception()
                told.set_exception(error) if error else told.set_result(begun.result())


BUILD = run.engine_of


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
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    about = {"device": device, "torch": torch.__version__, "model": args.model, "steps": args.steps}
    about |= {"cores": os.cpu_count(), "threads": args.threads}
    rows = list[Row]()
    for workers in args.workers:
        job = {"application": "generate", "prompt": "a mountain village", "model": named, "steps": args.steps}
        jobs = [job | {"upscalers": ["none"], "grid": {"seed": range(args.jobs * workers)}}]
        row = measure(jobs, workers, args.folder / "batches" / str(workers), args.engine, not args.shared)
        rows.append(row)
        row.of_linear = row.rate / row.workers / (rows[0].rate / rows[0].workers)
        print(lines(row), flush=True)
        if args.out:
            args.out.write_text(json.dumps(about | {"rows": [asdict(row) for row in rows]}, indent=1) + "\n")
    return 1 if any(row.failed for row in rows) else 0


def measure(jobs: Sequence[dict[str, object]], workers: int, out: Path, engine: str, exact: bool) -> Row:
    """Carry out jobs by so many workers."""
    watch, begin = Watch(), time.perf_counter()
    setattr(run, "engine_of", watch.engine_of)
    batch = syn.batch(jobs, out=str(out), engine=engine, workers=workers, exact=exact)
    print("\n".join(batch.failed.values()), end="", file=sys.stderr)
    shares = [share(spans, batch.records, out, begin) for spans in watch.spans if spans]
    together = max(one.first for one in shares), min(one.last for one in shares)
    rates = [rate(spans, together[0] + begin, together[1] + begin) for spans in watch.spans]
    devices = Counter(record.device for record in batch.records.values())
    return Row(
        workers,
        [round(at - begin, 1) for at in watch.ready],
        min(one.first for one in shares),
        sum(jobs / seconds for jobs, seconds in rates if jobs),
        sum(jobs for jobs, _ in rates),
        len(batch.failed),
        dict(devices),
        shares,
    )


def rate(spans: Sequence[Span], begin: float, end: float) -> tuple[int, float]:
    """Return how many jobs a worker did after the first end of one in this time until the last, and in how many seconds."""
    inside = [span for span in spans if begin <= span.ended <= end]
    return sum(len(span.jobs) for span in inside[1:]), inside[-1].ended - inside[0].ended if inside else 0.0


def share(spans: Sequence[Span], records: dict[str, Record], out: Path, begin: float) -> Share:
    """Return what a worker did of what it was handed, by the clock of the driver and the manifests of the runs."""
    network, between, parts = list[float](), list[float](), defaultdict[str, float](float)
    for before, span in pairwise(spans):
        manifests = [
            json.loads((out / job.path / MANIFEST).read_text()) for job in span.jobs if records[job.path].state == "done"
        ]
        waited, worked = span.handed - before.ended, span.ended - span.handed
        took = [(name, seconds) for manifest in manifests for name, seconds in manifest["timings"].items()]
        took += [("rest of the worker", worked - sum(seconds for _, seconds in took)), ("driver", waited)]
        network.append(sum(seconds for name, seconds in took if name == NETWORK))
        between.append(waited + worked - network[-1])
        for name, seconds in took:
            if name != NETWORK:
                parts[name] += seconds / (len(spans) - 1)
    return Share(
        ", ".join(sorted({records[job.path].device for span in spans for job in span.jobs})),
        sum(len(span.jobs) for span in spans),
        spans[0].ended - begin,
        spans[-1].ended - begin,
        spread(network),
        spread(between),
        {name: round(seconds, 4) for name, seconds in parts.items()},
    )


def spread(seconds: Sequence[float]) -> list[float]:
    """Mean, least and most, of none nothing."""
    return [round(of(seconds), 4) for of in (fmean, min, max)] if seconds else []


def lines(row: Row) -> str:
    devices = ", ".join(f"{jobs} jobs on {device}" for device, jobs in row.devices.items())
    found = [
        f"{row.workers} workers\t{row.rate:.3f} jobs a second, {row.of_linear:.2f} of linear, of {row.counted} jobs;"
        f" {max(row.ready):.1f} s until all could begin, {row.first:.1f} until the first was done; {row.failed} failed",
        f"\t{devices}",
    ]
    for number, one in enumerate(row.shares, start=1):
        parts = ", ".join(f"{name} {seconds:.3f}" for name, seconds in one.parts.items())
        found.append(
            f"\tworker {number} on {one.device}: {one.jobs} jobs, its first done after {one.first:.1f} s;"
            f" the network's seconds a job (mean, least, most) {one.network}, between them {one.between}: {parts}"
        )
    return "\n".join(found)


if __name__ == "__main__":
    sys.exit(main())
