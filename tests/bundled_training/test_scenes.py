"""The procedural scenes and the styles: shapes and ranges, the sun only where asked, the same picture wherever cut in x."""

import pytest
import torch

from bundled_training.render import styles
from bundled_training.render.layers import TIMES
from bundled_training.render.scenes import SCENES, SUNLESS

torch.set_num_threads(1)


def asked(batch, sun):
    return torch.full((batch,), sun)


@pytest.mark.parametrize("time", TIMES)
@pytest.mark.parametrize("name", SCENES)
def test_a_scene_is_a_picture_and_its_depth(name, time):
    torch.manual_seed(0)
    for width in (64, 160):
        image, depth = SCENES[name](1, 64, width, "cpu", time, asked(1, False))
        assert image.shape == (1, 3, 64, width) and depth.shape == (1, 1, 64, width)
        for x in (image, depth):
            assert x.isfinite().all() and x.min() >= 0 and x.max() <= 1
        assert 0.03 < image.mean() < 0.97 and image.std() > 0.03


@pytest.mark.parametrize("name", sorted(set(SCENES) - {"space", "flowers", "library", "theater", "classroom", "underwater"}))
def test_the_sky_is_far_and_the_ground_near(name):
    torch.manual_seed(1)
    _, depth = SCENES[name](4, 64, 64, "cpu", "day", asked(4, False))
    assert (depth[..., 0, :].median(-1).values == 0).all()
    assert depth[..., -1, :].mean() > 0.4


@pytest.mark.parametrize("time", TIMES)
@pytest.mark.parametrize("name", ["ocean", "mountains", "city", "forest"])
def test_the_sun_appears_only_where_asked(name, time):
    pictures = []
    for sun in (torch.tensor([False, False]), torch.tensor([False, True])):
        torch.manual_seed(2)
        pictures.append(SCENES[name](2, 64, 192, "cpu", time, sun)[0])
    change = (pictures[1] - pictures[0]).abs().amax(1)
    assert change[0].max() == 0
    bright = change[1, :28] > 0.5 * change[1, :28].max()
    assert change[1].max() > 0.1
    assert bright.any(0).nonzero().amax() - bright.any(0).nonzero().amin() < 28, "one disc, not several"


@pytest.mark.parametrize("name", sorted(SUNLESS))
def test_scenes_without_a_sky_ignore_the_sun(name):
    pictures = []
    for sun in (False, True):
        torch.manual_seed(3)
        pictures.append(SCENES[name](1, 48, 48, "cpu", "day", asked(1, sun))[0])
    assert torch.equal(*pictures)


@pytest.mark.parametrize("name", SCENES)
def test_every_third_of_a_strip_looks_like_the_others(name):
    torch.manual_seed(4)
    image, depth = SCENES[name](16, 32, 96, "cpu", "day", asked(16, False))
    for x, tolerance in ((image, 0.05), (depth, 0.04)):
        thirds = torch.stack([third.mean((0, 2, 3)) for third in x.chunk(3, dim=3)])
        spread = thirds.amax(0) - thirds.amin(0)
        assert spread.max() < tolerance


@pytest.mark.parametrize("size", [(64, 64), (64, 160), (128, 128)])
@pytest.mark.parametrize("style", styles.STYLES)
def test_a_style_keeps_shape_and_range(style, size):
    torch.manual_seed(5)
    image, depth = SCENES["coast"](2, size[0], size[1], "cpu", "day", asked(2, True))
    drawn = styles.apply(style, image, depth)
    assert drawn.shape == image.shape and drawn.isfinite().all()
    assert drawn.min() >= 0 and drawn.max() <= 1 and drawn.std() > 0.05


def signature(drawn):
    """Mean, spread, colourfulness: what tells the styles apart from afar, (3,)."""
    grey = styles.luma(drawn)
    return torch.stack([grey.mean(), grey.std(), (drawn.amax(1) - drawn.amin(1)).mean()])


@pytest.mark.parametrize("style", styles.STYLES)
def test_a_style_is_the_same_at_every_size(style):
    torch.manual_seed(6)
    image, depth = SCENES["village"](4, 128, 128, "cpu", "day", asked(4, False))
    small = torch.nn.functional.avg_pool2d(image, 2)
    assert (
        signature(styles.apply(style, image, depth))
        - signature(styles.apply(style, small, torch.nn.functional.avg_pool2d(depth, 2)))
    ).abs().max() < 0.08


def test_styles_differ_and_photo_hardly_changes_a_picture():
    torch.manual_seed(7)
    image, depth = SCENES["coast"](6, 64, 64, "cpu", "day", asked(6, False))
    drawn = {style: styles.apply(style, image, depth) for style in styles.STYLES}
    assert (drawn["photo"] - image).abs().mean() < 0.04
    names = list(drawn)
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            assert (drawn[a] - drawn[b]).abs().mean() > 0.05, (a, b)
