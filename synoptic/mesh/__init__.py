"""From a radiance field to files that others open. Needs the extra `mesh`: trimesh, Embree, xatlas and their like."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from struct import error
from typing import TYPE_CHECKING, Any

from synoptic.errors import InputError, install_command

if TYPE_CHECKING:
    from synoptic.mesh.mesh_file import MeshFile

READERS = {
    ".glb": "gltf.GltfFile",
    ".gltf": "gltf.GltfFile",
    ".obj": "obj.ObjFile",
    ".ply": "plain_mesh.PlainFile",
    ".stl": "plain_mesh.PlainFile",
}
NAMING = {".glb": "gltf_container.files_of_gltf", ".gltf": "gltf_container.files_of_gltf", ".obj": "obj.files_of_obj"}
BROKEN = (ValueError, LookupError, TypeError, AttributeError, OSError, RecursionError, MemoryError, error)  # InputError too
BEGINNINGS = {".glb": b"glTF", ".ply": b"ply"}  # by which a file is known, whatever its name
TEXTURE_PACKAGES = ("trimesh", "xatlas", "scipy")  # what `texture` needs; Embree is used where it is
REQUIRED_PACKAGES = ("trimesh", "embreex", "xatlas", "fast_simplification", "skimage")


def require_mesh() -> None:
    """Raise ImportError where a mesh cannot be made. Loads nothing: ask before the long work starts."""
    missing = [name for name in REQUIRED_PACKAGES if find_spec(name) is None]
    if missing:
        raise ImportError(f"a mesh needs {', '.join(missing)}, not installed here: {install_command('mesh')}")


def read_mesh(file: Path) -> MeshFile:
    """Return a mesh file that was read. Raises InputError, one line, where it is none that can be painted."""
    kind = file.suffix.lower()
    if kind not in READERS:
        raise InputError(
            f"a mesh is {', '.join(READERS)}, {file.name} is none: convert it to GLB, for example", rule="mesh-kind"
        )
    if not file.is_file():
        raise InputError(f"a mesh is a file, {file} is none: name one", rule="mesh-file")
    with file.open("rb") as f:
        start = f.read(4)
    if start.startswith((b"PK", b"\x1f\x8b", b"#!", b"MZ")) or not start.startswith(BEGINNINGS.get(kind, b"")):
        raise InputError(f"{file.name} is not what its name says: unpack it, or name it by its kind", rule="mesh-disguised")
    return named(READERS[kind])(file)


def mesh_files(file: Path) -> list[Path]:
    """Return a mesh's file and those that it is read with, as far as they are there; [] where it is none itself."""
    if not file.is_file():
        return []
    try:
        return list(dict.fromkeys([file, *named(NAMING[file.suffix.lower()])(file)]))
    except BROKEN:  # which is refused where it is read
        return [file]


def named(place: str) -> Callable[[Path], Any]:
    """Return what a module of this package has under a name: "module.name"."""
    module, _, name = place.partition(".")
    return getattr(import_module(f"synoptic.mesh.{module}"), name)
