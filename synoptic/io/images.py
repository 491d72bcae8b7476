"""PNGs that remember their settings, and files that are written whole. Imports nothing heavy."""

from __future__ import annotations

import json
import os
import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from PIL import Image, PngImagePlugin

from synoptic.io.parameters import PARAMETERS_KEY, parameters_text
from synoptic.utils.image_formats import FORMATS
from synoptic.utils.json_objects import JsonObject
from synoptic.utils.picture import BROKEN

PART = ".part"  # the ending of a file that is being written
XMP_KEY = "XML:com.adobe.xmp"  # the PNG text chunk of XMP, by its specification
METADATA_KEY = "synoptic"  # the PNG text chunk that holds a picture's settings, as JSON


def save_image(path: Path, image: Image.Image, settings: JsonObject, xmp: str = "") -> None:
    """Write a PNG with its settings inside, as JSON and as other tools read them, and an XMP packet; whole or not at all."""
    info = PngImagePlugin.PngInfo()
    info.add_itxt(METADATA_KEY, json.dumps(settings, ensure_ascii=False))
    if text := parameters_text(settings, image.size):
        info.add_text(PARAMETERS_KEY, text)
    if xmp:
        info.add_itxt(XMP_KEY, xmp)
    atomic_write(path, lambda f: image.save(f, "PNG", pnginfo=info))


def read_settings(path: Path) -> JsonObject:
    """Return the settings inside a picture that synoptic wrote; {} in any other. Raises OSError where it is broken."""
    try:
        found = json.loads(read_texts(path).get(METADATA_KEY, "{}"))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def read_texts(path: Path) -> dict[str, str]:
    """Return the texts that a PNG carries, {} of other pictures. Raises OSError where it is none, or broken."""
    try:
        with Image.open(path, formats=FORMATS) as image:
            return dict(getattr(image, "text", {}))
    except (Image.DecompressionBombError, *BROKEN) as e:
        raise OSError(f"{path} cannot be read as a picture ({e})") from None


def open_image(path: Path) -> Image.Image:
    """Return a picture's file opened, a PNG also where it is larger than PIL opens of strangers."""
    try:
        return Image.open(path, formats=FORMATS)
    except Image.DecompressionBombError:
        return PngImagePlugin.PngImageFile(path)


def load_image(path: Path) -> Image.Image:
    """Return a picture of a run as RGB, read whole, however large. Raises OSError where it is broken."""
    try:
        with open_image(path) as image:
            return image.convert("RGB")
    except BROKEN as e:
        raise OSError(f"{path} cannot be read as a picture ({e})") from None


def atomic_write(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write by write(file) to a neighbor of `path`, then rename: readers see the old file or the new one, never a part.

    Makes the folder where it is not there. A process that is killed leaves its part, for `remove_parts`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    short = path.name.encode()[:100].decode(errors="ignore")
    fd, name = tempfile.mkstemp(dir=path.parent, prefix=f".{short}.{os.getpid()}-", suffix=PART)
    try:
        with os.fdopen(fd, "wb") as f:
            write(f)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException as e:
        os.unlink(name)
        if isinstance(e, OSError) and e.errno and e.filename is None:  # of a full disk the system does not say which
            e.filename = str(path)
        raise


def write_whole(path: Path, content: bytes | str) -> None:
    """Write bytes, or a text in UTF-8, as `atomic_write` does."""
    atomic_write(path, lambda f: f.write(content.encode() if isinstance(content, str) else content))


def remove_parts(folder: Path) -> None:
    """Remove the parts that killed processes left in a run's folder: those of no living process, or a day old.

    A run writes three levels deep at most; what lies deeper in a person's folder is not looked at.
    """
    for part in (part for level in ("", "*/", "*/*/") for part in folder.glob(f"{level}.*{PART}")):
        found = re.fullmatch(rf".*\.(\d+)-[^.]*{re.escape(PART)}", part.name)
        try:
            if found and (time.time() - part.stat().st_mtime > 86400 or not is_alive(int(found[1]))):
                part.unlink()
        except OSError:  # another process was first
            continue


def is_alive(pid: int) -> bool:
    """Return whether a process of this machine is running; True where asking is not possible (Windows)."""
    if os.name == "nt":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
