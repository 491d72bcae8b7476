"""The accessors of a glTF asset: rows of numbers in its one buffer."""

from __future__ import annotations

import numpy as np

from synoptic.utils.json_objects import JsonObject

COMPONENTS = {5120: np.int8, 5121: np.uint8, 5122: np.int16, 5123: np.uint16, 5125: np.uint32, 5126: np.float32}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}
TRIANGLES, COORDINATES = 4, "TEXCOORD_"
GLOSSINESS = "KHR_materials_pbrSpecularGlossiness"


class GltfAsset:
    """A tree and its buffer. `primitives` are those of all meshes, in the order of `Piece.primitive`; a primitive without a
    material has the number `no_material`."""

    def __init__(self, tree: JsonObject, data: bytes) -> None:
        self.tree, self.data = tree, data
        self.primitives = [primitive for mesh in tree.get("meshes", []) for primitive in mesh["primitives"]]
        self.no_material = len(tree.get("materials", []))

    def accessor(self, k: int) -> np.ndarray:
        """Return an accessor's rows (count, width), integers that stand for shares as such."""
        accessor = self.tree["accessors"][k]
        kind, width, count = COMPONENTS[accessor["componentType"]], WIDTHS[accessor["type"]], accessor["count"]
        if "bufferView" in accessor:
            rows = self._rows(accessor["bufferView"], accessor.get("byteOffset", 0), kind, width, count)
        else:
            rows = np.zeros((count, width), kind)
        if sparse := accessor.get("sparse"):
            at, to = sparse["indices"], sparse["values"]
            places = self._rows(
                at["bufferView"], at.get("byteOffset", 0), COMPONENTS[at["componentType"]], 1, sparse["count"]
            )
            rows = rows.copy()
            rows[places[:, 0]] = self._rows(to["bufferView"], to.get("byteOffset", 0), kind, width, sparse["count"])
        if accessor.get("normalized"):
            return np.maximum(rows / np.iinfo(kind).max, -1.0)
        return rows

    def stored_rows(self, k: int) -> np.ndarray:
        """Return an accessor's rows as they are stored."""
        accessor = self.tree["accessors"][k]
        stored = accessor.pop("normalized", None)
        rows = self.accessor(k)
        if stored is not None:
            accessor["normalized"] = stored
        return rows

    def texture_coordinates(self, material: int | None) -> int:
        """Return the number of the set that a material's base color texture is read by."""
        if material is None:
            return 0
        pbr = self.tree["materials"][material].get("pbrMetallicRoughness", {})
        return pbr.get("baseColorTexture", {}).get("texCoord", 0)

    def append(self, part: bytes) -> int:
        """Add bytes to the buffer; return their view."""
        views = self.tree.setdefault("bufferViews", [])
        views.append({"buffer": 0, "byteOffset": len(self.data), "byteLength": len(part)})
        self.data += part + b"\0" * (-len(part) % 4)
        return len(views) - 1

    def _rows(self, view: int, offset: int, kind: type, width: int, count: int) -> np.ndarray:
        found = self.tree["bufferViews"][view]
        item = np.dtype(kind).newbyteorder("<")
        stride, start = found.get("byteStride", item.itemsize * width), found.get("byteOffset", 0) + offset
        if count < 0 or start + (count - 1) * stride + item.itemsize * width > len(self.data):
            raise ValueError("a buffer is too short")
        return np.ndarray((count, width), item, self.data, start, (stride, item.itemsize))
