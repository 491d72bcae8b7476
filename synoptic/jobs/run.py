"""One batch from its plan to its end: what is finished is found again, the rest goes to the engine's workers."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from importlib import import_module
from types import MappingProxyType

from filelock import FileLock, Timeout

from synoptic.errors import InputError, user_path
from synoptic.io.progress import progress_bar
from synoptic.jobs.driver import SHARING, Driver
from synoptic.jobs.engine import Engine
from synoptic.jobs.plan_file import Head, parse_head, parse_plan, plan_text
from synoptic.jobs.planning import LOCK, PLAN, Job
from synoptic.jobs.records import Record, read_record
from synoptic.jobs.store import Store, check_store, is_url, open_store, workplace
from synoptic.jobs.table import Batch
from synoptic.options.batch import BatchOptions
from synoptic.utils.counted import counted
from synoptic.utils.deferred_imports import collector_paused
from synoptic.utils.interrupts import uninterrupted
from synoptic.utils.streams import error_stream
from synoptic.utils.timing import Interval

ENGINES = {"local": "synoptic.jobs.local", "ray": "synoptic.jobs.ray_cluster"}
AHEAD = {"local": "synoptic.jobs.local_worker", "ray": "synoptic.jobs.ray_connection"}
READERS = 16  # threads that look for what is finished
LAST = 256  # jobs that are looked at first: some of them wait where a batch was stopped, none where it has ended


def run(options: BatchOptions, jobs: Sequence[Job], digest: str, files: Mapping[str, str] = MappingProxyType({})) -> Batch:
    """Carry out jobs that were planned of these files. Raises InputError before anything runs."""
    check_store(options.out)
    store = open_store(options.out)
    again = ("waiting", "failed") if options.retry_failed else ("waiting",)
    with alone(options.out), workplace(options.out, store) as (place, ended), ExitStack() as stack:
        last = records_of(store, jobs[-LAST:])
        waits = any(record.state in again for record in last.values())
        begun = stack.enter_context(begin_ahead(options, jobs)) if waits else None
        batch = Batch(options.out, jobs, records_of(store, jobs[:-LAST]) | last)
        todo = [job for job in jobs if batch.records[job.path].state in again]
        if todo and not waits:
            begun = stack.enter_context(begin_ahead(options, jobs))
        kept = parse_head(store.read(PLAN) or "")
        same = kept.digest == digest and kept.files == files
        head = Head(digest, kept.threads, kept.needs if same else {}, files)
        engine, head = engine_of(replace(options, out=place), todo, head, begun) if todo else (None, head)
        store.write(PLAN, plan_text(jobs, head))
        if engine:
            carry_out(todo, engine, batch, store, ended, 1 if options.exact else SHARING)
        batch.write(store)
    return batch


def begin_ahead(options: BatchOptions, jobs: Sequence[Job]) -> AbstractContextManager[object]:
    """Return what begins, in a context, what an engine takes long for, while this process finds what is done."""
    return import_module(AHEAD[options.engine]).ahead(options, jobs)


def engine_of(options: BatchOptions, jobs: Sequence[Job], kept: Head, begun: object) -> tuple[Engine, Head]:
    """Build the engine for jobs; return with it what the batch is to keep."""
    with collector_paused():
        module, needs_of = import_module(ENGINES[options.engine]), import_module("synoptic.jobs.placing").needs_of
    needs = needs_of(jobs, kept.needs)
    engine = module.build(options, jobs, needs, kept.threads, begun)
    return engine, kept._replace(threads=engine.threads, needs=needs)


def carry_out(
    todo: Sequence[Job], engine: Engine, batch: Batch, store: Store, ended: Callable[[str], None], sharing: int
) -> None:
    """Hand jobs to the engine's workers, `ended` with the path of each that has come to an end.

    The table and the page follow now and then.
    """
    interval, kept = Interval(), len(batch.jobs) - len(todo)
    how = f"{counted(len(todo), 'job')}, {engine.count} at once, threads of each: {engine.threads}"
    print(how + (f"; there already: {counted(kept, 'job')}" if kept else ""), file=error_stream())
    try:
        with progress_bar("batch", len(todo), unit="job") as tick:

            def done(job: Job, record: Record) -> None:
                ended(job.path)
                batch.records[job.path] = record
                tick()
                if interval.is_over():
                    with interval.writing():
                        batch.write(store)

            driver = Driver(todo, engine, done, sharing)
            driver.hand_out()  # workers begin while the table is written
            batch.write(store)
            driver.finish()
    finally:
        with uninterrupted():
            engine.close()
            batch.write(store)


def status(out: str) -> Batch:
    """Return how the batch in a folder stands. Raises InputError where there is none."""
    store = open_store(out)
    text = store.read(PLAN)
    _, jobs = parse_plan(text or "")
    if not jobs and text is not None:
        raise InputError(
            f"--status reads the {PLAN} that a batch wrote, that in {out} is none such: give the command of the batch again,"
            " which writes it anew and keeps what is finished",
            rule="batch-plan",
        )
    if not jobs:
        raise InputError(f"--status takes the folder of a batch, {out} holds none: check the path", rule="batch-missing")
    return Batch(out, jobs, records_of(store, jobs), only_status=True)


def records_of(store: Store, jobs: Sequence[Job]) -> dict[str, Record]:
    """Return what the folder of every job says."""

    def read(some: Sequence[Job]) -> dict[str, Record]:
        return {job.path: read_record(lambda name, job=job: store.read(f"{job.path}/{name}"), job.inputs) for job in some}

    with ThreadPoolExecutor(READERS) as pool:
        found = dict(ChainMap(*pool.map(read, [jobs[k::READERS] for k in range(READERS)])))
    return {job.path: found[job.path] for job in jobs}


@contextmanager
def alone(out: str) -> Iterator[None]:
    """Hold a folder of this machine for one batch. Raises InputError where another one has it."""
    if is_url(out):
        yield
        return
    folder = user_path(out)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / LOCK, timeout=0):
            yield
    except Timeout:
        raise InputError(
            f"a folder has one batch at a time, another works in {out}: wait for its end, or choose another --out",
            rule="batch-busy",
        ) from None
