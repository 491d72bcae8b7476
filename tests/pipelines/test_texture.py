"""Painted meshes: what comes out is the mesh that went in, with a texture that its views agree on."""

from __future__ import annotations

import io as bytes_io
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import synoptic
from bundled_training.render.objects import SOLIDS
from synoptic.errors import InputError
from tests.quick import quick_ones
from tests.references import assert_like_reference

if find_spec("trimesh") is None or find_spec("xatlas") is None:
    pytest.skip("the extra [mesh] is not installed", allow_module_level=True)

import trimesh
from PIL import Image
from trimesh.scene.scene import Scene

from synoptic.io.html import encoded
from synoptic.mesh import read_mesh
from synoptic.mesh.gltf_container import read_container, write_container
from synoptic.mesh.unwrap import unwrap
from synoptic.models.registry import resolve
from synoptic.options.texture import TextureOptions
from synoptic.pipelines.texture import TexturePipeline
from synoptic.pipelines.texture_views import TextureViews

HOUSE = "a yellow house"
QUICK: dict[str, Any] = {"steps": 2, "num_views": 4, "texture_size": 64, "dtype": "float32", "device": "cpu"}
EIGHT = {"steps": 8, "num_views": 8, "texture_size": 256, "pixels_from": 0.75}  # as many views as overlap


@pytest.fixture(scope="module")
def box(tmp_path_factory) -> Path:
    """A box as a GLB, without texture coordinates."""
    file = tmp_path_factory.mktemp("mesh") / "box.glb"
    trimesh.creation.box((1.0, 1.4, 0.8)).export(file)
    return file


def opened(data: bytes) -> Any:
    scene = trimesh.load(bytes_io.BytesIO(data), file_type="glb")
    return scene.to_geometry() if isinstance(scene, Scene) else scene


def triangles(data: bytes) -> np.ndarray:
    """The corners of every face, (F, 9), in an order of their own."""
    mesh = opened(data)
    corners = np.sort(mesh.triangles.round(5).reshape(len(mesh.faces), -1), axis=1)
    return corners[np.lexsort(corners.T)]


@pytest.mark.parametrize("thing", quick_ones([*SOLIDS, "bunny", "treehouse"], ["mug", "bunny"]))
def test_only_things_that_the_bundled_model_learned_from_all_sides_have_words_for_views(thing, box):
    """Its training's renderer says which those are."""
    bundled: Any = SimpleNamespace(checkpoint=resolve("bundled"))
    options = TextureOptions.from_arguments(str(box), f"a red {thing}", num_views=1).resolve(bundled.checkpoint)
    pipeline = TexturePipeline(bundled, options)
    (prompt,) = pipeline.prompts(options.items()[0])
    as_photo = f"a photo of a red {thing} on a white background"
    assert prompt == (as_photo if thing not in SOLIDS else f"a 3d render of a red {thing}, front view on a white background")
    assert any(as_photo in note for note in pipeline.notes()) == (thing not in SOLIDS)


def test_the_mesh_comes_back_with_a_texture(sd32, box):
    result = synoptic.texture(sd32, str(box), HOUSE, **QUICK | {"pixels_from": 1.0, "device": "cpu"})
    assert np.array_equal(triangles(result.mesh[".glb"]), triangles(box.read_bytes()))
    painted = opened(result.mesh[".glb"])
    assert painted.visual.material.baseColorTexture.size == result.texture.size == (64, 64)
    assert np.asarray(result.texture.convert("RGB")).std((0, 1)).max() > 5
    assert_like_reference("texture-latents", result.images[0])


@pytest.mark.slow
def test_views_that_agree_show_one_surface(sd32, box):
    """Painted each alone, they show the surface differently, by some dB."""
    agree, apart = (
        synoptic.texture(sd32, str(box), HOUSE, **QUICK | EIGHT | how).outputs[0].figures["view_agreement"]
        for how in ({"sync": "x0"}, {"sync": "none", "pixels_from": 1})
    )
    assert agree is not None and apart is not None and agree > apart + 6


@pytest.mark.slow
def test_a_run_leaves_the_mesh_its_texture_and_the_conditions_and_is_not_done_again(box, tmp_path):
    first, again = (synoptic.run("texture", str(box), HOUSE, out=str(tmp_path), **QUICK) for _ in range(2))
    (picture,) = first.pictures
    stem = tmp_path / Path(picture.file).stem
    assert "sample" not in again.timings and (tmp_path / "conditions.png").exists()
    assert all(Path(f"{stem}{end}").stat().st_size > 1000 for end in (".glb", ".viewer.html", ".views.png"))


@pytest.fixture(scope="module")
def mapped(box) -> Path:
    """The box with texture coordinates and a gray texture, a node above it, and moved."""
    mesh = read_mesh(box)
    gray = encoded(Image.new("RGB", (64, 64), "gray"), "PNG")
    file = box.with_name("mapped.glb")
    file.write_bytes(mesh.textured({mesh.pieces[0].material: gray}, unwrap(mesh.pieces), "mapped")[".glb"])
    tree, data = read_container(file)
    tree["nodes"].append({"name": "above", "children": [0], "translation": [1.0, 0.0, 2.0]})
    tree["scenes"][0]["nodes"] = [len(tree["nodes"]) - 1]
    file.write_bytes(write_container(tree, data))
    return file


@pytest.mark.slow
@pytest.mark.parametrize("pixels_from", [1.0, 0.5])
def test_a_texture_is_edited_where_the_mask_says_and_all_else_is_kept_to_the_bit(sd32, mapped, pixels_from):
    given = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    mask = Image.new("L", given.size)
    mask.paste(255, (20, 10, 60, 40))
    how = QUICK | {"init_texture": given, "mask": mask, "texture_size": 64, "strength": 1.0, "pixels_from": pixels_from}
    result = synoptic.texture(sd32, str(mapped), HOUSE, **how)
    before, after, painted = np.asarray(given), np.asarray(result.texture), np.asarray(mask) > 0
    assert np.array_equal(after[~painted], before[~painted])
    assert np.abs(after[painted].astype(int) - before[painted]).mean() > 20
    file = mapped.with_name("edited.glb")
    file.write_bytes(result.mesh[".glb"])
    (tree, data), (own, kept) = read_container(file), read_container(mapped)
    assert data.startswith(kept) and all(tree[name] == own[name] for name in ("nodes", "scenes", "accessors"))
    assert [p["attributes"] for m in tree["meshes"] for p in m["primitives"]] == [
        p["attributes"] for m in own["meshes"] for p in m["primitives"]
    ]
    assert tree["bufferViews"][: len(own["bufferViews"])] == own["bufferViews"]


def test_what_a_mask_keeps_is_encoded_once_and_what_views_read_is_found_once(sd32, mapped):
    given, mask = Image.new("RGB", (64, 64), (200, 30, 30)), Image.new("L", (64, 64))
    mask.paste(255, (20, 10, 60, 40))
    how: dict[str, Any] = QUICK | {"steps": 4, "init_texture": given, "mask": mask, "pixels_from": 1.0}
    options = TextureOptions.from_arguments(str(mapped), HOUSE, **how).resolve(sd32.checkpoint)
    views, encoded = TextureViews(sd32, options), list[int]()
    hook = sd32.vae.encoder.register_forward_hook(lambda *_: encoded.append(1))
    views.at_step(0)
    calls = len(encoded)
    steps: list[Any] = [views.at_step(i) for i in range(4)]
    hook.remove()
    assert calls and len(encoded) == calls
    assert all(step.inner.index is views.in_latents.index for step in steps)


@pytest.mark.slow
def test_the_less_strength_the_more_of_a_texture_is_left(sd32, mapped):
    red = Image.new("RGB", (64, 64), (200, 30, 30))
    away = []
    for strength in (0.25, 1.0):
        how = QUICK | {"steps": 4, "init_texture": red, "strength": strength, "pixels_from": 1.0}
        texture = synoptic.texture(sd32, str(mapped), HOUSE, **how).texture
        away.append(np.abs(np.asarray(texture, int) - np.asarray(red, int)).mean())
    assert away[0] < 30 < away[1]


def test_a_texture_in_coordinates_that_overlap_is_refused(sd32, tmp_path):
    file = tmp_path / "twice.obj"
    twice = "".join(f"v 0 0 {z}\nv 1 0 {z}\nv 0 1 {z}\n" for z in (0, 1))
    file.write_text(f"{twice}vt 0 0\nvt 1 0\nvt 0 1\nf 1/1 2/2 3/3\nf 4/1 5/2 6/3\n")
    with pytest.raises(InputError) as e:
        synoptic.texture(sd32, str(file), HOUSE, **QUICK | {"init_texture": Image.new("RGB", (64, 64))})
    assert e.value.rule == "init-texture-coordinates"


@pytest.mark.parametrize(
    ("how", "rule"), [({"up_axis": "y", "front_axis": "-y"}, "mesh-axes"), ({"num_views": 0}, "num_views-at-least")]
)
def test_what_makes_no_sense_is_refused(how, rule, box):
    with pytest.raises(InputError) as e:
        synoptic.texture("bundled", str(box), HOUSE, **how)
    assert e.value.rule == rule


def test_a_file_that_is_no_mesh_is_refused(tmp_path):
    file = tmp_path / "script.glb"
    file.write_text("#!/bin/sh\n")
    with pytest.raises(InputError):
        synoptic.texture("bundled", str(file), HOUSE)
