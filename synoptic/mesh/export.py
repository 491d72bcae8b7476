"""A textured mesh as files that others open: GLB, OBJ with its material, and a PLY of points."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import trimesh
from trimesh.exchange.obj import export_obj
from trimesh.triangles import points_to_barycentric
from trimesh.visual import TextureVisuals
from trimesh.visual.material import PBRMaterial

from synoptic import io
from synoptic.mesh.raycast import Hits
from synoptic.mesh.texture import TexturedMesh

NUM_POINTS = 50_000


def export_mesh(textured: TexturedMesh, folder: Path, name: str = "mesh") -> list[Path]:
    """Write NAME.glb, NAME.obj with NAME.mtl and NAME.png beside it, and NAME.ply, colored points. Returns the files."""
    (picture,) = io.to_pil(2 * textured.texture[None] - 1)
    matter = PBRMaterial(
        baseColorTexture=picture, baseColorFactor=[255] * 4, metallicFactor=0.0, roughnessFactor=1.0, name=name
    )
    visual = TextureVisuals(uv=textured.uv.numpy(), material=matter)
    mesh = textured.mesh.copy()
    mesh.visual = visual
    folder.mkdir(parents=True, exist_ok=True)
    written = {f"{name}.glb": mesh.export(file_type="glb"), f"{name}.ply": sample_points(textured).export(file_type="ply")}
    obj, beside = export_obj(mesh, mtl_name=f"{name}.mtl", return_texture=True)
    written |= {f"{name}.obj": obj.encode()} | beside
    for file, data in written.items():
        io.write_whole(folder / file, data)
    return [folder / file for file in written]


def sample_points(textured: TexturedMesh, n: int = NUM_POINTS) -> trimesh.PointCloud:
    """Return n points evenly on the surface, each of the texture's color there."""
    sampled = trimesh.sample.sample_surface(textured.mesh, n, seed=0)
    places, faces = sampled[0], sampled[1]
    shares = points_to_barycentric(np.asarray(textured.mesh.triangles)[faces], places)
    hits = Hits(torch.from_numpy(np.asarray(faces)), torch.from_numpy(shares).float(), torch.zeros(n, dtype=torch.float32))
    colors = (textured.color_at(hits).clamp(0, 1) * 255).round().byte().numpy()
    return trimesh.PointCloud(places, colors)
