"""Small things measured on this machine, kept between runs: {key: value} in JSON files of the user's cache folder."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

from synoptic.utils.json_objects import JsonObject


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
