"""The line drawings that ControlNets learn from are the ones that they are given later."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from bundled_training.render.bank import bank
from bundled_training.render.edges import canny, scribble, unsteady
from synoptic.controlnet.annotators.canny import canny as given_canny
from synoptic.controlnet.annotators.scribble import scribble as given_scribble


@pytest.fixture(scope="module")
def pictures() -> Tensor:
    return bank(24, 128, "cpu", seed=9)[0].float() / 255


def test_canny_is_scikit_images(pictures):
    ours, theirs = canny(pictures), given_canny(pictures * 2 - 1)[:, :1]
    assert theirs.mean() > 0.03
    assert (ours != theirs).float().mean() < 1e-4


@pytest.mark.slow
def test_scribbles_are_the_packages(pictures):
    ours, theirs = scribble(pictures), given_scribble(pictures * 2 - 1)[:, :1]
    assert theirs.mean() > 0.03
    assert (ours != theirs).float().mean() < 1e-4


@pytest.mark.slow
def test_an_unsteady_hand_stays_near(pictures):
    torch.manual_seed(0)
    strokes = scribble(pictures)
    moved = unsteady(strokes)
    near = torch.nn.functional.max_pool2d(strokes, 13, 1, 6)
    assert set(moved.unique().tolist()) == {0.0, 1.0}
    assert (moved * near).sum() / moved.sum() > 0.95
    assert (moved != strokes).float().mean() / strokes.mean() > 0.05
