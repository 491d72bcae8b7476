"""The options of texture: what is filled in, and what is refused at the door, before any weights load."""

from __future__ import annotations

import json
import zipfile
from base64 import b64encode
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from synoptic.diffusion.scheduler_classes import NOISY_SAMPLERS
from synoptic.errors import InputError
from synoptic.options.texture import TextureOptions
from synoptic.runs.folders import difference
from tests.mesh.shapes import CUBE, MAPPED

if find_spec("trimesh") is None or find_spec("xatlas") is None:
    pytest.skip("the extra [mesh] is not installed", allow_module_level=True)

TRIANGLE = "v 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 0 1\nf 1/1 2/2 3/3\n"
GRAY, WHITE = Image.new("RGB", (96, 96), "gray"), Image.new("L", (96, 96), 255)


def prepared(folder: Path, mesh: str = TRIANGLE, name: str = "a.obj", **named: Any) -> TextureOptions:
    (folder / name).write_text(mesh)
    return TextureOptions.from_arguments(str(folder / name), "a house", **named).prepare()


def refused(rule: str, *given: Any, **named: Any) -> str:
    with pytest.raises(InputError) as e:
        prepared(*given, **named)
    assert e.value.rule == rule and "\n" not in str(e.value)
    return str(e.value)


def test_defaults(tmp_path):
    found = prepared(tmp_path)
    assert (found.texture_size, found.num_views, found.pixels_from, found.strength) == (1024, 10, 0.6, None)
    assert prepared(tmp_path, sampler="ddpm").pixels_from == 1
    assert prepared(tmp_path, sync="none").pixels_from == 1
    edited = prepared(tmp_path, init_texture=GRAY, mask=WHITE)
    assert (edited.texture_size, edited.strength) == (96, 0.6) and edited.prepare() == edited
    assert {"mesh_sha256", "init_texture_sha256", "mask_sha256"} <= edited.to_json().keys()


def test_what_is_edited_fits_the_mesh(tmp_path):
    refused("init-texture-needed", tmp_path, mask=WHITE)
    refused("init-texture-needed", tmp_path, strength=0.5)
    refused("init-texture-size", tmp_path, init_texture=GRAY.resize((96, 64)))
    refused("init-texture-size", tmp_path, init_texture=GRAY, texture_size=128)
    refused("init-texture-coordinates", tmp_path, CUBE, init_texture=GRAY)
    refused("init-texture-materials", tmp_path, MAPPED, init_texture=GRAY)
    refused("mask-size", tmp_path, init_texture=GRAY, mask=WHITE.resize((8, 8)))
    refused("mask-black", tmp_path, init_texture=GRAY, mask=Image.new("L", (96, 96)))
    refused("strength-above", tmp_path, init_texture=GRAY, strength=0)
    refused("picture-missing", tmp_path, init_texture=str(tmp_path / "none.png"))


def test_a_mesh_without_faces_or_with_numbers_that_are_none(tmp_path):
    refused("mesh-faces", tmp_path, "v 0 0 0\nv 1 0 0\nl 1 2\n")
    refused("mesh-finite", tmp_path, TRIANGLE.replace("v 1 0 0", "v nan 0 0"))
    refused("mesh-finite", tmp_path, TRIANGLE.replace("vt 1 0", "vt inf 0"))
    refused("mesh-extent", tmp_path, TRIANGLE.replace("v 1 0 0", "v 0 0 0").replace("v 0 1 0", "v 0 0 0"))
    refused("mesh-broken", tmp_path, TRIANGLE.replace("3/3", "9/3"))


@pytest.mark.parametrize("name", ["a.glb", "a.obj", "a.ply", "a.stl"])
def test_a_zip_or_a_script_by_a_mesh_s_name(name, tmp_path):
    file = tmp_path / name
    with zipfile.ZipFile(file, "w") as z:
        z.writestr("a.obj", CUBE)
    with pytest.raises(InputError) as e:
        TextureOptions.from_arguments(str(file), "a house").prepare()
    assert e.value.rule == "mesh-disguised"
    refused("mesh-disguised", tmp_path, "#!/bin/sh\necho\n", name)


def gltf(uri: str) -> str:
    """A triangle whose material's texture is at `uri`."""
    places = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], "<f4").tobytes()
    data = "data:application/octet-stream;base64," + b64encode(places).decode()
    return json.dumps(
        {
            "asset": {"version": "2.0"},
            "scenes": [{"nodes": [0]}],
            "nodes": [{"mesh": 0}],
            "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
            "accessors": [{"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3"}],
            "bufferViews": [{"buffer": 0, "byteLength": 36}],
            "buffers": [{"byteLength": 36, "uri": data}],
            "images": [{"uri": uri}],
        }
    )


@pytest.mark.parametrize("uri", ["../secret.png", "%2e%2e/secret.png", "/etc/hostname", "link.png"])
def test_textures_outside_of_the_mesh_s_folder_are_not_read(uri, tmp_path):
    GRAY.save(tmp_path / "secret.png")
    folder = tmp_path / "mesh"
    folder.mkdir()
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    refused("mesh-leaves", folder, gltf(uri), "a.gltf")
    refused("mesh-leaves", folder, gltf("https://example.org/a.png"), "a.gltf")
    GRAY.save(folder / "own.png")
    assert prepared(folder, gltf("own.png"), "a.gltf").texture_size == 1024


def test_what_makes_no_sense_is_refused(tmp_path):
    refused("mesh-axes", tmp_path, up_axis="y", front_axis="-y")
    refused("num_views-at-least", tmp_path, num_views=0)
    refused("texture_size-at-most", tmp_path, texture_size=10**5)
    for name in NOISY_SAMPLERS:
        refused("pixels-from", tmp_path, sampler=name, pixels_from=0.5)
    refused("pixels-from", tmp_path, sync="none", pixels_from=0.5)
    refused("mesh-kind", tmp_path, name="a.fbx")


@pytest.mark.parametrize(("name", "part"), [("a.obj", "b.mtl"), ("a.gltf", "b.png")])
def test_what_a_mesh_is_read_with_belongs_to_the_run(name, part, tmp_path):
    """Its buffers, its .mtl and their pictures: with others it is another mesh."""
    GRAY.save(tmp_path / "b.png")
    (tmp_path / "b.mtl").write_text("newmtl a\nNs 3\n")
    options = prepared(tmp_path, f"mtllib b.mtl\n{TRIANGLE}" if name == "a.obj" else gltf("b.png"), name)
    before: dict[str, Any] = {"application": "texture", "options": options.to_json()}
    assert not difference(options, before)
    (tmp_path / part).write_bytes((tmp_path / part).read_bytes() + b"\n")
    assert difference(options, before) == "mesh_sha256"
