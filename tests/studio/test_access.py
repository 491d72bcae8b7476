"""What a browser may see: its own jobs where others listen, and files under names that nobody can guess."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from synoptic.studio.access import Access
from synoptic.studio.jobs import Job
from tests.quick import slow_ones
from tests.studio.conftest import QUICK, ended, queue

FORGED = ["", "me", "../me", "a" * 21, "a" * 23, "*" * 22, None, 7, ["me"], {"owner": "me"}]


@pytest.fixture(scope="module")
def painted(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[Access, Job]]:
    """options -> (access, a finished job of "me"), painted once for the same options."""

    @cache
    def paint(**options: bool) -> tuple[Access, Job]:
        folder = tmp_path_factory.mktemp("painted")
        jobs = queue(folder / "outputs", **options)
        job = jobs.submit("generate", QUICK, "me")
        ended(job)
        return Access(jobs, folder / "served", "secret"), job

    return paint


@pytest.mark.parametrize(
    ("options", "shared"),
    slow_ones(
        [({}, True), ({"listen": True}, False), ({"listen": True, "shared_history": True}, True)],
        [({"listen": True, "shared_history": True}, True)],
    ),
)
def test_a_browser_sees_its_own_and_others_only_where_it_is_shared(painted, options, shared):
    access, job = painted(**options)
    assert access.own("me", job.id) is job and access.past("me") == job.pictures() == access.finished("me", job.id)
    assert (access.own("someone else", job.id) is job) == shared
    assert access.past("someone else") == access.finished("someone else", job.id) == (job.pictures() if shared else [])


def test_the_history_shows_the_pictures_of_a_study_and_of_its_runs_once(painted):
    access, job = painted(shared_history=False)  # a picture of its own, which is moved
    (picture,) = job.pictures()
    study = access.jobs.folder / "study"
    study.mkdir()
    picture.parent.rename(study / "one")
    (study / "run.json").write_text(json.dumps({"pictures": [{"file": f"one/{picture.name}"}]}))
    assert access.past("me") == [study / "one" / picture.name]


@pytest.mark.parametrize("forged", FORGED)
def test_a_forged_name_or_id_is_nobodys(painted, forged):
    access, job = painted(listen=True)
    assert access.own("me", forged) is None
    assert forged == "me" or access.own(forged, job.id) is None
    assert access.recognize(forged) != forged and len(access.recognize(forged)) == 22


def test_what_is_served_cannot_be_guessed_and_is_a_copy(painted):
    access, job = painted()
    (picture,) = job.pictures()
    copy, served = access.publish(picture), job.folder.parents[2] / "served"
    other = Access(access.jobs, served, "another secret").publish(picture)
    assert copy != other and copy.startswith(str(served)) and Path(copy).read_bytes() == picture.read_bytes()
    assert access.publish(picture) == copy and access.archive(picture.parent).endswith(".zip")
