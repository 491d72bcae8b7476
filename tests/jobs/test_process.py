"""What a worker's process imports before it has a job."""

from __future__ import annotations

import subprocess
import sys

import pytest

from synoptic.jobs.planning import Job
from synoptic.jobs.process import compiles

LOADED = "print(*[name for name in ('torch', 'torch._dynamo.convert_frame') if name in sys.modules])"


def loaded(code: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\n{LOADED}"], capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_a_worker_begins_without_torch():
    assert loaded("import synoptic.jobs.process") == []


@pytest.mark.slow
def test_a_worker_begins_without_torchs_compiler():
    assert loaded("from synoptic.jobs.process import import_worker; import_worker(True)") == ["torch"]
    assert loaded("from synoptic.jobs.process import import_worker; import_worker(False)") == [
        "torch",
        "torch._dynamo.convert_frame",
    ]


def test_a_batch_that_compiles_keeps_the_compiler():
    jobs = [Job(k, "wide", {"prompt": "a", **more}, str(k), ("", "", "")) for k, more in enumerate(({}, {"compile": True}))]
    assert compiles(jobs) and not compiles(jobs[:1])
