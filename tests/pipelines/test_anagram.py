"""One quick run of anagrams and hybrids with every option value, and what they leave behind."""

from __future__ import annotations

import json
import shlex
import sys
from typing import Any

import pytest
import torch

import synoptic
from synoptic import cli, io
from synoptic.errors import InputError
from synoptic.models.families import Defaults
from synoptic.models.registry import BUNDLED_DEFAULTS, Checkpoint
from synoptic.pipelines import anagram as anagrams
from synoptic.pipelines import hybrid as hybrids

anagram: Any = anagrams.anagram  # a Result, or with `compare` a Comparison
hybrid: Any = hybrids.hybrid
PAIR = ["a photo of a horse", "a photo of a dog"]
QUICK: dict[str, Any] = {"steps": 2, "dtype": "float32", "upscalers": ["none"]}
LATENT = {"model": "bundled"}
ANAGRAMS = [
    {},
    {"views": ["identity", "inner_rotate:45"], "sync": "eps"},
    {"sync": "xt"},
    {"sync": "none"},
    {"space": "instance"},
    {"space": "canonical"},
    {"start": "independent"},
    {"balance": True, "style": "an oil painting of"},
    {"weights": [1.0, 3.0]},
    {"views": ["flip", "rotate_cw+negate"], "guidance": 1.0},
    {"negative": "a photo of a cat", "clip": "dynamic"},
    {"sampler": "ddpm", "sync": "eps"},
    {"sampler": "dpm++", "clip": "static"},
    {"eta": 1.0, "sync": "xt", "clip": "none"},
    {"seed": 7, "count": 2},
    LATENT,
    LATENT | {"residual": False, "sampler": "dpm++"},
    LATENT | {"canvas": "latents", "sync": "eps"},
]
HYBRIDS = [
    {},
    {"kind": "triple"},
    {"kind": "color", "sync": "eps"},
    {"kind": "motion", "sync": "xt", "space": "instance"},
    {"start": "independent", "balance": True},
    LATENT,
    LATENT | {"canvas": "latents"},
]


def label(options: dict[str, Any]) -> str:
    return "-".join(f"{k}={v}" for k, v in options.items()) or "defaults"


def gap(a, b) -> float:
    return (io.from_pil(a) - io.from_pil(b)).abs().max().item() * 127.5


@pytest.mark.parametrize("options", ANAGRAMS, ids=label)
def test_anagram_with_every_option_value(options, tmp_path):
    result = anagram(PAIR, out=str(tmp_path), **QUICK | options)
    side = 128 if options.get("model") else 64
    assert [image.size for image in result.images] == [(side, side)] * options.get("count", 1)
    assert all(len(set(image.tobytes())) > 50 for image in result.images)
    manifest = json.loads((tmp_path / "run.json").read_text())
    assert manifest["state"] == "done" and -1 <= manifest["scores"]["alignment"] <= 1
    for picture in result.run.pictures:
        assert (tmp_path / picture.file).with_suffix(".views.png").exists()
        assert picture.prompt == "a photo of a horse | a photo of a dog"


@pytest.mark.parametrize("options", HYBRIDS, ids=label)
def test_hybrid_with_every_option_value(options, tmp_path):
    prompts = [*PAIR, "a photo of a cat"] if options.get("kind") == "triple" else PAIR
    result = hybrid(prompts, out=str(tmp_path), **QUICK | options)
    side = 128 if options.get("model") else 64
    assert [image.size for image in result.images] == [(side, side)] and len(set(result.images[0].tobytes())) > 50
    assert (tmp_path / result.run.pictures[0].file).with_suffix(".views.png").exists()


def test_the_far_picture_of_an_inverse_hybrid_is_the_photograph(tmp_path):
    column = torch.linspace(-1, 1, 64).expand(1, 3, 64, 64)
    photo = io.to_pil(column)[0]
    photo.save(tmp_path / "photo.png")
    how = QUICK | {"kind": "inverse", "photo": str(tmp_path / "photo.png"), "clip": "none"}
    (picture,) = hybrid(["a photo of a horse"], out=str(tmp_path / "o"), **how).images
    assert gap(picture.resize((4, 4)), photo.resize((4, 4))) < 25, "the lowest frequencies are not painted"


def test_three_prompts_three_views(tmp_path):
    three, names = [*PAIR, "a photo of a cat"], ["identity", "rotate_cw", "rotate_180"]
    result = anagram(three, views=names, out=str(tmp_path), **QUICK)
    sheet = io.load_image((tmp_path / result.run.pictures[0].file).with_suffix(".views.png"))
    assert sheet.width > 2.5 * sheet.height and result.run.pictures[0].prompt.count("|") == 2


def test_weights_decide_who_is_heard(tmp_path):
    """With nearly all weight on one view, the picture is nearly that view's own."""
    first = anagram(PAIR, weights=[1e6, 1.0], out=str(tmp_path / "a"), **QUICK)
    alone = synoptic.generate(PAIR[0], model="bundled-if", out=str(tmp_path / "b"), steps=2, dtype="float32", guidance=3.0)
    even = anagram(PAIR, out=str(tmp_path / "c"), **QUICK)
    assert gap(first.images[0], alone.images[0]) <= 2 < gap(even.images[0], alone.images[0])


@pytest.mark.parametrize("start", ["shared", "independent"])
def test_every_rule_paints_one_picture_from_one_noise_and_not_from_several(start, tmp_path):
    """The theorem of permutation views, through the recipe."""
    how = QUICK | {"space": "instance", "start": start, "clip": "none"}
    x0, xt = (anagram(PAIR, sync=sync, out=str(tmp_path / sync), **how).images[0] for sync in ("x0", "xt"))
    assert (gap(x0, xt) <= 1) == (start == "shared")


def test_the_second_stage_keeps_the_first_and_both_are_anagrams(tmp_path, monkeypatch):
    monkeypatch.setitem(BUNDLED_DEFAULTS, "if-ii", Defaults(4, 1.0, 64))  # steps fewer than it needs
    small = anagram(PAIR, out=str(tmp_path / "small"), **QUICK).images[0]
    result = anagram(PAIR, out=str(tmp_path / "large"), **QUICK | {"upscalers": None, "augment": False, "level": 20})
    (large,), (picture,) = result.images, result.run.pictures
    kept = io.load_image((tmp_path / "large" / picture.file).with_suffix(".64.png"))
    assert large.size == (256, 256) and gap(kept, small) == 0
    near, far = (gap(large.resize((16, 16)), one.resize((16, 16))) for one in (small, small.rotate(180)))
    assert near < far / 2


def test_a_latent_models_picture_is_enlarged_in_pixels(tmp_path, tiny_x4, monkeypatch):
    monkeypatch.setattr(Checkpoint, "defaults", Defaults(1, 1.0, 8))
    how = QUICK | LATENT | {"upscalers": [str(tiny_x4)], "steps": 1, "guidance": 1.0}
    for canvas in ("pixels", "latents"):
        out = tmp_path / canvas
        result = anagram(PAIR, canvas=canvas, out=str(out), **how)
        small = io.load_image((out / result.run.pictures[0].file).with_suffix(".128.png"))
        assert (result.images[0].size, small.size) == ((512, 512), (128, 128))


def test_the_search_keeps_the_best_seeds_and_is_not_done_twice(tmp_path, monkeypatch):
    how = QUICK | {"guidance": 4.0, "style": "an oil painting of"}
    found = anagram(PAIR, search=4, count=2, seed=3, out=str(tmp_path / "a"), **how)
    assert found.run.pictures[0].file.startswith("a_photo_of_a_horse_a_photo_of_a_dog_")
    told = json.loads((tmp_path / "a/search.json").read_text())
    assert told["judge"] == "bundled clip-grayscale" != found.run.scores["judge"]
    assert sorted(told["rounds"][0]["seeds"]) == [3, 4, 5, 6]
    assert [p.seed for p in found.run.pictures] == told["rounds"][-1]["seeds"][:2]
    alone = anagram(PAIR, seed=found.run.pictures[0].seed, out=str(tmp_path / "b"), **how)
    assert gap(found.images[0], alone.images[0]) <= 1
    monkeypatch.setattr("synoptic.sampling.seed_search.seed_search", None)
    again = anagram(PAIR, search=4, count=2, seed=3, out=str(tmp_path / "a"), **how)
    assert [p.file for p in again.run.pictures] == [p.file for p in found.run.pictures]
    assert "sample" not in again.run.timings


@pytest.mark.filterwarnings("ignore:sync='eps' never reconciles")
def test_compare_paints_by_every_rule_and_tabulates(tmp_path):
    found = anagram(PAIR, compare=True, style="an oil painting of", out=str(tmp_path), **QUICK | {"steps": 1})
    rules = [(space, sync) for space in ("instance", "canonical") for sync in ("eps", "x0", "xt")]
    assert [row[:2] for row in found.rows] == rules
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == {f"{space}-{sync}" for space, sync in rules}
    header, *lines = (tmp_path / "compare.tsv").read_text().splitlines()
    assert header.split("\t")[:3] == ["space", "sync", "alignment"]
    assert [line.split("\t")[2] for line in lines[:6]] == [f"{row[2]:.3f}" for row in found.rows]
    sheet = io.load_image(tmp_path / "compare.png")
    assert sheet.height > 2 * sheet.width, "six rows of two views"
    runs = [json.loads((tmp_path / f"{space}-{sync}/run.json").read_text())["settings"] for space, sync in rules]
    assert {run["start"] for run in runs[:3]} == {"independent"} and {run["start"] for run in runs[3:]} == {"shared"}


def test_films_are_made_once(tmp_path, monkeypatch):
    pytest.importorskip("av")
    result = anagram(PAIR, animate=True, out=str(tmp_path), **QUICK)
    films = [(tmp_path / result.run.pictures[0].file).with_suffix(end) for end in (".mp4", ".gif")]
    before = [(film.stat().st_mtime_ns, film.stat().st_size) for film in films]
    assert all(size > 1000 for _, size in before)
    again = anagram(PAIR, animate=True, out=str(tmp_path), **QUICK)
    assert [(film.stat().st_mtime_ns, film.stat().st_size) for film in films] == before
    assert "sample" not in again.run.timings and again.images == result.images


def test_a_stopped_run_goes_on_to_the_same_pictures(tmp_path, monkeypatch):
    monkeypatch.setattr("synoptic.runs.execute.max_batch_rows", lambda *_: 4)
    how = QUICK | {"count": 2}
    whole = anagram(PAIR, out=str(tmp_path / "whole"), **how)
    save = io.save_image

    def stop_at_the_second(path, image, settings):
        if path.name.endswith("_1.png"):
            raise KeyboardInterrupt
        save(path, image, settings)

    with monkeypatch.context() as m:
        m.setattr(io, "save_image", stop_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            anagram(PAIR, out=str(tmp_path / "stopped"), **how)
    assert [p.name for p in (tmp_path / "stopped").glob("*.png")] == [whole.run.pictures[0].file]
    assert [i.tobytes() for i in anagram(PAIR, out=str(tmp_path / "stopped"), **how).images] == [
        i.tobytes() for i in whole.images
    ]


@pytest.mark.parametrize(
    ("recipe", "prompts", "options"),
    [
        (anagram, PAIR, {"views": ["flip", "jigsaw"], "weights": [2.0, 1.0], "negative": "it's", "balance": True}),
        (anagram, PAIR, LATENT | {"residual": False}),
        (hybrid, PAIR, {"kind": "color", "style": "an oil painting of"}),
    ],
    ids=["anagram", "what is switched off", "hybrid"],
)
def test_the_command_in_the_manifest_paints_the_same_picture(recipe, prompts, options, tmp_path, monkeypatch):
    first = recipe(prompts, out=str(tmp_path / "a"), **QUICK | options)
    monkeypatch.setattr(sys, "argv", [*shlex.split(first.run.command), "--out", str(tmp_path / "b")])
    with pytest.raises(SystemExit) as e:
        cli.main()
    assert e.value.code == 0
    name = first.run.pictures[0].file
    assert io.load_image(tmp_path / "b" / name).tobytes() == first.images[0].tobytes()


def test_a_word_the_model_never_saw_and_a_view_that_cannot_work_are_warned_of(tmp_path, capsys):
    gothic = ["a photo of a gothic horse", PAIR[1]]
    anagram(gothic, views=["identity", "fails_white_balance"], out=str(tmp_path), **QUICK)
    err = capsys.readouterr().err
    assert "never saw: gothic" in err and "warning: fails_white_balance cannot work" in err


BAD = {  # arguments -> words that the one line must hold: the rule or the cure
    "anagram x": "2 views were given (identity, rotate_cw): match --views",
    "anagram x y z": "3 prompts and 2 views",
    "anagram x y --views identity": "match --views",
    "anagram x y --views identity spin": "a view is one of",
    "anagram x y --views": "--views",
    "anagram x y --views --steps 2": "--views takes one word or more, none was given",
    "anagram x y --views identity patch_permute:7": "a side that 7 divides, bundled-if paints 64",
    "anagram x y --views identity nix.npy": "nix.npy",
    "anagram x y --weights 1": "--weights are one number above 0 for each of 2 views",
    "anagram x y --weights 1 0": "--weights",
    "anagram x y --weights one two": "--weights",
    "anagram x y --sync x1": "is not one of 'x0', 'eps', 'xt', 'none'",
    "anagram x y --space both": "is not one of 'auto', 'instance', 'canonical'",
    "anagram x y --start warm": "is not one of 'auto', 'shared', 'independent'",
    "anagram x y --canvas paper": "is not one of 'pixels', 'latents'",
    "anagram x y --space canonical --start independent": "needs --space instance",
    "anagram x y --space canonical --sync none": "use --space auto",
    "anagram x y --model bundled --sync eps": "--sync must be x0, eps was given; use it, or --canvas latents",
    "anagram x y --model bundled --space canonical": "--space must be instance",
    "anagram x y --model bundled --start shared": "--start must be independent",
    "anagram x y --model bundled --eta 1": "--eta 0",
    "anagram x y --model bundled --sampler ddpm": "--sampler ddim",
    "anagram x y --model bundled --compare": "add --canvas latents",
    "anagram x y --model bundled --upscalers bundled-if-ii": "what it is given here has 128",
    "anagram x y --upscalers bundled": "an upscaler enlarges",
    "anagram x y --upscalers none auto": "stands alone",
    "anagram x y --level 1000": "--level for bundled-if-ii must be at most 999",
    "anagram x y --level -1": "--level must be at least 0",
    "anagram x y --search -1": "--search must be at least 0",
    "anagram x y --search 2 --count 3": "--search must be at least --count, 3",
    "anagram x y --compare --search 4": "leave out --search",
    "anagram x y --compare --animate": "leave out --search and --animate",
    "anagram x y --steps 0": "--steps must be at least 1",
    "hybrid x": "--kind pass takes 2 prompts",
    "hybrid x y --kind triple": "takes 3 prompts",
    "hybrid x y --kind thirds": "is not one of 'pass', 'triple'",
    "hybrid x --kind inverse": "give both or neither",
    "hybrid x y --photo nix.png": "give both or neither",
    "hybrid x y --sigma 0": "--sigma must be above 0",
    "hybrid x --kind inverse --photo nix.png": "nix.png is none",
    "hybrid x --kind inverse --photo {file} --sync eps": "needs --sync x0",
    "hybrid x --kind inverse --photo {file} --model bundled --canvas latents": "--canvas latents was given",
    "hybrid x y --kind color --model bundled --canvas latents": "colours of pixels",
    "hybrid x y --level -1": "--level must be at least 0",
    "hybrid x y --search 1 --count 2": "--search must be at least --count",
}


@pytest.fixture(scope="module")
def answers(ask, tmp_path_factory):
    file = tmp_path_factory.mktemp("bad") / "file.png"
    file.write_text("no picture")
    return dict(zip(BAD, ask([shlex.split(line.format(file=file)) for line in BAD]), strict=True))


@pytest.mark.parametrize("line", BAD)
def test_bad_input_is_one_line_with_the_cure_before_anything_loads(answers, line):
    code, error, torch_was_imported = answers[line]
    assert code == 2 and error.count("\n") == 1
    assert error.startswith("synoptic: error: ") and BAD[line] in error
    assert not torch_was_imported


def test_a_photograph_that_is_none_is_refused(tmp_path):
    (tmp_path / "photo.png").write_text("no picture")
    with pytest.raises(InputError, match=r"photo.png cannot be read as one"):
        hybrid(["x"], kind="inverse", photo=str(tmp_path / "photo.png"), out=str(tmp_path / "o"), **QUICK)


def test_words_of_a_list_go_on_to_the_next_option():
    line = "anagram x y --views identity rotate_cw --steps 2 --weights 1 2"
    read = "anagram x y --views identity --views rotate_cw --steps 2 --weights 1 --weights 2"
    assert cli.spread(line.split()) == read.split() == cli.spread(read.split())
    assert cli.spread(["wide", "x", "--width", "160"]) == ["wide", "x", "--width", "160"]
