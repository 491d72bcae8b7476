"""What a worker's process imports before it has a job."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import BrokenExecutor
from pathlib import Path

import psutil
import pytest

from synoptic.jobs.local_worker import LocalWorker, first_gpu
from synoptic.jobs.planning import Job
from synoptic.jobs.process import compiles

LOADED = "print(*[name for name in ('torch', 'torch._dynamo.convert_frame') if name in sys.modules])"

SCRIPT = """
import os
print(f"{__name__}:{os.environ.get('CUDA_VISIBLE_DEVICES')}", flush=True)
if __name__ == "__main__":
    from synoptic.jobs.local_worker import LocalWorker
    worker = LocalWorker("1", True)
    worker.pool.submit(os.getpid).result()
    worker.stop()
    print(f"end:{os.environ.get('CUDA_VISIBLE_DEVICES')}")
"""


def loaded(code: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\n{LOADED}"], capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_a_worker_begins_without_torch():
    assert loaded("import synoptic.jobs.process") == []


def test_a_driver_finds_what_is_done_without_torch():
    assert loaded("import synoptic.jobs.run, synoptic.jobs.local_worker") == []


@pytest.mark.parametrize(("visible", "first"), [(None, "0"), ("", None), ("3", "3"), ("GPU-8a1b,0", "GPU-8a1b")])
def test_the_first_worker_takes_the_first_gpu(visible, first, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert first_gpu() == first


@pytest.mark.parametrize("outside", [None, "0,1"])
def test_a_workers_gpu_is_known_before_a_script_that_starts_it_imports_anything(outside, tmp_path, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if outside is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", outside)
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True, cwd=Path.cwd())
    assert done.stdout.split() == [f"__main__:{outside}", "__mp_main__:1", f"end:{outside}"]


def test_a_worker_that_is_lost_before_it_begins_says_so():
    before = psutil.Process().children()
    worker = LocalWorker(None, True)
    (process,) = (p for p in psutil.Process().children() if p not in before and "--multiprocessing-fork" in p.cmdline())
    process.kill()
    process.wait(10)
    worker.begin("out", 1, False)
    with pytest.raises(BrokenExecutor):
        worker.ready.result()
    worker.stop()


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
