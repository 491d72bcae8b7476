"""PLY and STL: meshes without textures, which are written as GLB. (trimesh, of the extra `mesh`.)"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import trimesh

from synoptic.errors import InputError
from synoptic.mesh.gltf_container import write_container
from synoptic.mesh.mesh_file import Piece, Unwrapped, checked_pieces
from synoptic.utils.json_objects import JsonObject


class PlainFile:
    """One mesh of one material, with no texture coordinates."""

    def __init__(self, file: Path) -> None:
        self.notes = [f"{file.suffix[1:].upper()} holds no texture: it is written as GLB"]
        try:
            found = trimesh.load_mesh(file, process=False)
            vertices, faces = np.asarray(found.vertices, np.float64), np.asarray(found.faces, np.int64)
        except Exception as e:  # whatever its parsers raise on a broken file
            raise InputError(
                f"{file.name} cannot be read ({type(e).__name__}: {e}): export it again", rule="mesh-broken"
            ) from None
        if file.suffix.lower() == ".stl":  # which repeats every corner
            welded = trimesh.Trimesh(vertices, faces, process=False)
            welded.merge_vertices()
            vertices, faces = np.asarray(welded.vertices), np.asarray(welded.faces, np.int64)
        self.pieces = checked_pieces([Piece(0, 0, vertices, faces, None)], file.name)

    def textured(self, textures: Mapping[int, bytes], unwrapped: Mapping[int, Unwrapped], name: str) -> dict[str, bytes]:
        """Return {".glb": data}."""
        vertex, faces, uv = unwrapped[0]
        places = self.pieces[0].vertices[vertex].astype("<f4")
        flipped = np.stack([uv[:, 0], 1 - uv[:, 1]], 1).astype("<f4")
        parts = [places.tobytes(), flipped.tobytes(), faces.astype("<u4").tobytes(), textures[0]]
        starts = np.cumsum([0, *(len(part) + -len(part) % 4 for part in parts)]).tolist()
        tree: JsonObject = {
            "asset": {"version": "2.0", "generator": "synoptic"},
            "scene": 0,
            "scenes": [{"nodes": [0]}],
            "nodes": [{"mesh": 0, "name": name}],
            "meshes": [{"primitives": [{"attributes": {"POSITION": 0, "TEXCOORD_0": 1}, "indices": 2, "material": 0}]}],
            "accessors": [
                {"bufferView": 0, "componentType": 5126, "count": len(places), "type": "VEC3"}
                | {"min": places.min(0).tolist(), "max": places.max(0).tolist()},
                {"bufferView": 1, "componentType": 5126, "count": len(uv), "type": "VEC2"},
                {"bufferView": 2, "componentType": 5125, "count": faces.size, "type": "SCALAR"},
            ],
            "materials": [
                {
                    "name": "painted",
                    "pbrMetallicRoughness": {
                        "baseColorTexture": {"index": 0},
                        "metallicFactor": 0.0,
                        "roughnessFactor": 1.0,
                    },
                }
            ],
            "textures": [{"source": 0}],
            "images": [{"bufferView": 3, "mimeType": "image/png"}],
            "bufferViews": [
                {"buffer": 0, "byteOffset": start, "byteLength": len(part)}
                for start, part in zip(starts, parts, strict=False)
            ],
            "buffers": [{"byteLength": starts[-1]}],
        }
        data = b"".join(part + b"\0" * (-len(part) % 4) for part in parts)
        return {".glb": write_container(tree, data)}
