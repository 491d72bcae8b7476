"""Edge F1 counts what is near enough, and nothing else."""

from __future__ import annotations

import pytest
import torch

from synoptic.metrics.edges import edge_f1


def column(k: int) -> torch.Tensor:
    x = torch.zeros(1, 1, 16, 16)
    x[..., k] = 1
    return x


@pytest.mark.parametrize(("shift", "score"), [(0, 1.0), (1, 1.0), (2, 0.0)])
def test_an_edge_may_be_one_pixel_off(shift, score):
    assert edge_f1(column(5), column(5 + shift)).tolist() == [score]


def test_half_right_is_two_thirds():
    """One of two lines found: precision 1, recall 1/2."""
    torch.testing.assert_close(edge_f1(column(3), column(3) + column(10)), torch.tensor([2 / 3]))
    torch.testing.assert_close(edge_f1(column(3) + column(10), column(3)), torch.tensor([2 / 3]))


def test_empty_maps():
    assert edge_f1(column(3) * 0, column(3) * 0).tolist() == [1.0]
    assert edge_f1(column(3), column(3) * 0).tolist() == [0.0]
    assert edge_f1(column(3) * 0, column(3)).tolist() == [0.0]


def test_rows_are_apart_and_a_wider_tolerance_forgives_more():
    both = edge_f1(torch.cat([column(5), column(5)]), torch.cat([column(5), column(8)]))
    assert both.tolist() == [1.0, 0.0]
    assert edge_f1(column(5), column(8), 3).tolist() == [1.0]
