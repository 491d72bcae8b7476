"""Batches of real runs: bitwise the single ones, whatever is killed; finished work is kept; a failure costs no other job."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from collections import Counter
from contextlib import nullcontext
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from PIL import Image

import synoptic as syn
from synoptic.errors import InputError
from synoptic.io import load_image
from synoptic.jobs import run as batch_run
from synoptic.jobs.batch import planned_before
from synoptic.jobs.files import Entry, read_entries
from synoptic.jobs.plan_file import Head, plan_text
from synoptic.jobs.planning import PLAN, Job, plan_jobs
from synoptic.jobs.records import read_record
from synoptic.jobs.store import open_store
from synoptic.jobs.worker import carry_out_job, carry_out_jobs
from synoptic.options.batch import BatchOptions

HOW = {"model": "bundled", "steps": 2, "dtype": "float32"}
ROOT = Path(__file__).parents[2]
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


def job_of(path: str, **options: object) -> Job:
    return Job(1, "generate", {"prompt": "a photo of a horse", **HOW, **options}, path, ("", "", ""))


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "synoptic", "batch", *words]


def test_a_job_is_the_run_of_the_command_line(tmp_path):
    record = carry_out_job(job_of("x/y", seed=3), str(tmp_path / "out"))
    run = syn.run("generate", "a photo of a horse", seed=3, out=str(tmp_path / "alone"), **HOW)
    assert record.state == "done" and record.score == run.pictures[0].score and record.device == "cpu float32"
    (picture,) = record.pictures
    assert (tmp_path / "out/x/y" / picture).read_bytes() == (run.folder / picture).read_bytes()


@pytest.mark.slow
def test_jobs_that_share_calls_are_single_runs_to_rounding(tmp_path):
    shared = [
        job_of(f"x/{k}", seed=k, prompt=prompt) for k, prompt in enumerate(("a photo of a horse", "a red mug", "a lemon"))
    ]
    records = carry_out_jobs(shared, str(tmp_path / "out"))
    assert [(record.state, record.shared_by) for record in records] == [("done", 3)] * 3
    for job, record in zip(shared, records, strict=True):
        alone = carry_out_job(job, str(tmp_path / "alone"))
        a, b = (load_image(tmp_path / place / job.path / record.pictures[0]) for place in ("out", "alone"))
        assert np.abs(np.asarray(a, int) - np.asarray(b, int)).max() <= 1
        shared_run, same = (json.loads((tmp_path / place / job.path / "run.json").read_text()) for place in ("out", "alone"))
        assert [shared_run[name] == same[name] for name in ("options", "model", "state")] == [True] * 3
        assert record.score == pytest.approx(alone.score, abs=1e-3)
        assert alone.shared_by == 1 and alone.pictures == record.pictures
        assert {file.name for file in (tmp_path / "out" / job.path).iterdir()} == {
            file.name for file in (tmp_path / "alone" / job.path).iterdir()
        }


@pytest.mark.slow
def test_a_picture_that_shared_calls_is_never_called_a_single_runs(tmp_path):
    """Of a batch that was killed some pictures are there: the run that goes on alone keeps them, and says so."""
    job = job_of("x", seed=0, count=2)
    carry_out_jobs([job, job_of("y", seed=5)], str(tmp_path))
    manifest, (kept, lost) = tmp_path / "x/run.json", sorted((tmp_path / "x").glob("a_*.png"))
    manifest.write_text(manifest.read_text().replace('"state": "done"', '"state": "running"'))
    lost.unlink()
    (tmp_path / "x/failed.json").write_text("{}")
    assert carry_out_job(job, str(tmp_path)).shared_by == 2 and kept.exists() and lost.exists()
    for file in (kept, lost):
        file.unlink()
    (tmp_path / "x/failed.json").write_text('{"message": "of before"}')
    (again, _) = carry_out_jobs([job, job_of("z", seed=6)], str(tmp_path))
    assert again.state == "done" and again.shared_by == 2 and not (tmp_path / "x/failed.json").exists()
    for file in (kept, lost):
        file.unlink()
    assert carry_out_job(job, str(tmp_path)).shared_by == 1


@pytest.mark.slow
def test_a_job_that_fails_beside_others_costs_them_nothing(tmp_path):
    jobs = [job_of(f"x/{k}", seed=k) for k in range(3)]
    (tmp_path / "x").mkdir()
    (tmp_path / "x/1").write_text("a file where a folder should be")
    with pytest.raises(OSError):
        carry_out_jobs(jobs, str(tmp_path))
    (tmp_path / "x/1").unlink()
    assert carry_out_job(job_of("x/1", steps=1), str(tmp_path)).state == "done"
    manifest = tmp_path / "x/1/run.json"
    manifest.write_text(manifest.read_text().replace('"state": "done"', '"state": "running"'))
    found = carry_out_jobs(jobs, str(tmp_path))
    assert [(record.state, record.shared_by) for record in found] == [("done", 1), ("failed", 1), ("done", 1)]
    assert "holds another" in found[1].message


@pytest.mark.parametrize(
    ("application", "options", "sharing"),
    [
        ("generate", {"prompt": "a", "grid": {"seed": "0..1", "prompt": ["a cat", "a dog"]}}, 4),
        ("generate", {"prompt": "a", "grid": {"guidance_scale": [3, 5]}}, 1),
        ("generate", {"prompt": "a", "trace": True, "grid": {"seed": "0..1"}}, 0),
        ("anagram", {"prompt": ["a lion", "a cat"], "grid": {"seed": "0..2"}}, 3),
        ("anagram", {"prompt": ["a lion", "a cat"], "seed_search": 4, "grid": {"seed": "0..2"}}, 0),
        ("wide", {"grid": {"prompt": ["a beach", "dunes"], "seed": "0..1"}}, 4),
        ("wide", {"grid": {"prompt": [["a beach", "dunes"]], "seed": "0..1"}, "prompt_travel": True}, 2),
        ("invert", {"image": "PICTURE", "grid": {"prompt": ["a beach", "dunes"]}}, 0),
    ],
)
def test_which_jobs_can_share_calls(application, options, sharing, tmp_path):
    Image.new("RGB", (64, 64)).save(tmp_path / "picture.png")
    written = {key: str(tmp_path / "picture.png") if value == "PICTURE" else value for key, value in options.items()}
    if "grid" in written and "prompt" in written["grid"]:
        written.pop("prompt", None)
    jobs = plan_jobs([Entry(1, {"application": application, "model": "bundled", **written})], tmp_path)
    by_common = Counter(job.group[2] for job in jobs)
    assert by_common.pop("", 0) == (0 if sharing else len(jobs)) and all(n == sharing for n in by_common.values())


def test_a_job_that_fails_says_why_in_its_folder_and_can_be_tried_again(tmp_path):
    record = carry_out_job(job_of("x", device="cuda:77"), str(tmp_path))
    assert record.state == "failed" and "the device must be usable" in record.message
    assert json.loads((tmp_path / "x/failed.json").read_text())["message"] == record.message
    store = open_store(str(tmp_path))
    assert read_record(lambda name: store.read(f"x/{name}")) == record
    assert carry_out_job(job_of("x"), str(tmp_path)).state == "done"
    assert not (tmp_path / "x/failed.json").exists()


@pytest.mark.slow
def test_results_go_where_fsspec_reaches(tmp_path):
    fsspec = pytest.importorskip("fsspec")
    record = carry_out_job(job_of("x/y"), "memory://batch")
    files = fsspec.filesystem("memory")
    assert record.state == "done" and {Path(f).name for f in files.find("/batch")} == {"run.json", *record.pictures}
    run = syn.run("generate", "a photo of a horse", out=str(tmp_path), **HOW)
    assert files.cat(f"/batch/x/y/{record.pictures[0]}") == (run.folder / record.pictures[0]).read_bytes()
    store = open_store("memory://batch")
    assert read_record(lambda name: store.read(f"x/y/{name}")) == record
    assert read_record(lambda name: store.read(f"x/z/{name}")).state == "waiting"


@pytest.mark.slow
def test_a_script_whose_workers_would_begin_batches_is_told_so(tmp_path):
    jobs = [{"application": "generate", "prompt": "a lemon", **HOW}]
    (tmp_path / "script.py").write_text(
        f"import synoptic as syn\nsyn.batch({jobs}, out={str(tmp_path / 'out')!r}, workers=1)\n"
    )
    done = subprocess.run([sys.executable, str(tmp_path / "script.py")], capture_output=True, text=True, env=ENVIRONMENT)
    assert done.returncode == 1 and 'below `if __name__ == "__main__":`' in done.stderr
    assert done.stderr.count("Traceback") == 1 and not list(tmp_path.rglob("*.png"))


@pytest.mark.slow
def test_a_batch_stays_in_the_memory_of_the_process_that_asks(tmp_path):
    fsspec = pytest.importorskip("fsspec")
    files = fsspec.filesystem("memory")
    good = {"application": "generate", "prompt": "a photo of a horse", **HOW, "out": "horse"}
    jobs = [good, {"application": "generate", "prompt": "a cat", **HOW, "device": "cuda:77", "out": "cat"}]
    found = syn.batch(jobs, out="memory://pets", workers=1)
    assert list(found.failed) == ["cat"] and "cuda:77" in files.cat("/pets/cat/failed.json").decode()
    run = syn.run("generate", "a photo of a horse", out=str(tmp_path), **HOW)
    picture = run.pictures[0].file
    a, b = (
        Image.open(io.BytesIO(data)) for data in (files.cat(f"/pets/horse/{picture}"), (run.folder / picture).read_bytes())
    )
    assert np.abs(np.asarray(a, int) - np.asarray(b, int)).max() <= 1
    assert {Path(name).name for name in files.ls("/pets", detail=False)} >= {"batch.tsv", "index.html", "horse", "cat"}
    made = files.info(f"/pets/horse/{picture}")["created"]
    again = syn.batch([good], out="memory://pets", workers=1)
    assert str(again).startswith("1 job: 1 done\n") and files.info(f"/pets/horse/{picture}")["created"] == made
    files.rm("/pets", recursive=True)


@pytest.mark.slow
def test_a_batch_goes_to_s3_and_is_found_there_again(tmp_path, monkeypatch):
    moto, s3fs = pytest.importorskip("moto.server"), pytest.importorskip("s3fs")
    server = moto.ThreadedMotoServer(port=0)
    server.start()
    settings = {"AWS_ENDPOINT_URL": "http://{}:{}".format(*server.get_host_and_port()), "AWS_DEFAULT_REGION": "us-east-1"}
    settings |= {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    try:
        files = s3fs.S3FileSystem()
        files.mkdir("pictures")
        jobs = [{"application": "generate", "prompt": "a lemon", **HOW, "grid": {"seed": "0..1"}}]
        found = syn.batch(jobs, out="s3://pictures/batch", workers=1)
        names = {"batch.tsv", "index.html", "jobs.jsonl", "generate", *(["batch.parquet"] if find_spec("pyarrow") else [])}
        assert not found.failed and {place.rpartition("/")[2] for place in files.ls("pictures/batch")} == names
        before = {
            name: about["LastModified"] for name, about in files.find("pictures", detail=True).items() if "png" in name
        }
        again = syn.batch(jobs, out="s3://pictures/batch", workers=1)
        files.invalidate_cache()
        assert again.records == found.records and len(before) == 2
        after = files.find("pictures", detail=True)
        assert {name: after[name]["LastModified"] for name in before} == before
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({}, "batch-jobs"),
        ({"jobs": "a.jsonl", "status": "x"}, "batch-jobs"),
        ({"jobs": "a.jsonl", "address": "auto"}, "batch-address"),
        ({"jobs": "nix.jsonl"}, "jobs-missing"),
        ({"status": "/nowhere"}, "batch-missing"),
        ({"jobs": "a.jsonl", "out": "memory://batch"}, "out-memory"),
        ({"jobs": "a.jsonl", "out": "memory://batch", "engine": "ray"}, "out-memory"),
    ],
)
def test_a_wrong_call_is_refused(options, rule, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if options.get("engine") == "ray":
        pytest.importorskip("ray")
    if rule == "out-memory":
        (tmp_path / "a.jsonl").write_text('{"application": "generate", "prompt": "a"}\n')
    from synoptic.jobs.batch import execute
    from synoptic.options.batch import BatchOptions

    with pytest.raises(InputError) as e:
        execute(BatchOptions.from_arguments(**options).prepare())
    assert e.value.rule == rule


def test_a_wrong_file_is_refused_before_anything_loads(tmp_path, ask):
    (tmp_path / "jobs.jsonl").write_text('{"application": "generate", "prompt": "a", "steps": 0}\n')
    ((code, error, has_torch),) = ask([["batch", str(tmp_path / "jobs.jsonl"), "--out", str(tmp_path / "out")]])
    assert code == 2 and not has_torch and not (tmp_path / "out").exists()
    assert error == "synoptic: error: line 1: --steps must be at least 1, 0 was given: raise it (nothing was run)\n"


@pytest.mark.parametrize(
    ("undone", "asked", "begun"),
    [((), {}, 0), ((0,), {}, 1), ((299,), {}, 1), ((), {"retry_failed": True}, 1)],
)
def test_a_worker_begins_only_where_a_job_waits(undone, asked, begun, tmp_path, monkeypatch):
    jobs = [Job(k, "generate", {"prompt": "a cat"}, str(k), ("", "", "")) for k in range(300)]
    for k in sorted({*range(300)} - {*undone}):
        (tmp_path / str(k)).mkdir()
        name, said = ("failed.json", {"message": "no memory"}) if k == 5 else ("run.json", {"state": "done", "pictures": []})
        (tmp_path / str(k) / name).write_text(json.dumps(said))
    begins = []
    monkeypatch.setattr(batch_run, "begin_ahead", lambda *_: begins.append(1) or nullcontext())
    monkeypatch.setattr(batch_run, "engine_of", lambda options, todo, head, begun: (None, head))
    found = batch_run.run(BatchOptions(out=str(tmp_path), **asked), jobs, "digest")
    assert len(begins) == begun and list(found.records) == [job.path for job in jobs]


def test_a_worker_that_was_begun_ends_with_a_batch_that_is_refused(tmp_path):
    before = psutil.Process().children()
    with pytest.raises(InputError) as e:
        syn.batch(
            [{"application": "generate", "prompt": "a cat", **HOW, "grid": {"seed": "0..999"}}],
            out=str(tmp_path),
            workers=1000,
        )
    assert e.value.rule == "workers-memory"
    assert not [p for p in psutil.Process().children() if p not in before and "--multiprocessing-fork" in p.cmdline()]


def save_picture(file: Path, color: str) -> None:
    Image.new("RGB", (256, 256), color).save(file)


@pytest.mark.slow
def test_jobs_whose_files_changed_are_run_again_and_no_others(tmp_path):
    """One with a folder of its own name is refused, as the run itself would be."""
    for name in ("a.png", "b.png"):
        save_picture(tmp_path / name, "red")
    edits = [{"application": "edit", "image": str(tmp_path / name), "prompt": "a cat", **HOW} for name in ("a.png", "b.png")]
    edits[1] |= {"out": "mine"}
    first = syn.batch(edits, out=str(tmp_path / "out"), workers=1)
    made = {file: file.stat().st_mtime_ns for file in (tmp_path / "out").rglob("run.json")}
    os.utime(tmp_path / "a.png")
    assert syn.batch(edits, out=str(tmp_path / "out"), workers=1).jobs == first.jobs
    save_picture(tmp_path / "a.png", "blue")
    second = syn.batch(edits, out=str(tmp_path / "out"), workers=1)
    assert {file: file.stat().st_mtime_ns for file in made} == made, "what was made of the earlier one stays"
    assert [record.state for record in second.records.values()] == ["done", "done"]
    assert second.jobs[0].path != first.jobs[0].path and second.jobs[1].path == first.jobs[1].path
    again = json.loads((tmp_path / "out" / second.jobs[0].path / "run.json").read_text())
    assert again["options"]["image_sha256"] == sha256((tmp_path / "a.png").read_bytes()).hexdigest()
    save_picture(tmp_path / "b.png", "blue")
    with pytest.raises(InputError, match="image_sha256 differs") as e:
        syn.batch(edits, out=str(tmp_path / "out"), workers=1)
    assert e.value.rule == "run-differs"


def planned(file: Path, out: Path) -> Job:
    written: dict[str, Any] = {"application": "edit", "image": str(file), "prompt": "a cat", **HOW, "out": "x"}
    (job,) = plan_jobs([Entry(1, written)], out)
    return job


def test_a_file_that_is_replaced_while_a_batch_works_fails_its_job(tmp_path):
    """The folder was named, and kept with others, by what the file held."""
    save_picture(tmp_path / "a.png", "red")
    job = planned(tmp_path / "a.png", tmp_path / "out")
    save_picture(tmp_path / "a.png", "blue")
    record = carry_out_job(job, str(tmp_path / "out"))
    assert record.state == "failed" and "was replaced (image)" in record.message and "--retry-failed" in record.message
    assert not list((tmp_path / "out").rglob("*.png"))
    again = planned(tmp_path / "a.png", tmp_path / "out")
    assert again.inputs != job.inputs and carry_out_job(again, str(tmp_path / "out")).state == "done"


def test_a_run_of_other_files_is_not_a_job_that_is_done(tmp_path):
    """Where no folder of this machine is looked into, as of a batch on shared storage."""
    save_picture(tmp_path / "a.png", "red")
    job = planned(tmp_path / "a.png", tmp_path / "out")
    options = {"image_sha256": sha256((tmp_path / "a.png").read_bytes()).hexdigest(), "seed": 1}
    said = json.dumps({"state": "done", "options": options})
    save_picture(tmp_path / "a.png", "blue")
    other = planned(tmp_path / "a.png", tmp_path / "out")
    assert read_record(lambda _: said, job.inputs).state == "done" and read_record(lambda _: said).state == "done"
    assert read_record(lambda name: said if name == "run.json" else None, other.inputs).state == "waiting"


def test_a_plan_is_made_anew_where_a_file_of_it_changed_or_is_gone(tmp_path):
    file, entries = tmp_path / "a.png", tmp_path / "jobs.jsonl"
    save_picture(file, "red")
    entries.write_text(json.dumps({"application": "edit", "image": str(file), "prompt": "a cat", **HOW}) + "\n")
    found: dict[str, str] = {}
    jobs = plan_jobs(read_entries(entries), tmp_path, found)
    (tmp_path / PLAN).write_text(plan_text(jobs, Head("digest", 1, {}, found)))
    assert list(found) == [str(file)] and planned_before(tmp_path, "digest", {}) == jobs
    for change in (lambda: save_picture(file, "blue"), file.unlink):
        change()
        assert planned_before(tmp_path, "digest", {}) == []


@pytest.mark.slow
def test_a_batch_goes_on_where_it_was_left_and_reports_what_fails(tmp_path):
    jobs = [
        {"application": "generate", "prompt": "a photo of a horse", **HOW, "grid": {"seed": "0..2"}},
        {"application": "generate", "prompt": "<b>a dog</b>\t</script>", **HOW, "out": "dogs"},
        {"application": "generate", "prompt": "a cat", **HOW, "device": "cuda:77"},
    ]
    out = tmp_path / "out"
    found = syn.batch(jobs, out=str(out), workers=2)
    assert list(found.failed) == [found.jobs[-1].path] and found.exit_code == 1 and "cuda:77" in str(found)
    table = [row.split("\t") for row in (out / "batch.tsv").read_text().splitlines()]
    assert len(table) == 6 and {len(row) for row in table} == {len(table[0])}
    assert [row[2] for row in table[1:]] == ["done"] * 4 + ["failed"]
    assert table[4][table[0].index("path")] == "dogs"
    page = (out / "index.html").read_text()
    assert "<b>a dog" not in page and "</script>\t" not in page and page.count("</script>") == 1
    before = {file: file.stat().st_mtime_ns for file in out.rglob("*.png")}
    again = syn.batch([*jobs, jobs[0] | {"grid": {"seed": "3..4"}}], out=str(out), workers=1)
    assert len(before) == 4 and len(again.jobs) == 7 and sum(r.state == "done" for r in again.records.values()) == 6
    assert {file: file.stat().st_mtime_ns for file in before} == before
    (out / found.jobs[-1].path / "failed.json").unlink()
    status = subprocess.run(command("--status", str(out)), capture_output=True, text=True, env=ENVIRONMENT)
    assert status.returncode == 0 and status.stdout.startswith("7 jobs: 6 done, 1 waiting\n")
    assert not list(out.rglob("*.part"))


@pytest.mark.slow
def test_killed_workers_and_drivers_cost_nothing_that_is_finished(tmp_path):
    file, out = tmp_path / "jobs.jsonl", tmp_path / "out"
    how = HOW | {"steps": 8}
    file.write_text(json.dumps({"application": "generate", "prompt": "a lemon", **how, "grid": {"seed": "0..6"}}))
    call = command(str(file), "--exact", "--workers", "1", "--out", str(out))

    def wait_for(count: int, driver: subprocess.Popen[bytes]) -> psutil.Process:
        """Wait for so many pictures; returns the worker that paints."""
        while len(list(out.rglob("a_*.png"))) < count:
            assert driver.poll() is None
            time.sleep(0.05)
        (worker,) = (p for p in psutil.Process(driver.pid).children() if "--multiprocessing-fork" in p.cmdline())
        return worker

    null = subprocess.DEVNULL
    with subprocess.Popen(call, env=ENVIRONMENT, start_new_session=True, stdin=null, stdout=null, stderr=null) as driver:
        try:
            wait_for(2, driver).kill()
            worker = wait_for(4, driver)
        finally:
            driver.kill()  # by SIGKILL
    worker.wait(10)  # it ends with its driver
    seen = {picture: picture.stat().st_mtime_ns for picture in out.rglob("*.png")}
    assert subprocess.run(call, env=ENVIRONMENT, capture_output=True).returncode == 0
    assert len(seen) >= 4 and {picture: picture.stat().st_mtime_ns for picture in seen} == seen
    for seed in range(7):
        run = syn.run("generate", "a lemon", **how, seed=seed, out=str(tmp_path / str(seed)))
        (picture,) = out.rglob(run.pictures[0].file)
        assert picture.read_bytes() == (run.folder / picture.name).read_bytes()


@pytest.mark.slow
def test_an_exact_batch_keeps_its_threads_wherever_it_resumes(tmp_path):
    """Two threads add up otherwise than one: a batch that began with one goes on with one, and paints the same bits."""
    job = {"application": "generate", "prompt": "a lemon", **HOW}
    out, file = tmp_path / "out", tmp_path / "jobs.jsonl"

    def carry_out(seeds: str, threads: str | None) -> None:
        file.write_text(json.dumps({**job, "grid": {"seed": seeds}}))
        own = {name: value for name, value in ENVIRONMENT.items() if name != "OMP_NUM_THREADS"}
        own |= {"OMP_NUM_THREADS": threads} if threads else {}
        words = command(str(file), "--exact", "--workers", "1", "--out", str(out))
        done = subprocess.run(words, capture_output=True, text=True, env=own)
        assert done.returncode == 0 and "threads of each: 1" in done.stderr, done.stderr

    carry_out("0", "1")
    carry_out("0..1", "2")
    carry_out("0..2", None)  # a worker's share of the cores
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for seed in range(3):
            run = syn.run("generate", "a lemon", **HOW, seed=seed, out=str(tmp_path / str(seed)))
            (picture,) = out.rglob(run.pictures[0].file)
            assert picture.read_bytes() == (run.folder / picture.name).read_bytes()
    finally:
        torch.set_num_threads(threads)


@pytest.mark.slow
def test_on_ray_it_is_the_same(tmp_path):
    pytest.importorskip("ray")
    (tmp_path / "jobs.jsonl").write_text(
        json.dumps({"application": "generate", "prompt": "a lemon", **HOW, "grid": {"seed": "0..3"}})
    )
    words = [str(tmp_path / "jobs.jsonl"), "--engine", "ray", "--exact", "--workers", "1", "--out", str(tmp_path / "out")]
    status = subprocess.run(command(*words), capture_output=True, text=True, env=ENVIRONMENT)
    assert status.returncode == 0 and "4 jobs: 4 done" in status.stdout, status.stderr
    run = syn.run("generate", "a lemon", **HOW, seed=2, out=str(tmp_path / "alone"))
    (picture,) = (tmp_path / "out").rglob(run.pictures[0].file)
    assert picture.read_bytes() == (run.folder / picture.name).read_bytes()
