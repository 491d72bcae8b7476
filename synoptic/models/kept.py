"""Small things measured on this machine, kept between runs: {key: value} in JSON files of the user's cache folder."""

from __future__ import annotations

import hashlib
import json
import os
import re
from contextlib import suppress
from pathlib import Path

from synoptic.utils.json_objects import JsonObject

LARGE = 2**20  # bytes of a file whose hash is worth keeping


def cache_folder() -> Path:
    """Return $XDG_CACHE_HOME/synoptic, or ~/.cache/synoptic."""
    return Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "synoptic"


def kept(name: str) -> JsonObject:
    """Return what is kept under a name; {} where nothing can be read."""
    try:
        found = json.loads((cache_folder() / f"{name}.json").read_text())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal; of a large one that has its size and time still, as it was kept."""
    about = path.stat()
    key, is_large = f"{path.resolve()} {about.st_size} {about.st_mtime_ns}", about.st_size >= LARGE
    if is_large and re.fullmatch("[0-9a-f]{64}", found := str(kept("hashes").get(key))):
        return found
    with path.open("rb") as f:
        digest = hashlib.file_digest(f, "sha256").hexdigest()
    if is_large:
        keep("hashes", key, digest)
    return digest


def keep(name: str, key: str, value: object) -> None:
    """Keep a value; a folder that cannot be written keeps nothing, and costs nothing but a measurement."""
    file = cache_folder() / f"{name}.json"
    part = file.with_suffix(f".{os.getpid()}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(kept(name) | {key: value}))
        part.replace(file)
    except OSError:
        with suppress(OSError):
            part.unlink()
