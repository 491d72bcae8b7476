"""The line drawings that ControlNets learn from are the ones that they are given later."""

from __future__ import annotations

import torch

from bundled_training.render.bank import bank
from bundled_training.render.edges import canny, scribble, unsteady
from synoptic.controlnet.canny import canny as given_canny
from synoptic.controlnet.scribble import scribble as given_scribble

PICTURES = bank(24, 128, "cpu", seed=9)[0].float() / 255


def test_canny_is_scikit_images():
    ours, theirs = canny(PICTURES), given_canny(PICTURES * 2 - 1)[:, :1]
    assert theirs.mean() > 0.03
    assert (ours != theirs).float().mean() < 1e-4


def test_scribbles_are_the_packages():
    ours, theirs = scribble(PICTURES), given_scribble(PICTURES * 2 - 1)[:, :1]
    assert theirs.mean() > 0.03
    assert (ours != theirs).float().mean() < 1e-4


def test_an_unsteady_hand_stays_near():
    torch.manual_seed(0)
    strokes = scribble(PICTURES)
    moved = unsteady(strokes)
    near = torch.nn.functional.max_pool2d(strokes, 13, 1, 6)
    assert set(moved.unique().tolist()) == {0.0, 1.0}
    assert (moved * near).sum() / moved.sum() > 0.95
    assert (moved != strokes).float().mean() / strokes.mean() > 0.05
