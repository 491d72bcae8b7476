"""What the start of a half-finished batch takes, until its engine is there, a worker has its first job, and one is painted.

PYTHONPATH=. python benchmarks/batch_restart.py [--engine ray] [--address auto] [--jobs 10000] [--folder DIR]: seconds by the
clock since this process began, and on the CPU, of this process and of all that it started. The first call writes the folder,
the next ones measure, and leave it as it was. Jobs share no calls, so that the first is done before the second begins.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import time
from importlib import import_module
from pathlib import Path

import psutil

from synoptic.jobs import batch, driver
from synoptic.jobs.files import read_entries
from synoptic.jobs.plan_file import Head, digest_of, plan_text
from synoptic.jobs.planning import PLAN, Job, plan_jobs
from synoptic.jobs.records import Record
from synoptic.runs.folders import MANIFEST


def write_half(folder: Path, count: int) -> None:
    """Write a batch of which the first half of the jobs is done."""
    out, file = folder / "out", folder / "jobs.jsonl"
    out.mkdir(parents=True)
    job = {"application": "generate", "model": "bundled", "steps": 1}
    lines = (job | {"prompt": f"a photo of a horse, {k}", "seed": k} for k in range(count))
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    entries = list(read_entries(file))
    jobs = plan_jobs(entries, out)
    needs_of = import_module("synoptic.jobs.placing").needs_of  # imports torch, which a worker puts off that imports this
    (out / PLAN).write_text(plan_text(jobs, Head(digest_of(entries), 1, needs_of(jobs[count // 2 :], {}))))
    for job in jobs[: count // 2]:
        (out / job.path).mkdir(parents=True)
        (out / job.path / MANIFEST).write_text(json.dumps({"state": "done", "pictures": [{"file": "a.png"}]}))


def mark(what: str) -> None:
    """Print the seconds since this process began."""
    process = psutil.Process()
    own, all_of = (
        sum(sum(p.cpu_times()[:2]) for p in found) for found in ([process], [process, *process.children(recursive=True)])
    )
    wall = time.time() - process.create_time()
    print(f"{what}: {wall:.1f} s by the clock, {own:.1f} on the CPU, {all_of:.1f} of all processes", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=["local", "ray"], default="local")
    parser.add_argument("--address")
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/synoptic-restart"))
    args = parser.parse_args()
    if not args.folder.exists():
        write_half(args.folder, args.jobs)
        print("the half-finished batch is written: call this again, it measures from its own beginning")
        return
    runs = args.folder / "out/generate"
    before = set(os.listdir(runs))
    watch_driver()
    how = {"engine": args.engine, "out": str(args.folder / "out"), "workers": 1, "exact": True, "address": args.address}
    try:
        batch.batch(str(args.folder / "jobs.jsonl"), **{key: value for key, value in how.items() if value is not None})
    except KeyboardInterrupt:
        print("stopped, as meant")
    for name in set(os.listdir(runs)) - before:
        shutil.rmtree(runs / name)


def watch_driver() -> None:
    """Let a driver say when it begins, when a worker has its first job, and when one is done, where it is stopped."""
    hand_out, said = driver.Driver.hand_out, list[str]()

    def say(what: str) -> None:
        if what not in said:
            said.append(what)
            mark(what)

    def watched(self: driver.Driver) -> None:
        say("planned, the engine is there")
        done = self.done

        def first_done(job: Job, record: Record) -> None:
            say(f"a job is {record.state}")
            done(job, record)
            raise KeyboardInterrupt

        self.done = first_done
        hand_out(self)
        if any(jobs for _, jobs in self.busy.values()):
            say("a worker has its first job")

    setattr(driver.Driver, "hand_out", watched)


if __name__ == "__main__":
    main()
