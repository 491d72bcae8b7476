"""The turntable: one page with everything in it."""

from __future__ import annotations

import json
import re

import pytest
import torch

from synoptic.io import to_pil
from synoptic.mesh.turntable import turntable_html


def test_the_page_holds_every_picture_and_asks_for_nothing_else():
    pictures = to_pil(torch.rand(5, 3, 8, 8, generator=torch.Generator().manual_seed(0)))
    page = turntable_html("a <red> mug", {"colour": pictures, "normals": pictures[::-1]})
    found = re.search(r"const frames = (\{.*?\}), count", page)
    assert found
    frames = json.loads(found[1])
    assert (
        list(frames) == ["colour", "normals"] and frames["colour"] == frames["normals"][::-1] and len(frames["colour"]) == 5
    )
    assert "a &lt;red&gt; mug" in page and 'max="4"' in page and "$" not in page.replace(found[1], "")
    assert not re.search(r"(https?:|src=|href=|@import|url\()", page.replace(found[1], ""))


def test_kinds_of_unlike_numbers_are_refused():
    pictures = to_pil(torch.zeros(3, 3, 4, 4))
    for kinds in ({}, {"colour": []}, {"colour": pictures, "depth": pictures[:2]}):
        with pytest.raises(ValueError, match="as many pictures of each kind"):
            turntable_html("mug", kinds)
