"""A model's directory that a test may break."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.models.directories import linked


@pytest.fixture
def model(tmp_path) -> Path:
    """A copy of the bundled latent model, each file a link."""
    return linked(tmp_path / "model")
