"""Where a run goes, and whether that folder may be written to. Imports nothing heavy."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from synoptic.errors import InputError, check_writable, user_path
from synoptic.options.base import Options
from synoptic.options.prompts import slug
from synoptic.utils.json_objects import JsonObject

MANIFEST = "run.json"


def folder_of(options: Options) -> Path:
    """Return the folder of a run: --out, or a name of its own."""
    return user_path(getattr(options, "out", None) or default_folder(options))


def check_folder(options: Options, folder: Path) -> None:
    """Raise InputError where a run's folder cannot be written, or holds another run."""
    check_same(options, folder)
    check_writable(folder)


def check_same(options: Options, folder: Path) -> None:
    """Raise InputError where the folder holds a run of other options, or of an older version."""
    before = earlier(folder)
    if before is None:
        return
    if "application" not in before:
        raise InputError(
            f"{folder} holds a run of an older version, which can be scored but not resumed: choose another --out",
            rule="run-older-version",
        )
    asked, old = json.loads(json.dumps(options.to_json())), before.get("options", {})
    defaults = {spec.name: spec.default for spec in options.specs()}
    differ = [name for name, value in asked.items() if value != old.get(name, defaults.get(name))]
    if before["application"] != options.application() or differ or old.keys() - asked.keys():
        what = [*differ, *sorted(old.keys() - asked.keys()), "application"][0]
        raise InputError(
            f"one folder holds one run, and {folder} holds another ({what} differs): choose another --out or delete the old"
            " one",
            rule="run-differs",
        )


def default_folder(options: Options) -> str:
    """Return where a run goes that names no folder: after its first prompt and a hash of its options."""
    key = hashlib.sha256(json.dumps(options.to_json(), sort_keys=True).encode()).hexdigest()[:8]
    return f"outputs/{options.application().replace('_', '-')}/{slug(options.title())[:40]}-{key}"


def earlier(folder: Path) -> JsonObject | None:
    """Return the manifest in a folder, if there is one that can be read."""
    try:
        found = json.loads((folder / MANIFEST).read_text())
        return found if isinstance(found, dict) else None
    except (OSError, ValueError, RecursionError):
        return None
