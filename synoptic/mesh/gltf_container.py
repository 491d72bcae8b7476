"""Read and write the container of glTF and GLB: a tree of JSON and a buffer. Raises InputError for what is none."""

from __future__ import annotations

import json
import re
import struct
from base64 import b64decode
from pathlib import Path
from urllib.parse import unquote, unquote_to_bytes

from synoptic.errors import InputError
from synoptic.mesh.mesh_file import beside
from synoptic.utils.json_objects import JsonObject

MAGIC, JSON_CHUNK, BINARY_CHUNK = b"glTF", 0x4E4F534A, 0x004E4942
PICTURES = {
    "image/png": re.compile(rb"\x89PNG"),
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/webp": re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
    "image/avif": re.compile(rb".{4}ftypavif", re.DOTALL),
    "image/ktx2": re.compile(rb"\xabKTX 20"),
    "image/vnd-ms.dds": re.compile(rb"DDS "),
}  # what such a file begins with


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
    """Return what a URI names: data inside it, or a file in the mesh's folder. Raises InputError."""
    if not holds_data(uri):
        return file_of_uri(file, uri).read_bytes()
    kind, _, data = uri.partition(",")
    return b64decode(unquote_to_bytes(data)) if kind.lower().endswith(";base64") else unquote_to_bytes(data)


def holds_data(uri: str) -> bool:
    """Return whether a URI has its data inside it."""
    return uri[:5].lower() == "data:"


def file_of_uri(file: Path, uri: str) -> Path:
    """Return the file in the mesh's folder that a URI names. Raises InputError."""
    if "://" in uri:
        raise InputError(
            f"a mesh's files must be in its folder, {file.name} names {uri[:200]}: copy it there", rule="mesh-leaves"
        )
    return beside(file, unquote(uri))


def files_of_gltf(file: Path) -> list[Path]:
    """Return the files that a glTF or GLB is read with, buffers and pictures. Raises InputError, or others."""
    tree, _ = read_container(file)
    uris = [each["uri"] for name in ("buffers", "images") for each in tree.get(name, []) if "uri" in each]
    return [file_of_uri(file, uri) for uri in uris if not holds_data(uri)]
