import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from synoptic.courses.prompt_sets import LAST, Entry, read_set
from synoptic.errors import InputError
from synoptic.models.vocabulary import unknown_words

DATA = Path(os.environ.get("SYNOPTIC_COURSE_DATA", Path(__file__).parents[3] / "shared/data"))
WIDE = {"prompt": "a beach", "eval_pos": [0, 2560, 7]}
PAIR = {"canonical_prompt": "a duck", "instance_prompt": "a rabbit"}
EDIT = {"prompt": "a boat", "edit_prompt": "a golden boat", "img_path": "$HOME/data/imgs/a_boat.png"}


@pytest.mark.parametrize("kind", ["wide", "ambiguous", "edit"])
def test_our_own_sets_are_whole_and_in_the_models_words(kind):
    found = read_set(kind)
    assert found.kind == kind and len(found.entries) == 10
    for entry in found.entries:
        assert not unknown_words(entry.prompt) and not unknown_words(entry.other)
        assert len(entry.positions) == (8 if kind == "wide" else 0) and all(0 <= p <= LAST for p in entry.positions)


@pytest.mark.parametrize("kind", ["wide", "ambiguous", "edit"])
def test_our_own_sets_have_the_courses_schema(kind):
    """{key: {prompt, eval_pos: 8 numbers} | {canonical_prompt, instance_prompt} | {prompt, edit_prompt, img_path}}."""
    from synoptic.courses import prompt_sets

    rows = json.loads(prompt_sets.OURS[kind].read_text())
    for key, row in rows.items():
        assert tuple(row) == prompt_sets.FIELDS[kind]
        name = f"{row['canonical_prompt']}-{row['instance_prompt']}" if kind == "ambiguous" else row["prompt"]
        assert key == name.replace(" ", "_")


@pytest.mark.parametrize(
    ("file", "kind"),
    [("wide_image_prompts", "wide"), ("ambiguous_image_prompts", "ambiguous"), ("prompt_img_pairs", "edit")],
)
def test_the_courses_files_are_recognised(file, kind):
    path = DATA / f"{file}.json"
    if not path.exists():
        pytest.skip("the courses' files are not here: set SYNOPTIC_COURSE_DATA")
    found = read_set(str(path))
    assert found.kind == kind and len(found.entries) == 10
    if kind == "wide":
        assert found.entries[0].positions == (2535, 2011, 2343, 646, 2386, 277, 2078, 1277)
    if kind == "ambiguous":
        assert found.entries[1] == Entry("a photo of a duck", "a photo of a rabbit")
    if kind == "edit":
        assert found.entries[1].source == Path.home() / "data/imgs/a_boat_in_a_river.png"


FORMS = {
    "object.json": json.dumps({"a": WIDE, "b": WIDE | {"prompt": "a lake"}}),
    "list.json": json.dumps([WIDE, WIDE | {"prompt": "a lake"}]),
    "lines.jsonl": "\n".join(["", json.dumps(WIDE), json.dumps(WIDE | {"prompt": "a lake"}), ""]),
    "table.csv": '\ufeffprompt, eval_pos\na beach, 0 2560 7\na lake,"[0, 2560, 7]"\n',
}


@pytest.mark.parametrize("form", FORMS)
def test_json_lines_and_tables_say_the_same(form, tmp_path):
    (tmp_path / form).write_text(FORMS[form])
    found = read_set(str(tmp_path / form))
    assert found.kind == "wide"
    assert found.entries == (Entry("a beach", positions=(0, 2560, 7)), Entry("a lake", positions=(0, 2560, 7)))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", '["a horse", "a dog"]'),
        ("a.jsonl", '"a horse"\n{"prompt": "a dog"}'),
        ("a.csv", "prompt\na horse\na dog\n"),
    ],
)
def test_plain_prompts(name, text, tmp_path):
    (tmp_path / name).write_text(text)
    assert read_set(str(tmp_path / name)).entries == (Entry("a horse"), Entry("a dog"))


def test_home_is_put_in_and_other_paths_start_at_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    paths = ["$HOME/a.png", "${HOME}/a.png", "~/a.png", "a.png", "/far/a.png", "$HOMER/a.png"]
    rows = [EDIT | {"prompt": f"a boat {i}", "edit_prompt": f"boat {i}", "img_path": path} for i, path in enumerate(paths)]
    (tmp_path / "edit.json").write_text(json.dumps(rows))
    me = tmp_path / "me/a.png"
    found = [e.source for e in read_set(str(tmp_path / "edit.json")).entries]
    assert found == [me, me, me, tmp_path / "a.png", Path("/far/a.png"), tmp_path / "$HOMER/a.png"]


BAD = {  # file name, text -> what the message must say
    ("a.txt", "a horse"): "must end in .json, .jsonl, .csv",
    ("a.json", "{"): "mend it",
    ("a.json", "3"): "mend it",
    ("a.json", "[]"): "holds none",
    ("a.csv", "prompt\na horse, with a hat\n"): "row 1 has more cells",
    ("a.json", '{"k": {"text": "x"}}'): "entry k has none",
    ("a.json", '{"k": 3}'): "entry k has none",
    ("a.json", '[{"prompt": ""}]'): "prompt must be text, that of",
    ("a.json", '["a\\u0000b"]'): "prompt must be text, that of",
    ("a.jsonl", '{"canonical_prompt": "x"}'): "entry 1 has no instance_prompt: add it",
    ("a.jsonl", '{"prompt": "x", "edit_prompt": "y"}'): "entry 1 has no img_path: add it",
    ("a.jsonl", '{"eval_pos": [1]}'): "entry 1 has no prompt: add it",
    ("a.json", json.dumps([WIDE, PAIR])): "entry 2 is ambiguous: split the file",
    ("a.json", json.dumps([PAIR, {"canonical_prompt": "a cat", "instance_prompt": "a duck"}])): "would both be a_duck.png",
    ("a.json", '["a horse", "a_horse"]'): "entry 1 and",
    **{
        ("a.json", json.dumps([WIDE | {"eval_pos": p}])): f"from 0 to {LAST}"
        for p in ([2561], [-1], [], [1, 1], ["x"], 5, "x", "0 ²", "--5", "9" * 5000)
    },
}


@pytest.mark.parametrize(("file", "text"), BAD)
def test_a_broken_file_is_told_with_its_entry_and_the_cure(file, text, tmp_path):
    (tmp_path / file).write_text(text)
    with pytest.raises(InputError) as e:
        read_set(str(tmp_path / file))
    assert BAD[file, text] in str(e.value) and file in str(e.value) and "\n" not in str(e.value)


def test_a_missing_file_a_folder_and_the_sets_of_ours(tmp_path):
    with pytest.raises(InputError, match=r"nix does not exist.*ambiguous, edit, wide"):
        read_set("nix")
    with pytest.raises(InputError, match=r"is a folder: check the path"):
        read_set(str(tmp_path))


def test_an_edits_two_prompts_lie_in_two_folders(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps([EDIT, EDIT | {"prompt": "a golden boat", "edit_prompt": "a boat"}]))
    assert len(read_set(str(tmp_path / "a.json")).entries) == 2


def test_reading_a_set_imports_nothing_heavy():
    code = "import sys; from synoptic.courses.prompt_sets import read_set; read_set('wide'); print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


@pytest.mark.parametrize(
    ("name", "text", "rule"),
    [
        ("keys.json", '{"1": "a horse", "1": "a dog"}', "prompts-unreadable"),
        ("fields.json", '[{"prompt": "a horse", "prompt": "a dog"}]', "prompts-unreadable"),
        ("fields.jsonl", '{"prompt": "a horse", "prompt": "a dog"}', "prompts-unreadable"),
        ("columns.csv", "prompt,prompt\na horse,a dog\n", "prompts-unreadable"),
        ("half.json", '["a \\ud800 horse"]', "entry-text"),
    ],
)
def test_what_would_be_dropped_or_is_no_text_is_refused(name, text, rule, tmp_path):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError) as e:
        read_set(str(tmp_path / name))
    assert e.value.rule == rule and ("twice" in str(e.value)) == (rule == "prompts-unreadable")


def test_a_separator_of_lines_inside_a_prompt_is_no_end_of_a_line(tmp_path):
    (tmp_path / "a.jsonl").write_text('"a\u2028horse"\r\n"a dog"\r\n')
    assert [entry.prompt for entry in read_set(str(tmp_path / "a.jsonl")).entries] == ["a\u2028horse", "a dog"]
    (tmp_path / "a.csv").write_text("prompt\r\na\u2028horse\r\na\x85 dog\r\n", newline="")
    assert [entry.prompt for entry in read_set(str(tmp_path / "a.csv")).entries] == ["a\u2028horse", "a\x85 dog"]


@pytest.mark.parametrize(
    ("name", "text", "unread"),
    [
        (
            "a.json",
            '[{"prompt": "a horse", "seed": 7}, {"prompt": "a dog", "negative_prompt": "x"}]',
            ("seed", "negative_prompt"),
        ),
        ("a.csv", "prompt,category\na horse,animals\na dog,\n", ("category",)),
        ("a.jsonl", json.dumps(WIDE | {"id": 1}), ("id",)),
        ("b.json", json.dumps([EDIT | {"eval_pos": [0]}]), ("eval_pos",)),
    ],
)
def test_fields_that_nothing_reads_are_warned_of(name, text, unread, tmp_path):
    (tmp_path / name).write_text(text)
    found = read_set(str(tmp_path / name))
    assert found.unread == unread and all(field in found.warnings()[0] for field in unread)
    assert not read_set("wide").warnings()
