import math

import numpy as np
import pytest
import torch
from PIL import Image

from synoptic.errors import InputError
from synoptic.io import to_pil
from synoptic.metrics.seams import closing_seam, seam, seam_baseline


def test_a_picture_alike_everywhere_has_no_seam():
    stripes = torch.arange(128).remainder(2).expand(1, 3, 32, 128) * 1.0 - 0.5
    assert seam(to_pil(stripes)[0], [32, 64], 4) == pytest.approx(1.0)


def test_the_jump_at_the_starts_is_compared_with_the_same_phase_only():
    blocks = torch.arange(64).div(4, rounding_mode="floor").remainder(2) * 0.1  # |Δx| = 0.1 at multiples of 4, else 0
    x = (blocks + 0.5 * (torch.arange(64) >= 32)).expand(1, 3, 8, 64)
    assert seam(to_pil(x)[0], [32], 4) == pytest.approx(0.4 / 0.1, rel=0.1)


def random(width: int, seed: int = 0) -> Image.Image:
    return to_pil(torch.rand(1, 3, 16, width, generator=torch.Generator().manual_seed(seed)) * 2 - 1)[0]


def test_equals_a_loop_over_the_columns():
    x = np.asarray(random(96)).astype(np.float64)
    jump = {p: np.abs(x[:, p] - x[:, p - 1]).mean() for p in range(4, 96, 4)}
    inside = np.mean([v for p, v in jump.items() if p not in (32, 64)])
    assert seam(random(96), [0, 32, 64], 4) == pytest.approx((jump[32] + jump[64]) / 2 / inside, rel=1e-5)
    assert closing_seam(random(96), 4) == pytest.approx(
        np.abs(x[:, 0] - x[:, -1]).mean() / np.mean(list(jump.values())), rel=1e-5
    )
    rest = np.mean([v for p, v in jump.items() if p not in (32, 64, 16, 48, 80)])
    assert seam_baseline(random(96), [32, 64], 4) == pytest.approx((jump[16] + jump[48] + jump[80]) / 3 / rest, rel=1e-5)


def test_a_closed_picture_has_no_seam_where_its_ends_meet_and_a_ramp_has():
    angle = torch.arange(128) / 128 * 2 * torch.pi
    closed = to_pil((0.9 * torch.sin(9 * angle)).expand(1, 3, 8, 128))[0]
    assert closing_seam(closed, 4) == pytest.approx(1, abs=0.6)
    ramp = to_pil((torch.arange(128) / 63.75 - 1).expand(1, 3, 8, 128))[0]  # two of 255 a column
    assert closing_seam(ramp, 4) == pytest.approx(127, rel=1e-5)


def test_rolling_a_closed_picture_brings_its_middle_to_the_ends():
    x = np.asarray(random(64)).astype(np.float64)
    rolled = Image.fromarray(np.roll(np.asarray(random(64)), 32, axis=1))
    jump = {p: np.abs(x[:, p] - x[:, p - 1]).mean() for p in range(0, 64, 4)}
    assert closing_seam(rolled, 4) == pytest.approx(jump.pop(32) / np.mean(list(jump.values())), rel=1e-5)


def test_the_baseline_does_not_see_the_seams():
    noise = 0.02 * torch.rand(1, 3, 64, 128, generator=torch.Generator().manual_seed(0))
    tiles = to_pil(noise + (torch.arange(128) >= 64) * 0.8)[0]
    assert seam(tiles, [64], 4) > 20 and seam_baseline(tiles, [64], 4) == pytest.approx(1, abs=0.2)


def test_a_flat_picture_has_no_seam_and_a_step_in_one_is_all_seam():
    flat = Image.new("RGB", (64, 8), "gray")
    assert seam(flat, [32], 4) == closing_seam(flat, 4) == seam_baseline(flat, [32], 4) == 1
    flat.paste("white", (32, 0, 64, 8))
    assert seam(flat, [32], 4) == math.inf


@pytest.mark.parametrize("starts", [[], [0, 33], list(range(0, 64, 4))])
def test_nothing_to_compare_is_refused(starts):
    with pytest.raises(InputError, match="compared with other columns"):
        seam(random(64), starts, 4)
