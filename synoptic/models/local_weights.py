"""The files of this machine behind the name of a model or a network: by what they hold a run knows that they changed.

That is the SHA-256 of every file that loading reads, as in `revision`: the next checkpoint of a training has the same sizes
and headers, and a copy has other times. Of large files it is cached by size and times, so that each is read once for it.
Imports nothing heavy.
"""

from __future__ import annotations

from pathlib import Path

from synoptic.errors import InputError, user_path
from synoptic.models.checkpoint import Checkpoint
from synoptic.models.control_kinds import split_kind
from synoptic.models.local_cache import signature
from synoptic.models.names import CLIP_MODEL, MODEL, Kind
from synoptic.models.open_clip import CONFIG_FILE, OpenClip
from synoptic.models.single_network import has_config_beside

_listed: dict[tuple[str, Path], tuple[str, list[Path]]] = {}  # by the file at the top, and the folder: its state, its files


def local_files(name: str, kind: Kind) -> list[Path]:
    """Return the files that loading reads where a name is a folder or a file of this machine; [] of all other names.

    [] too of what is broken: it is refused where it is resolved.
    """
    if not name or name in kind.aliases:
        return []
    try:
        for place in (user_path(name), user_path(split_kind(name)[0])):
            if place.is_dir():
                return files_of_folder(place.resolve(), kind)
            if place.is_file():
                return files_of_file(place)
    except (InputError, OSError):
        pass
    return []


def files_of_file(file: Path) -> list[Path]:
    """Return a file of weights, and that beside it which says what it is."""
    says = file.with_name("config.json") if has_config_beside(file) else file.with_suffix(".yaml")
    return [file, says] if says.is_file() else [file]


def files_of_folder(folder: Path, kind: Kind) -> list[Path]:
    """Return the files that loading reads of a folder, listed anew where it changed. Raises InputError where broken."""
    key = (kind.file, folder)
    state, files = _listed.get(key, ("", []))
    if not files or state_of(folder, files) != state:
        files = [folder / name for name in names_of(folder, kind)]
        _listed[key] = (state_of(folder, files), files)
    return files


def names_of(folder: Path, kind: Kind) -> list[str]:
    """Return the files that loading reads of a folder, by their paths in it. Raises InputError where it is broken."""
    checkpoint = Checkpoint(str(folder), str(folder), kind.file)
    if kind.file == MODEL.file:
        return checkpoint.read_files
    if kind is CLIP_MODEL and not (folder / kind.file).is_file():
        checkpoint = OpenClip(str(folder), str(folder), CONFIG_FILE)
    return checkpoint.network_files


def state_of(folder: Path, files: list[Path]) -> str:
    """Return what changes where one of the files does, or where another comes to stand beside it."""
    places = dict.fromkeys([folder, *(parent for file in files for parent in (file.parent, file))])
    return " ".join(signature(place) if place.exists() else "" for place in places)
