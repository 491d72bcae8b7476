"""A run's folder that a disk or a person has damaged: read as far as it can be, or answered in one line."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save

import synoptic
from synoptic.controlnet.dataset import CachedPairs
from synoptic.errors import InputError
from synoptic.io import save_image, write_whole
from synoptic.jobs.records import read_record
from synoptic.nerf.serialization import check_scene
from synoptic.options import options_class
from synoptic.options.base import Options
from synoptic.runs.folders import check_folder, earlier, parse_manifest
from synoptic.runs.manifest import open_run
from synoptic.runs.resume import ResumeState, write_state
from synoptic.runs.search import SEARCH, found_seeds, searched_items
from synoptic.runs.tasks import is_whole
from synoptic.runs.text_to_3d import read_json
from synoptic.runs.train_controlnet import read_table

HORSE = "a photo of a horse"
HOW: dict[str, Any] = {"model": "bundled-if", "upscalers": "none", "steps": 1, "dtype": "float32"}
ODD: list[object] = [None, [], {}, "x", 3, True, ["x"], [None], {"x": "y"}, {"load": [1]}, [{"prompt": "x"}], [{"file": 3}]]
ODD.append({"load": 10**400})
NAMES = ("options", "pictures", "scores", "timings", "model", "failed", "shared_by", "gpu", "state", "application")


def asked(**changes: object) -> Options:
    return options_class("generate").from_arguments(HORSE, **HOW | changes).prepare()


@pytest.fixture
def whole(tmp_path) -> Path:
    """A run's folder as it ends, with a picture that nothing painted."""
    run = open_run(asked(), tmp_path / "run")
    run.state = "done"
    run.write()
    (picture,) = run.pictures
    save_image(run.folder / picture.file, Image.new("RGB", (64, 64)), run.inside(picture))
    return run.folder


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", ODD, ids=json.dumps)
def test_a_manifest_that_was_edited_is_read_or_answered(name, value, whole):
    file = whole / "run.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {name: value}))
    try:
        run = open_run(asked(), whole)
        assert str(run) and run.shared_by >= 1
    except InputError as e:
        assert e.rule in ("run-differs", "run-older-version") and name in ("options", "application")
    record = read_record(lambda name: (whole / name).read_text() if (whole / name).exists() else None)
    assert record.shared_by >= 1


@pytest.mark.parametrize("value", [*ODD, {"revision": "x"}, {"revision": ["x"], "name": 3}], ids=json.dumps)
def test_a_model_that_was_edited_is_another_or_none(value, whole, pixel32):
    file = whole / "run.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"model": value}))
    run = open_run(asked(), whole)
    try:
        run.take_model(pixel32)
        assert run.model["revision"] == pixel32.checkpoint.revision
    except InputError as e:
        assert e.rule == "run-differs" and "revision" in value


TEXTS = {
    "nothing": "",
    "null": "null",
    "list": "[]",
    "cut": '{"application": "gen',
    "NUL": '{"a": 1}\0',
    "deep": "[" * 99_999,
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_pictures_of_a_run_without_a_manifest_are_its_own_by_what_they_say(text, whole):
    assert parse_manifest(text) is None
    (whole / "run.json").write_text(text)
    open_run(asked(), whole)
    with pytest.raises(InputError, match=r"a_photo_of_a_horse_0\.png is of another") as e:
        open_run(asked(eta=0.5), whole)
    assert e.value.rule == "run-differs"
    Image.new("RGB", (8, 8)).save(whole / "a_photo_of_a_horse_0.png")
    with pytest.raises(InputError, match="is of another"):
        open_run(asked(), whole)


def test_a_manifest_with_a_byte_order_mark_is_read(whole):
    file = whole / "run.json"
    before = earlier(whole)
    file.write_text(file.read_text(), "utf-8-sig")
    assert earlier(whole) == before is not None


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89PNG\r\n\x1a\n"], ids=["nothing", "text", "beginning"])
def test_a_picture_that_cannot_be_read_is_not_done(content, whole, capsys):
    file = whole / "a_photo_of_a_horse_0.png"
    assert is_whole(file) and not capsys.readouterr().err
    file.write_bytes(content)
    assert not is_whole(file) and "is painted again" in capsys.readouterr().err
    file.unlink()
    assert not is_whole(file) and not capsys.readouterr().err


@pytest.mark.parametrize("name", ["run.json", "state.safetensors", "{}.png"])
def test_a_folder_in_the_place_of_a_file_is_refused_before_anything_loads(name, tmp_path):
    options = asked()
    (tmp_path / name.format(options.items()[0].stem)).mkdir()
    with pytest.raises(InputError, match="is a folder: choose another --out") as e:
        check_folder(options, tmp_path)
    assert e.value.rule == "out-folder"


TENSORS, ABOUT = {"x": torch.zeros(9)}, {"names": '["a.png"]', "done": "3", "version": "2", "tensors": '{"x": [9]}'}
STATE = save(TENSORS, ABOUT)


@pytest.mark.parametrize(
    "content",
    [b"", STATE[:40], STATE[:-9], STATE + b"1", STATE.replace(b'"3"', b'"x"'), STATE.replace(b"a.png", b"a.pn\\")],
    ids=["nothing", "header", "cut", "longer", "step", "names"],
)
def test_a_state_that_is_not_whole_is_answered(content, tmp_path):
    (tmp_path / "state.safetensors").write_bytes(content)
    with pytest.raises(InputError, match=r"whole state\.safetensors.*: delete it") as e:
        check_folder(asked(), tmp_path)
        ResumeState(tmp_path, ["a.png"]).load()
    assert e.value.rule == "run-state"


@pytest.mark.parametrize(
    ("tensors", "fault"),
    [
        ({"rng/0": torch.zeros(3)}, "it lacks i and others"),
        (
            {"scene/image": torch.zeros(2, 3), "rng/1": torch.zeros(3), "i": torch.tensor(1)},
            "it lacks rng/0, has besides rng/1",
        ),
        (
            {"scene/image": torch.zeros(2), "rng/0": torch.zeros(3), "i": torch.tensor(1)},
            "it has in another shape scene/image",
        ),
    ],
    ids=["missing", "renamed", "shape"],
)
def test_a_state_whose_tensors_are_not_those_that_were_written_is_answered_at_the_door(tensors, fault, tmp_path):
    file = tmp_path / "state.safetensors"
    state = {"scene/image": torch.zeros(2, 3), "rng/0": torch.zeros(3), "i": torch.tensor(1)}
    write_state(file, state, {"names": '["a.png"]', "done": "2"})
    check_folder(asked(), tmp_path)
    with safe_open(file, "pt") as f:
        about = f.metadata()
    file.write_bytes(save(tensors, about))
    with pytest.raises(
        InputError, match=f"{re.escape(str(file))} is none .{fault}.: delete it.*or choose another --out"
    ) as e:
        check_folder(asked(), tmp_path)
    assert e.value.rule == "run-state" and "\n" not in str(e.value)
    file.write_bytes(save(tensors, {name: value for name, value in about.items() if name != "tensors"}))
    with pytest.raises(InputError, match="does not say what it holds"):
        check_folder(asked(), tmp_path)


@pytest.mark.parametrize("name", ["0.png", "0.safetensors"])
def test_a_trainings_picture_that_is_not_whole_is_made_again(name, tmp_path):
    made: list[int] = []

    def load_pair(k: int) -> tuple[torch.Tensor, torch.Tensor]:
        made.append(k)
        return torch.zeros(1, 3, 8, 8), torch.ones(1, 3, 8, 8)

    def pairs() -> CachedPairs:
        return CachedPairs(load_pair, lambda picture: picture[:, :, ::2, ::2], tmp_path, 64)

    first = pairs()(0)
    assert made == [0] and torch.equal(pairs()(0)[1], first[1]) and made == [0]
    whole = (tmp_path / name).read_bytes()
    for content in (b"", whole[: len(whole) // 2]):
        write_whole(tmp_path / name, content)
        assert all(map(torch.equal, pairs()(0), first))
    assert made == [0, 0, 0]
    write_whole(tmp_path / "0.safetensors", save({"x": first[0]}))
    assert all(map(torch.equal, pairs()(0), first))


@pytest.mark.parametrize("content", [b"", b"x" * 99, save({"x": torch.zeros(1)})], ids=["nothing", "text", "other"])
def test_a_scenes_file_that_is_none_is_answered(content, tmp_path):
    (tmp_path / "field.safetensors").write_bytes(content)
    with pytest.raises(InputError) as e:
        check_scene(tmp_path / "field.safetensors")
    assert e.value.rule == "scene-file"


def test_a_whole_state_is_none_of_another_batch(tmp_path):
    (tmp_path / "state.safetensors").write_bytes(STATE)
    check_folder(asked(), tmp_path)
    assert ResumeState(tmp_path, ["b.png"]).load() is None
    assert (found := ResumeState(tmp_path, ["a.png"]).load()) is not None and list(found) == ["x"]


@pytest.mark.parametrize(
    ("rounds", "seeds"),
    [
        ([{"seeds": [4, 2, 7]}], [4, 2]),
        ([{"seeds": [4]}], None),
        ([{"seeds": ["a", "b"]}], None),
        ([{"seeds": [-1, 2]}], None),
        ([{"seeds": None}], None),
        ([], None),
        (None, None),
    ],
    ids=str,
)
def test_a_search_that_cannot_be_read_is_made_again(rounds, seeds, tmp_path):
    named = options_class("anagram").from_arguments(["a fox", "a hat"], **HOW | {"seed_search": 8, "count": 2}).prepare()
    (tmp_path / SEARCH).write_text(json.dumps({"rounds": rounds}))
    assert found_seeds(tmp_path, named) == seeds
    assert [item.seed for item in searched_items(tmp_path, named)] == (seeds or [0, 1])


def test_a_link_to_nothing_is_no_folder(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for place in ("link", "loop", "link/below"):
        with pytest.raises(InputError) as e:
            check_folder(asked(), tmp_path / place)
        assert e.value.rule == "out-unwritable"


@pytest.mark.parametrize("text", ["", "step\tloss\n1", "a\tb\tc\td\nx\t1\t2\t3"], ids=["nothing", "cut", "words"])
def test_a_training_s_table_that_cannot_be_read_is_answered(text, tmp_path):
    (tmp_path / "fidelity.tsv").write_text(text)
    if text:
        with pytest.raises(InputError, match="choose another --out") as e:
            read_table(tmp_path / "fidelity.tsv")
        assert e.value.rule == "run-table"
    else:
        assert read_table(tmp_path / "fidelity.tsv") == []


@pytest.mark.parametrize("text", [None, "", "{", "[1]"], ids=["missing", "nothing", "cut", "list"])
def test_an_object_s_report_that_cannot_be_read_is_answered(text, tmp_path):
    if text is not None:
        (tmp_path / "report.json").write_text(text)
    with pytest.raises(InputError, match="or delete the folder") as e:
        read_json(tmp_path / "report.json")
    assert e.value.rule == "run-report"


@pytest.mark.slow
def test_a_broken_picture_is_painted_again_to_the_same_bytes(tmp_path):
    run = synoptic.run("generate", HORSE, out=str(tmp_path), **HOW)
    file = tmp_path / run.pictures[0].file
    before = file.read_bytes()
    file.write_bytes(before[:999])
    again = synoptic.run("generate", HORSE, out=str(tmp_path), **HOW)
    assert file.read_bytes() == before and again.kept == 0
