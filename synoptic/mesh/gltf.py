"""Read glTF and GLB: what is to be painted of them, and what they hold that cannot be."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from synoptic.errors import InputError
from synoptic.mesh.gltf_asset import COORDINATES, TRIANGLES, GltfAsset
from synoptic.mesh.gltf_container import media_type, read_container, read_uri
from synoptic.mesh.gltf_painted import painted_gltf
from synoptic.mesh.mesh_file import Piece, Unwrapped, checked_pieces
from synoptic.utils.json_objects import JsonObject

COMPRESSED = {
    "KHR_draco_mesh_compression": "Draco",
    "EXT_meshopt_compression": "meshopt",
    "KHR_meshopt_compression": "meshopt",
}
UNDERSTOOD = re.compile(r"KHR_(materials|texture|lights|mesh_quantization|xmp|animation)|EXT_(texture|lights)|MSFT_texture")
INSTANCES = "EXT_mesh_gpu_instancing"
STRIP, FAN = 5, 6
INDICES = {
    "mesh",
    "scene",
    "material",
    "indices",
    "bufferView",
    "buffer",
    "byteOffset",
    "count",
    "source",
    "index",
    "POSITION",
}


class GltfFile(GltfAsset):
    """A file as it is read; its buffers are one."""

    def __init__(self, file: Path) -> None:
        self.notes: list[str] = []
        try:
            tree, data = read_container(file)
            super().__init__(tree, b"")
            check_indices(tree)
            self._check_extensions(file.name)
            self._join_buffers(file, data)
            with np.errstate(all="ignore"):  # what is infinite is refused
                pieces = list(self._pieces())
            self.pieces = checked_pieces(pieces, file.name)
        except InputError:
            raise
        except (ValueError, KeyError, IndexError, TypeError, AttributeError, struct.error, RecursionError, MemoryError) as e:
            raise InputError(
                f"{file.name} is no glTF that can be read ({type(e).__name__}: {e}): export it again", rule="mesh-broken"
            ) from None

    def textured(self, textures: Mapping[int, bytes], unwrapped: Mapping[int, Unwrapped], name: str) -> dict[str, bytes]:
        """Return {".glb": data}."""
        return {".glb": painted_gltf(self, self.pieces, textures, unwrapped)}

    def _check_extensions(self, name: str) -> None:
        for extension, what in COMPRESSED.items():
            if extension in self.tree.get("extensionsUsed", []):
                raise InputError(
                    f"{name} is compressed by {what}, which is not decoded here: export it without compression",
                    rule="mesh-compressed",
                )
        for extension in self.tree.get("extensionsRequired", []):
            if extension != INSTANCES and not UNDERSTOOD.match(extension):
                raise InputError(
                    f"{name} cannot be read without {extension[:60]}, which is not known here: export it without that",
                    rule="mesh-extension",
                )
        if INSTANCES in self.tree.get("extensionsUsed", []):
            self.notes.append(f"its copies ({INSTANCES}) are not seen: a mesh is painted once, for all of them")
        primitives = [primitive for mesh in self.tree.get("meshes", []) for primitive in mesh["primitives"]]
        if any("skin" in node for node in self.tree.get("nodes", [])) or any("targets" in each for each in primitives):
            self.notes.append("it is painted at rest: bones and morph targets are left out of the views")

    def _join_buffers(self, file: Path, data: bytes) -> None:
        """Put all buffers behind one another, the GLB's own first, as it is, and pictures of other files behind them."""
        parts, starts = [], []
        for buffer in self.tree.get("buffers", []):
            part = read_uri(file, buffer["uri"]) if "uri" in buffer else data
            starts.append(sum(map(len, parts)))
            parts.append(part + b"\0" * (-len(part) % 4))
        for view in self.tree.get("bufferViews", []):
            view["byteOffset"] = view.get("byteOffset", 0) + starts[view.get("buffer", 0)]
            view["buffer"] = 0
        self.data = b"".join(parts)
        for image in self.tree.get("images", []):
            if "uri" in image:
                picture = read_uri(file, image.pop("uri"))
                image["bufferView"] = self.append(picture)
                image["mimeType"] = media_type(picture) or image.get("mimeType", "image/png")

    def _pieces(self) -> Iterator[Piece]:
        meshes = self.tree.get("meshes", [])
        first = np.cumsum([0, *(len(mesh["primitives"]) for mesh in meshes)])
        for node, transform in self._nodes():
            if "mesh" not in node:
                continue
            for k, primitive in enumerate(meshes[node["mesh"]]["primitives"]):
                if (
                    primitive.get("mode", TRIANGLES) not in (TRIANGLES, STRIP, FAN)
                    or "POSITION" not in primitive["attributes"]
                ):
                    continue
                places = self.accessor(primitive["attributes"]["POSITION"]).astype(np.float64)
                faces = self._faces(primitive, len(places))
                if np.linalg.det(transform[:3, :3]) < 0:
                    faces = faces[:, ::-1]
                material = primitive.get("material", self.no_material)
                uv = self._uv(primitive)
                placed = places @ transform[:3, :3].T + transform[:3, 3]
                yield Piece(int(first[node["mesh"]]) + k, material, placed, faces, uv)

    def _nodes(self) -> Iterator[tuple[JsonObject, np.ndarray]]:
        nodes = self.tree.get("nodes", [])
        scenes = self.tree.get("scenes", [])
        children = {child for node in nodes for child in node.get("children", [])}
        roots = scenes[self.tree.get("scene", 0)].get("nodes", []) if scenes else sorted({*range(len(nodes))} - children)
        todo = [(root, np.eye(4)) for root in roots]
        seen: set[int] = set()
        while todo:
            k, above = todo.pop(0)
            if k in seen:
                raise ValueError("a node has two parents")
            seen.add(k)
            transform = above @ local_transform(nodes[k])
            yield nodes[k], transform
            todo += [(child, transform) for child in nodes[k].get("children", [])]

    def _faces(self, primitive: JsonObject, count: int) -> np.ndarray:
        index = self.accessor(primitive["indices"])[:, 0] if "indices" in primitive else np.arange(count)
        index = index.astype(np.int64)
        mode = primitive.get("mode", TRIANGLES)
        if mode == TRIANGLES:
            return index[: len(index) // 3 * 3].reshape(-1, 3)
        if mode == FAN:
            return np.stack([np.full(len(index) - 2, index[0]), index[1:-1], index[2:]], 1)
        strip = np.stack([index[:-2], index[1:-1], index[2:]], 1)
        strip[1::2] = strip[1::2, [1, 0, 2]]
        return strip

    def _uv(self, primitive: JsonObject) -> np.ndarray | None:
        name = f"{COORDINATES}{self.texture_coordinates(primitive.get('material'))}"
        if name not in primitive["attributes"]:
            return None
        uv = self.accessor(primitive["attributes"][name]).astype(np.float64)
        return np.stack([uv[:, 0], 1 - uv[:, 1]], 1)


def check_indices(tree: object) -> None:
    """Raise ValueError where a number that names or counts is below 0, which Python would count from the end."""
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ():
        if key in INDICES and isinstance(value, int) and value < 0:
            raise ValueError(f"{key} is {value}")
        check_indices(value)


def local_transform(node: JsonObject) -> np.ndarray:
    """Return a node's transform (4, 4), for columns."""
    if "matrix" in node:
        return np.array(node["matrix"], np.float64).reshape(4, 4).T
    x, y, z, w = node.get("rotation", (0.0, 0.0, 0.0, 1.0))
    turn = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    found = np.eye(4)
    found[:3, :3] = turn * node.get("scale", (1.0, 1.0, 1.0))
    found[:3, 3] = node.get("translation", (0.0, 0.0, 0.0))
    return found
