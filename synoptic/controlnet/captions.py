"""Pictures and captions as people bring them: a folder, and a file of captions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from synoptic.errors import InputError, is_encodable, user_path
from synoptic.utils.image_formats import SUFFIXES


def read_captioned_folder(folder: str, file: str) -> dict[str, str]:
    """Return {picture's path inside the folder: its caption}, in the order of their names.

    The file is a JSON object {name: caption}; or lines, each a name, a tab and the caption, or a JSON object with
    "file_name" and "text". Raises InputError where a line is none of these, a picture or a caption is missing, or there is
    no picture at all.
    """
    place = check_folder("--images", folder)
    pictures = sorted(p.relative_to(place).as_posix() for p in place.rglob("*") if p.suffix.lower() in SUFFIXES)
    if not pictures:
        raise InputError(
            f"--images must be a folder with pictures ({', '.join(SUFFIXES)}), {folder} holds none: choose another",
            rule="images-empty",
        )
    captions = read_captions(file)
    if lacking := [name for name in captions if name not in set(pictures)]:
        raise InputError(
            f"every caption needs its picture in {folder}, {first_few(lacking)} not there: add or omit them",
            rule="caption-without-picture",
        )
    if silent := [name for name in pictures if name not in captions]:
        raise InputError(
            f'every picture needs a caption in {file}, {first_few(silent)} without: add one each, "" for no words',
            rule="picture-without-caption",
        )
    return {name: captions[name] for name in pictures}


def check_folder(option: str, path: str) -> Path:
    place = user_path(path)
    if not place.is_dir():
        raise InputError(f"{option} must be a folder, {path} is none: check the path", rule="folder-missing")
    return place


def find_maps(folder: str, pictures: Sequence[str]) -> dict[str, str]:
    """Return {picture: its map's file}, of the same path inside `folder`, whatever its suffix. Raises InputError."""
    place = check_folder("--maps", folder)
    found = {
        p.relative_to(place).with_suffix("").as_posix(): str(p) for p in place.rglob("*") if p.suffix.lower() in SUFFIXES
    }
    stems = {name: Path(name).with_suffix("").as_posix() for name in pictures}
    if lacking := [name for name, stem in stems.items() if stem not in found]:
        raise InputError(
            f"every picture needs a map of its name in {folder}, {first_few(lacking)} without: draw them", rule="map-missing"
        )
    return {name: found[stem] for name, stem in stems.items()}


def first_few(names: Sequence[str]) -> str:
    """Return the first few names and how many more, with their verb."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more + (" is" if len(names) == 1 else " are")


def read_captions(file: str) -> dict[str, str]:
    path = user_path(file)
    if not path.is_file():
        raise InputError(f"--captions must be a text file, {file} is none: check the path", rule="captions-file")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as e:
        raise InputError(
            f"--captions must be a text file, {file} cannot be read as one ({e}): check it", rule="captions-file"
        ) from None
    whole = parse_json(text)
    rows = whole if isinstance(whole, Pairs) and "file_name" not in dict(whole) else list(read_lines(text, file))
    for name, caption in rows:
        if not isinstance(name, str) or not isinstance(caption, str) or not is_encodable(name + caption):
            raise InputError(
                f"captions are {{file name: words}}, {file} says {caption!r} of {name!r}: write words", rule="captions-type"
            )
    captions = dict(rows)
    if len(captions) < len(rows):
        twice = next(name for name in captions if [n for n, _ in rows].count(name) > 1)
        raise InputError(f"a picture has one caption, {file} has several for {twice}: keep one", rule="captions-twice")
    return captions


def read_lines(text: str, file: str) -> Iterator[tuple[str, str]]:
    for k, line in enumerate(text.split("\n"), 1):
        found = parse_json(line)
        if isinstance(found, Pairs) and dict(found).keys() >= {"file_name", "text"}:
            yield dict(found)["file_name"], dict(found)["text"]
        elif "\t" in line:
            name, caption = line.split("\t", 1)
            yield name.strip(), caption.strip()
        elif line.strip():
            raise InputError(
                f'a line of captions is a name, a tab and the words, or {{"file_name": …, "text": …}}; line {k} of {file}'
                f" is {line[:60]!r}: change it",
                rule="captions-line",
            )


class Pairs(list[tuple[str, Any]]):
    """A JSON object as it is written, with names that stand twice."""


def parse_json(text: str) -> object:
    try:
        return json.loads(text, object_pairs_hook=Pairs)
    except (ValueError, RecursionError):
        return None
