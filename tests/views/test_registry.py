"""Views by name: what people may type, files of their own, and the errors that tell them."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from synoptic.errors import InputError
from synoptic.views.chain import Chain
from synoptic.views.decompositions import get_components
from synoptic.views.permutation import Permutation
from synoptic.views.registry import FACTORIZATIONS, FAILURES, VIEWS, get_view, parse_view, side_multiple


@pytest.mark.parametrize("name", [*VIEWS, *FAILURES])
def test_every_name_in_the_list_is_a_view_of_a_picture_of_64(name):
    x = torch.randn(1, 3, 64, 64)
    assert get_view(name).view(x).shape == x.shape
    assert get_view(name).name.split(":")[0] == name
    assert 64 % side_multiple(name) == 0


@pytest.mark.parametrize("kind", FACTORIZATIONS)
def test_every_factorization_in_the_list_has_components(kind):
    assert len(get_components(kind)) == (3 if kind.startswith("triple") else 2)


def test_what_is_typed_is_what_is_built():
    assert [(p.kind, p.arguments) for p in parse_view("patch_permute:4 + flip_vertical+inner_rotate:-22.5")] == [
        ("patch_permute", (4, 0)),
        ("flip", ()),
        ("inner_rotate", (-22.5,)),
    ]
    built = get_view("rotate_cw+negate")
    assert isinstance(built, Chain) and [part.name for part in built.views] == ["rotate_cw", "negate"]
    assert isinstance(get_view("inner_rotate:450"), Permutation) and not isinstance(get_view("inner_rotate:45"), Permutation)
    assert get_view("inner_rotate:22.5").name == "inner_rotate:22.5"
    x = torch.randn(1, 1, 60, 60)
    assert torch.equal(get_view("pixel_permute:5:60").view(x), get_view("patch_permute:60:5").view(x))


@pytest.mark.parametrize(
    ("name", "expected"), [("flip", 1), ("jigsaw", 4), ("patch_permute:6+jigsaw", 12), ("pixel_permute", 64)]
)
def test_a_side_is_a_multiple_of_what_a_view_divides_it_into(name, expected):
    assert side_multiple(name) == expected
    get_view(name).view(torch.zeros(1, 1, expected * 3, expected * 3))


@pytest.mark.parametrize("ending", ["npy", "json"])
@pytest.mark.parametrize("nested", [True, False])
def test_a_permutation_of_ones_own_from_a_file(ending, nested, tmp_path):
    order = np.random.default_rng(0).permutation(64)
    path, given = tmp_path / f"mine.{ending}", order.reshape(8, 8) if nested else order
    if ending == "npy":
        np.save(path, given)
    else:
        path.write_text(json.dumps(given.tolist()))
    one, x = get_view(f"{path}+negate"), torch.randn(1, 3, 8, 8)
    assert torch.equal(one.view(x), -x.flatten(2)[:, :, torch.tensor(order)].view_as(x))
    assert side_multiple(str(path)) == 8
    big = x.repeat_interleave(3, -1).repeat_interleave(3, -2)
    assert torch.equal(one.view(big), one.view(x).repeat_interleave(3, -1).repeat_interleave(3, -2))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mirror", "a view is one of identity, flip,"),
        ("", "a view is one of"),
        ("flip+", "a view is one of"),
        ("flip:3", "flip is written flip, 'flip:3' was given"),
        ("inner_rotate:10:20", "written inner_rotate:DEGREES"),
        ("inner_rotate:far", "DEGREES must be a number, 'inner_rotate:far' was given"),
        ("inner_rotate:nan", "DEGREES must be a number"),
        ("patch_permute:1", "PIECES must be a whole number from 2"),
        ("patch_permute:2.5", "PIECES must be a whole number from 2"),
        ("pixel_permute:-1", "SEED must be a whole number from 0"),
        ("nowhere.npy", "nowhere.npy is none: check the path"),
    ],
)
def test_what_is_no_view_is_refused_in_one_line(name, message):
    with pytest.raises(InputError, match=message) as e:
        get_view(name)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[0, 1, 2]", "3 numbers, which is no square"),
        ("[0, 1, 1, 3]", "numpy.random.permutation"),
        ("[0, 1, 2, 4]", "numpy.random.permutation"),
        ("[0, 1.0, 2, 3]", "numpy.random.permutation"),
        ("[0, true, 2, 3]", "numpy.random.permutation"),
        ("[]", "0 numbers"),
        ("7", "does not"),
        ("{", "does not"),
        ('"0123"', "numpy.random.permutation"),
    ],
)
def test_a_file_that_is_no_permutation_is_refused(content, message, tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(content)
    with pytest.raises(InputError, match=message):
        get_view(str(path))


def test_a_file_that_could_run_code_is_refused(tmp_path):
    path = tmp_path / "mine.npy"
    np.save(path, np.array([{}, 1, 2, 3], dtype=object))
    with pytest.raises(InputError, match="holds each of"):
        get_view(str(path))


def test_an_archive_of_arrays_is_no_permutation(tmp_path):
    np.savez(tmp_path / "mine.npz", order=np.arange(4))
    (tmp_path / "mine.npz").rename(tmp_path / "mine.npy")
    with pytest.raises(InputError, match=r"archive, \.npz, of order"):
        get_view(str(tmp_path / "mine.npy"))
