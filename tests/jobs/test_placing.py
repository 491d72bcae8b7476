"""What a batch keeps of its models' memory, so that a driver that resumes it need not plan them again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from synoptic.jobs.files import Entry
from synoptic.jobs.placing import PROCESS_BYTES, fitting_workers, needs_of
from synoptic.jobs.plan_file import Head, Need, parse_head, parse_plan, plan_text
from synoptic.jobs.planning import Job, plan_jobs
from synoptic.options import options_class
from synoptic.runs.plan import make_plans

RESUMED = """
import sys
from synoptic.jobs.placing import needs_of
from synoptic.jobs.plan_file import parse_head, parse_plan
import synoptic.jobs.local
text = sys.stdin.read()
needs = needs_of(parse_plan(text)[1], parse_head(text).needs)
print(needs == parse_head(text).needs, *[name for name in ("diffusers", "transformers") if name in sys.modules])
"""


@pytest.fixture(scope="module")
def jobs(tmp_path_factory) -> list[Job]:
    """Jobs of one model: two of one shape, one of another."""
    job = {"application": "generate", "model": "bundled", "prompt": "a lemon"}
    return plan_jobs([Entry(k, job | {"steps": n, "seed": k}) for k, n in enumerate((2, 2, 3))], Path("out"))


@pytest.mark.slow
def test_needs_are_those_of_the_plan_of_a_models_first_job(jobs):
    (plan,) = make_plans(options_class("generate").from_arguments(**jobs[0].options).prepare())
    ((need,),) = needs_of(jobs, {}).values()
    assert need == Need(str(plan.device), sum(plan.weights.values()), plan.least, plan.peak)


@pytest.mark.slow
def test_a_driver_that_resumes_imports_no_diffusers(jobs):
    text = plan_text(jobs, Head("x", 1, needs_of(jobs, {})))
    done = subprocess.run([sys.executable, "-c", RESUMED], input=text, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True"]


def test_needs_of_another_shape_are_planned(jobs):
    (name,) = kept = needs_of(jobs, {})
    assert needs_of(jobs, {name: [Need("cpu", 1, 2, 3)]}) == {name: [Need("cpu", 1, 2, 3)]}
    (other,) = found = needs_of(jobs[2:], {name: [Need("cpu", 1, 2, 3)]})
    assert other != name and found[other] == kept[name]  # a step more takes no memory


def test_needs_that_no_longer_fit_are_planned_again(jobs):
    kept = needs_of(jobs, {})
    assert needs_of(jobs, {name: [Need("cpu", 1, 2, 2**60)] for name in kept}) == kept


def test_as_many_workers_fit_as_the_memory_that_is_free_holds(monkeypatch):
    monkeypatch.setattr("synoptic.jobs.placing.free_memory", lambda _: 3 * (PROCESS_BYTES + 2**30) + 1)
    small, large, too_large = ([Need("cpu", 0, 0, size)] for size in (2**20, 2**30, 2**40))
    assert fitting_workers({"a": small}, 1) == 5 and fitting_workers({"a": small, "b": large}, 1) == 3
    assert fitting_workers({"a": large, "b": too_large}, 1) == 3  # that one fails by itself


@pytest.mark.parametrize(
    "head",
    ["", "no JSON", "[]", "3", '{"from": "x"}', '{"from": "x", "threads": 1, "needs": {"a": [["cpu", 1]]}}',
     '{"from": "x", "threads": 1, "needs": {"a": [["cpu", 1, 2, "many"]]}}', '{"from": "x", "threads": 1, "needs": [1]}'],
)  # fmt: skip
def test_a_head_that_cannot_be_read_keeps_nothing(head):
    assert parse_head(head) == Head("", None, {})


def test_a_head_is_read_as_it_was_written(jobs):
    head = Head("x", 2, {"cpu of 1": [Need("cpu", 1, 2, 3), Need("cpu", 4, 5, 6)]})
    text = plan_text(jobs, head)
    assert parse_head(text) == head and parse_plan(text) == ("x", jobs)
    broken = [job._replace(options=job.options | {"prompt": "a\u2028b\x85c\x1dd"}) for job in jobs]
    assert parse_plan(plan_text(broken, head)) == ("x", broken), "what ends lines for Python ends none of JSON"
    older = json.dumps({"from": "x", "threads": 2})
    assert parse_head(older) == Head("x", 2, {}) and parse_head(older.replace("2", "-1")) == Head("x", None, {})
