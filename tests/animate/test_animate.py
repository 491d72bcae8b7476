"""Animations: what pieces a permutation falls into, and that the film rests exactly on every view."""

import numpy as np
import pytest
import torch

from synoptic import io
from synoptic.animate import MIN_SIDE, animate
from synoptic.animate.motion import Motion, transforms_at
from synoptic.animate.rigid_pieces import TRANSFORMS, rigid_pieces
from synoptic.views.permutation import Permutation
from synoptic.views.registry import VIEWS, get_view

GROUND = torch.tensor([0.9, 0.9, 0.9])


def picture(side):
    return io.to_pil(torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(side)) * 2 - 1)[0]


def middle(frame, side):
    """The part of a frame where the picture rests."""
    scale = max(MIN_SIDE // side, 1)
    edge = side * scale // 4
    return frame.crop((edge, edge, edge + side * scale, edge + side * scale))


def shown(v, image):
    """A view of a picture, enlarged as the film does."""
    side = image.width
    return io.to_pil(v.view(io.from_pil(image)))[0].resize([side * max(MIN_SIDE // side, 1)] * 2, 0)


def places(name, side):
    v = get_view(name)
    assert isinstance(v, Permutation)
    return v.indices(side)


def drawn(name, side=64):
    return rigid_pieces(places(name, side), side)


@pytest.mark.parametrize(
    ("name", "side", "ways"),
    [
        ("identity", 64, {0: 1}),
        ("flip", 64, {4 + 2: 1}),
        ("rotate_cw", 64, {3: 1}),
        ("rotate_ccw", 64, {1: 1}),
        ("rotate_180", 63, {2: 1}),
        ("inner_circle", 64, {0: 1, 2: 1}),
        ("inner_rotate", 64, {0: 1, 3: 1}),
        ("square_hinge", 63, {1: 4, 3: 5}),
        ("square_hinge", 64, {0: 1, 1: 4, 3: 5}),  # the pixel row and column left over stay together
        ("skew", 64, {0: 127}),  # 64 columns, all but one rolled over the edge
        ("skew", 256, {0: 511}),
    ],
)
def test_a_view_falls_into_its_pieces(name, side, ways):
    way = drawn(name, side).transform
    assert {k: n for k, n in enumerate(way.bincount(minlength=8).tolist()) if n} == ways


def test_a_jigsaw_falls_into_its_sixteen_pieces_whole_and_turned():
    for side in (64, 256):
        parts = drawn("jigsaw", side)
        assert len(parts) == 16 and not (parts.transform >= 4).any()
        assert parts.of.bincount().min() > (side / 4) ** 2 / 2


def test_shuffled_patches_and_pixels_fly_apart_and_patches_that_stay_neighbours_stay_together():
    assert len(drawn("patch_permute")) <= 64 and (drawn("patch_permute").transform == 0).all()
    blocks = drawn("pixel_permute", 256)
    assert 4000 < len(blocks) <= 64 * 64 and (blocks.transform == 0).all() and blocks.of.bincount().min() == 16


@pytest.mark.parametrize("name", ["rotate_cw", "flip", "skew", "patch_permute", "jigsaw", "square_hinge", "inner_circle"])
def test_pieces_say_where_every_pixel_goes(name):
    side = 64
    to = places(name, side)
    parts = rigid_pieces(to, side)
    at = torch.stack([torch.arange(side * side) // side, torch.arange(side * side) % side], -1) + 0.5
    arm = torch.einsum("nij,nj->ni", TRANSFORMS[parts.transform].float()[parts.of], at - parts.start[parts.of])
    assert torch.allclose((arm + parts.end[parts.of])[to], at, atol=1e-3)


def test_a_turn_keeps_lengths_and_a_mirror_ends_as_itself():
    assert torch.equal(transforms_at(0.0), torch.eye(2).expand(8, 2, 2))
    assert torch.allclose(transforms_at(1.0), TRANSFORMS.float(), atol=1e-6)
    turns = transforms_at(0.3)[:4]
    assert torch.allclose(turns @ turns.mT, torch.eye(2).expand(4, 2, 2), atol=1e-6)
    assert torch.linalg.det(transforms_at(0.5))[4:].abs().max() < 1e-6  # on edge


def test_rotate_cw_turns_clockwise():
    z = torch.full((3, 64, 64), -1.0)
    z[:, :8, :8] = 1  # the top left corner goes right, over the top
    scene = Motion(z, drawn("rotate_cw"), 1, torch.tensor([-1.0, -1, -1])).frame(0.5)[0]
    y, x = (scene > 0).nonzero().float().mean(0)
    assert x == pytest.approx(48, abs=1) and y < 16


def test_a_turned_piece_has_no_holes():
    for a in (0.1, 0.25, 0.5, 0.77):
        scene = Motion(torch.ones(3, 64, 64), drawn("rotate_cw"), 1, -torch.ones(3)).frame(a)[0]
        y, x = torch.meshgrid(*[torch.arange(96) - 47.5] * 2, indexing="ij")
        assert (scene[y**2 + x**2 < 30**2] == 1).all() and scene[0, 0] == -1


@pytest.mark.parametrize("name", VIEWS)
def test_the_film_rests_exactly_on_each_view(name):
    image, v = picture(64), get_view(name)
    frames = list(animate(image, [get_view("identity"), v], ["as it is", name], seconds=0.25, fps=16))
    assert len(frames) == 4 and len({frame.size for frame in frames}) == 1
    assert middle(frames[0], 64).tobytes() == shown(get_view("identity"), image).tobytes()
    assert middle(frames[2], 64).tobytes() == shown(v, image).tobytes()


@pytest.mark.parametrize("name", ["rotate_cw", "jigsaw", "skew", "pixel_permute", "inner_circle"])
def test_a_motion_ends_where_the_next_view_begins(name):
    z = io.from_pil(picture(64))[0]
    motion, at = Motion(z, drawn(name), 1, GROUND), slice(16, 80)
    for a, still in ((0.0, z), (1.0, get_view(name).view(z[None])[0])):
        assert io.to_pil(motion.frame(a)[None, :, at, at])[0].tobytes() == io.to_pil(still[None])[0].tobytes()


@pytest.mark.slow
def test_three_views_and_chains_go_round():
    names = ["rotate_cw", "rotate_cw+negate", "flip+jigsaw+negate"]
    image, views = picture(256), [get_view(name) for name in names]
    frames = list(animate(image, views, names, seconds=1, fps=23))
    assert len(frames) == 23
    for n, v in enumerate(views):
        assert middle(frames[23 * n // 3], 256).tobytes() == shown(v, image).tobytes()


def test_the_parts_of_a_chain_come_one_after_the_other():
    image = picture(256)
    frames = list(animate(image, [get_view("identity"), get_view("rotate_cw+flip")], ["", ""], seconds=1, fps=10))
    # 2 frames of rest, 3 of motion: the middle one is the stop between the two parts
    assert middle(frames[3], 256).tobytes() == shown(get_view("rotate_cw"), image).tobytes()


def test_a_caption_is_there_at_rest_and_gone_half_way():
    frames = list(animate(picture(64), [get_view("identity"), get_view("flip")], ["one", "another"], seconds=1, fps=20))
    strips = [np.asarray(frame)[384:] for frame in frames]
    ink = [int((strip != strip[0, 0]).sum()) for strip in strips]
    assert ink[0] > 0 and ink[10] > 0 and min(ink[3:10]) == 0
    assert not np.array_equal(strips[0], strips[10])


@pytest.mark.parametrize(
    ("image", "names", "captions", "seconds"),
    [
        (io.to_pil(torch.zeros(1, 3, 8, 16))[0], ["identity", "flip"], ["a", "b"], 4),
        (picture(16), ["identity"], ["a"], 4),
        (picture(16), ["identity", "flip"], ["a"], 4),
        (picture(16), ["identity", "flip"], ["a", "b"], 0.1),
    ],
)
def test_what_cannot_be_animated_is_refused_at_once(image, names, captions, seconds):
    with pytest.raises(ValueError, match=r"animation|frames"):
        animate(image, [get_view(name) for name in names], captions, seconds=seconds)


@pytest.mark.slow
def test_a_second_of_film_has_thirty_frames_in_both_formats(tmp_path):
    frames = list(animate(picture(64), [get_view("identity"), get_view("jigsaw")], ["a horse", "a village"], seconds=1))
    io.save_video(tmp_path / "a.mp4", frames)
    io.save_gif(tmp_path / "a.gif", frames)
    assert len(frames) == 30 and min((tmp_path / name).stat().st_size for name in ("a.mp4", "a.gif")) > 10_000
