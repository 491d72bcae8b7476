"""The queue: jobs are runs, in their order; they can be watched, stopped, and are found again."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest
from gradio.data_classes import ImageData
from PIL import Image

from synoptic import InputError
from synoptic.io import load_image, read_settings
from synoptic.io.radial_depth import read_radial_depth
from synoptic.options.panorama import PanoramaOptions
from synoptic.runs.execute import run
from synoptic.studio import jobs as studio_jobs
from synoptic.studio.fields import Field, fields_of
from synoptic.utils.picture import read_mask
from tests.studio.conftest import QUICK, ended


@pytest.mark.slow
def test_a_job_is_the_run_of_the_command_line(studio, tmp_path):
    jobs = studio()
    job = jobs.submit("generate", QUICK | {"seed": 5}, "me")
    ended(job)
    assert (job.state, job.steps) == ("done", (2, 2))
    (picture,) = job.pictures()
    same = run("generate", **QUICK | {"seed": 5, "out": str(tmp_path / "same")})
    assert load_image(picture).tobytes() == same.images[0].tobytes()
    assert json.loads((picture.parent / "run.json").read_text())["command"] == same.options.command()
    assert read_settings(picture)["options"] == same.options.to_json()


@pytest.mark.slow
def test_jobs_are_carried_out_in_their_order_and_belong_to_whoever_asked(studio):
    jobs = studio()
    mine = [jobs.submit("generate", QUICK | {"seed": seed}, "me") for seed in range(2)]
    other = jobs.submit("generate", QUICK | {"prompt": ["a photo of a dog"]}, "someone else")
    assert jobs.position(other) <= 2 and jobs.of("me") == mine[::-1] and jobs.of(None)[0] is other
    ended(*mine, other)
    assert mine[0].ended <= mine[1].started <= mine[1].ended <= other.started
    assert len({job.pictures()[0] for job in (*mine, other)}) == 3


@pytest.mark.slow
def test_a_job_shows_a_preview_and_stops_with_what_is_finished(studio, monkeypatch):
    monkeypatch.setattr(studio_jobs, "PREVIEW_SECONDS", 0.0)
    monkeypatch.setattr("synoptic.runs.execute.max_batch_rows", lambda *_: 2)  # a picture at a time
    jobs = studio()
    job = jobs.submit("generate", QUICK | {"steps": 4, "count": 20}, "me")
    seen = set()
    while job.active:
        if job.preview is not None:
            seen.add(job.preview.tobytes())
        if job.pictures():
            jobs.stop(job)
    assert job.state == "stopped" and 1 <= len(job.pictures()) < 20 and seen and job.preview is None
    again = jobs.submit("generate", QUICK | {"steps": 4, "count": 20}, "me")
    jobs.stop(again)
    ended(again)
    assert again.folder == job.folder  # the same settings go on from there


@pytest.mark.slow
def test_a_waiting_job_is_stopped_before_it_begins(studio):
    jobs = studio()
    first, second = (jobs.submit("generate", QUICK | {"seed": seed, "count": 4}, "me") for seed in (0, 10))
    jobs.stop(second)
    assert second.state == "stopped" and not second.pictures()
    ended(first)
    assert first.state == "done"


def test_how_a_job_has_ended_is_kept_before_it_is_said(studio, monkeypatch):
    jobs, kept = studio(), []

    def slowly(file: Path, text: str) -> None:
        time.sleep(0.3)
        kept.append(json.loads(text)["state"])

    monkeypatch.setattr("synoptic.studio.jobs.write_whole", slowly)
    monkeypatch.setattr("synoptic.runs.execute.carry_out", lambda options: None)
    ended(jobs.submit("generate", QUICK, "me"))
    assert kept[-1] == "done"


def test_a_job_that_is_stopped_as_the_queue_comes_to_it_does_not_begin(studio, monkeypatch):
    jobs, begins = studio(), []
    end = jobs._end
    job = studio_jobs.Job("waiting", "me", jobs.permissions.prepared("generate", QUICK), time.time())

    def comes_to_it(*how: object) -> None:
        begins.append(jobs._take(job))
        end(*how)

    monkeypatch.setattr(jobs, "_end", comes_to_it)
    jobs.stop(job)
    assert begins == [False] and (job.state, job.message) == ("stopped", "stopped before it began")


@pytest.mark.slow
def test_a_restart_finds_the_queue_and_the_history(studio):
    jobs = studio()
    done = jobs.submit("generate", QUICK, "me")
    ended(done)
    left = jobs.submit("generate", QUICK | {"seed": 7}, "me")
    ended(left)
    file = jobs.kept / f"{left.id}.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"state": "running"}))  # as a killed process leaves it
    for picture in left.pictures():
        picture.unlink()
    (jobs.kept / "broken.json").write_text("{")
    again = studio()
    assert [job.id for job in again.of("me")] == [left.id, done.id]
    ended(*again.of("me"))
    assert [job.state for job in again.of("me")] == ["done", "done"] and again.get(left.id).pictures()


def test_a_job_that_fails_says_why_and_the_next_goes_on(studio, monkeypatch):
    def fail(*_: object) -> None:
        raise RuntimeError("something is broken")

    jobs = studio()
    monkeypatch.setattr("synoptic.runs.execute.carry_out", fail)
    failed = jobs.submit("generate", QUICK, "me")
    ended(failed)
    monkeypatch.undo()
    job = jobs.submit("generate", QUICK, "me")
    ended(job)
    assert (failed.state, failed.message, job.state) == ("failed", "RuntimeError: something is broken", "done")


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"prompt": []}, "prompt-missing"),
        ({"steps": 20_000}, "steps-at-most"),
        ({"count": 65}, "pictures-at-most"),
        ({"out": "/tmp/elsewhere"}, "unknown-option"),
        ({"device": "cuda:7"}, "unknown-option"),
        ({"nonsense": 1}, "unknown-option"),
        ({"model": "/etc"}, "model-offered"),
        ({"model": "../models"}, "model-offered"),
        ({"model": "someone/else"}, "model-offered"),
        ({"lora": ["/etc/passwd"]}, "model-offered"),
        ({"lora": ["/etc/passwd:0.5"]}, "model-offered"),
        ({"vae": "/root"}, "model-offered"),
        ({"embeddings": "/root/x.npz"}, "model-offered"),
        ({"upscalers": ["/root"]}, "model-offered"),
    ],
)
def test_what_is_not_allowed_is_refused(studio, values, rule):
    jobs = studio(listen=True)
    with pytest.raises(InputError) as refused:
        jobs.submit("generate", QUICK | values, "me")
    assert refused.value.rule == rule and not jobs.of(None)


@pytest.mark.parametrize(
    ("application", "values", "rule"),
    [
        ("wide", {"prompt": ["a"], "width": 4096, "height": 4096}, "pixels-at-most"),
        ("wide", {"prompt": ["a"], "region": ["/etc/passwd: b"]}, "region-box"),
        ("wide", {"prompt": ["a"], "control": "/etc/passwd", "condition": ["canny"]}, "upload-unknown"),
        ("wide", {"prompt": ["a"], "control": "../" * 9 + "etc/passwd", "condition": ["canny"]}, "upload-unknown"),
        ("anagram", {"prompt": ["a", "b"], "views": ["identity", "/root/x.json"]}, "view-named"),
        ("anagram", {"prompt": ["a", "b"], "views": ["identity", "x.npy"]}, "view-named"),
        ("edit", {"prompt": "a", "image": "0" * 64}, "upload-unknown"),
        ("edit", {"prompt": "a", "image": "noise"}, "upload-unknown"),
        ("distill", {"prompt": ["a"], "init": "/etc/passwd"}, "upload-unknown"),
    ],
)
def test_no_file_is_opened_that_was_not_uploaded(studio, application, values, rule):
    with pytest.raises(InputError) as refused:
        studio(listen=True).submit(application, values, "me")
    assert refused.value.rule == rule


def test_a_picture_is_bounded_whatever_its_options_call_its_size(studio):
    jobs = studio()
    image = jobs.permissions.keep_upload(Image.effect_noise((64, 128), 80).convert("RGB"))
    for application, values in {
        "wide": {"prompt": ["a"], "width": 8192, "height": 1024},
        "panorama": {"prompt": ["a"], "height": 2048},
        "edit": {"prompt": "a", "image": image, "size": 2048},
    }.items():
        with pytest.raises(InputError) as refused:
            jobs.submit(application, values, "me")
        assert refused.value.rule == "pixels-at-most", application


def test_an_upload_keeps_its_16_bits_and_its_transparency(studio, tmp_path):
    """A map of depth and a mask mean what they hold; the page hands over the file as it came."""
    fine = np.arange(64 * 128, dtype=np.uint16).reshape(64, 128) * 8
    Image.fromarray(fine).save(tmp_path / "depth.png")
    clear = Image.new("RGBA", (128, 64), (255, 255, 255, 0))
    clear.paste((255, 255, 255, 255), (0, 0, 32, 64))
    clear.save(tmp_path / "mask.png")
    jobs = studio()
    fields = {
        one.spec.name: one for some in fields_of(PanoramaOptions, []).values() for one in some if isinstance(one, Field)
    }

    def kept(name: str) -> str:
        file = tmp_path / f"{name}.png"
        data = ImageData(path=str(file), orig_name=file.name)
        (found,) = fields[name].values(fields[name].component.preprocess(data), jobs.permissions.keep_upload).values()
        return str(jobs.permissions.uploads / f"{found}.png")

    assert np.array_equal(read_radial_depth(kept("depth")), fine)
    assert read_mask(kept("mask")).getbbox() == (0, 0, 32, 64)


def test_models_of_the_folder_are_offered_by_their_names(studio, tmp_path):
    from synoptic.models.checkpoint import BUNDLED_DIR

    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "mine").symlink_to(BUNDLED_DIR / "if")
    jobs = studio(listen=True, models=str(tmp_path / "checkpoints"))
    job = jobs.submit("generate", QUICK | {"model": "mine"}, "me")
    ended(job)
    assert job.state == "done", job.message


@pytest.mark.slow
def test_the_queue_of_one_browser_has_an_end(studio, monkeypatch):
    monkeypatch.setattr(studio_jobs, "OWN_WAITING", 1)
    jobs = studio()
    first = jobs.submit("generate", QUICK | {"count": 4}, "me")
    with pytest.raises(InputError, match="queue is full"):
        jobs.submit("generate", QUICK | {"seed": 9}, "me")
    other = jobs.submit("generate", QUICK | {"seed": 9}, "someone else")
    ended(first, other)
