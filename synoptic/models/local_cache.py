"""Small things measured on this machine, cached between runs: {key: value} in JSON files of the user's cache folder."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from synoptic.utils.json_objects import JsonObject

LARGE = 2**20  # bytes of a file whose hash is worth caching
_joint: dict[tuple[Path, ...], tuple[str, str]] = {}  # by files: their state and hash


def cache_folder() -> Path:
    """Return $XDG_CACHE_HOME/synoptic, or ~/.cache/synoptic."""
    return Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "synoptic"


def read_cached(name: str) -> JsonObject:
    """Return what is cached under a name; {} where nothing can be read."""
    try:
        found = json.loads((cache_folder() / f"{name}.json").read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal; of a large one from the cache, while it has its size and times."""
    about = path.stat()
    key, is_large = f"{path.resolve()} {signature(path)}", about.st_size >= LARGE
    if is_large and re.fullmatch("[0-9a-f]{64}", found := str(read_cached("hashes").get(key))):
        return found
    with path.open("rb") as f:
        digest = hashlib.file_digest(f, "sha256").hexdigest()
    if is_large:
        write_cached("hashes", key, digest)
    return digest


def signature(path: Path) -> str:
    """Return what changes whenever a file does, without a look inside: its size, and when it was last written and replaced.

    The last (ctime) nobody can set, as tools that copy or unpack do with the other.
    """
    about = path.stat()
    return f"{about.st_size} {about.st_mtime_ns} {about.st_ctime_ns}"


def joint_hash(files: Sequence[Path]) -> str:
    """Return the hash of a file; of several one of all their hashes, which is kept while they stay as they are."""
    if len(files) == 1:
        return file_hash(files[0])
    key, state = tuple(files), " ".join(map(signature, files))
    if _joint.get(key, ("", ""))[0] != state:
        _joint[key] = (state, hashlib.sha256("".join(map(file_hash, files)).encode()).hexdigest())
    return _joint[key][1]


def write_cached(name: str, key: str, value: object) -> None:
    """Cache a value; a folder that cannot be written costs nothing but another measurement."""
    file = cache_folder() / f"{name}.json"
    part = file.with_suffix(f".{os.getpid()}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(read_cached(name) | {key: value}), "utf-8")
        part.replace(file)
    except OSError:
        with suppress(OSError):
            part.unlink()
