import pytest
import torch

from synoptic.evaluate.seams import seam
from synoptic.images import to_pil


def test_a_picture_alike_everywhere_has_no_seam():
    stripes = torch.arange(128).remainder(2).expand(1, 3, 32, 128) * 1.0 - 0.5
    assert seam(to_pil(stripes)[0], [32, 64], 4) == pytest.approx(1.0)


def test_the_jump_at_the_starts_is_compared_with_the_same_phase_only():
    blocks = torch.arange(64).div(4, rounding_mode="floor").remainder(2) * 0.1  # |Δx| = 0.1 at multiples of 4, else 0
    x = (blocks + 0.5 * (torch.arange(64) >= 32)).expand(1, 3, 8, 64)
    assert seam(to_pil(x)[0], [32], 4) == pytest.approx(0.4 / 0.1, rel=0.1)
