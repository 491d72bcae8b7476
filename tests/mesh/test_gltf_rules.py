"""glTF that breaks no rule of its specification, whatever was painted: what Khronos' validator found errors in."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from synoptic.io.html import encoded
from synoptic.mesh import read_mesh
from synoptic.mesh.gltf_container import read_container, write_container
from synoptic.mesh.unwrap import unwrap, why_not

RED = encoded(Image.new("RGB", (8, 8), "red"), "PNG")
GLOSSINESS = "KHR_materials_pbrSpecularGlossiness"
FLAT, UV = [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], [[0, 1], [1, 1], [1, 0], [0, 0]]
CORNERS = {"POSITION": 0, "TEXCOORD_0": 1}


def square(primitives: list[Any], materials: list[Any], scale: float = 1.0) -> tuple[dict[str, Any], bytes]:
    """A square: accessors of places (0), of coordinates (1), of indices (2)."""
    parts = [np.array(FLAT, "<f4"), scale * np.array(UV, "<f4"), np.array([0, 1, 2, 0, 2, 3], "<u4")]
    starts = np.cumsum([0, *(part.nbytes for part in parts)]).tolist()
    tree = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": primitives}],
        "materials": materials,
        "bufferViews": [
            {"buffer": 0, "byteOffset": start, "byteLength": part.nbytes} for start, part in zip(starts, parts, strict=False)
        ],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "type": "VEC3", "count": 4, "min": [0, 0, 0], "max": [1, 1, 0]},
            {"bufferView": 1, "componentType": 5126, "type": "VEC2", "count": 4},
            {"bufferView": 2, "componentType": 5125, "type": "SCALAR", "count": 6},
        ],
        "buffers": [{"byteLength": starts[-1]}],
    }
    return tree, b"".join(part.tobytes() for part in parts)


def painted(folder: Path, tree: dict[str, Any], data: bytes) -> dict[str, Any]:
    """What the file says after it was painted red."""
    (folder / "in.glb").write_bytes(write_container(tree, data))
    mesh = read_mesh(folder / "in.glb")
    corners = unwrap(mesh.pieces) if why_not(mesh.pieces) else {}
    (found,) = mesh.textured({piece.material: RED for piece in mesh.pieces}, corners, "out").values()
    (folder / "out.glb").write_bytes(found)
    return read_container(folder / "out.glb")[0]


def test_lines_keep_the_material_that_triangles_are_painted_of(tmp_path):
    """A material with a texture needs coordinates, which lines have not."""
    triangles = {"attributes": CORNERS, "indices": 2, "material": 0}
    lines = {"attributes": {"POSITION": 0}, "mode": 3, "material": 0}
    own = {"name": "own", "pbrMetallicRoughness": {"baseColorFactor": [0, 1, 0, 1]}}
    tree = painted(tmp_path, *square([triangles, lines, dict(lines)], [own]))
    first, *others = [primitive["material"] for primitive in tree["meshes"][0]["primitives"]]
    assert "baseColorTexture" in tree["materials"][first]["pbrMetallicRoughness"]
    assert len(tree["materials"]) == 2 and [tree["materials"][k] for k in others] == [own, own]


def test_a_mesh_that_its_scene_does_not_show_keeps_its_material(tmp_path):
    tree, data = square([{"attributes": CORNERS, "indices": 2, "material": 0}], [{"name": "own"}])
    tree["meshes"].append({"primitives": [{"attributes": {"POSITION": 0}, "indices": 2, "material": 0}]})
    tree["nodes"].append({"mesh": 1})
    tree["scenes"].append({"nodes": [1]})
    tree = painted(tmp_path, tree, data)
    assert tree["materials"][tree["meshes"][1]["primitives"][0]["material"]] == {"name": "own"}


def test_a_material_that_is_not_painted_keeps_its_workflow_declared(tmp_path):
    triangles = {"attributes": CORNERS, "indices": 2, "material": 0}
    lines = {"attributes": {"POSITION": 0}, "mode": 3, "material": 1}
    glossy = [{"extensions": {GLOSSINESS: {}}} for _ in range(2)]
    tree, data = square([triangles, lines], glossy)
    tree = painted(tmp_path, tree | {"extensionsUsed": [GLOSSINESS]}, data)
    assert tree["extensionsUsed"] == [GLOSSINESS] and GLOSSINESS in tree["materials"][1]["extensions"]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_beside_the_file_is_of_the_kind_that_it_is_and_not_of_its_name(kind, tmp_path):
    picture = io.BytesIO()
    Image.new("RGB", (8, 8)).save(picture, kind)
    (tmp_path / "picture.jpg").write_bytes(picture.getvalue())
    tree, data = square([{"attributes": CORNERS, "indices": 2, "material": 0}], [{"emissiveTexture": {"index": 0}}])
    tree |= {"images": [{"uri": "picture.jpg"}], "textures": [{"source": 0}]}
    assert painted(tmp_path, tree, data)["images"][0]["mimeType"] == f"image/{kind.lower()}"


def test_new_corners_leave_other_textures_their_coordinates_and_say_what_they_are_for(tmp_path):
    """A bump map that is tiled lies outside [0, 1]: the painted texture gets coordinates of its own beside those."""
    square_of = {"attributes": CORNERS, "indices": 2, "material": 0}
    tree, data = square([square_of], [{"normalTexture": {"index": 0}}], scale=3.0)
    tree |= {"images": [{"uri": "bumps.png"}], "textures": [{"source": 0}]}
    (tmp_path / "bumps.png").write_bytes(RED)
    tree = painted(tmp_path, tree, data)
    (primitive,), (material,) = tree["meshes"][0]["primitives"], tree["materials"]
    assert (
        material["normalTexture"] == {"index": 0} and material["pbrMetallicRoughness"]["baseColorTexture"]["texCoord"] == 1
    )
    mesh: Any = read_mesh(tmp_path / "out.glb")
    assert not why_not(mesh.pieces)
    places, tiled = (mesh.accessor(primitive["attributes"][name]) for name in CORNERS)
    np.testing.assert_allclose(tiled, 3 * np.stack([places[:, 0], 1 - places[:, 1]], 1), atol=1e-6)
    assert json.dumps(tree).count('"target": 34962') == 3 and json.dumps(tree).count('"target": 34963') == 1
