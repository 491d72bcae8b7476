"""A glTF asset with other base color textures: everything else stays as it was."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Container, Mapping, Sequence

import numpy as np

from synoptic.mesh.gltf_asset import COORDINATES, GLOSSINESS, TRIANGLES, GltfAsset
from synoptic.mesh.gltf_container import write_container
from synoptic.mesh.mesh_file import Piece, Unwrapped
from synoptic.utils.json_objects import JsonObject

OTHER_TEXTURE = re.compile(r'"(?!baseColor|diffuse|specularGlossiness)\w+Texture":')
VERTICES, INDICES = 34962, 34963  # what a buffer view is for


def painted_gltf(
    asset: GltfAsset, pieces: Sequence[Piece], textures: Mapping[int, bytes], unwrapped: Mapping[int, Unwrapped]
) -> bytes:
    """Return a GLB of an asset whose pieces have these textures, PNGs by material, on new corners by primitive."""
    painted = PaintedGltf(copy.deepcopy(asset.tree), asset.data)
    painted.put(pieces, textures, unwrapped)
    painted.tree["buffers"] = [{"byteLength": len(painted.data)}]
    return write_container(painted.tree, painted.data)


class PaintedGltf(GltfAsset):
    """An asset that is being painted: old data stays in its buffer, new comes behind it."""

    def put(self, pieces: Sequence[Piece], textures: Mapping[int, bytes], unwrapped: Mapping[int, Unwrapped]) -> None:
        """Put textures onto pieces, as `painted_gltf` does."""
        self._part_coordinates([self.primitives[k] for k in unwrapped])
        for k, corners in unwrapped.items():
            self._put_corners(self.primitives[k], corners)
        self._part_unpainted({piece.primitive for piece in pieces}, textures)
        painted = {material: self._put_texture(material, data) for material, data in textures.items()}
        for piece in pieces:
            primitive = self.primitives[piece.primitive]
            primitive["material"] = painted[piece.material]
            primitive["attributes"].pop("COLOR_0", None)  # it would tint the texture
        self._undeclare_glossiness()

    def _part_unpainted(self, painted: set[int], materials: Container[int]) -> None:
        """Give what is not painted, as lines and what no scene shows, its own copy of a painted material."""
        copies: dict[int, int] = {}
        for k, primitive in enumerate(self.primitives):
            material = primitive.get("material", self.no_material)
            if k in painted or material == self.no_material or material not in materials:
                continue
            if material not in copies:
                copies[material] = len(self.tree["materials"])
                self.tree["materials"].append(copy.deepcopy(self.tree["materials"][material]))
            primitive["material"] = copies[material]

    def _part_coordinates(self, unwrapped: Sequence[JsonObject]) -> None:
        """Give a base color texture coordinates of its own where its material has other textures: those keep theirs."""
        for k in {primitive["material"] for primitive in unwrapped if "material" in primitive}:
            material = self.tree["materials"][k]
            sets = [name for primitive in unwrapped if primitive.get("material") == k for name in primitive["attributes"]]
            taken = [int(name.removeprefix(COORDINATES)) for name in sets if name.startswith(COORDINATES)]
            if taken and OTHER_TEXTURE.search(json.dumps(material)):
                material.setdefault("pbrMetallicRoughness", {})["baseColorTexture"] = {"texCoord": max(taken) + 1}

    def _undeclare_glossiness(self) -> None:
        if any(GLOSSINESS in material.get("extensions", {}) for material in self.tree["materials"]):
            return
        for listed in ("extensionsUsed", "extensionsRequired"):
            if named := [name for name in self.tree.pop(listed, []) if name != GLOSSINESS]:
                self.tree[listed] = named

    def _put_texture(self, material: int, data: bytes) -> int:
        """Make a PNG the base color of a material; return the material."""
        tree = self.tree
        materials = tree.setdefault("materials", [])
        if material == self.no_material:
            materials.append({"name": "painted"})
        own = materials[material]
        pbr = own.setdefault("pbrMetallicRoughness", {})
        view = self.append(data)
        images, all_textures = tree.setdefault("images", []), tree.setdefault("textures", [])
        images.append({"bufferView": view, "mimeType": "image/png"})
        all_textures.append({"source": len(images) - 1})
        own.get("extensions", {}).pop(GLOSSINESS, None)  # whose own texture viewers would show
        coordinates = self.texture_coordinates(material)
        pbr["baseColorTexture"] = {"index": len(all_textures) - 1} | ({"texCoord": coordinates} if coordinates else {})
        pbr["baseColorFactor"] = [1.0, 1.0, 1.0, pbr.get("baseColorFactor", [1.0] * 4)[3]]
        if "metallicRoughnessTexture" not in pbr:
            pbr.setdefault("metallicFactor", 0.0)
            pbr.setdefault("roughnessFactor", 1.0)
        return material

    def _put_corners(self, primitive: JsonObject, corners: Unwrapped) -> None:
        """Give a primitive other corners, each with all that its vertex had, and new texture coordinates."""
        coordinates = self.texture_coordinates(primitive.get("material"))
        for attributes in (primitive["attributes"], *primitive.get("targets", [])):
            for name in attributes:
                rows = self.stored_rows(attributes[name])[corners.vertex]
                attributes[name] = self._put_rows(rows, self.tree["accessors"][attributes[name]], VERTICES)
        uv = np.stack([corners.uv[:, 0], 1 - corners.uv[:, 1]], 1).astype("<f4")
        found = self._put_rows(uv, {"type": "VEC2", "componentType": 5126}, VERTICES)
        for k in range(coordinates):
            primitive["attributes"].setdefault(f"{COORDINATES}{k}", found)  # a set needs those before it
        primitive["attributes"][f"{COORDINATES}{coordinates}"] = found
        index = corners.faces.reshape(-1, 1).astype("<u4")
        primitive["indices"] = self._put_rows(index, {"type": "SCALAR", "componentType": 5125}, INDICES)
        primitive["mode"] = TRIANGLES

    def _put_rows(self, rows: np.ndarray, old: JsonObject, target: int) -> int:
        """Add rows as an accessor like an old one; return it."""
        kept = ("type", "componentType", "normalized", "name")
        accessor: JsonObject = {name: old[name] for name in kept if name in old} | {"count": len(rows)}
        if "min" in old:
            accessor |= {"min": rows.min(0).tolist(), "max": rows.max(0).tolist()}
        width = rows.dtype.itemsize * rows.shape[1]
        stride = width + (-width % 4 if target == VERTICES else 0)
        packed = np.zeros((len(rows), stride), np.uint8)
        packed[:, :width] = np.ascontiguousarray(rows).view(np.uint8).reshape(len(rows), width)
        view = self.append(packed.tobytes())
        self.tree["bufferViews"][view] |= {"target": target} | ({"byteStride": stride} if stride != width else {})
        self.tree["accessors"].append(accessor | {"bufferView": view})
        return len(self.tree["accessors"]) - 1
