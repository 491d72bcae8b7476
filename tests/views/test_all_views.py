"""Every kind of view: the laws, what it does to a picture, and that it is one picture at every side."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from synoptic.views.chain import Chain
from synoptic.views.inner_circle import disk, inner_circle, inner_rotate
from synoptic.views.negate import Negate
from synoptic.views.patches import block_indices, custom_permutation, patch_permute, pixel_permute
from synoptic.views.permutation import Permutation, index_grid
from synoptic.views.registry import VIEWS, get_view
from synoptic.views.rotations import flip, flip_horizontal, identity, rotate_180, rotate_ccw, rotate_cw
from synoptic.views.skew import skew
from synoptic.views.square_hinge import square_hinge

PERMUTATIONS = [name for name in VIEWS if name != "negate"]
BLOCKS = ["identity", "flip", "flip_horizontal", "rotate_cw", "rotate_ccw", "rotate_180", "negate"]
BLOCKS += ["patch_permute", "pixel_permute:3", "patch_permute:4:1+rotate_cw+negate"]


def picture(side: int = 64, rows: int = 2) -> Tensor:
    return torch.randn(rows, 3, side, side, generator=torch.Generator().manual_seed(side))


def enlarged(x: Tensor, k: int) -> Tensor:
    return x.repeat_interleave(k, -1).repeat_interleave(k, -2)


def permutation(name: str) -> Permutation:
    found = get_view(name)
    assert isinstance(found, Permutation)
    return found


@pytest.mark.parametrize("side", [64, 256])
@pytest.mark.parametrize("name", [*VIEWS, "rotate_cw+negate+skew", "jigsaw+inner_rotate:270"])
def test_a_view_comes_back_bitwise_both_ways(name, side):
    x, one = picture(side), get_view(name)
    assert one.view(x).shape == x.shape
    assert torch.equal(one.inverse_view(one.view(x)), x)
    assert torch.equal(one.view(one.inverse_view(x)), x)
    assert torch.equal(one.view(x), x) == (name == "identity")


@pytest.mark.slow
@pytest.mark.parametrize("name", VIEWS)
def test_a_view_of_1024_pixels_comes_back(name):
    x, one = picture(1024, rows=1)[:, :1], get_view(name)
    assert torch.equal(one.inverse_view(one.view(x)), x)


@pytest.mark.parametrize("side", [64, 192, 256])
@pytest.mark.parametrize("name", PERMUTATIONS)
def test_a_permutation_shows_every_pixel_once(name, side):
    places = permutation(name).indices(side)
    assert torch.equal(places.bincount(minlength=side**2), torch.ones(side**2, dtype=torch.int64))


@pytest.mark.parametrize("name", PERMUTATIONS)
def test_places_are_what_the_view_does(name):
    one, x = permutation(name), picture(64)
    for row, shown in zip(x.flatten(2), one.view(x).flatten(2), strict=True):
        assert torch.equal(shown, row[:, one.indices(64)])


@pytest.mark.parametrize("k", [2, 4])
@pytest.mark.parametrize("name", BLOCKS)
def test_a_finer_side_moves_the_same_pieces_in_blocks(name, k):
    one, x = get_view(name), picture(64)
    assert torch.equal(one.view(enlarged(x, k)), enlarged(one.view(x), k))
    assert torch.equal(one.inverse_view(enlarged(x, k)), enlarged(one.inverse_view(x), k))


@pytest.mark.parametrize("name", ["skew", "jigsaw", "square_hinge", "inner_circle", "inner_rotate"])
def test_a_finer_side_has_the_same_geometry(name):
    """All but the pixels along edges come from where the coarse view takes them, within two of its pixels."""
    one = permutation(name)
    fine = one.indices(256)
    coarse = block_indices(one.indices(64), 256).flatten()
    away = torch.stack([fine // 256 - coarse // 256, fine % 256 - coarse % 256]).abs()
    away = torch.minimum(away, 256 - away)
    assert ((away <= 8).all(0).double().mean() > 0.9).item()


def test_turns_are_numpys():
    x = picture()
    for one, expected in (
        (rotate_cw(), np.rot90(x, -1, (2, 3))),
        (rotate_ccw(), np.rot90(x, 1, (2, 3))),
        (rotate_180(), np.rot90(x, 2, (2, 3))),
        (flip(), np.flip(x.numpy(), 2)),
        (flip_horizontal(), np.flip(x.numpy(), 3)),
        (identity(), x.numpy()),
    ):
        assert np.array_equal(one.view(x).numpy(), expected), one.name


def test_clockwise_brings_the_top_to_the_right():
    x = torch.zeros(1, 1, 8, 8)
    x[..., 0, :] = 1
    assert rotate_cw().view(x)[..., :, 7].eq(1).all() and rotate_ccw().view(x)[..., :, 0].eq(1).all()


@pytest.mark.parametrize("side", [8, 64, 66])
def test_skew_rolls_each_column_by_its_distance_from_the_middle(side):
    x = picture(side)
    columns = [x[..., i].roll(int(1.5 * (i - side // 2)), -1) for i in range(side)]
    assert torch.equal(skew().view(x), torch.stack(columns, -1))


@pytest.mark.parametrize("side", [64, 66])
def test_the_hinge_turns_its_squares_in_place_and_leaves_the_rest(side):
    x, s = picture(side), side // 3
    shown = square_hinge().view(x)
    for i in range(3):
        for j in range(3):
            at = (..., slice(i * s, (i + 1) * s), slice(j * s, (j + 1) * s))
            assert torch.equal(shown[at], x[at].rot90(1 if (i + j) % 2 else -1, (-2, -1)))
    assert torch.equal(shown[..., 3 * s :, :], x[..., 3 * s :, :])
    assert torch.equal(shown[..., 3 * s :], x[..., 3 * s :])


@pytest.mark.parametrize("side", [64, 256])
def test_the_disc_has_the_courses_size_and_alone_turns(side):
    x, inside = picture(side), disk(side)
    at = np.arange(side) + 0.5 - side / 2
    assert np.array_equal(inside.numpy(), at[:, None] ** 2 + at**2 < (24 * side / 64) ** 2)
    assert torch.equal(inside, inside.rot90()) and torch.equal(inside, inside.flip(0))
    for one, quarters in ((inner_circle(), 2), (inner_rotate(), 3), (inner_rotate(270), 1), (inner_rotate(-90), 1)):
        assert torch.equal(one.view(x), torch.where(inside, x.rot90(quarters, (-2, -1)), x)), one.name


@pytest.mark.parametrize("angle", [90, -90, 45, 30, 135])
def test_the_disc_turns_clockwise_as_synctweedies_turns_it(angle):
    """Stored indices of the authors' own code, whose origin the file names."""
    stored = json.loads((Path(__file__).parent / "inner_rotate.json").read_text())["views"][str(angle)]
    authors = torch.tensor([[int(u) for u in row.split()] for row in stored])
    x = torch.arange(256.0).view(1, 1, 16, 16)
    assert torch.equal(inner_rotate(angle).view(x)[0, 0].long(), authors)
    assert torch.equal(get_view(f"inner_rotate:{angle}").view(x), inner_rotate(angle).view(x))


@pytest.mark.parametrize("angle", [90, 180, -90])
def test_the_nearest_pixels_tend_to_the_exact_turn(angle):
    """Turned by a hair more than a quarter, every pixel is where the exact turn puts it."""
    x = picture()
    assert torch.equal(inner_rotate(angle + 0.01).view(x), inner_rotate(angle).view(x))


def test_a_smooth_disc_turned_by_any_angle_is_the_smooth_function_turned():
    at = torch.arange(256, dtype=torch.float64) + 0.5 - 128
    x, y = at.expand(256, 256), at[:, None].expand(256, 256)
    c, s = math.cos(math.radians(30)), math.sin(math.radians(30))
    z = (x / 128 + (y / 64).sin())[None, None]
    turned = ((x * c + y * s) / 128 + ((y * c - x * s) / 64).sin())[None, None]
    away = (inner_rotate(30).view(z) - torch.where(disk(256), turned, z)).abs().max()
    assert away < 1.5 / 64


def test_pieces_are_drawn_once_and_by_their_seed():
    x = picture()
    assert torch.equal(patch_permute().view(x), patch_permute(8, 0).view(x))
    assert not torch.equal(patch_permute(8, 1).view(x), patch_permute(8, 0).view(x))
    assert not torch.equal(pixel_permute(1).view(x), pixel_permute(0).view(x))
    moved = pixel_permute().indices(64) != torch.arange(64**2)
    assert moved.double().mean() > 0.99
    whole = patch_permute(4).view(x).unfold(2, 16, 16).unfold(3, 16, 16).permute(0, 2, 3, 1, 4, 5).reshape(2, 16, -1)
    parts = x.unfold(2, 16, 16).unfold(3, 16, 16).permute(0, 2, 3, 1, 4, 5).reshape(2, 16, -1)
    assert sorted(map(tuple, whole[0].tolist())) == sorted(map(tuple, parts[0].tolist()))


def test_an_order_of_ones_own_is_applied_as_it_says():
    x = picture(8)
    swapped = custom_permutation("mine.json", [1, 0, 2, 3]).view(x)
    assert torch.equal(swapped[..., :4, :4], x[..., :4, 4:]) and torch.equal(swapped[..., :4, 4:], x[..., :4, :4])
    assert torch.equal(swapped[..., 4:, :], x[..., 4:, :])


def test_a_chain_is_applied_from_left_to_right():
    x, parts = picture(), [rotate_cw(), skew(), Negate()]
    one = Chain(parts)
    assert one.name == "rotate_cw+skew+negate" and one.views == tuple(parts)
    assert torch.equal(one.view(x), -skew().view(rotate_cw().view(x)))
    assert not torch.equal(one.view(x), Chain([skew(), rotate_cw(), Negate()]).view(x))


def test_a_view_serves_every_dtype_and_keeps_gradients():
    for name in VIEWS:
        x = picture().to(torch.float64).requires_grad_()
        get_view(name).view(x).square().sum().backward()
        assert x.grad is not None and torch.allclose(x.grad, 2 * x)
        assert get_view(name).view(picture().half()).dtype == torch.float16


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda: get_view("jigsaw").view(picture(62)), "needs a side that is a multiple of 4, 62 was given"),
        (lambda: get_view("pixel_permute").view(picture(32)), "need a side that is a multiple of 64, 32 was given"),
        (lambda: get_view("fails_scale").view(picture(62)), "multiple of 4, not 62"),
        (lambda: identity().view(picture(8)[..., :4]), "square pictures, 8x4 was given"),
        (lambda: inner_rotate(45).view(picture(8)[..., :4]), "square pictures, 8x4 was given"),
        (
            lambda: Permutation("twice", lambda side: index_grid(side) // 2).view(picture(8)),
            "shows each of 8x8 pixels once, twice",
        ),
        (lambda: custom_permutation("mine", [0, 0, 1, 2]).view(picture(8)), "mine does not"),
        (lambda: Chain([]), "at least one view"),
    ],
)
def test_what_a_view_cannot_do_is_refused(broken, message):
    with pytest.raises(ValueError, match=message):
        broken()
