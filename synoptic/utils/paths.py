"""Paths as people type them. Imports nothing heavy."""

from __future__ import annotations

import os
from pathlib import Path

from synoptic.errors import InputError


def user_path(text: str | os.PathLike[str]) -> Path:
    """Return a path with `~` as the home directory. Raises InputError where no file system can have it."""
    try:
        path = Path(text).expanduser()
        path.exists()
    except (OSError, RuntimeError) as e:
        reason = e.strerror if isinstance(e, OSError) else "there is no such user"
        raise InputError(
            f"a path must be one that can be, {str(text)[:80]!r} is none ({reason}): write another", rule="path"
        ) from None
    return path
