"""The driver alone, on an engine of threads that do no work: order, lost workers, ten thousand jobs."""

from __future__ import annotations

import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from threading import Event

import pytest
import torch

from synoptic.errors import InputError
from synoptic.jobs.driver import ATTEMPTS, drive
from synoptic.jobs.planning import Job
from synoptic.jobs.records import Record
from synoptic.jobs.worker import begin


class Lost(Exception):
    pass


class ThreadWorker:
    def __init__(self, work: Callable[[Job], Record], begins: Callable[[], str | None]) -> None:
        self.pool, self.work = ThreadPoolExecutor(1), work
        self.ready: Future[str | None] = self.pool.submit(begins)

    def submit(self, jobs: Sequence[Job]) -> Future[list[Record]]:
        return self.pool.submit(lambda: [self.work(job) for job in jobs])

    def stop(self) -> None:
        self.pool.shutdown(wait=False)


class Threads:
    """An engine whose workers call `work(job)`; an error Lost means that the worker is lost."""

    deaths, threads = (Lost,), 1

    def __init__(self, count: int, work: Callable[[Job], Record], begins: Callable[[], str | None] = lambda: None) -> None:
        self.count, self.work, self.begins = count, work, begins
        self.started = 0

    def start(self) -> ThreadWorker:
        self.started += 1
        return ThreadWorker(self.work, self.begins)

    def close(self) -> None:
        pass


def job(k: int, model: str = "m", shape: str = "s", common: str = "") -> Job:
    return Job(k, "generate", {"prompt": "a"}, f"generate/{k}", (model, shape, common))


def test_jobs_of_a_model_and_a_shape_follow_one_another():
    jobs = [job(k, f"m{k % 2}", f"s{k % 3}") for k in range(60)]
    order: list[tuple[str, str, str]] = []
    drive(jobs, Threads(1, lambda one: order.append(one.group) or Record("done")), lambda *_: None)
    changes = [(a, b) for a, b in pairwise(order) if a != b]
    assert len(order) == 60 and len(changes) == 5 and sum(a[0] != b[0] for a, b in changes) == 1


def test_jobs_that_can_share_calls_are_handed_out_together_and_by_themselves_after_a_loss():
    handed: list[list[int]] = []

    class Sharing(Threads):
        def start(self) -> ThreadWorker:
            worker = super().start()
            submit = worker.submit
            worker.submit = lambda jobs: handed.append([one.line for one in jobs]) or submit(jobs)
            return worker

    def work(one: Job) -> Record:
        if one.line == 21 and [21] not in handed:
            raise Lost
        return Record("done")

    jobs = (
        [job(k, common="a") for k in range(20)]
        + [job(k, common="b") for k in range(20, 23)]
        + [job(k) for k in range(23, 25)]
    )
    done: list[int] = []
    drive(jobs, Sharing(1, work), lambda one, _: done.append(one.line), sharing=8)
    assert [len(lines) for lines in handed[:4]] == [8, 8, 4, 3] and sorted(done) == list(range(25))
    assert sorted(handed[4:]) == [[20], [21], [22], [23], [24]]
    handed.clear()
    drive(jobs[:20], Sharing(1, work), lambda *_: None, sharing=1)
    assert handed == [[k] for k in range(20)]


def test_an_error_of_several_jobs_is_that_of_one():
    def work(one: Job) -> Record:
        if one.line == 3:
            raise OSError("No space left on device")
        return Record("done")

    found: dict[int, str] = {}
    drive(
        [job(k, common="a") for k in range(8)], Threads(1, work), lambda one, record: found.update({one.line: record.state})
    )
    assert found == {k: "failed" if k == 3 else "done" for k in range(8)}


def test_a_lost_worker_is_replaced_and_its_job_done_by_another():
    tried: Counter[int] = Counter()

    def work(one: Job) -> Record:
        tried[one.line] += 1
        if one.line % 5 == 0 and tried[one.line] < 3:
            raise Lost
        return Record("done")

    records: dict[str, Record] = {}
    engine = Threads(2, work)
    drive([job(k) for k in range(20)], engine, lambda one, record: records.update({one.path: record}))
    assert {record.state for record in records.values()} == {"done"} and len(records) == 20
    assert engine.started in (1 + 8, 2 + 8)  # the last loss needs no other where one is idle
    assert all(tried[k] == (3 if k % 5 == 0 else 1) for k in range(20))


def test_a_job_that_costs_every_worker_fails_and_the_others_go_on():
    def work(one: Job) -> Record:
        if one.line == 3:
            raise Lost
        return Record("done")

    found: dict[int, Record] = {}
    drive([job(k) for k in range(8)], Threads(2, work), lambda one, record: found.update({one.line: record}))
    assert {k: record.state for k, record in found.items()} == {k: "failed" if k == 3 else "done" for k in range(8)}
    assert found[3].message == "its worker was lost 5 times: a crash, or no memory (Lost)"
    assert ATTEMPTS == 5


def test_jobs_whose_worker_is_ended_for_want_of_memory_go_on_alone_and_say_so():
    class OutOfMemoryError(Lost):
        """As Ray's, which its monitor of memory causes."""

    handed: Counter[int] = Counter()

    def work(one: Job) -> Record:
        handed[one.line] += 1
        if one.line == 2:
            raise OutOfMemoryError("1 worker(s) were killed due to the node running low on memory")
        return Record("done")

    found: dict[int, Record] = {}
    jobs = [job(k, common="a") for k in range(4)]
    drive(jobs, Threads(1, work), lambda one, record: found.update({one.line: record}))
    assert [found[k].state for k in range(4)] == ["done", "done", "failed", "done"] and handed[2] == ATTEMPTS
    assert found[2].message.startswith("memory has run out, its worker was ended for that 5 times: ask for")


def test_what_cannot_be_written_is_a_failure_of_that_job_alone():
    def work(one: Job) -> Record:
        if one.line == 3:
            raise OSError("No space left on device")
        return Record("done")

    found: dict[int, Record] = {}
    drive([job(k) for k in range(8)], Threads(2, work), lambda one, record: found.update({one.line: record}))
    assert found[3].state == "failed" and "No space left" in found[3].message and len(found) == 8


def test_a_lost_workers_jobs_go_to_the_one_that_is_idle():
    lost, other = Event(), Event()

    def work(one: Job) -> Record:
        if one.line == 1:
            other.set()
        elif not lost.is_set():
            lost.set()
            other.wait(30)
            time.sleep(0.2)  # until the other worker's end is known
            raise Lost
        return Record("done")

    engine, found = Threads(2, work), list[int]()
    drive([job(0), job(1)], engine, lambda one, _: found.append(one.line))
    assert sorted(found) == [0, 1] and engine.started == 2


def test_room_that_a_node_brings_gets_a_worker():
    class Growing(Threads):
        def start(self) -> ThreadWorker:
            self.count = 3  # a node joins once the first worker is asked for
            return super().start()

    engine, found = Growing(1, lambda _: Record("done")), list[int]()
    drive([job(k) for k in range(9)], engine, lambda one, _: found.append(one.line))
    assert sorted(found) == list(range(9)) and engine.started == 3


def test_a_worker_that_sees_no_folder_ends_the_batch_and_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # what begin changes of this process is put back
    monkeypatch.setenv("TQDM_DISABLE", "1")
    threads, place = torch.get_num_threads(), str(tmp_path)
    said = begin(place, str(tmp_path / "nowhere"), threads, False)
    assert said and "on shared storage" in said and begin(place, place, threads, False) is None
    assert begin(place, "s3://bucket/study", threads, False) is None
    with pytest.raises(InputError, match="shared storage") as e:
        drive([job(0)], Threads(1, lambda _: Record("done"), lambda: said), lambda *_: None)
    assert e.value.rule == "workers-begin"


def test_an_exact_batch_is_not_carried_out_by_fewer_cores_than_it_began_with(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TQDM_DISABLE", "1")
    threads = torch.get_num_threads()
    said = begin(str(tmp_path), str(tmp_path), 1000, True)
    assert said and "1000 a worker" in said and torch.get_num_threads() == threads
    assert begin(str(tmp_path), str(tmp_path), 1, True) is None and torch.get_num_threads() == 1
    torch.set_num_threads(threads)


def test_workers_that_never_begin_end_the_batch():
    def begins() -> None:
        raise Lost("no driver for this device")

    with pytest.raises(InputError, match="no driver for this device") as e:
        drive([job(0)], Threads(2, lambda _: Record("done"), begins), lambda *_: None)
    assert e.value.rule == "workers-lost"


@pytest.mark.slow
def test_ten_thousand_jobs_of_no_work_leave_memory_as_it_is():
    jobs = [job(k, f"m{k % 3}", f"s{k % 7}") for k in range(10_000)]
    count, peaks = 0, list[int]()

    def done(one: Job, record: Record) -> None:
        nonlocal count
        count += 1
        if count % 1000 == 0:
            peaks.append(tracemalloc.get_traced_memory()[0])

    tracemalloc.start()
    drive(jobs, Threads(4, lambda _: Record("done")), done)
    tracemalloc.stop()
    assert count == 10_000 and max(peaks[1:]) - peaks[0] < 2**20
