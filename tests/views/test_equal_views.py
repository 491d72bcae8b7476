"""Views that show the same are told by their names as they are by pictures."""

from __future__ import annotations

from itertools import product

import pytest
import torch

from synoptic.options.anagram import AnagramOptions
from synoptic.views.equal_views import CORNERS, canonical_parts, equal_views
from synoptic.views.registry import get_view

MOTIONS = [*CORNERS, *("+".join(pair) for pair in product(CORNERS, CORNERS))]


def test_motions_of_the_square_are_equal_where_their_pictures_are():
    picture = torch.arange(16.0).view(1, 1, 4, 4)
    for one, other in product(MOTIONS, MOTIONS):
        shown = torch.equal(get_view(one).view(picture), get_view(other).view(picture))
        assert (canonical_parts(one) == canonical_parts(other)) == shown, (one, other)


@pytest.mark.parametrize(
    ("one", "other", "are_equal"),
    [
        ("flip", "flip_vertical", True),
        ("negate", "identity+negate", True),
        ("patch_permute", "patch_permute:8:0", True),
        ("patch_permute:8:1", "patch_permute:8:0", False),
        ("flip+jigsaw", "jigsaw+flip", False),
        ("identity", "inner_circle", False),
    ],
)
def test_other_views_are_equal_where_their_parts_are(one, other, are_equal):
    assert bool(equal_views([one, other], ["a fox", "a hat"])) == are_equal


def test_equal_views_with_different_prompts_are_warned_of():
    asked = AnagramOptions(prompt=("a fox", "a hat"), views=("rotate_180", "flip+flip_horizontal"))
    assert any("rotate_180 and flip+flip_horizontal are the same view" in line for line in asked.warnings())
    asked = AnagramOptions(prompt=("a fox", "a fox", "a hat"), views=("identity", "identity", "flip"))
    assert not any("same view" in line for line in asked.warnings())
