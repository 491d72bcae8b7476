"""The objects: whole in their frame, in the color asked, different from every side."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from bundled_training.render.objects import SOLIDS
from bundled_training.render.solids import VIEWS, render, render_at
from tests.quick import quick_ones

RED = (0.85, 0.1, 0.1)
Pictures = tuple[Tensor, Tensor, Tensor]


def colour(count: int, rgb: tuple[float, float, float] = RED) -> Tensor:
    return torch.tensor([rgb]).expand(count, 3)


def around(names: list[str], azimuth: float, elevation: float = 0.25, size: int = 32, **more) -> Pictures:
    """The same objects from one direction, in degrees and radians of height."""
    count = len(names)
    angles = torch.full((count,), math.radians(azimuth)), torch.full((count,), elevation)
    return render_at(names, colour(count), *angles, size, "cpu", **more)


@pytest.fixture(scope="module")
def pictures() -> Pictures:
    """Every object in every view, twice."""
    torch.manual_seed(0)
    names = [name for name in SOLIDS for _ in range(2 * len(VIEWS))]
    return render(names, colour(len(names)), [*VIEWS, *VIEWS] * len(SOLIDS), 32, "cpu")


def test_names():
    assert len(SOLIDS) >= 12 and VIEWS == ("front", "side", "back", "overhead")


def test_shapes_and_ranges(pictures):
    count = 2 * len(SOLIDS) * len(VIEWS)
    for picture, channels in zip(pictures, (3, 1, 1), strict=True):
        assert picture.shape == (count, channels, 32, 32) and picture.dtype == torch.float32
        assert picture.isfinite().all() and picture.min() >= 0 and picture.max() <= 1


def test_objects_fill_the_frame_and_stay_off_its_border(pictures):
    alpha = pictures[1]
    share = alpha.mean((1, 2, 3))
    assert share.min() > 0.08 and share.max() < 0.65
    for edge in (alpha[..., :2], alpha[..., -2:], alpha[..., :2, :], alpha[..., -2:, :]):
        assert edge.max() == 0
    seen = alpha[:, 0] > 0.5
    longest = torch.maximum(seen.any(1).sum(1), seen.any(2).sum(1))
    assert longest.min() >= 20 and longest.max() <= 28


def test_nothing_is_left_where_nothing_is_seen(pictures):
    rgb, alpha, depth = pictures
    assert (depth[alpha > 0.5] > 0.02).all()
    assert (depth * (alpha == 0)).max() == 0 and (rgb * (alpha == 0)).max() == 0


def difference(a: Pictures, b: Pictures) -> Tensor:
    """The mean difference of the pictures on gray, a share of what the object covers, (B,)."""
    on_grey = [rgb * alpha + 0.5 * (1 - alpha) for rgb, alpha, _ in (a, b)]
    return (on_grey[0] - on_grey[1]).abs().mean((1, 2, 3)) / torch.maximum(a[1], b[1]).mean((1, 2, 3))


@pytest.mark.parametrize(
    ("first", "second"),
    quick_ones([("front", "back"), ("front", "side"), ("back", "side"), ("front", "overhead")], [("front", "back")]),
)
def test_every_side_is_different(first, second):
    degrees = {"front": 0, "side": 90, "back": 180, "overhead": 0}
    a, b = (around(list(SOLIDS), degrees[v], 1.3 if v == "overhead" else 0.25) for v in (first, second))
    least, name = min(zip(difference(a, b).tolist(), SOLIDS, strict=True))
    assert least > 0.03, f"{name}: {least}"


@pytest.mark.parametrize("view", [0, 90, 180])
def test_the_body_takes_the_colour(view):
    names = list(SOLIDS)
    red, alpha, _ = around(names, view)
    angles = torch.full((len(names),), math.radians(view)), torch.full((len(names),), 0.25)
    blue = render_at(names, colour(len(names), (0.15, 0.3, 0.9)), *angles, 32, "cpu")[0]
    warm, cool = (x[:, 0] - x[:, 2] for x in (red, blue))
    share = ((warm > 0.25) & (cool < -0.25) & (alpha[:, 0] > 0.5)).sum((1, 2)) / (alpha[:, 0] > 0.5).sum((1, 2))
    least, name = min(zip(share.tolist(), names, strict=True))
    assert least > 0.2, f"{name}: {least}"


def test_depth_grows_toward_the_camera():
    """From above, the middle of a mushroom's cap is nearer than its rim, and that nearer than the background."""
    _, alpha, depth = around(["mushroom"], 0, 1.4, 64)
    middle, rim = depth[0, 0, 24:40, 24:40].mean(), depth[0, 0][alpha[0, 0] == 1].quantile(0.05)
    assert middle > rim > 0


def test_half_a_turn_mirrors_the_outline():
    """The camera is where it says: from the other side a far-off outline is nearly the mirror image."""
    front, back = (around(["mug"], azimuth, 0.0)[1] for azimuth in (0, 180))
    assert (front - back.flip(-1)).abs().mean() < 0.03 < (front - back).abs().mean()
    assert front[..., 16:].sum() != front[..., :16].sum()


def test_without_fit_the_size_stays():
    heights = [(around(["car"], azimuth, 0.0, fit=False)[1][0, 0] > 0.5).any(1).sum() for azimuth in (0, 45, 90)]
    assert max(heights) - min(heights) <= 4
    wide = [(around(["car"], azimuth, 0.0, fit=False)[1][0, 0] > 0.5).any(0).sum() for azimuth in (0, 90)]
    assert wide[1] > 1.5 * wide[0]


def test_the_seed_decides_and_instances_differ():
    names, views = ["house", "car", "house", "lamp"], ["front", "back", "front", "side"]
    runs = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        runs.append(render(names, colour(4), views, 32, "cpu"))
    assert all(torch.equal(a, b) for a, b in zip(runs[0], runs[1], strict=True))
    assert (runs[0][0] != runs[2][0]).any() and (runs[0][0][0] != runs[0][0][2]).any()


def test_proportions_change_the_object():
    names, angle = list(SOLIDS), torch.zeros(len(SOLIDS))
    slim, wide = (
        render_at(
            names,
            colour(len(names)),
            angle,
            angle,
            32,
            "cpu",
            proportions=sign * torch.tensor([[1.0, -1, 1, -1]] * len(names)),
        )
        for sign in (-1, 1)
    )
    assert difference(slim, wide).min() > 0.02


def test_a_batch_is_its_pictures():
    names, angles = ["mug", "boat", "mug"], (torch.tensor([0.1, 1.0, 2.0]), torch.tensor([0.2, 0.3, 1.2]))
    together = render_at(names, colour(3), *angles, 16, "cpu")
    for i, name in enumerate(names):
        alone = render_at([name], colour(1), angles[0][i : i + 1], angles[1][i : i + 1], 16, "cpu")
        for a, b in zip(together, alone, strict=True):
            torch.testing.assert_close(a[i : i + 1], b, atol=1e-4, rtol=0)
