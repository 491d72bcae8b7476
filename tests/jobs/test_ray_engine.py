"""Ray's own view of a batch: its monitor of memory ends a worker, its lists name what runs. Jobs do no work of a model."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import psutil
import pytest

from synoptic.jobs.driver import ATTEMPTS, drive
from synoptic.jobs.engine import Engine
from synoptic.jobs.planning import Job
from synoptic.jobs.records import Record
from synoptic.options.batch import BatchOptions

ray = pytest.importorskip("ray")
ray_cluster = pytest.importorskip("synoptic.jobs.ray_cluster")
get_dashboard_url = pytest.importorskip("ray._private.worker").get_dashboard_url
list_actors, list_tasks = (getattr(pytest.importorskip("ray.util.state"), name) for name in ("list_actors", "list_tasks"))
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SPARE = 2 * 10**9  # bytes that may be taken before the monitor acts
STEP, MOST = 10**8, 8 * 10**9  # that are taken at once, and in all


def job(k: int, common: str = "") -> Job:
    return Job(k, "generate", {"prompt": "a"}, f"generate/{k}", ("m", "s", common))


@pytest.fixture
def engine(monkeypatch) -> Iterator[Callable[[Callable[[int], None]], Engine]]:
    """(what an actor does with a job's line) -> Ray's engine on this machine, of one worker that does it."""
    memory = psutil.virtual_memory()
    monkeypatch.setenv("RAY_memory_usage_threshold", str((memory.total - memory.available + SPARE) / memory.total))
    monkeypatch.setenv("RAY_memory_monitor_refresh_ms", "100")
    monkeypatch.setenv("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    made: list[Engine] = []

    def build(work: Callable[[int], None]) -> Engine:
        class JobActor:
            def begin(self, *_: object) -> None:
                pass

            def carry_out(self, jobs: Sequence[Job], out: str) -> list[Record]:
                for one in jobs:
                    work(one.line)
                return [Record("done")] * len(jobs)

        monkeypatch.setattr(ray_cluster, "JobActor", JobActor)
        options = BatchOptions.from_arguments("jobs.jsonl", engine="ray", workers=1).prepare()
        made.append(ray_cluster.build(options, [job(0)], {}))
        return made[0]

    yield build
    for one in made:
        one.close()


def test_a_job_that_takes_all_memory_fails_for_that_and_the_others_are_done(engine):
    def work(line: int) -> None:
        held: list[bytes] = []
        while line == 2 and len(held) * STEP < MOST:  # until Ray ends this process
            held.append(b"x" * STEP)
            time.sleep(0.02)

    found: dict[int, Record] = {}
    drive([job(k, "shared") for k in range(4)], engine(work), lambda one, record: found.update({one.line: record}))
    assert [found[k].state for k in range(4)] == ["done", "done", "failed", "done"]
    assert found[2].message.startswith(f"memory has run out, its worker was ended for that {ATTEMPTS} times")


def test_ray_names_workers_and_jobs(engine):
    ours, seen = engine(lambda _: time.sleep(0.5)), list[str]()
    jobs = [job(k, "shared" if k < 2 else "") for k in range(3)]
    drive(jobs, ours, lambda *_: seen.extend(ray.util.list_named_actors()))
    assert len(seen) == 3 and len(set(seen)) == 1 and seen[0].startswith("synoptic ")
    url = get_dashboard_url()
    if not url:
        pytest.skip("this Ray has no dashboard: pip install 'ray[default]'")
    assert [(actor.name, actor.state) for actor in list_actors(f"http://{url}")] == [(seen[0], "ALIVE")]
    expected = {"generate, line 0: generate/0, and 1 more", "generate, line 2: generate/2"}
    states: dict[str, str] = {}
    end = time.monotonic() + 20
    while (states.keys(), set(states.values())) != (expected, {"FINISHED"}):  # what happened is told now and then
        assert time.monotonic() < end, states
        time.sleep(1)
        states = {task.name: task.state for task in list_tasks(f"http://{url}") if task.name.startswith("generate")}
