"""A mesh as its file has it: pieces to be painted, and the same file again with other textures. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from synoptic.errors import InputError

MAX_FACES = 2_000_000
LARGEST = 1e100  # whose squares double precision holds
KINDS = (".glb", ".gltf", ".obj", ".ply", ".stl")


class Piece(NamedTuple):
    """Triangles of one material, as one node of a scene places them.

    vertices (V, 3) in the scene, faces (F, 3), uv (V, 2) with v upward, or None. Pieces of one `primitive` show the same
    data of the file at other places; pieces of one `material` share a texture.
    """

    primitive: int
    material: int
    vertices: np.ndarray
    faces: np.ndarray
    uv: np.ndarray | None


class Unwrapped(NamedTuple):
    """New corners of a primitive: which vertex each was (K,), its faces (F, 3), its uv (K, 2) with v upward."""

    vertex: np.ndarray
    faces: np.ndarray
    uv: np.ndarray


class MeshFile(Protocol):
    """What was read, and how it is written again."""

    pieces: list[Piece]
    notes: list[str]  # what was left out or read otherwise than it stands, for a person

    def textured(self, textures: Mapping[int, bytes], unwrapped: Mapping[int, Unwrapped], name: str) -> dict[str, bytes]:
        """Return {ending: data}: the file with a PNG per material, and new corners of some primitives, all else as it was.

        Files beside each other refer to NAME + ending.
        """
        ...


def checked_pieces(pieces: list[Piece], name: str) -> list[Piece]:
    """Return the pieces that have faces. Raises InputError where nothing can be painted."""
    pieces = [piece for piece in pieces if len(piece.faces)]
    if not pieces:
        raise InputError(
            f"a mesh needs faces, {name} has none that can be read: export it again as triangles, not points or lines",
            rule="mesh-faces",
        )
    count = sum(len(piece.faces) for piece in pieces)
    if count > MAX_FACES:
        raise InputError(
            f"a mesh may have {MAX_FACES} faces at most, {name} has {count}: decimate it", rule="mesh-faces-at-most"
        )
    for piece in pieces:
        if piece.faces.min() < 0 or piece.faces.max() >= len(piece.vertices):
            raise InputError(
                f"faces must name vertices that exist, those of {name} do not: export it again", rule="mesh-index"
            )
        if not np.isfinite(piece.vertices).all() or (piece.uv is not None and not np.isfinite(piece.uv).all()):
            raise InputError(
                f"vertices must be numbers, {name} holds NaN or infinity: clean it up and export again", rule="mesh-finite"
            )
    used = np.concatenate([piece.vertices[piece.faces].reshape(-1, 3) for piece in pieces])
    if not np.ptp(used, axis=0).max() > 0:
        raise InputError(f"a mesh must have an extent, all of {name} is in one point: export it again", rule="mesh-extent")
    if not 1 / LARGEST < np.ptp(used, axis=0).max() <= np.abs(used).max() * 2 < LARGEST:
        raise InputError(
            f"a mesh's sizes must be between {1 / LARGEST:g} and {LARGEST:g}, those of {name} are not: scale it",
            rule="mesh-extent",
        )
    a, b, c = (used / np.abs(used).max()).reshape(-1, 3, 3).swapaxes(0, 1)
    if not np.linalg.norm(np.cross(b - a, c - a), axis=1).any():
        raise InputError(f"a mesh must have an area, all of {name} is lines: export it again", rule="mesh-extent")
    return pieces


def beside(file: Path, uri: str) -> Path:
    """Return the path of a file that a mesh names. Raises InputError where it leaves the mesh's folder, or is not there."""
    found = inside(file, uri)
    if not is_there(found):
        raise InputError(f"{file.name} needs {uri[:200]} beside it, which is missing: copy it there", rule="mesh-missing")
    return found


def inside(file: Path, uri: str) -> Path:
    """Return the path of a file that a mesh names, there or not. Raises InputError where it leaves the mesh's folder."""
    found = (file.parent / uri).resolve()
    if not found.is_relative_to(file.parent.resolve()):
        raise InputError(
            f"a mesh's files must be in its folder, {file.name} names {uri[:200]}: copy it there and name it so",
            rule="mesh-leaves",
        )
    return found


def is_there(file: Path) -> bool:
    """Return whether there is such a file; False for what no file can be called."""
    try:
        return file.is_file()
    except (OSError, ValueError):
        return False


def triangulated(corners: np.ndarray, polygon: list[int]) -> list[tuple[int, int, int]]:
    """Return the triangles of a flat polygon, which may be concave, by cutting off ears: corners (V, 3), places in it."""
    if len(polygon) == 3:
        return [(polygon[0], polygon[1], polygon[2])]
    places = corners[polygon]
    normal = np.cross(places, np.roll(places, -1, 0)).sum(0)
    drop = int(np.abs(normal).argmax())
    axes = [(drop + 1) % 3, (drop + 2) % 3]
    at = dict(zip(polygon, places[:, axes] * [1.0, np.sign(normal[drop]) or 1.0], strict=True))
    left, found = list(polygon), []
    while len(left) > 3:
        ear = next((i for i in range(len(left)) if _is_ear(at, left, i)), 0)
        found.append((left[ear - 1], left[ear], left[(ear + 1) % len(left)]))
        del left[ear]
    return [*found, (left[0], left[1], left[2])]


def _is_ear(at: Mapping[int, np.ndarray], left: list[int], i: int) -> bool:
    a, b, c = (at[left[k % len(left)]] for k in (i - 1, i, i + 1))
    if _turn(a, b, c) <= 0:
        return False
    others = (at[k] for k in left if k not in (left[i - 1], left[i], left[(i + 1) % len(left)]))
    return not any(min(_turn(a, b, p), _turn(b, c, p), _turn(c, a, p)) >= 0 for p in others)


def _turn(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> float:
    return float((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))
