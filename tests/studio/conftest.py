"""A studio without a browser, its folder, and its queue."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

pytest.importorskip("gradio")

from fastapi.testclient import TestClient

from synoptic.options.studio import StudioOptions
from synoptic.studio.jobs import Job, Jobs
from synoptic.studio.permissions import Permissions
from synoptic.studio.server import build
from tests.studio import browser

QUICK = {"prompt": ["a photo of a horse"], "steps": 2, "upscalers": ["none"], "model": "bundled-if"}


@pytest.fixture(autouse=True)
def no_job_goes_on(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Stop what a test's studios still do when it is over: a job would go on by what the next test patches."""
    begun: list[Jobs] = []
    begin = Jobs.begin

    def recorded(jobs: Jobs) -> None:
        begun.append(jobs)
        begin(jobs)

    monkeypatch.setattr(Jobs, "begin", recorded)
    yield
    for jobs in begun:
        left = [job for job in jobs.of(None) if job.active]
        for job in left:
            jobs.stop(job)
        ended(*left)


@pytest.fixture
def studio(tmp_path: Path) -> Callable[..., Jobs]:
    """options -> the queue of a studio whose folder is new."""
    return partial(queue, tmp_path / "outputs")


def queue(folder: Path, **options: object) -> Jobs:
    """Begin the queue of a studio whose pictures lie in a folder."""
    asked = StudioOptions.from_arguments(out=str(folder), **options).prepare()
    uploads = folder / ".studio" / "uploads"
    uploads.mkdir(parents=True, exist_ok=True)
    jobs = Jobs(folder, Permissions(asked, uploads))
    jobs.begin()
    return jobs


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The address of a studio in a process of its own, and its folder."""
    folder = tmp_path_factory.mktemp("studio")
    with browser.studio(folder) as (address, _):
        yield address, folder


@pytest.fixture(scope="module", autouse=True)
def one_browser() -> Iterator[None]:
    """Keep the browser for the tests of a module."""
    yield
    browser.close_chromium()


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., TestClient]:
    """(password, options) -> a client of a studio that listens."""
    return clients(tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def listening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TestClient, Path]]:
    """A client of a studio that listens, for requests that leave nothing behind, and its folder."""
    folder = tmp_path_factory.mktemp("listening")
    with pytest.MonkeyPatch.context() as patch:
        yield clients(folder, patch)(), folder


def clients(folder: Path, patch: pytest.MonkeyPatch) -> Callable[..., TestClient]:
    """(password, options) -> a client of a studio that listens, whose pictures lie in a folder beside a secret."""
    patch.setenv("GRADIO_TEMP_DIR", str(folder / "served"))
    (folder / "secret.txt").write_text("the secret of this machine")

    def connect(password: str = "", **options: object) -> TestClient:
        asked = StudioOptions.from_arguments(out=str(folder / "outputs"), listen=True, **options)
        return TestClient(build(asked.prepare(), password), raise_server_exceptions=False)

    return connect


def ended(*jobs: Job, seconds: float = 200) -> None:
    """Wait until jobs have ended."""
    until = time.monotonic() + seconds
    while any(job.active for job in jobs):
        assert time.monotonic() < until, [job.state for job in jobs]
        time.sleep(0.02)
