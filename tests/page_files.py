"""The files that commands in the documentation begin with, under the names that the pages give them."""

from __future__ import annotations

import json
from pathlib import Path
from shutil import copy
from typing import Any

import numpy as np
import trimesh
from PIL import Image
from trimesh.visual.texture import TextureVisuals

from synoptic.mesh import read_mesh
from synoptic.mesh.unwrap import unwrap
from tests.drawings import disc, drawing, hills, mountains_around, white_box
from tests.mesh.shapes import CUBE
from tests.pages import ROOT

PICTURES = ("car", "mug", "cat", "mountains", "horse", "castle", "guitar", "owl", "strawberry", "photo", "original")
SCENES = ("mountains.jpg", "hills.png")  # wider than high


def make_files(folder: Path) -> None:
    """Write them into a folder."""
    for name in PICTURES:
        disc().save(folder / f"{name}.png")
    disc().save(folder / "photo.jpg")
    disc().save(folder / "PICTURE", "PNG")
    for name in SCENES:
        hills().save(folder / name)
    white_box((256, 256), (60, 60, 200, 200)).save(folder / "mask.png")
    white_box((64, 64), (0, 0, 32, 64)).save(folder / "door.png")
    np.save(folder / "mine.npy", np.arange(64 * 64)[::-1])
    drawing(128, 64).save(folder / "reef.png")
    white_box((128, 64), (0, 20, 30, 64)).save(folder / "mask-360.png")
    np.save(folder / "valley.npy", np.asarray(mountains_around()))
    make_photos(folder)
    make_meshes(folder)
    (folder / "examples").mkdir()
    copy(ROOT / "examples" / "house.obj", folder / "examples")
    (folder / "jobs.jsonl").write_text(json.dumps(JOB) + "\n")
    (folder / "FILE.json").write_text(json.dumps({"0": "a photo of a lake"}))


JOB = {"application": "generate", "prompt": "a photo of a horse", "model": "bundled", "steps": 2, "grid": {"seed": "0..1"}}


def make_photos(folder: Path) -> None:
    """Write pictures with their captions, to train on."""
    (folder / "photos").mkdir()
    names = [f"{k}.png" for k in range(4)]
    for name in names:
        disc().save(folder / "photos" / name)
    (folder / "captions.json").write_text(json.dumps(dict.fromkeys(names, "a photo of a ball")))


def make_meshes(folder: Path) -> None:
    """Write boxes: without texture coordinates, and with some, and a texture."""
    for name in ("cube.obj", "bunny.obj"):
        (folder / name).write_text(CUBE)
    box: Any = trimesh.creation.box()
    (folder / "box.obj").write_text(box.export(file_type="obj"))
    uv = unwrap(read_mesh(folder / "box.obj").pieces)[0]
    mapped: Any = trimesh.Trimesh(box.vertices[uv.vertex], uv.faces, process=False)
    mapped.visual = TextureVisuals(uv=uv.uv, image=Image.new("RGB", (4, 4)))
    mapped.export(folder / "bunny.glb")
    mapped.export(folder / "house.obj")
    for name in ("bunny", "house"):
        Image.new("RGB", (64, 64), "brown").save(folder / f"{name}.texture.png")
