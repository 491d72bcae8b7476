"""A surface that hides a part of itself and has many charts."""

from __future__ import annotations

from typing import Any

import pytest
import trimesh

from synoptic.mesh.painted_surface import PaintedSurface


@pytest.fixture(scope="session")
def surface(tmp_path_factory) -> PaintedSurface:
    """A torus and a ball in its hole."""
    file = tmp_path_factory.mktemp("torus") / "a.stl"
    whole: Any = trimesh.util.concatenate([trimesh.creation.torus(1.0, 0.3), trimesh.creation.icosphere(3, 0.4)])
    file.write_bytes(whole.export(file_type="stl"))
    return PaintedSurface.read(file)
