"""Wavefront OBJ, read and written again line by line but for its materials' textures."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from synoptic.errors import InputError
from synoptic.mesh.mesh_file import Piece, Unwrapped, checked_pieces, inside, is_there, triangulated

Corner = tuple[int, int, int]  # of v, vt, vn, from 0; -1 for none
LIBRARIES = re.compile(r"^[ \t]*mtllib[ \t]+(.*)$", re.MULTILINE)
MAPS = ("map_", "bump", "norm", "disp")  # begin the words of an .mtl that name pictures


class MaterialLine(NamedTuple):
    """A line of an .mtl; of one that names a picture what is before that."""

    text: str
    map: Path | None = None


DULL = [MaterialLine(text) for text in ("Ka 1 1 1", "Ks 0 0 0", "illum 1")]


class ObjFile:
    """One OBJ file, with its .mtl where it has one. A material's faces are one primitive."""

    def __init__(self, file: Path) -> None:
        self.notes: list[str] = []
        self.lines = read_text(file).splitlines()
        if "\0" in "".join(self.lines[:100]):
            raise InputError(f"an OBJ file is text, {file.name} is not: name it by its kind", rule="mesh-broken")
        try:
            self._read(file)
        except InputError:
            raise
        except (ValueError, IndexError) as e:
            raise InputError(f"{file.name} is no OBJ that can be read ({e}): export it again", rule="mesh-broken") from None
        self.pieces = checked_pieces(self.pieces, file.name)

    def _read(self, file: Path) -> None:
        counts = {"v": 0, "vt": 0, "vn": 0}
        rows: dict[str, list[list[float]]] = {"v": [], "vt": []}
        self.material_lines: dict[str, list[MaterialLine]] = {}
        polygons: dict[str, list[list[Corner]]] = {}
        material = ""
        self.polygons_at: list[tuple[int, str]] = []  # lines that are faces, and their material
        for k, line in enumerate(self.lines):
            word, *values = line.split("#")[0].split() or [""]
            if word in counts:
                counts[word] += 1
                if word in rows:
                    rows[word].append([float(value) for value in values[: 3 if word == "v" else 2]])
            elif word == "f":
                polygons.setdefault(material, []).append([read_corner(value, counts) for value in values])
                self.polygons_at.append((k, material))
            elif word == "usemtl":
                material = " ".join(values)
            elif word == "mtllib":
                for library in libraries(file, values):
                    self.material_lines |= read_materials(library, self.notes)
        self.places = np.array(rows["v"], np.float64).reshape(-1, 3)
        texture = np.array(rows["vt"], np.float64).reshape(-1, 2)
        self.materials = list(polygons)
        self.corners: list[list[Corner]] = []
        self.pieces: list[Piece] = []
        for number, faces in enumerate(polygons.values()):
            known = {corner: k for k, corner in enumerate(dict.fromkeys(corner for face in faces for corner in face))}
            own = list(known)
            v = np.array([corner[0] for corner in own])
            vt = np.array([corner[1] for corner in own])
            if v.min() < 0 or v.max() >= len(self.places) or vt.max() >= len(texture):
                raise ValueError("a face names a vertex that is not there")
            vertices, uv = self.places[v], texture[vt] if vt.min() >= 0 else None
            cut = [t for face in faces if len(face) > 2 for t in triangulated(vertices, [known[corner] for corner in face])]
            self.corners.append(own)
            self.pieces.append(Piece(number, number, vertices, np.array(cut, np.int64).reshape(-1, 3), uv))

    def textured(self, textures: Mapping[int, bytes], unwrapped: Mapping[int, Unwrapped], name: str) -> dict[str, bytes]:
        """Return {".obj": …, ".mtl": …, ".texture.png": …}, a texture per material."""
        pictures = {
            number: f".texture{f'-{k}' if k else ''}.png" for k, number in enumerate(sorted(textures))
        }  # by material
        materials = {number: self.materials[number] or "painted" for number in textures}
        own_lines = {
            number: [line for line in self.material_lines.get(own) or DULL if not line.map or number not in unwrapped]
            for number, own in materials.items()
        }  # other maps are for the coordinates that were there
        shown = dict.fromkeys(line.map for lines in own_lines.values() for line in lines if line.map)
        maps = {file: f".map-{k}{file.suffix}" for k, file in enumerate(shown)}
        files = {pictures[number]: data for number, data in textures.items()}
        files |= {ending: file.read_bytes() for file, ending in maps.items()}
        library = [
            line
            for number, own in materials.items()
            for line in (
                f"newmtl {own}",
                *(one.text + (f" {name}{maps[one.map]}" if one.map else "") for one in own_lines[number]),
                "Kd 1 1 1",
                f"map_Kd {name}{pictures[number]}",
                "",
            )
        ]
        new = self._new_lines(unwrapped)
        first = next(k for k, _ in self.polygons_at)
        plain = self.materials.index("") if "" in self.materials else None
        lines = [f"mtllib {name}.mtl"]
        done: set[str] = set()
        at = dict(self.polygons_at)
        for k, line in enumerate(self.lines):
            if k == first:
                lines += new.pop("vt", [])
                if plain is not None and at[k] == "":
                    lines.append("usemtl painted")
            if k in at and at[k] in new:
                if at[k] not in done:
                    lines += new[at[k]]
                    done.add(at[k])
            elif not line.startswith("mtllib"):
                lines.append(line)
        return {
            ".obj": ("\n".join(lines) + "\n").encode(errors="surrogateescape"),
            ".mtl": ("\n".join(library) + "\n").encode(errors="surrogateescape"),
        } | files

    def _new_lines(self, unwrapped: Mapping[int, Unwrapped]) -> dict[str, list[str]]:
        """Return the lines that stand in for the faces of materials that were unwrapped, and those of their vt."""
        found: dict[str, list[str]] = {"vt": []}
        count = sum(line.split()[:1] == ["vt"] for line in self.lines)
        for number, (vertex, faces, uv) in unwrapped.items():
            first, own = count + len(found["vt"]) + 1, self.corners[number]
            found["vt"] += [f"vt {u:.6f} {v:.6f}" for u, v in uv]
            named = [
                f"{own[k][0] + 1}/{first + n}" + (f"/{own[k][2] + 1}" if own[k][2] >= 0 else "")
                for n, k in enumerate(vertex)
            ]
            found[self.materials[number]] = ["f " + " ".join(named[k] for k in face) for face in faces]
        return found


def read_corner(text: str, counts: Mapping[str, int]) -> Corner:
    """Return the corner "v/vt/vn" of a face, whose numbers begin at 1, or at -1 from the last one back."""
    parts = [int(part) if part else 0 for part in text.split("/")] + [0, 0]
    v, vt, vn = (k - 1 if k > 0 else counts[name] + k if k else -1 for k, name in zip(parts, counts, strict=False))
    return v, vt, vn


def read_text(file: Path) -> str:
    """Read an OBJ, each line that a backslash continues as one."""
    return file.read_text(encoding="utf-8-sig", errors="surrogateescape").replace("\\\n", " ")


def files_of_obj(file: Path) -> list[Path]:
    """Return the files that an OBJ is read with: its .mtl and their pictures. Raises InputError as `beside`."""
    named = (line.split("#")[0].split() for line in LIBRARIES.findall(read_text(file)))
    found = [library for values in named for library in libraries(file, values) if is_there(library)]
    lines = (line for library in found for own in read_materials(library, []).values() for line in own)
    return [*found, *(line.map for line in lines if line.map)]


def libraries(file: Path, values: list[str]) -> list[Path]:
    """Return the .mtl files of a line: one, whose name may have spaces, or several; they may be missing.

    Raises InputError where one is not in the mesh's folder.
    """
    whole = " ".join(values)
    names = [whole] if is_there(file.parent / whole) or all(not is_there(file.parent / name) for name in values) else values
    return [inside(file, name) for name in names if name]


def read_materials(file: Path, notes: list[str]) -> dict[str, list[MaterialLine]]:
    """Return the lines of every material of an .mtl, but those of its color; a line of `notes` says which files are missing.

    Raises InputError where a picture is not in the mesh's folder.
    """
    if not is_there(file):
        notes.append(f"it names {file.name}, which is missing beside it: its materials are taken to be plain")
        return {}
    found: dict[str, list[MaterialLine]] = {}
    own: list[MaterialLine] = []
    missing: list[str] = []
    for line in file.read_text(encoding="utf-8-sig", errors="surrogateescape").splitlines():
        word, *values = line.split() or [""]
        if word == "newmtl":
            own = found.setdefault(" ".join(values), [])
        elif word.lower().startswith(MAPS) and word.lower() != "map_kd":
            if values:
                if place := map_of(file, values):
                    own.append(MaterialLine(" ".join([word, *values[: place[0]]]), place[1]))
                else:
                    missing.append(" ".join(values))
        elif word.lower() not in ("", "kd", "map_kd"):
            own.append(MaterialLine(line))
    if missing:
        names = ", ".join(dict.fromkeys(missing))
        notes.append(f"{file.name} names pictures that are missing beside it, which are left out: {names}")
    return found


def map_of(file: Path, values: list[str]) -> tuple[int, Path] | None:
    """Return where options end in what a map's line says, and its picture, whose name may have spaces and backslashes.

    None where it is missing. Raises InputError where it is not in the mesh's folder.
    """
    names = [(k, " ".join(values[k:]).replace("\\", "/")) for k in range(len(values))]
    return next(((k, inside(file, name)) for k, name in names if is_there(file.parent / name)), None)
