"""`synoptic evaluate`: painted sets, folders of ready pictures, and what stops it."""

import json
import shlex
import shutil
import sys
import zipfile
from typing import Any

import pytest
import torch
from PIL import Image

import synoptic
from synoptic import cli, io
from synoptic.courses.files import file_name, pictures
from synoptic.courses.folder_scores import score_folder
from synoptic.courses.folders import file_names
from synoptic.courses.prompt_sets import read_set
from synoptic.errors import InputError
from synoptic.metrics.clip import Clip
from synoptic.models.checkpoint import BUNDLED_DEFAULTS
from synoptic.models.families import Defaults
from tests.quick import quick_ones, slow_ones

QUICK: dict[str, Any] = {"steps": 1, "guidance_scale": 1.0, "device": "cpu"}
evaluate = synoptic.evaluate
WIDE = {"a photo of the sea": [2560, 0, 100], "a photo of a forest": [1536]}


@pytest.fixture(scope="module")
def prompts(tmp_path_factory):
    path = tmp_path_factory.mktemp("set") / "mine.json"
    path.write_text(json.dumps([{"prompt": prompt, "eval_pos": positions} for prompt, positions in WIDE.items()]))
    return str(path)


@pytest.fixture(scope="module")
def whole(prompts, tmp_path_factory):
    """One run that nothing stopped."""
    out = tmp_path_factory.mktemp("whole")
    return out, evaluate(prompts, out=str(out), zip="KIM_20240001", **QUICK)


def put(folder, names):
    folder.mkdir(parents=True)
    for i, name in enumerate(names):
        x = torch.rand(64, 64, 3, generator=torch.Generator().manual_seed(i))
        Image.fromarray((x * 255).byte().numpy()).save(folder / name)


def bytes_in(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "run.json"}


@pytest.mark.slow
def test_a_wide_set_is_painted_cut_and_scored(whole):
    out, evaluation = whole
    crops = [file_name(prompt, p) for prompt, positions in WIDE.items() for p in positions]
    assert {path.name for path in (out / "wide_images").iterdir()} == {*crops, "eval.json"}
    for prompt, positions in WIDE.items():
        panorama = io.load_image(next((out / "wide_panoramas").glob(f"{file_name(prompt)[:-4]}*.png")))
        assert panorama.size == (1536, 256), "six times the model's own size"
        for p in positions:
            left = round(p * 1536 / 3072)
            crop = io.load_image(out / "wide_images" / file_name(prompt, p))
            assert crop.tobytes() == panorama.crop((left, 0, left + 256, 256)).tobytes()
    written = json.loads((out / "wide_images/eval.json").read_text())
    again = score_folder(out / "wide_images", Clip("bundled"))
    assert written.keys() == again.keys() and written["source_dir"] == again["source_dir"]
    assert written["score"] == pytest.approx(again["score"], abs=1e-6) == pytest.approx(evaluation.score, abs=1e-6)


@pytest.mark.slow
def test_what_is_printed_and_written(whole):
    out, evaluation = whole
    lines = str(evaluation).splitlines()
    assert lines[0].split("\t") == ["CLIP score", "top-1 of 2", "pictures", "prompt"]
    assert lines[3].endswith("mean of 2 prompts") and lines[3].count("±") == 2
    assert lines[4] == "CLIP model\tbundled clip"
    page = (out / "report.html").read_text()
    assert page.count("data:image/png") == 2 + 4 and "marks" not in page and "bundled clip" in page
    assert (out / "report.pdf").read_bytes().startswith(b"%PDF") and (out / "report/wide_images.png").exists()
    with zipfile.ZipFile(out / "KIM_20240001.zip") as z:
        wanted = {"KIM_20240001.pdf", "wide_images/eval.json", "wide_images/a_photo_of_the_sea_100.png"}
        assert wanted | {f"wide_images/{file_name(prompt)}" for prompt in WIDE} <= set(z.namelist())
        with z.open("wide_images/a_photo_of_the_sea.png") as f, Image.open(f) as panorama:
            assert panorama.size == (1536, 256), "beside its crops, where the page wants it"
        assert not any("wide_panoramas" in name for name in z.namelist())
        made, evaluated = z.read("commands.txt").decode().splitlines()
    assert shlex.split(made)[:2] == ["synoptic", "wide"] and "--steps=1" in made
    assert shlex.split(evaluated)[:2] == ["synoptic", "evaluate"] and "--steps=1" in evaluated


@pytest.mark.slow
@pytest.mark.parametrize("saved", [1, 3], ids=["while painting", "while cutting"])
def test_a_stopped_run_goes_on_to_the_same_bytes(saved, prompts, whole, tmp_path, monkeypatch):
    """Stopped after one of two panoramas, or after both and one crop: then nothing is painted again."""
    out, save, done = tmp_path / "o", io.save_image, []

    def stop(*values):
        if len(done) == saved:
            raise KeyboardInterrupt
        done.append(save(*values))

    with monkeypatch.context() as m:
        m.setattr(io, "save_image", stop)
        m.setattr("synoptic.courses.generate.save_image", stop)
        with pytest.raises(KeyboardInterrupt):
            evaluate(prompts, out=str(out), **QUICK)
    assert not (out / "wide_images/eval.json").exists() and not (out / "report").exists()
    first = evaluate(prompts, out=str(out), **QUICK)
    expected = bytes_in(whole[0] / "wide_images")
    found = bytes_in(out / "wide_images")
    assert found.pop("eval.json").replace(str(out).encode(), b"") == expected.pop("eval.json").replace(
        str(whole[0]).encode(), b""
    )
    assert first.table == whole[1].table
    for name, data in expected.items():
        assert pixels(out / "wide_images" / name) == pixels(whole[0] / "wide_images" / name)
        assert found[name] == data


def pixels(path):
    return io.load_image(path).tobytes()


def test_what_is_there_is_not_painted_again(tmp_path, monkeypatch):
    (tmp_path / "mine.csv").write_text("prompt\na photo of a horse\n")
    asked, out = str(tmp_path / "mine.csv"), str(tmp_path / "o")
    first = evaluate(asked, out=out, **QUICK)
    monkeypatch.setattr("synoptic.jobs.spread.carry_out", None)
    assert evaluate(asked, out=out, **QUICK).table == first.table
    with pytest.raises(InputError) as e:
        evaluate(asked, out=out, steps=3, guidance_scale=1.0)
    assert e.value.rule == "folder-differs"


def test_a_wide_picture_that_is_ready_is_cut_and_a_full_one_among_crops_is_not_scored(
    prompts, tmp_path, caplog, monkeypatch
):
    monkeypatch.setattr("synoptic.jobs.spread.carry_out", None)
    (tmp_path / "wide_panoramas").mkdir()
    for prompt in WIDE:
        row = torch.arange(768).remainder(256).to(torch.uint8)
        picture = Image.fromarray(row.expand(128, 768).contiguous().numpy()).convert("RGB")
        picture.save(tmp_path / "wide_panoramas" / file_name(prompt))
    before = evaluate(prompts, out=str(tmp_path), **QUICK)
    crop = io.load_image(tmp_path / "wide_images" / file_name("a photo of the sea", 100))
    assert crop.size == (128, 128) and crop.getpixel((0, 0)) == (25, 25, 25), "100 · 768 / 3072"
    shutil.copy(tmp_path / "wide_panoramas" / file_name("a photo of the sea"), tmp_path / "wide_images")
    assert evaluate(prompts, out=str(tmp_path), **QUICK).table == before.table
    assert "a full panorama among crops" in caplog.text


COLLIDING = {"a lake": [5, 100], "a lake 5": [0], "A lake": [5], "a lake 5 0": [7], "a lake?": [100]}


def test_every_picture_of_a_set_has_a_name_of_its_own_and_counts_for_its_prompt(tmp_path):
    """`a_lake_5.png` is a crop of "a lake", and the picture of "a lake 5"; file systems take "A" for "a"."""
    rows = [{"prompt": prompt, "eval_pos": at} for prompt, at in COLLIDING.items()]
    (tmp_path / "mine.json").write_text(json.dumps(rows))
    chosen = read_set(str(tmp_path / "mine.json"))
    names = file_names(chosen, "wide_images")
    assert len({name.casefold() for name in names.values()}) == len(names) == 6 + 5
    assert names["a lake", 5] == "a_lake_5.png" and names["a lake 5", None] == "a_lake_5.3.png"
    folder = tmp_path / "o/wide_images"
    crops = {key: name for key, name in names.items() if key[1] is not None}
    put(folder, crops.values())
    found = pictures(folder, names)
    assert {p: sorted(path.name for path in paths) for p, paths in found.items()} == {
        prompt: sorted(name for (other, _), name in crops.items() if other == prompt) for prompt in COLLIDING
    }
    scored = evaluate(str(tmp_path / "mine.json"), out=str(tmp_path / "o"), **QUICK)
    assert not scored.missing and list(scored.measures[0].items) == list(COLLIDING)


@pytest.mark.slow
def test_colliding_prompts_are_painted_each(tmp_path):
    rows = ["a lake", "a lake?", "A lake"]
    (tmp_path / "mine.json").write_text(json.dumps(rows))
    evaluation = evaluate(str(tmp_path / "mine.json"), out=str(tmp_path / "o"), **QUICK)
    assert not evaluation.missing and list(evaluation.measures[0].items) == rows
    names = file_names(read_set(str(tmp_path / "mine.json")), "images")
    for prompt in rows:
        assert io.read_settings(tmp_path / "o/images" / names[prompt, None])["prompt"] == prompt


def test_pictures_of_another_rule_in_a_folder_are_refused(tmp_path):
    (tmp_path / "mine.json").write_text(json.dumps([{"canonical_prompt": "a lemon", "instance_prompt": "a cat"}]))
    put(tmp_path / "o/ambiguous_images", names := ["a_lemon.png", "a_cat.png"])
    for path in (tmp_path / "o/ambiguous_images" / name for name in names):
        io.save_image(path, io.load_image(path), {"options": {"init_noise": "shared"}})
    with pytest.raises(InputError) as e:
        evaluate(str(tmp_path / "mine.json"), method="x0", out=str(tmp_path / "o"), **QUICK)
    assert e.value.rule == "folder-differs"


@pytest.mark.slow
def test_plain_prompts_are_painted_one_picture_each(tmp_path):
    (tmp_path / "mine.csv").write_text("prompt\na photo of a horse\na photo of a dog\n")
    how: dict[str, Any] = {"out": str(tmp_path / "o"), **QUICK}
    first = evaluate(str(tmp_path / "mine.csv"), **how)
    assert {p.name for p in (tmp_path / "o/images").glob("*.png")} == {"a_photo_of_a_horse.png", "a_photo_of_a_dog.png"}
    lost = tmp_path / "o/images/a_photo_of_a_dog.png"
    before = lost.read_bytes()
    lost.unlink()
    assert evaluate(str(tmp_path / "mine.csv"), **how).table == first.table and lost.read_bytes() == before


@pytest.mark.parametrize("method", quick_ones(["auto", "eps", "x0", "xt"], ["auto"]))
def test_ready_ambiguous_pictures_a_folder_for_each_sync_rule(method, tmp_path, monkeypatch):
    monkeypatch.setattr("synoptic.jobs.spread.carry_out", None)
    folder = tmp_path / ("ambiguous_images" if method in ("auto", "x0") else f"ambiguous_images_{method}")
    pairs = read_set("ambiguous").entries
    put(folder, [file_name(prompt) for e in pairs for prompt in (e.prompt, e.other)])
    evaluation = evaluate("ambiguous", method=method, out=str(tmp_path))
    assert evaluation.folder == folder and not evaluation.missing
    assert evaluation.table[0] == [
        "CLIP score",
        "top-1 of 20",
        "top-5 of 20",
        "alignment",
        "concealment",
        "pictures",
        "prompt",
    ]
    alignment, clip_score = evaluation.measures[3], evaluation.measures[0]
    for e in pairs:
        assert alignment.items[e.prompt] == pytest.approx(
            min(clip_score.items[e.prompt], clip_score.items[e.other]), abs=1e-5
        )
    assert len(json.loads((folder / "eval.json").read_text())) == 20 + 2


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:sync='eps' never reconciles")
@pytest.mark.parametrize("method", ["auto", "eps"])
def test_pairs_are_painted_and_both_views_scored(method, tmp_path, monkeypatch):
    monkeypatch.setitem(BUNDLED_DEFAULTS, "if-ii", Defaults(1, 1.0, 64))
    pairs = [("a photo of a horse", "a photo of a dog"), ("a lemon", "a cat")][:: 1 if method == "auto" else -2]
    rows = [{"canonical_prompt": a, "instance_prompt": b} for a, b in pairs]
    (tmp_path / "mine.json").write_text(json.dumps(rows))
    how: dict[str, Any] = {"method": method, "out": str(tmp_path / "o"), **QUICK}
    first = evaluate(str(tmp_path / "mine.json"), **how)
    assert not first.missing and first.folder.name == ("ambiguous_images" if method == "auto" else "ambiguous_images_eps")
    assert {p.name for p in first.folder.glob("*.png")} == {file_name(prompt) for pair in pairs for prompt in pair}
    assert [m.name for m in first.measures][-2:] == ["alignment", "concealment"] and len(first.measures[-1].items) == len(
        pairs
    )
    for pair in pairs:
        upright, turned = (io.load_image(first.folder / file_name(prompt)) for prompt in pair)
        assert upright.size == (256, 256) and upright.transpose(Image.Transpose.ROTATE_270).tobytes() == turned.tobytes()
    start = io.read_settings(first.folder / "a_lemon.png")["options"]["init_noise"]
    assert start == ("shared" if method == "auto" else "independent")
    lost = first.folder / "a_cat.png"
    before = lost.read_bytes()
    lost.unlink()
    assert evaluate(str(tmp_path / "mine.json"), **how).table == first.table and lost.read_bytes() == before


@pytest.mark.parametrize("method", ["sds", "pds", "vsd"])
def test_ready_distilled_pictures_are_scored_with_their_own_prompts(method, tmp_path, capsys):
    entries = read_set("edit").entries
    texts = [e.other if method == "pds" else e.prompt for e in entries]
    put(tmp_path / method, [file_name(text) for text in texts])
    put(tmp_path / "sources", [file_name(entries[0].prompt)])
    evaluation = evaluate("edit", method=method, out=str(tmp_path))
    assert list(evaluation.measures[0].items) == texts and not evaluation.missing
    names = [m.name for m in evaluation.measures]
    if method == "pds":
        assert names[3:] == ["PSNR", "SSIM", "identity distance"] and evaluation.table[1][3] == "∞"
        assert "9 source pictures are missing" in capsys.readouterr().err
    else:
        assert names == ["CLIP score", "top-1 of 10", "top-5 of 10"]


@pytest.mark.slow
def test_sources_and_their_edits_are_painted(tmp_path):
    source = tmp_path / "there.png"
    Image.new("RGB", (64, 80)).save(source)
    rows = [("a photo of a boat", str(source)), ("a photo of a car", "$HOME/nowhere/car.png")]
    entries = [{"prompt": p, "edit_prompt": p.replace("of a", "of a red"), "img_path": path} for p, path in rows]
    (tmp_path / "mine.json").write_text(json.dumps(entries))
    evaluation = evaluate(str(tmp_path / "mine.json"), out=str(tmp_path / "o"), make_sources=True, **QUICK)
    assert [p.name for p in (tmp_path / "o/sources").iterdir()] == ["a_photo_of_a_car.png"]
    assert not evaluation.missing and [m.name for m in evaluation.measures][-3:] == ["PSNR", "SSIM", "identity distance"]
    edit = tmp_path / "o/pds/a_photo_of_a_red_boat.png"
    inside = io.read_settings(edit)["options"]
    assert [inside[k] for k in ("loss", "source", "source_prompt", "steps")] == ["pds", str(source), rows[0][0], 1]
    assert io.load_image(edit).size == (256, 320)
    before = edit.read_bytes()
    edit.unlink()
    assert evaluate(str(tmp_path / "mine.json"), out=str(tmp_path / "o"), make_sources=True, **QUICK).files
    assert edit.read_bytes() == before


@pytest.mark.slow
@pytest.mark.parametrize("method", slow_ones(["sds", "vsd"], ["sds"]))
def test_what_a_distilled_set_lacks_is_painted_in_one_run(method, tmp_path):
    (tmp_path / "mine.json").write_text(json.dumps([{"prompt": "a photo of a boat"}, {"prompt": "a photo of a car"}]))
    ready = file_name("a photo of a boat")
    put(tmp_path / "o" / method, [ready])
    before = (tmp_path / "o" / method / ready).read_bytes()
    evaluation = evaluate(str(tmp_path / "mine.json"), method=method, out=str(tmp_path / "o"), **QUICK)
    assert not evaluation.missing and (tmp_path / "o" / method / ready).read_bytes() == before
    inside = io.read_settings(tmp_path / "o" / method / file_name("a photo of a car"))
    assert inside["application"] == "distill" and inside["options"]["prompt"] == ["a photo of a car"]


BAD = {  # arguments -> words of the one line
    "evaluate nix": "does not exist",
    "evaluate wide --method sds": "--method of wide prompts must be one of auto",
    "evaluate edit --method eps": "must be one of auto, pds, sds, vsd",
    "evaluate wide --clip-model nix": "is none",
    "evaluate wide --steps 0": "at least 1",
    "evaluate wide --model nix": "synoptic models",
    "evaluate wide --zip KIM": "NAME_SID",
    "evaluate wide --zip ../KIM_1": "NAME_SID",
    "evaluate wide --code .": "add --zip NAME_SID",
    "evaluate wide --zip KIM_1 --code nix": "must be the folder of your code",
    "evaluate wide --make-sources": "is for edit sets",
    "evaluate ambiguous --steps 0": "at least 1",
    "evaluate ambiguous --model bundled-if-ii": "enlarges a small picture",
    "evaluate edit --out {empty}": "add --make-sources",
    "evaluate edit --method vsd --steps 0": "at least 1",
    "evaluate wide --out {file}/below": "choose another --out",
}


def test_bad_input_is_one_line_with_the_cure_before_anything_loads(tmp_path, ask):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("not a folder")
    argv = [shlex.split(line.format(empty=tmp_path / "empty", file=tmp_path / "file")) for line in BAD]
    for line, (code, error, torch_was_imported) in zip(BAD, ask(argv), strict=True):
        assert code == 2 and error.startswith("synoptic: error: ") and error.count("\n") == 1, line
        assert BAD[line] in error and not torch_was_imported, (line, error)


def test_help_teaches(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["synoptic", "evaluate", "--help"])
    with pytest.raises(SystemExit) as e:
        cli.main()
    text = " ".join(capsys.readouterr().out.split())
    assert e.value.code == 0 and "synoptic evaluate wide" in text and "NAME_SID" in text
