"""Where a run goes, and whether that folder may be written to. Imports nothing heavy."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from synoptic.errors import InputError, check_writable, is_finite, user_path
from synoptic.models.weights import read_safetensors_header, weights_fault
from synoptic.options.base import Options
from synoptic.options.prompts import slug
from synoptic.utils.json_objects import JsonObject

MANIFEST, STATE = "run.json", "state.safetensors"
STATE_VERSION = "2"  # of the names inside a state
KINDS: dict[str, type | tuple[type, ...]] = {  # of what a manifest holds
    "options": dict,
    "model": dict,
    "pictures": list,
    "scores": dict,
    "timings": dict,
    "shared_by": int,
    "gpu": str,
}


def folder_of(options: Options) -> Path:
    """Return the folder of a run: --out, or a name of its own."""
    return user_path(getattr(options, "out", None) or default_folder(options))


def check_folder(options: Options, folder: Path) -> None:
    """Raise InputError where a run's folder cannot be written, holds another run, or a broken state of this one."""
    check_names(options, folder)
    check_same(options, folder)
    check_state(folder / STATE)
    check_writable(folder)


def check_names(options: Options, folder: Path) -> None:
    """Raise InputError where a folder stands in the place of a file that the run writes."""
    files = (MANIFEST, STATE, *(f"{item.stem}.png" for item in options.items())) if folder.is_dir() else ()
    for file in (folder / name for name in files):
        if file.is_dir():
            raise InputError(
                f"a run writes files, and {file} is a folder: choose another --out, or rename that folder", rule="out-folder"
            )


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
    if what := difference(options, before):
        raise InputError(
            f"one folder holds one run, and {folder} holds another ({what} differs): choose another --out or delete the old"
            " one",
            rule="run-differs",
        )


def check_state(file: Path) -> None:
    """Raise InputError where what a run goes on from is not whole, of an older version, or not what was written."""
    try:
        fault = weights_fault(file)
        tensors = {} if fault else read_safetensors_header(file)[0]
    except (OSError, ValueError):
        return  # another process of this run has ended it
    if fault:
        if file.exists():
            raise broken_state(file, fault)
        return
    about = tensors.pop("__metadata__", None)
    about = about if isinstance(about, dict) else {}
    if about.get("version") != STATE_VERSION:
        raise InputError(
            f"{file} is the state of an older version, which is not resumed: delete it, or choose another --out",
            rule="run-older-version",
        )
    if fault := tensors_fault({name: tensor["shape"] for name, tensor in tensors.items()}, about.get("tensors")):
        raise broken_state(file, fault)


def tensors_fault(found: JsonObject, said: object) -> str | None:
    """Return how a state's tensors differ from those that its metadata says were written, {name: shape} in JSON."""
    try:
        written = dict(json.loads(str(said)))
    except (ValueError, TypeError, RecursionError):
        return "it does not say what it holds"
    differ = [name for name in written.keys() & found.keys() if written[name] != found[name]]
    faults = {
        "lacks": written.keys() - found.keys(),
        "has in another shape": differ,
        "has besides": found.keys() - written.keys(),
    }
    named = [f"{verb} {min(names)}{' and others' * (len(names) > 1)}" for verb, names in faults.items() if names]
    return f"it {', '.join(named)}" if named else None


def broken_state(file: Path, fault: str) -> InputError:
    """Return the error of a state that cannot be read."""
    return InputError(
        f"a run goes on from a whole {file.name}, {file} is none ({fault}): delete it, and what it was of begins anew, or"
        " choose another --out",
        rule="run-state",
    )


def difference(options: Options, found: JsonObject) -> str:
    """Return what differs of a run's options and those that a manifest, or a picture, has kept; "" where nothing does."""
    asked, old = json.loads(json.dumps(options.to_json())), found.get("options")
    old = old if isinstance(old, dict) else {}
    defaults = {spec.name: spec.default for spec in options.specs()}
    differ = [name for name, value in asked.items() if value != old.get(name, defaults.get(name))]
    others = ["application"] if found.get("application") != options.application() else []
    return next(iter([*differ, *sorted(old.keys() - asked.keys()), *others]), "")


def default_folder(options: Options) -> str:
    """Return where a run goes that names no folder: after its first prompt and a hash of its options."""
    key = hashlib.sha256(json.dumps(options.to_json(), sort_keys=True).encode()).hexdigest()[:8]
    return f"outputs/{options.command_name()}/{slug(options.title())[:40]}-{key}"


def earlier(folder: Path) -> JsonObject | None:
    """Return the manifest in a folder, if there is one that can be read."""
    try:
        return parse_manifest((folder / MANIFEST).read_text("utf-8-sig"))
    except (OSError, ValueError):
        return None


def parse_manifest(text: str) -> JsonObject | None:
    """Return what a manifest says, without what is not as a run writes it: people edit it, and disks lose parts of files.

    None where it is no JSON object.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    kept = {name: value for name, value in found.items() if isinstance(value, KINDS.get(name, object))}
    if "pictures" in kept:
        pictures = [p | {"figures": numbers(p.get("figures"))} for p in kept["pictures"] if isinstance(p, dict)]
        kept["pictures"] = [picture for picture in pictures if is_inside(picture.get("file"))]
    return kept | {name: numbers(kept[name]) for name in ("timings",) if name in kept}


def is_inside(file: object) -> bool:
    """Return whether a manifest's file is named in its own folder or below."""
    return isinstance(file, str) and not Path(file).is_absolute() and ".." not in Path(file).parts and "\0" not in file


def numbers(values: object) -> dict[str, float]:
    """Return the numbers of a mapping; {} where it is none."""
    named = values.items() if isinstance(values, dict) else ()
    return {name: value for name, value in named if isinstance(value, int | float) and is_finite(value)}
