"""One condition's map of a picture."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import synoptic
from synoptic import InputError
from synoptic.controlnet.annotators.normal import RELIEF
from synoptic.io import from_pil, load_image
from tests.drawings import disc, ramp


def test_normals_of_a_depth_map_lean_to_the_near(tmp_path):
    file = synoptic.control_map(disc(), kind="normal", depth=ramp(), out=str(tmp_path / "n.png"))
    normals = from_pil(load_image(file))
    left, up, front = normals[0, :, 64, 100].tolist()
    assert left / front == pytest.approx(RELIEF, rel=0.05) and abs(up) < 0.01  # a depth that rises from side to side


@pytest.mark.parametrize("kind", ["canny", "scribble"])
def test_lines_are_few(kind, tmp_path):
    file = synoptic.control_map(disc(128), kind=kind, out=str(tmp_path / "map.png"))
    assert 0.01 < (from_pil(load_image(file)) > 0).float().mean() < 0.2


def test_the_file_is_named_after_the_picture(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    disc().save("castle.png")
    assert synoptic.control_map("castle.png", kind="map").as_posix() == "outputs/control-map/castle-map.png"
    assert load_image(tmp_path / "outputs/control-map/castle-map.png").tobytes() == disc().tobytes()


def test_a_picture_too_large_for_memory_is_refused_before_it_is_drawn(tmp_path):
    file = tmp_path / "large.png"
    Image.new("1", (9400, 9400), 1).save(file)
    with pytest.raises(InputError) as e:
        synoptic.control_map(str(file))
    assert file.stat().st_size < 40_000 and e.value.rule == "map-megapixels"


@pytest.mark.parametrize("name", ["d.npy", "d.npz"])
def test_a_depth_map_of_numbers_is_told_what_one_is(name, tmp_path):
    (np.save if name.endswith("npy") else np.savez)(tmp_path / name, np.eye(8))
    with pytest.raises(InputError, match=f"depth is a depth map as a picture.*{name}.*gray PNG") as e:
        synoptic.control_map(disc(), kind="depth", depth=str(tmp_path / name))
    assert e.value.rule == "depth-unreadable"
