"""What ten thousand jobs cost before and beside their work: jobs that do nothing, on an engine of one thread.

PYTHONPATH=. python benchmarks/batch_queue.py [--jobs 10000]: CPU seconds, and what the process holds more than before, of
reading and planning a file; of driving all jobs, at every tenth part of them; of finding a half of them done again.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

import psutil

from synoptic.jobs.driver import drive
from synoptic.jobs.files import read_entries
from synoptic.jobs.planning import Job, plan_jobs
from synoptic.jobs.records import Record
from synoptic.jobs.run import records_of
from synoptic.jobs.store import LocalStore
from synoptic.runs.folders import MANIFEST


class Idle:
    """An engine, and its worker, whose jobs are done at once."""

    deaths = (ConnectionError,)
    count = threads = 1

    def __init__(self) -> None:
        self.ready: Future[str | None] = Future()
        self.ready.set_result(None)

    def start(self) -> Idle:
        return self

    def submit(self, jobs: Sequence[Job]) -> Future[list[Record]]:
        done: Future[list[Record]] = Future()
        done.set_result([Record("done")] * len(jobs))
        return done

    def stop(self) -> None:
        pass

    def close(self) -> None:
        pass


def held() -> float:
    """Return the MiB that this process holds."""
    return psutil.Process().memory_info().rss / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_000)
    count = parser.parse_args().jobs
    with tempfile.TemporaryDirectory() as work:
        folder, file = Path(work) / "out", Path(work) / "jobs.jsonl"
        lines = ({"application": "generate", "prompt": f"a photo of a horse, {k}", "seed": k} for k in range(count))
        file.write_text("".join(json.dumps(line) + "\n" for line in lines))
        before, begin = held(), time.process_time()
        jobs = plan_jobs(read_entries(file), folder)
        print(f"planned {len(jobs)}: {time.process_time() - begin:.1f} s, {held() - before:.0f} MiB more")
        before, begin, marks = held(), time.process_time(), list[str]()

        def done(job: Job, record: Record) -> None:
            if job.line % (count // 10) == 0:
                marks.append(f"{held() - before:.1f}")

        drive(jobs, Idle(), done, 1)
        print(f"driven: {time.process_time() - begin:.1f} s; MiB more at every tenth: {', '.join(marks)}")
        for job in jobs[: count // 2]:
            (folder / job.path).mkdir(parents=True)
            (folder / job.path / MANIFEST).write_text(json.dumps({"state": "done", "pictures": [{"file": "a.png"}]}))
        begin, wall = time.process_time(), time.perf_counter()
        found = sum(record.state == "done" for record in records_of(LocalStore(folder), jobs).values())
        took = f"{time.process_time() - begin:.1f} s on the CPU, {time.perf_counter() - wall:.1f} by the clock"
        print(f"found again {found} done: {took}")


if __name__ == "__main__":
    main()
