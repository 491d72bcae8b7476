"""Mesh files: read, refused in one line, and written again with all else as it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from PIL import Image
from trimesh.visual import TextureVisuals

from synoptic.errors import InputError
from synoptic.io.html import encoded
from synoptic.mesh import read_mesh
from synoptic.mesh.gltf import GltfFile
from synoptic.mesh.gltf_container import read_container, write_container
from synoptic.mesh.mesh_file import triangulated
from synoptic.mesh.unwrap import unwrap, why_not
from tests.mesh.shapes import CUBE, MAPPED

RED = encoded(Image.new("RGB", (8, 8), "red"), "PNG")


def written(folder: Path, name: str, data: str | bytes) -> Path:
    file = folder / name
    file.write_bytes(data if isinstance(data, bytes) else data.encode())
    return file


def test_a_concave_polygon_keeps_its_area_and_quads_are_read(tmp_path):
    front, back = read_mesh(written(tmp_path, "a.obj", MAPPED)).pieces
    assert len(front.faces) == 4 and len(back.faces) == 1 and (front.material, back.material) == (0, 1)
    a, b, c = (front.vertices[front.faces[:, k]] for k in range(3))
    assert np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2 == pytest.approx(3)
    corners = np.array([[0, 0, 0], [1, 0, 0], [1, 0, 1], [0, 0, 1]], float)
    assert len(triangulated(corners, [0, 1, 2, 3])) == 2


def test_an_obj_that_is_mapped_keeps_every_line(tmp_path):
    mesh = read_mesh(written(tmp_path, "a.obj", MAPPED))
    assert not why_not([mesh.pieces[0]])
    files = mesh.textured({0: RED, 1: RED}, {}, "out")
    assert files[".obj"].decode().splitlines() == ["mtllib out.mtl", *MAPPED.splitlines()]
    assert files[".texture.png"] == RED and "map_Kd out.texture-1.png" in files[".mtl"].decode()


def test_an_obj_without_coordinates_is_unwrapped_and_read_by_others(tmp_path):
    mesh = read_mesh(written(tmp_path, "a.obj", CUBE))
    assert why_not(mesh.pieces) == "it has none"
    for ending, data in mesh.textured({0: RED}, unwrap(mesh.pieces), "out").items():
        written(tmp_path, f"out{ending}", data)
    again = read_mesh(tmp_path / "out.obj")
    assert not why_not(again.pieces)
    other: Any = trimesh.load_mesh(tmp_path / "out.obj", process=False)
    assert other.visual.material.image.getpixel((0, 0))[:3] == (255, 0, 0) and other.volume == pytest.approx(8)


def test_an_obj_of_windows_and_of_long_lines_is_the_same(tmp_path):
    want = read_mesh(written(tmp_path, "a.obj", CUBE)).pieces[0]
    marked = "\ufeff" + CUBE.lstrip().replace("\n", "\r\n").replace(" ", " \\\r\n", 1)
    (found,) = read_mesh(written(tmp_path, "b.obj", marked)).pieces
    assert np.array_equal(found.vertices, want.vertices) and np.array_equal(found.faces, want.faces)


def test_what_a_gltf_shows_and_is_not_painted_is_told(tmp_path):
    file = scene(tmp_path, mapped=True)
    tree, data = read_container(file)
    assert not read_mesh(file).notes
    tree["extensionsUsed"] = ["EXT_mesh_gpu_instancing"]
    next(node for node in tree["nodes"] if "mesh" in node)["skin"] = 0
    file.write_bytes(write_container(tree, data))
    assert ["copies" in note or "bones" in note for note in read_mesh(file).notes] == [True, True]


def test_a_painted_material_is_of_no_other_workflow(tmp_path):
    """A viewer that knows specular-glossiness would show its texture, not the painted one."""
    glossiness = "KHR_materials_pbrSpecularGlossiness"
    file = scene(tmp_path, mapped=True)
    tree, data = read_container(file)
    tree["materials"] = [{"extensions": {glossiness: {"diffuseFactor": [1, 0, 0, 1]}}} for _ in tree["materials"]]
    tree["extensionsUsed"], tree["extensionsRequired"] = [glossiness], [glossiness]
    file.write_bytes(write_container(tree, data))
    mesh = read_mesh(file)
    (painted,) = mesh.textured({piece.material: RED for piece in mesh.pieces}, {}, "out").values()
    again, _ = read_container(written(tmp_path, "out.glb", painted))
    assert glossiness not in json.dumps(again)


def scene(folder: Path, *, mapped: bool) -> Path:
    """Two boxes of one mesh, one of them moved, as trimesh writes them, with a name of its own in the file."""
    box: Any = trimesh.creation.box()
    if mapped:
        uv = unwrap(read_mesh(written(folder, "box.obj", box.export(file_type="obj"))).pieces)[0]
        mapped_box: Any = trimesh.Trimesh(box.vertices[uv.vertex], uv.faces, process=False)
        mapped_box.visual = TextureVisuals(uv=uv.uv, image=Image.new("RGB", (4, 4)))
        box = mapped_box
    whole: Any = trimesh.Scene()
    whole.add_geometry(box, node_name="still")
    whole.add_geometry(box, node_name="moved", transform=trimesh.transformations.translation_matrix([3, 0, 0]))
    return written(folder, "scene.glb", whole.export(file_type="glb"))


def test_a_glb_keeps_its_nodes_and_every_byte_of_its_buffer(tmp_path):
    file = scene(tmp_path, mapped=True)
    mesh = read_mesh(file)
    assert max(piece.vertices.max() for piece in mesh.pieces) == pytest.approx(3.5)
    (data,) = mesh.textured({piece.material: RED for piece in mesh.pieces}, {}, "out").values()
    before, buffer = read_container(file)
    after, painted = read_container(written(tmp_path, "out.glb", data))
    assert painted.startswith(buffer) and after["nodes"] == before["nodes"] and after["scenes"] == before["scenes"]
    assert after["accessors"] == before["accessors"] and after["bufferViews"][:-1] == before["bufferViews"]
    assert [m["primitives"][0]["attributes"] for m in after["meshes"]] == [
        m["primitives"][0]["attributes"] for m in before["meshes"]
    ]
    other: Any = trimesh.load_scene(tmp_path / "out.glb")
    assert all(g.visual.material.baseColorTexture.getpixel((0, 0)) == (255, 0, 0) for g in other.geometry.values())


def test_a_glb_without_coordinates_is_unwrapped_where_its_nodes_are(tmp_path):
    mesh = read_mesh(scene(tmp_path, mapped=False))
    assert isinstance(mesh, GltfFile)
    (data,) = mesh.textured({p.material: RED for p in mesh.pieces}, unwrap(mesh.pieces), "out").values()
    other: Any = trimesh.load_scene(written(tmp_path, "out.glb", data)).to_mesh()
    np.testing.assert_allclose(other.bounds, [[-0.5, -0.5, -0.5], [3.5, 0.5, 0.5]])
    assert other.visual.uv.min() >= 0 and other.visual.uv.max() <= 1


BROKEN = {
    "mesh-kind": ("a.fbx", b"x"),
    "mesh-disguised": ("a.glb", b"PK\x03\x04"),
    "mesh-faces": ("a.obj", b"v 0 0 0\n"),
    "mesh-finite": ("a.obj", b"v 0 0 0\nv nan 1 0\nv 1 0 0\nf 1 2 3\n"),
    "mesh-extent": ("a.obj", b"v 1 1 1\nf 1 1 1\n"),
    "mesh-broken": ("a.gltf", b"{"),
    "mesh-leaves": ("a.obj", b"mtllib ../a.mtl\nv 0 0 0\n"),
    "mesh-missing": ("a.obj", b"mtllib b.mtl\nv 0 0 0\n"),
    "mesh-extension": ("a.gltf", json.dumps({"extensionsRequired": ["ADOBE_materials_clearcoat"]}).encode()),
    "mesh-compressed": ("a.gltf", json.dumps({"extensionsUsed": ["KHR_draco_mesh_compression"]}).encode()),
}


@pytest.mark.parametrize("rule", BROKEN)
def test_what_cannot_be_painted_is_refused_in_one_line(rule, tmp_path):
    with pytest.raises(InputError) as refused:
        read_mesh(written(tmp_path, *BROKEN[rule]))
    assert refused.value.rule == rule and "\n" not in str(refused.value)


def test_a_mesh_of_lines_has_no_area(tmp_path):
    with pytest.raises(InputError, match="an area") as e:
        read_mesh(written(tmp_path, "a.obj", "v 0 0 0\nv 1 0 0\nv 2 0 0\nf 1 2 3\n"))
    assert e.value.rule == "mesh-extent"


@pytest.mark.parametrize(("scale", "shift"), [(1e30, 0.0), (1e-30, 0.0), (1.0, 1e7)])
def test_a_mesh_of_any_size_and_place_is_unwrapped_alike(scale, shift, tmp_path):
    """In xatlas' single precision squares of such numbers are infinite, or 0: it did not come to an end."""
    (piece,) = read_mesh(written(tmp_path, "a.obj", CUBE)).pieces
    moved = piece._replace(vertices=piece.vertices * scale + shift)
    found, want = unwrap([moved])[piece.primitive], unwrap([piece])[piece.primitive]
    assert len(found.faces) == len(want.faces) and (found.uv >= 0).all() and (found.uv <= 1).all()
    areas = (np.abs(np.linalg.det(np.diff(each.uv[each.faces], axis=1))).sum() for each in (found, want))
    assert next(areas) == pytest.approx(next(areas), rel=0.1)
