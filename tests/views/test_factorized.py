"""Factorizations: the components of a picture, and the Views that paint each to its own prompt."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d, interpolate, pad

from synoptic.diffusion.equations import randn
from synoptic.views.decompositions import get_components
from synoptic.views.factorized import Factorized
from synoptic.views.frequency import scaled_gaussian_blur
from synoptic.views.registry import FACTORIZATIONS
from tests.quick import slow_ones


def picture(side: int = 64, rows: int = 2) -> Tensor:
    return torch.randn(rows, 3, side, side, generator=torch.Generator().manual_seed(side), dtype=torch.float64)


def close(a: Tensor, b: Tensor, atol: float = 1e-12) -> None:
    torch.testing.assert_close(a, b, rtol=0, atol=atol)


@pytest.mark.parametrize("side", [32, 64, pytest.param(256, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", FACTORIZATIONS)
def test_components_sum_to_the_picture_and_are_linear(kind, side):
    x, y = picture(side).unbind(0)
    x, y = x[None], y[None]
    total = torch.zeros_like(x)
    for component in get_components(kind):
        close(component(2 * x + y), 2 * component(x) + component(y))
        assert component(x).std() > 0.01, "no component is empty"
        total = total + component(x)
    close(total, x)


def test_another_kind_is_refused():
    with pytest.raises(ValueError, match="triple-cascade, color, motion or motion-zeros, not 'inverse'"):
        get_components("inverse")


@pytest.mark.parametrize(("side", "size", "sigma"), [(64, 33, 2.0), (256, 133, 8.0)])
def test_the_low_pass_has_the_papers_kernel(side, size, sigma):
    """33 pixels and sigma 2 at 64; at 256 four times that, and one more pixel to be odd."""
    point, half = torch.zeros(1, 1, side, side, dtype=torch.float64), size // 2
    point[..., side // 2, side // 2] = 1
    low, high = get_components("pass")
    middle = slice(side // 2 - half, side // 2 + half + 1)
    spread = low(point)
    close(spread[0, 0, middle, middle], kernel(size, sigma))
    assert spread.count_nonzero() <= size**2
    close(high(point), point - spread)


@pytest.mark.parametrize("sigma", [2.0, 3.5])
def test_pictures_are_mirrored_at_their_edges(sigma):
    x = picture(64, 1)[:, :1]
    close(get_components("pass", sigma)[0](x), conv2d(pad(x, [16] * 4, mode="reflect"), kernel(33, sigma)[None, None]))


def kernel(size: int, sigma: float) -> Tensor:
    at = torch.arange(size, dtype=torch.float64) - size // 2
    g = torch.exp(-(at[:, None] ** 2 + at**2) / (2 * sigma**2))
    return g / g.sum()


def test_bands_of_three_lie_between_two_blurs():
    x = picture()
    low, middle, high = (component(x) for component in get_components("triple"))
    close(low, scaled_gaussian_blur(x, 2, 25))
    close(low + middle, scaled_gaussian_blur(x, 1, 25))
    close(high, x - scaled_gaussian_blur(x, 1, 25))


@pytest.mark.parametrize("kind", slow_ones(FACTORIZATIONS, ["triple", "triple-cascade"]))
def test_a_finer_picture_has_the_same_components(kind):
    """Away from the edges, where mirroring goes by whole pixels."""
    x = interpolate(picture(8), 64, mode="bicubic")
    fine = interpolate(x, 256, mode="bicubic")
    for component in get_components(kind):
        found = interpolate(component(fine), 64, mode="area")
        close(found[..., 8:-8, 8:-8], component(x)[..., 8:-8, 8:-8], atol=0.07)


@pytest.mark.parametrize(
    ("kind", "names"), [("triple-cascade", ("low", "middle", "high")), ("motion-zeros", ("motion", "rest"))]
)
def test_the_authors_components_are_their_codes(kind, names):
    """Stored values of the authors' own code, whose origin the file names; ours part from them."""
    stored = json.loads((Path(__file__).parent / "factorized_authors.json").read_text())["rows"]
    x = torch.zeros(1, 3, 64, 64, dtype=torch.float64)
    x[..., [5, 0, 63], [9, 0, 60]] = 1
    ours = get_components(kind.split("-")[0])
    for name, component, other in zip(names, get_components(kind), ours, strict=True):
        for row, values in stored[name].items():
            close(component(x)[0, 0, int(row), :20], torch.tensor(values, dtype=torch.float64), atol=1e-8)
        assert name == "high" or (component(x) - other(x)).abs().max() > 0.005


def test_grey_is_the_mean_of_the_channels():
    x = picture()
    grey, colour = (component(x) for component in get_components("color"))
    for c in range(3):
        close(grey[:, c], x.sum(1) / 3)
    close(colour.sum(1), torch.zeros(2, 64, 64, dtype=torch.float64))


def test_motion_smears_a_point_along_the_diagonal():
    x = torch.zeros(1, 1, 64, 64, dtype=torch.float64)
    x[..., 30, 20] = 1
    smeared, _ = get_components("motion")
    expected = torch.zeros_like(x)
    for i in range(-3, 4):
        expected[..., 30 + i, 20 + i] = 1 / 7
    close(smeared(x), expected)


@pytest.mark.parametrize("kind", FACTORIZATIONS)
def test_unproject_adds_each_views_own_component(kind):
    parts = get_components(kind)
    views = Factorized((3, 64, 64), parts)
    x = picture(rows=2 * len(parts))
    for b, z in enumerate(views.unproject(x)):
        close(z[None], sum((c(x[[b * len(parts) + n]]) for n, c in enumerate(parts)), torch.zeros(())))
    z = picture()
    assert torch.equal(views.project(z), torch.stack([z] * len(parts), 1).flatten(0, 1))
    close(views.unproject(views.project(z)), z)


def test_noise_is_one_draw_that_all_views_share():
    rngs = [torch.Generator().manual_seed(k) for k in (3, 4)]
    noise = Factorized((3, 8, 8), get_components("color")).noise(rngs, torch.empty(0, dtype=torch.float64))
    again = randn((3, 8, 8), [torch.Generator().manual_seed(k) for k in (3, 4)], noise)
    assert torch.equal(noise, again.repeat_interleave(2, 0))


@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("kind", ["pass", "triple"])
def test_a_photograph_gives_the_first_component(kind, rows):
    photograph, (first, *others) = picture(rows=rows) / 3, get_components(kind)
    views = Factorized((3, 64, 64), [first, *others], photograph)
    assert len(views) == len(others)
    x = picture(64, 2 * len(others))
    z = views.unproject(x)
    for b in range(2):
        painted = sum((c(x[[b * len(others) + n]]) for n, c in enumerate(others)), torch.zeros(()))
        close(z[[b]], first(photograph[[b % rows]]) + painted)


def test_a_photograph_keeps_its_details_at_a_finer_size():
    photograph = picture(256, 1)
    views = Factorized((3, 64, 64), get_components("color"), photograph)
    grey, colour = get_components("color")
    x = picture(256)
    close(views.scaled(4).unproject(x), grey(photograph) + colour(x))
    assert views.scaled(4).canvas == (3, 256, 256)
    smaller = interpolate(photograph, (64, 64), mode="bilinear", antialias=True)
    close(views.unproject(picture()), grey(smaller) + colour(picture()))


@pytest.mark.parametrize(
    ("parts", "known", "message"),
    [
        ([], None, "at least one component"),
        (get_components("pass")[:1], torch.zeros(1, 3, 64, 64), "at least one component"),
        (get_components("pass"), torch.zeros(1, 4, 64, 64), "3 channels, not 4"),
    ],
)
def test_what_cannot_be_a_hybrid_is_refused(parts, known, message):
    with pytest.raises(ValueError, match=message):
        Factorized((3, 64, 64), parts, known)
