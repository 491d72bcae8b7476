"""Mesh files: read, refused in one line, and written again with all else as it was."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
import trimesh
from PIL import Image
from trimesh.visual import TextureVisuals

from synoptic.errors import InputError
from synoptic.io.html import encoded
from synoptic.mesh import mesh_files, read_mesh
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


def test_what_an_obj_names_and_is_missing_is_told_and_the_mesh_is_read(tmp_path):
    """The .mtl is what people forget to copy, and its pictures: it was refused, though it says nothing of the shape."""
    obj = f"mtllib gone.mtl\nmtllib here.mtl\n{MAPPED}"
    written(tmp_path, "here.mtl", b"newmtl front\nNs 3\nmap_Ks gone.png\nmap_Bump C:\\gone too.png\nmap_Kd painted.png\n")
    mesh = read_mesh(written(tmp_path, "a.obj", obj))
    assert [len(piece.faces) for piece in mesh.pieces] == [4, 1]
    first, second = mesh.notes
    assert "gone.mtl, which is missing" in first and "here.mtl names pictures that are missing" in second
    assert second.endswith(": gone.png, C:\\gone too.png")
    written(tmp_path, "here.mtl", b"newmtl front\nmap_Ks gone.png\nmap_Bump /etc/hostname\n")
    with pytest.raises(InputError, match="must be in its folder"):
        read_mesh(tmp_path / "a.obj")
    written(tmp_path, "here.mtl", b"newmtl front\nNs 3\nmap_Bump /gone.png\n")
    mesh = read_mesh(tmp_path / "a.obj")
    files = mesh.textured({0: RED, 1: RED}, {}, "out")
    assert files[".obj"].decode().count("mtllib") == 1 and set(files) == {".obj", ".mtl", ".texture.png", ".texture-1.png"}
    said = files[".mtl"].decode()
    assert "Ns 3" in said and "gone" not in said
    for ending, data in files.items():
        written(tmp_path, f"out{ending}", data)
    assert not read_mesh(tmp_path / "out.obj").notes


def test_the_files_that_a_mesh_is_read_with_are_its_own(tmp_path):
    for name in ("own.png", "kd.png", "a.bin", "other.bin"):
        written(tmp_path, name, RED if name.endswith("png") else PLACES)
    written(tmp_path, "m.mtl", b"newmtl front\nmap_Kd kd.png\nmap_Bump -bm 1 own.png\n")
    obj = written(tmp_path, "a.obj", f"  mtllib \\\n m.mtl # parts\n{MAPPED}")
    assert [file.name for file in mesh_files(obj)] == ["a.obj", "m.mtl", "own.png"]
    tree = triangle(uri="a.bin") | {"images": [{"uri": "own.png"}, {"uri": BASE64}]}
    gltf = written(tmp_path, "a.gltf", json.dumps(tree).encode())
    assert [file.name for file in mesh_files(gltf)] == ["a.gltf", "a.bin", "own.png"]
    for name, text in BROKEN.values():
        assert mesh_files(written(tmp_path, name, text))[0].name == name
    assert mesh_files(tmp_path) == mesh_files(tmp_path / "none.obj") == []


def test_other_maps_of_an_obj_go_with_it_unless_its_coordinates_are_new(tmp_path):
    (tmp_path / "parts").mkdir()
    (tmp_path / "my bumps.png").write_bytes(RED)
    (tmp_path / "parts/shine.jpg").write_bytes(RED)
    lines = ["newmtl wood", "Ns 3", "map_Kd gone.png", "map_Bump -bm 0.5 my bumps.png", "map_Ks parts\\shine.jpg", "map_d"]
    written(tmp_path, "one.mtl", "\n".join(lines).encode())
    written(tmp_path, "two.mtl", b"newmtl stone\n")
    square = "v 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 0 1\nusemtl wood\nf 1/1 2/2 3/3\n"
    mesh = read_mesh(written(tmp_path, "a.obj", f"mtllib one.mtl two.mtl\nmtllib\n{square}".encode()))
    files = mesh.textured({0: RED}, {}, "out")
    said = files[".mtl"].decode().splitlines()
    assert {"Ns 3", "map_Bump -bm 0.5 out.map-0.png", "map_Ks out.map-1.jpg", "map_Kd out.texture.png"} <= set(said)
    assert files[".map-0.png"] == files[".map-1.jpg"] == RED and not any("gone" in line or line == "map_d" for line in said)
    plain = mesh.textured({0: RED}, unwrap(mesh.pieces), "out")
    assert ".map-0.png" not in plain and "map-" not in plain[".mtl"].decode() and "Ns 3" in plain[".mtl"].decode()


def triangle(**buffer: str) -> dict[str, Any]:
    return {
        "asset": {"version": "2.0"},
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}, {"attributes": {"TEXCOORD_0": 0}}]}],
        "accessors": [{"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3"}],
        "bufferViews": [{"buffer": 0, "byteLength": 36}],
        "buffers": [{"byteLength": 36, **buffer}],
    }


PLACES = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], "<f4").tobytes()
BASE64 = "data:;base64," + b64encode(PLACES).decode()


@pytest.mark.parametrize("uri", [BASE64, "DATA" + BASE64[4:], "data:application/octet-stream," + quote(PLACES)])
def test_data_in_a_uri_is_read_however_it_is_written_and_what_has_no_places_is_left_out(uri, tmp_path):
    (piece,) = read_mesh(written(tmp_path, "a.gltf", json.dumps(triangle(uri=uri)).encode())).pieces
    assert piece.vertices.tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 0]]


UNREADABLE: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a mesh from the end": (lambda tree: tree["nodes"][0].update(mesh=-1), "mesh is -1"),
    "places from the end": (lambda tree: tree["meshes"][0]["primitives"][0].update(attributes={"POSITION": -1}), "is -1"),
    "more zeros than fit": (lambda tree: tree["accessors"].__setitem__(0, ZEROS), "Unable to allocate"),
    "a size without a square": (lambda tree: tree["nodes"][0].update(scale=[1e300] * 3), "scale it"),
    "a name too long": (lambda tree: tree["buffers"][0].update(uri="a" * 5000), "beside it, which is missing"),
}
ZEROS = {"componentType": 5126, "count": 2**50, "type": "VEC3"}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_gltf_that_cannot_be_painted_is_refused_before_it_is(name, tmp_path):
    tree, (change, says) = triangle(uri=BASE64), UNREADABLE[name]
    change(tree)
    with pytest.raises(InputError, match=says) as e:
        read_mesh(written(tmp_path, "a.gltf", json.dumps(tree).encode()))
    assert len(str(e.value)) < 500


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
    "mesh-missing": ("a.gltf", json.dumps({"buffers": [{"byteLength": 36, "uri": "a.bin"}]}).encode()),
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
