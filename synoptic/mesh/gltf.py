"""glTF and GLB, read and written again to the byte but for base color textures."""

from __future__ import annotations

import copy
import json
import re
import struct
from base64 import b64decode
from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote

import numpy as np

from synoptic.errors import InputError
from synoptic.mesh.mesh_file import Piece, Unwrapped, beside, checked_pieces
from synoptic.utils.json_objects import JsonObject

MAGIC, JSON_CHUNK, BINARY_CHUNK = b"glTF", 0x4E4F534A, 0x004E4942
COMPONENTS = {5120: np.int8, 5121: np.uint8, 5122: np.int16, 5123: np.uint16, 5125: np.uint32, 5126: np.float32}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}
COMPRESSED = {
    "KHR_draco_mesh_compression": "Draco",
    "EXT_meshopt_compression": "meshopt",
    "KHR_meshopt_compression": "meshopt",
}
UNDERSTOOD = re.compile(r"KHR_(materials|texture|lights|mesh_quantization|xmp|animation)|EXT_(texture|lights)|MSFT_texture")
INSTANCES, GLOSSINESS = "EXT_mesh_gpu_instancing", "KHR_materials_pbrSpecularGlossiness"
TRIANGLES, STRIP, FAN = 4, 5, 6
COORDINATES = "TEXCOORD_"
OTHER_TEXTURE = re.compile(r'"(?!baseColor|diffuse|specularGlossiness)\w+Texture":')
VERTICES, INDICES = 34962, 34963  # what a buffer view is for
PICTURES = {
    "image/png": re.compile(rb"\x89PNG"),
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/webp": re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
    "image/avif": re.compile(rb".{4}ftypavif", re.DOTALL),
    "image/ktx2": re.compile(rb"\xabKTX 20"),
    "image/vnd-ms.dds": re.compile(rb"DDS "),
}  # what such a file begins with


class GltfFile:
    """One glTF asset; its buffers are one."""

    def __init__(self, file: Path) -> None:
        self.notes: list[str] = []
        try:
            self.tree, data = read_container(file)
            self._check_extensions(file.name)
            self.data = self._one_buffer(file, data)
            self.primitives = [
                primitive for mesh in self.tree.get("meshes", []) for primitive in mesh["primitives"]
            ]  # in the order of `Piece.primitive`
            self.no_material = len(self.tree.get("materials", []))
            self.pieces = checked_pieces(list(self._pieces()), file.name)
        except InputError:
            raise
        except (ValueError, KeyError, IndexError, TypeError, AttributeError, struct.error, RecursionError) as e:
            raise InputError(
                f"{file.name} is no glTF that can be read ({type(e).__name__}: {e}): export it again", rule="mesh-broken"
            ) from None

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

    def _one_buffer(self, file: Path, data: bytes) -> bytes:
        """Return all buffers behind one another, the GLB's own first, as it is."""
        parts, starts = [], []
        for buffer in self.tree.get("buffers", []):
            part = read_uri(file, buffer["uri"]) if "uri" in buffer else data
            starts.append(sum(map(len, parts)))
            parts.append(part + b"\0" * (-len(part) % 4))
        for view in self.tree.get("bufferViews", []):
            view["byteOffset"] = view.get("byteOffset", 0) + starts[view.get("buffer", 0)]
            view["buffer"] = 0
        found = b"".join(parts)
        for image in self.tree.get("images", []):
            if "uri" in image:
                picture = read_uri(file, image.pop("uri"))
                found, image["bufferView"] = self._appended(found, picture)
                image["mimeType"] = media_type(picture) or image.get("mimeType", "image/png")
        return found

    def _appended(self, data: bytes, part: bytes) -> tuple[bytes, int]:
        views = self.tree.setdefault("bufferViews", [])
        views.append({"buffer": 0, "byteOffset": len(data), "byteLength": len(part)})
        return data + part + b"\0" * (-len(part) % 4), len(views) - 1

    def _pieces(self) -> Iterator[Piece]:
        meshes = self.tree.get("meshes", [])
        first = np.cumsum([0, *(len(mesh["primitives"]) for mesh in meshes)])
        for node, transform in self._nodes():
            if "mesh" not in node:
                continue
            for k, primitive in enumerate(meshes[node["mesh"]]["primitives"]):
                if primitive.get("mode", TRIANGLES) not in (TRIANGLES, STRIP, FAN):
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
        name = f"{COORDINATES}{self._texture_coordinates(primitive.get('material'))}"
        if name not in primitive["attributes"]:
            return None
        uv = self.accessor(primitive["attributes"][name]).astype(np.float64)
        return np.stack([uv[:, 0], 1 - uv[:, 1]], 1)

    def _texture_coordinates(self, material: int | None) -> int:
        if material is None:
            return 0
        pbr = self.tree["materials"][material].get("pbrMetallicRoughness", {})
        return pbr.get("baseColorTexture", {}).get("texCoord", 0)

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

    def _rows(self, view: int, offset: int, kind: type, width: int, count: int) -> np.ndarray:
        found = self.tree["bufferViews"][view]
        item = np.dtype(kind).newbyteorder("<")
        stride, start = found.get("byteStride", item.itemsize * width), found.get("byteOffset", 0) + offset
        if count < 0 or start + (count - 1) * stride + item.itemsize * width > len(self.data):
            raise ValueError("a buffer is too short")
        return np.ndarray((count, width), item, self.data, start, (stride, item.itemsize))

    def textured(self, textures: Mapping[int, bytes], unwrapped: Mapping[int, Unwrapped], name: str) -> dict[str, bytes]:
        """Return {".glb": data}."""
        written = object.__new__(GltfFile)
        written.tree, written.data = json.loads(json.dumps(self.tree)), self.data
        written.no_material = self.no_material
        written.primitives = [primitive for mesh in written.tree.get("meshes", []) for primitive in mesh["primitives"]]
        written._part_coordinates([written.primitives[k] for k in unwrapped])
        for k, corners in unwrapped.items():
            written._put_corners(written.primitives[k], corners)
        written._part_unpainted({piece.primitive for piece in self.pieces}, textures)
        painted = {k: written._put_texture(material, data) for k, (material, data) in enumerate(textures.items())}
        for piece in self.pieces:
            primitive = written.primitives[piece.primitive]
            primitive["material"] = painted[list(textures).index(piece.material)]
            primitive["attributes"].pop("COLOR_0", None)  # it would tint the texture
        written._undeclare_glossiness()
        written.tree["buffers"] = [{"byteLength": len(written.data)}]
        return {".glb": write_container(written.tree, written.data)}

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
        self.data, view = self._appended(self.data, data)
        images, all_textures = tree.setdefault("images", []), tree.setdefault("textures", [])
        images.append({"bufferView": view, "mimeType": "image/png"})
        all_textures.append({"source": len(images) - 1})
        own.get("extensions", {}).pop(GLOSSINESS, None)  # whose own texture viewers would show
        coordinates = self._texture_coordinates(material)
        pbr["baseColorTexture"] = {"index": len(all_textures) - 1} | ({"texCoord": coordinates} if coordinates else {})
        pbr["baseColorFactor"] = [1.0, 1.0, 1.0, pbr.get("baseColorFactor", [1.0] * 4)[3]]
        if "metallicRoughnessTexture" not in pbr:
            pbr.setdefault("metallicFactor", 0.0)
            pbr.setdefault("roughnessFactor", 1.0)
        return material

    def _put_corners(self, primitive: JsonObject, corners: Unwrapped) -> None:
        """Give a primitive other corners, each with all that its vertex had, and new texture coordinates."""
        coordinates = self._texture_coordinates(primitive.get("material"))
        for attributes in (primitive["attributes"], *primitive.get("targets", [])):
            for name in attributes:
                rows = self._raw(attributes[name])[corners.vertex]
                attributes[name] = self._put_rows(rows, self.tree["accessors"][attributes[name]], VERTICES)
        uv = np.stack([corners.uv[:, 0], 1 - corners.uv[:, 1]], 1).astype("<f4")
        found = self._put_rows(uv, {"type": "VEC2", "componentType": 5126}, VERTICES)
        for k in range(coordinates):
            primitive["attributes"].setdefault(f"{COORDINATES}{k}", found)  # a set needs those before it
        primitive["attributes"][f"{COORDINATES}{coordinates}"] = found
        index = corners.faces.reshape(-1, 1).astype("<u4")
        primitive["indices"] = self._put_rows(index, {"type": "SCALAR", "componentType": 5125}, INDICES)
        primitive["mode"] = TRIANGLES

    def _raw(self, k: int) -> np.ndarray:
        """Return an accessor's rows as they are stored."""
        accessor = self.tree["accessors"][k]
        stored = accessor.pop("normalized", None)
        rows = self.accessor(k)
        if stored is not None:
            accessor["normalized"] = stored
        return rows

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
        self.data, view = self._appended(self.data, packed.tobytes())
        self.tree["bufferViews"][view] |= {"target": target} | ({"byteStride": stride} if stride != width else {})
        self.tree["accessors"].append(accessor | {"bufferView": view})
        return len(self.tree["accessors"]) - 1


def read_container(file: Path) -> tuple[JsonObject, bytes]:
    """Return the JSON of a GLB or glTF file, and the GLB's own buffer. Raises ValueError."""
    data = file.read_bytes()
    if not data.startswith(MAGIC):
        return json.loads(data), b""
    if struct.unpack_from("<I", data, 4)[0] != 2:
        raise ValueError("a GLB must be of version 2")
    at, tree, binary = 12, None, b""
    while at + 8 <= len(data):
        length, kind = struct.unpack_from("<II", data, at)
        chunk = data[at + 8 : at + 8 + length]
        if len(chunk) < length:
            raise ValueError("the file is cut off")
        if kind == JSON_CHUNK:
            tree = json.loads(chunk)
        elif kind == BINARY_CHUNK:
            binary = chunk
        at += 8 + length
    if not isinstance(tree, dict):
        raise ValueError("it holds no JSON")
    return tree, binary


def write_container(tree: JsonObject, data: bytes) -> bytes:
    """Return a GLB."""
    text = json.dumps(tree, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 4)
    data += b"\0" * (-len(data) % 4)
    head = struct.pack("<4sII", MAGIC, 2, 12 + 8 + len(text) + 8 + len(data))
    return head + struct.pack("<II", len(text), JSON_CHUNK) + text + struct.pack("<II", len(data), BINARY_CHUNK) + data


def media_type(picture: bytes) -> str:
    """Return the kind of a picture by what it begins with, "" where it is not known: its name may be wrong."""
    return next((kind for kind, start in PICTURES.items() if start.match(picture)), "")


def read_uri(file: Path, uri: str) -> bytes:
    """Return what a URI names: data inside it, or a file in the mesh's folder."""
    if uri.startswith("data:"):
        return b64decode(uri.partition(",")[2])
    if "://" in uri:
        raise InputError(f"a mesh's files must be in its folder, {file.name} names {uri}: copy it there", rule="mesh-leaves")
    return beside(file, unquote(uri)).read_bytes()


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
