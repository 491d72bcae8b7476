"""Windows: the two laws, full coverage, and each map against a loop over plain crops."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from synoptic.diffusion.equations import randn
from synoptic.views.windows import Windows, feather, window_starts


@st.composite
def windows(draw: Any) -> Windows:
    h, w = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    canvas = draw(st.integers(1, 3)), draw(st.integers(h, 14)), draw(st.integers(w, 14))
    stride = draw(st.integers(1, h)), draw(st.integers(1, w))
    return Windows(
        canvas, (h, w), stride, circular=draw(st.booleans()), weights=draw(st.sampled_from(["feather", "uniform"]))
    )


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def corners(views: Windows) -> list[tuple[int, int]]:
    """(y, x) of every window, row after row, by the rule: multiples of the stride, and one that ends at the edge."""

    def along(length: int, window: int, stride: int, wrap: bool) -> list[int]:
        places = {p for p in range(0, length, stride) if wrap or p + window <= length}
        return sorted(places if wrap else places | {length - window})

    (_, H, W), (h, w), (sy, sx) = views.canvas, views.window, views.stride
    return [(y, x) for y in along(H, h, sy, False) for x in along(W, w, sx, views.circular)]


def crop(z: Tensor, views: Windows, y: int, x: int) -> Tensor:
    h, w = views.window
    return z.roll((-y, -x), (-2, -1))[..., :h, :w]


def paste(patch: Tensor, views: Windows, y: int, x: int) -> Tensor:
    """A patch (…, h, w) on an empty canvas (…, H, W)."""
    (_, H, W), (h, w) = views.canvas, views.window
    return torch.nn.functional.pad(patch, (0, W - w, 0, H - h)).roll((y, x), (-2, -1))


def profile(n: int, weights: str) -> Tensor:
    values = [math.sin(math.pi * (i + 0.5) / n) ** 2 if weights == "feather" else 1.0 for i in range(n)]
    return torch.tensor(values, dtype=torch.float64)


def close(a: Tensor, b: Tensor) -> None:
    torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


@given(windows())
@settings(max_examples=60, deadline=None)
def test_unproject_undoes_project(views):
    z = normal(2, *views.canvas)
    close(views.unproject(views.project(z)), z)


@given(windows())
@settings(max_examples=60, deadline=None)
def test_project_after_unproject_is_idempotent(views):
    x = normal(2 * len(views), views.canvas[0], *views.window)
    once = views.project(views.unproject(x))
    close(views.project(views.unproject(once)), once)


@given(windows())
@settings(max_examples=60, deadline=None)
def test_row_bn_is_the_crop_n_of_picture_b(views):
    z = normal(2, *views.canvas)
    x, at = views.project(z), corners(views)
    assert len(views) == len(at) and x.shape == (2 * len(at), views.canvas[0], *views.window)
    for b in range(2):
        for n, (row, col) in enumerate(at):
            assert torch.equal(x[b * len(at) + n], crop(z[b], views, row, col))
    assert torch.equal(views.project(z, onto=torch.zeros_like(x)), x)


@given(windows())
@settings(max_examples=60, deadline=None)
def test_every_pixel_is_covered_and_unproject_is_the_weighted_mean(views):
    x = normal(2, len(views), views.canvas[0], *views.window)
    weight = profile(views.window[0], views.weights)[:, None] * profile(views.window[1], views.weights)
    at = list(enumerate(corners(views)))
    mass = sum((paste(weight, views, *corner) for _, corner in at), torch.zeros(()))
    total = sum((paste(x[:, n] * weight, views, *corner) for n, corner in at), torch.zeros(()))
    assert (mass > 0).all()
    close(views.unproject(x.flatten(0, 1)), total / mass)


def test_weights_fall_off_toward_the_edge_and_never_to_nothing():
    for n in (1, 2, 7, 64):
        assert (feather(n) > 0).all()
        close(feather(n), feather(n).flip(0))
        assert (feather(n).diff()[: (n - 1) // 2] > 0).all()


@pytest.mark.parametrize(
    ("length", "window", "stride", "wrap", "expected"),
    [
        (8, 8, 4, False, [0]),
        (16, 8, 4, False, [0, 4, 8]),
        (17, 8, 4, False, [0, 4, 8, 9]),
        (15, 8, 8, False, [0, 7]),
        (9, 8, 1, False, [0, 1]),
        (8, 8, 3, True, [0, 3, 6]),
        (16, 8, 8, True, [0, 8]),
        (17, 8, 8, True, [0, 8, 16]),
    ],
)
def test_windows_start_at_multiples_of_the_stride_and_at_the_edge(length, window, stride, wrap, expected):
    assert window_starts(length, window, stride, wrap) == expected


@pytest.mark.parametrize("stride", [(6, 4), (4, 3)])
def test_wrapped_crops_run_over_the_right_edge(stride):
    views = Windows((2, 10, 18), (6, 8), stride, circular=True)
    z = normal(1, *views.canvas)
    over = [n for n, (_, x) in enumerate(corners(views)) if x + 8 > 18]
    assert over
    for n in over:
        y, x = corners(views)[n]
        assert torch.equal(views.project(z)[n], z[0].roll(-x, -1)[:, y : y + 6, :8])


@given(windows(), st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_projecting_commutes_with_nearest_upsampling(views, k):
    z = normal(2, *views.canvas)
    finer = views.scaled(k)

    def up(u: Tensor) -> Tensor:
        return u.repeat_interleave(k, -2).repeat_interleave(k, -1)

    assert len(finer) == len(views)
    assert (finer.circular, finer.weights) == (views.circular, views.weights)
    assert torch.equal(finer.project(up(z)), up(views.project(z)))


@pytest.mark.parametrize("wrap", [False, True])
def test_both_maps_are_differentiable(wrap):
    views = Windows((1, 4, 5), (3, 3), (1, 2), circular=wrap)
    z, x = normal(2, *views.canvas), normal(2 * len(views), 1, 3, 3)
    assert torch.autograd.gradcheck(views.project, z.requires_grad_())
    assert torch.autograd.gradcheck(views.unproject, x.requires_grad_())


def test_one_views_serves_every_dtype_in_its_own_precision():
    views = Windows((2, 6, 11), (4, 4), (2, 3))
    for dtype in (torch.float16, torch.float64, torch.bfloat16, torch.float32):
        z = normal(2, *views.canvas).to(dtype)
        x = views.project(z)
        assert x.dtype == views.unproject(x).dtype == dtype
        torch.testing.assert_close(views.unproject(x), z, rtol=0, atol=8 * torch.finfo(dtype).eps)


def test_one_window_as_large_as_the_canvas_is_the_identity_bitwise():
    for wrap in (False, True):
        views = Windows((3, 7, 9), (7, 9), (7, 9), circular=wrap)
        z = normal(2, *views.canvas)
        assert torch.equal(views.project(z), z)
        assert torch.equal(views.unproject(z), z)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_noise_is_white_noise_of_the_canvas_projected(dtype):
    views, like = Windows((2, 6, 11), (4, 4), (2, 3), circular=True), torch.empty(0, dtype=dtype)

    def rngs() -> list[torch.Generator]:
        return [torch.Generator().manual_seed(seed) for seed in (3, 4)]

    noise = views.noise(rngs(), like)
    assert noise.dtype == dtype
    assert torch.equal(noise, views.project(randn(views.canvas, rngs(), like)))


@pytest.mark.parametrize(
    ("window", "stride", "wrap", "message"),
    [
        ((9, 4), (1, 1), False, "a window of 9 is larger than the canvas, 8: widen the canvas"),
        ((4, 17), (1, 1), True, "a window of 17 is larger than the canvas, 16: widen the canvas"),
        ((4, 4), (0, 1), False, "stride must be between 1 and the window's size, 4, not 0"),
        ((4, 4), (1, 5), False, "stride must be between 1 and the window's size, 4, not 5"),
        ((4, 4), (1, 5), True, "stride must be between 1 and the window's size, 4, not 5"),
        ((4, 4), (-1, 1), False, "stride must be between 1 and the window's size, 4, not -1"),
    ],
)
def test_windows_that_leave_gaps_are_refused(window, stride, wrap, message):
    with pytest.raises(ValueError, match=message):
        Windows((3, 8, 16), window, stride, circular=wrap)
