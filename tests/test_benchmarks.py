"""What the studies of quality count on: many prompts at once are the same pictures, budgets end, choices are right."""

from __future__ import annotations

import itertools
import json
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path
from threading import Event
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import synoptic
from benchmarks import batch
from benchmarks.few_evaluations import joined, lost
from benchmarks.looking_glass import compared
from benchmarks.own_prompts import paint
from benchmarks.panorama_poles import Recognizer, classes
from benchmarks.panorama_study import levelness
from benchmarks.record import Record
from benchmarks.study import differences
from bundled_training.evaluate.renders import held_out
from bundled_training.evaluate.words import OTHERS, firsts, of_style, parts, sharing, styles, two_things
from bundled_training.render.poles import POLES
from bundled_training.render.scenes import SCENES
from bundled_training.render.words import STYLES
from synoptic import io
from synoptic.jobs.records import Record as JobRecord
from tests.jobs.test_driver import Threads
from tests.jobs.test_driver import job as job_numbered

DONE = JobRecord("done", device="cuda float16 GPU-8a1b2c3d")
PAIRS = [("a lion", "a sunflower"), ("a duck", "a rabbit")]
WAYS = {
    "anagram": {},
    "anagram of latents, repeated": {"model": "bundled", "step_repeats": 2, "first_alone": 0.4, "steps": 3},
    "hybrid": {"upscalers": ["bundled-if-ii"], "upscaler_steps": [1], "sigma": 3.0},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", WAYS)
def test_many_prompts_at_once_are_the_applications_own_pictures(name):
    application, how = name.split()[0], {"upscalers": "none", "steps": 2} | WAYS[name]
    model = synoptic.load(how.pop("model", "bundled-if"), device="cpu", dtype="float32")
    ours = paint(application, model, PAIRS, 2, **how)
    theirs = [image for pair in PAIRS for image in getattr(synoptic, application)(model, *pair, count=2, **how).images]
    assert len(ours) == 4
    for a, b in zip(ours, theirs, strict=True):
        assert np.abs(np.asarray(a, int) - np.asarray(b, int)).max() <= 1
    assert np.abs(np.asarray(ours[0], int) - np.asarray(ours[1], int)).max() > 20


@pytest.mark.slow
def test_poles_are_recognized_in_renders_that_were_not_learned_from():
    every = classes()
    asked = ["overhead view of sand dunes", "overhead view of snow", "a photo of the sky", "a photo of desert dunes"]
    recognize = Recognizer({words: every[words] for words in asked}, renders=24, tested=12)
    assert min(recognize.share.values()) >= 0.75


def test_a_study_that_ran_out_of_time_is_compared_on_the_pairs_it_has():
    plain = torch.tensor([[[0, 0], [9, 0]], [[9, 9], [9, 9]], [[0, 0], [0, 0]]])  # shares 0.5, 0, 1
    ours = torch.tensor([[[0, 0], [1, 4]], [[9, 9], [9, 5]]])  # 1, 0
    assert compared(ours, plain) == {"times plain": 2.0, "± difference": 0.25}


def test_two_ways_are_compared_on_the_prompts_and_seeds_that_both_have():
    rows = [
        {"way": way, "prompt": prompt, "seed": seed, "score": score}
        for way, prompt, seed, score in [
            ("a", "x", 0, 5),
            ("b", "x", 0, 3),
            ("a", "x", 1, 9),
            ("b", "y", 0, 1),
            ("c", "x", 1, 2),
        ]
    ]
    assert differences(rows, ["score", "not measured"], "a", "b") == [{"prompt": "x", "score": 2.0}]
    assert differences(rows, ["score"], "a", "c") == [{"prompt": "x", "score": 7.0}]


def test_a_record_is_written_after_each_part_and_ends_in_time(tmp_path):
    record = Record("study", tmp_path, budget=1e9, settings={"seeds": 2})
    assert record.has_time()
    record.keep(rows=[1])
    assert json.loads((tmp_path / "study.json").read_text())["rows"] == [1]
    record.budget = record.spent + 0.5
    record.slowest = 1.0
    assert not record.has_time()


def test_a_batch_is_measured_by_several_commands_that_go_on_where_one_stopped(tmp_path, monkeypatch):
    clock = itertools.count(100, 0.25)  # every look at it is a quarter of a second later, and as much was computed
    monkeypatch.setattr(batch, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    monkeypatch.setattr(batch, "now", lambda: batch.Moment(seconds := next(clock), seconds))
    measured = batch.Measured(tmp_path / "measured.json")
    measured.keep(jobs=5)
    for total, stopped in ((5, 3), (2, 2)):  # the first command is stopped after three jobs of five
        marks = batch.Measured(tmp_path / "measured.json").marks("loop")
        monkeypatch.setattr(marks, "interval", SimpleNamespace(is_over=lambda: True, writing=nullcontext))
        for done in range(1, stopped + 1):
            marks.add(done, total)
    measured = batch.Measured(tmp_path / "measured.json")
    measured.marks("local exact").keep({"jobs": 2, "seconds": 3.0, "cpu": 1.0, "first": 9.0, "first_cpu": 8.0})
    (loop, exact), content = measured.rows(), json.loads((tmp_path / "measured.json").read_text())
    assert content["jobs"] == 5 and [one["jobs"] for one in content["sessions"]["loop"]] == [2, 1]
    assert (loop["counted"], loop["ratio"]) == (3, 1) and 0.06 <= loop["seconds"] < 1.5 and exact["first"] == 9.0
    assert exact["seconds"] == 1.5 and exact["ratio"] == pytest.approx(1.5 / loop["seconds"])


@pytest.fixture
def scaling(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(batch.__file__).parent))
    return import_module("benchmarks.batch_scaling")


def test_no_worker_is_measured_before_all_have_begun(scaling, monkeypatch):
    others = Event()
    begins = iter([lambda: None, lambda: None if others.wait() else "late"])
    engine = Threads(2, lambda job: DONE, lambda: next(begins)())
    monkeypatch.setattr(scaling, "BUILD", lambda: (engine, "head"))
    watch = scaling.Watch()
    assert watch.engine_of() == (engine, "head")
    first = engine.start()
    ((begun, told),) = watch.held
    assert begun.result() is None and first.ready is told
    second = engine.start()
    assert not first.ready.done() and not second.ready.done()
    others.set()
    assert first.ready.result() is None and second.ready.result() is None and len(watch.ready) == 2
    assert first.submit([job_numbered(0)]).result() == [DONE]
    for worker in (first, second):
        worker.stop()
    assert [[span.jobs for span in spans] for spans in watch.spans] == [[[job_numbered(0)]], []]


def test_a_workers_seconds_are_told_apart(scaling, tmp_path):
    jobs = [job_numbered(k) for k in range(3)]
    for job, painted in zip(jobs, (9.0, 1.0, 1.5), strict=True):
        (tmp_path / job.path).mkdir(parents=True)
        (tmp_path / job.path / "run.json").write_text(json.dumps({"timings": {"sample": painted, "save": 0.25}}))
    spans = [scaling.Span([job], *times) for job, times in zip(jobs, ((1, 11), (11.5, 13), (13, 15)), strict=True)]
    one = scaling.share(spans, {job.path: DONE for job in jobs}, tmp_path, begin=1)
    assert (one.device, one.jobs, one.first, one.last) == ("cuda float16 GPU-8a1b2c3d", 3, 10, 14)
    assert one.network == [1.25, 1.0, 1.5] and one.between == [0.75, 0.5, 1.0]
    assert one.parts == {"save": 0.25, "rest of the worker": 0.25, "driver": 0.25}
    assert scaling.rate(spans, 11, 14) == (1, 2) and scaling.rate(spans, 16, 20) == (0, 0)


def test_scores_of_more_pictures_take_the_place_of_few():
    found = {"tables": {"generate": [{"way": "exact", "score": [1, 1], "lost, %": [0, 0], "pictures": 2, "seconds": 3.0}]}}
    row = lost([0.5, 0.5, 0.25, 0.75], [0.5, 0.4, 0.25, 0.75])
    assert row["lost, %"] == (pytest.approx(5.0), pytest.approx(5.0)) and row["pictures"] == 4
    joined(found, {"generate": [{"way": "exact"} | row]})
    early: dict[str, dict[str, list[dict[str, object]]]] = {"tables": {"generate": [{"way": "exact"}, {"way": "fewer"}]}}
    joined(early, {"generate": [{"way": "exact"} | row]})
    assert early["tables"]["generate"] == [{"way": "exact"}, {"way": "fewer"}]
    assert found["tables"]["generate"][0]["pictures"] == 4 and found["tables"]["generate"][0]["seconds"] == 3.0


def test_the_choices_beside_a_pair_are_other_pairs_in_its_own_words():
    pairs = held_out(12, 0, lambda spec: spec.kind == "two")
    for spec, texts, shared in zip(pairs, two_things(pairs, 0), sharing(pairs, 0), strict=True):
        before, between = parts(spec)
        assert texts[0] == shared[0] == spec.caption and len(set(texts)) == 3 + OTHERS and len(set(shared)) == 1 + OTHERS
        assert all(text.startswith(before) for text in texts) and all(between in text for text in texts[3:])
        first, second = spec.names
        assert first in texts[1] and second in texts[2] and between not in texts[1]
        assert all((first in text) != (second in text) for text in shared[1:])


def test_every_style_is_chosen_from_every_other():
    every = of_style("oil", 3, 0)
    for spec, texts in zip(every, styles(every), strict=True):
        content = spec.caption.removeprefix("an oil painting of ")
        assert len(set(texts)) == len(STYLES) and all(text.endswith(content) for text in texts)


def test_the_first_choice_must_be_above_all_others():
    features = torch.tensor([[[1.0, 0.0], [0.0, 1.0]], [[0.7, 0.7], [0.8, 0.6]]])
    texts = torch.eye(2).expand(2, 2, 2)
    assert firsts(features, texts).tolist() == [[True, False], [False, True]]


@pytest.mark.parametrize("name", ["wheat", "meadow", "beach"])
def test_a_ground_with_a_horizon_is_more_level_than_one_seen_from_above(name):
    found = []
    for painter in (POLES[f"overhead {name}"], SCENES[name]):
        torch.manual_seed(1)
        image, _ = painter(8, 96, 96, "cpu", "day", torch.zeros(8, dtype=torch.bool))
        found.append(sorted(levelness(picture) for picture in io.to_pil(image * 2 - 1)))
    assert found[0][4] < 1.5 and found[1][4] > 3
