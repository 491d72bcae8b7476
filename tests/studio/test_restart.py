"""A studio that is killed in mid-job: when it starts again, the job goes on and the history is complete."""

from __future__ import annotations

import json
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("gradio")

from synoptic.io import read_settings
from tests.studio.browser import studio
from tests.studio.conftest import QUICK


def call(address: str, path: str, body: object = None) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address + path, data, {"content-type": "application/json"})
    return json.loads(urllib.request.urlopen(request).read())


def wait(address: str, id: object, *states: str) -> dict[str, Any]:
    until = time.monotonic() + 240
    while True:
        job = call(address, f"/api/jobs/{id}")
        if job["state"] in states or (job["state"] == "running" and "stepping" in states and job["steps"]):
            return job
        assert time.monotonic() < until, job
        time.sleep(0.1)


@pytest.mark.slow
def test_a_kill_in_mid_job_loses_nothing(tmp_path: Path):
    asked = [
        {"application": "generate", "options": QUICK | {"seed": 1}},
        {"application": "generate", "options": QUICK | {"steps": 60, "seed": 2}},
        {"application": "generate", "options": QUICK | {"seed": 3}},
    ]
    with studio(tmp_path) as (address, process):
        ids = [call(address, "/api/jobs", one)["id"] for one in asked]
        wait(address, ids[0], "done")
        wait(address, ids[1], "stepping")
        process.kill()
        process.wait(20)
    with studio(tmp_path) as (address, _):
        jobs = [wait(address, id, "done", "failed") for id in ids]
    assert [job["state"] for job in jobs] == ["done"] * 3 and all(len(job["pictures"]) == 1 for job in jobs)
    pictures = sorted(file for file in tmp_path.glob("generate/*/a_photo_of_a_horse*.png"))
    assert sorted(read_settings(file)["options"]["seed"] for file in pictures) == [1, 2, 3]
    for folder in {file.parent for file in pictures}:
        assert json.loads((folder / "run.json").read_text())["state"] == "done"
    assert not list(tmp_path.rglob("*.tmp*"))
