"""The table of a batch: as text between tabs, and in Parquet where pyarrow is there."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from synoptic.errors import InputError
from synoptic.jobs.plan_file import Head, parse_head, parse_plan, plan_text
from synoptic.jobs.planning import PARQUET, PLAN, TABLE, Job
from synoptic.jobs.records import Record, read_record
from synoptic.jobs.run import status
from synoptic.jobs.store import LocalStore
from synoptic.jobs.table import Batch

GROUP = ("m", "s", "")
JOBS = [
    Job(1, "generate", {"prompt": ["a horse\tred"], "steps": 5, "guidance_scale": 3.5, "seed": 2**62}, "g/1", GROUP),
    Job(2, "anagram", {"prompt": ["a lion", "a dog"], "steps": 7, "guidance_scale": 3, "style": "oil"}, "a/2", GROUP),
    Job(3, "edit", {"prompt": "a lion", "strength": 1, "state": "here", "style": 4}, "e/3", GROUP),
]
RECORDS = {
    "g/1": Record("done", 0.326, 1.5, "cpu float32", ("a.png",), shared_by=2),
    "a/2": Record("failed", message="a line\nmore"),
    "e/3": Record(),
}


@pytest.mark.parametrize(("gpu", "said"), [("GPU-8a1b2c3d", "cuda float16 GPU-8a1b2c3d"), ("", "cuda float16")])
def test_the_device_of_a_job_names_its_gpu(gpu, said):
    manifest = {"state": "done", "model": {"device": "cuda", "dtype": "float16"}, "gpu": gpu}
    assert read_record(lambda name: json.dumps(manifest)).device == said


@pytest.fixture
def written(tmp_path) -> Path:
    Batch(str(tmp_path), JOBS, RECORDS).write(LocalStore(tmp_path))
    return tmp_path


def test_the_table_has_a_row_per_job_and_a_column_per_option(written):
    rows = list(csv.DictReader((written / TABLE).open(newline=""), delimiter="\t"))
    assert [row["path"] for row in rows] == ["g/1", "a/2", "e/3"]
    assert rows[0]["score"] == "0.326" and rows[0]["prompt"] == r"a horse\tred" and rows[0]["shared_by"] == "2"
    assert rows[1]["prompt"] == "a lion | a dog" and rows[1]["message"] == r"a line\nmore" and rows[1]["score"] == ""
    assert rows[2]["state"] == "waiting" and rows[2]["option state"] == "here"


def test_the_same_in_parquet_with_types(written):
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(written / PARQUET)
    with (written / TABLE).open(newline="") as f:
        assert table.column_names == next(csv.reader(f, delimiter="\t"))
    found = table.to_pydict()
    assert found["score"] == [0.326, None, None] and found["line"] == [1, 2, 3] and found["steps"] == [5, 7, None]
    assert found["guidance_scale"] == [3.5, 3.0, None] and found["seed"] == [2**62, None, None]
    assert found["prompt"] == ["a horse\tred", "a lion | a dog", "a lion"]  # lists and texts: as text
    assert found["style"] == [None, "oil", "4"] and found["message"] == ["", "a line\nmore", ""]
    assert str(table.schema.field("score").type) == "double" and str(table.schema.field("steps").type) == "int64"


def test_columns_of_lists_alone_stay_lists(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    Batch(str(tmp_path), JOBS[:2], RECORDS).write(LocalStore(tmp_path))
    assert parquet.read_table(tmp_path / PARQUET)["prompt"].to_pylist() == [["a horse\tred"], ["a lion", "a dog"]]


def test_without_pyarrow_there_is_no_parquet(tmp_path, monkeypatch):
    monkeypatch.setattr("synoptic.jobs.table.find_spec", lambda _: None)
    Batch(str(tmp_path), JOBS, RECORDS).write(LocalStore(tmp_path))
    assert (tmp_path / TABLE).exists() and not (tmp_path / PARQUET).exists()


EDITED = {
    "cut": lambda text: text[:-30],
    "deep": lambda text: "[" * 100_000,
    "no rows": lambda text: text.partition("\n")[0],
    "options": lambda text: text.replace('{"prompt": "a lion"', '["a", {"prompt": "a lion"').replace("4}", "4}]"),
    "path": lambda text: text.replace('"e/3"', "3"),
    "path that leaves": lambda text: text.replace('"e/3"', '"../e/3"'),
    "absolute path": lambda text: text.replace('"e/3"', '"/e/3"'),
    "group": lambda text: text.replace('["m", "s", ""]', '[1, "s", ""]'),
}


@pytest.mark.parametrize("change", EDITED.values(), ids=EDITED)
def test_a_plan_that_was_edited_is_none(change, tmp_path):
    text = plan_text(JOBS, Head("digest", 1, {}))
    assert parse_plan(text) == ("digest", JOBS)
    assert parse_plan(change(text))[1] == [] and parse_head(change(text)).digest in ("", "digest")
    (tmp_path / PLAN).write_text(change(text))
    with pytest.raises(InputError, match="give the command of the batch again") as e:
        status(str(tmp_path))
    assert e.value.rule == "batch-plan"
