"""The bundled judge, loaded once, and fixed pictures."""

from __future__ import annotations

import pytest
import torch
from PIL import Image

from synoptic.evaluation.clip import Clip
from synoptic.images import to_pil


@pytest.fixture(scope="session")
def judge() -> Clip:
    return Clip("bundled", device="cpu")


@pytest.fixture(scope="session")
def blobs() -> list[Image.Image]:
    """Eight soft colour fields of 64×64, all different."""
    coarse = torch.rand(8, 3, 5, 5, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return to_pil(torch.nn.functional.interpolate(coarse, size=64, mode="bicubic"))
