"""The folders that the courses grade: pictures named after their prompts."""

from __future__ import annotations

import logging
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count
from pathlib import Path

from PIL import Image

from synoptic.errors import InputError
from synoptic.utils.image_formats import FORMATS
from synoptic.utils.picture import BROKEN

LONGEST = 200  # bytes of a prompt in a file name: file systems end at 255, and a position and ".png" follow
log = logging.getLogger(__name__)


def file_name(prompt: str, position: int | None = None) -> str:
    """Return "a_photo_of_a_horse_17.png" of "a photo of a horse", 17: how the courses name a picture, or a crop."""
    name = re.sub(r"[\s/\\\x00-\x1f]", "_", prompt.strip()).encode()[:LONGEST].decode(errors="ignore")
    return (name or "picture") + (".png" if position is None else f"_{position}.png")


def unique_names(wanted: Iterable[tuple[str, int | None]]) -> dict[tuple[str, int | None], str]:
    """Return {(prompt, position): file name} as `file_name`, no two alike after case folding and Unicode normalization.

    A name that is taken becomes NAME.2.png and so on: the courses read a prompt up to the first dot.
    """
    names = {key: file_name(*key) for key in wanted}
    return dict(zip(names, distinct(list(names.values())), strict=True))


def numbered_file(name: str, n: int) -> str:
    """Return the name of a PNG file with a number that the courses do not read: "a_lake.2.png" of "a_lake.png" and 2."""
    return f"{Path(name).stem}.{n}.png"


def distinct(names: Sequence[str], numbered: Callable[[str, int], str] = numbered_file) -> list[str]:
    """Return names that every file system keeps apart: one that is taken is numbered, from 2."""
    taken: set[str] = set()
    found = []
    for name in names:
        tries = (name if n == 1 else numbered(name, n) for n in count(1))
        free = next(one for one in tries if unicodedata.normalize("NFKC", one).casefold() not in taken)
        taken.add(unicodedata.normalize("NFKC", free).casefold())
        found.append(free)
    return found


def prompt_of(path: Path) -> str:
    """Return what the courses read in a file's name: "a photo of a horse" in `a_photo_of_a_horse_17.png`."""
    return re.sub(r"_\d+$", "", path.name.split(".")[0]).replace("_", " ")  # the courses cut at the first dot


def is_crop(path: Path) -> bool:
    """Return whether the name ends in a position."""
    return re.search(r"_\d+$", path.stem) is not None


def pictures(folder: Path, names: Mapping[tuple[str, int | None], str] | None = None) -> dict[str, list[Path]]:
    """Return the prompts of a folder's PNG files, each with its files, all sorted.

    A file of one of `names`, a set's own (`unique_names`), belongs to its prompt, also where its name says less, or could
    be another's; any other is read by `prompt_of`. Beside crops a picture that is not square is a full panorama: it is left
    out, with a warning. Raises InputError on a file that is no whole picture.
    """
    files = sorted(path for path in folder.glob("*.png") if not path.name.startswith("."))
    own = {name: key for key, name in (names or {}).items()}
    stems = {Path(file_name(prompt)).stem: prompt for prompt, _ in own.values()}
    crops = {path for path in files if (own[path.name][1] is not None if path.name in own else is_crop(path))}
    for path, (w, h) in {path: size_of(path) for path in files}.items():
        if crops and path not in crops and w != h:
            log.warning("%s is %d×%d, a full panorama among crops: it is not scored", path, w, h)
            files.remove(path)
    found: dict[str, list[Path]] = {}
    for path in files:
        read = stems.get(path.stem) or stems.get(re.sub(r"_\d+$", "", path.stem)) or prompt_of(path)
        found.setdefault(own[path.name][0] if path.name in own else read, []).append(path)
    return found


def size_of(path: Path) -> tuple[int, int]:
    """Return width and height of a picture whose file is whole. Raises InputError on any other."""
    try:
        with Image.open(path, formats=FORMATS) as image:
            size = image.size
            image.verify()
    except (OSError, Image.DecompressionBombError, *BROKEN):
        raise InputError(
            f"every .png in a graded folder must be a whole picture, {path} is none: remove it", rule="graded-picture"
        ) from None
    return size
