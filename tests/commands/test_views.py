"""`synoptic views`: what it lists, measures and draws, and what it refuses before torch is imported."""

import shlex

import numpy as np
import pytest
import torch

from synoptic import io
from synoptic.commands.base import Tool
from synoptic.commands.views import letter
from synoptic.errors import InputError
from synoptic.views.registry import FAILURES, VIEWS, get_view

views = Tool("views")


@pytest.fixture(scope="module")
def listing(tmp_path_factory):
    return views(out=str(tmp_path_factory.mktemp("views")))


def test_without_names_every_view_is_listed_with_a_verdict(listing):
    head, *lines = [line.split("\t") for line in str(listing).splitlines()[:-2]]
    assert head == ["view", "what it shows", "can it work", "sync"]
    assert [line[0] for line in lines] == [*VIEWS, *FAILURES]
    for name, text, verdict, sync in lines:
        assert text == (VIEWS | FAILURES)[name].summary
        assert (verdict[:3], sync) == (("no:", "none") if name in FAILURES else ("yes", "x0, eps or xt"))


def test_the_sheet_shows_the_picture_and_every_view(listing):
    sheet = io.load_image(listing.sheet)
    assert str(listing).endswith(str(listing.sheet))
    assert sheet.size == (6 * 200 + 8, 3 * (18 + 192 + 8) + 8)
    cell = sheet.crop((808, 26, 1000, 218)).resize((64, 64), 0)  # the fifth: the picture, identity, two flips, rotate_cw
    expected = get_view("rotate_cw").view(io.from_pil(letter(64)))
    assert (io.from_pil(cell) - expected).abs().max() < 1e-6
    files = {path.stem for path in listing.sheet.parent.iterdir()}
    assert files == {"views", *VIEWS, *FAILURES}
    assert io.read_settings(listing.sheet.parent / "jigsaw.png") == {"view": "jigsaw"}


def test_named_views_are_measured_and_drawn_of_a_picture_of_ones_own(tmp_path):
    np.save(tmp_path / "mine.npy", np.arange(16)[::-1])
    names = ["inner_rotate:45", "rotate_cw+negate", str(tmp_path / "mine.npy"), "fails_blur"]
    letter(160).crop((0, 0, 160, 130)).save(tmp_path / "photo.png")
    seen = views(names, size=128, picture=str(tmp_path / "photo.png"), out=str(tmp_path / "o"))
    head, *lines = [line.split("\t") for line in str(seen).splitlines()[:-2]]
    assert head[:3] == ["view", "recovery", "idempotence"] and head[-2:] == ["can it work", "sync"]
    assert [line[0] for line in lines] == names
    assert [line[-1] for line in lines] == ["x0", "x0, eps or xt", "x0, eps or xt", "none"]
    assert [float(line[1]) > 0 for line in lines] == [True, False, False, True]
    assert io.load_image(tmp_path / "o/inner_rotate_45.png").size == (3 * 264 + 8, 18 + 256 + 16)
    assert (tmp_path / "o/rotate_cw+negate.png").exists()


def test_the_letter_tells_every_turn_and_mirror_apart():
    x = io.from_pil(letter(64))
    seen = [x.rot90(k, (2, 3)) for k in range(4)] + [x.flip(2).rot90(k, (2, 3)) for k in range(4)]
    assert all((a - b).abs().mean() > 0.1 for i, a in enumerate(seen) for b in seen[:i])


def test_labels_wrap_and_small_pictures_grow():
    small = io.to_pil(torch.zeros(3, 3, 16, 16))
    sheet = io.image_grid(small, ["one", "several words that need three lines of text", "x" * 100], 2)
    assert sheet.size == (2 * 200 + 8, 2 * (2 * 18 + 192 + 8) + 8)
    assert io.image_grid(small[:1], ["one"], 6, cell=32).size == (6 * 40 + 8, 18 + 32 + 16)


def test_a_file_that_is_no_picture_is_refused(tmp_path):
    (tmp_path / "a.png").write_text("no picture")
    with pytest.raises(InputError) as e:
        views(["flip"], picture=str(tmp_path / "a.png"), out=str(tmp_path))
    assert e.value.rule == "picture-unreadable"


BAD = {
    "views mirror": "a view is one of identity, flip",
    "views rotate_cw:3": "rotate_cw is written rotate_cw",
    "views mine.json": "check the path",
    "views jigsaw --size 66": "--size must be a multiple of 4 for jigsaw, 66 was given",
    "views --size 60": "--size must be a multiple of 8 for patch_permute",
    "views --size 4": "--size must be at least 8",
    "views --size 4096": "--size must be at most 2048",
    "views flip --out /dev/null/below": "choose another --out",
}


def test_bad_input_is_one_line_with_the_cure_before_anything_loads(ask):
    for (line, cure), (code, error, torch_was_imported) in zip(BAD.items(), ask([shlex.split(b) for b in BAD]), strict=True):
        assert code == 2 and error.startswith("synoptic: error: ") and error.count("\n") == 1, line
        assert cure in error and not torch_was_imported, error
