"""The files that a run began with, found again: among the uploads of a studio, or where the run's settings say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from synoptic.errors import InputError, user_path
from synoptic.options.base import Options
from synoptic.studio.access import Access
from synoptic.studio.fields import label, uploaded
from synoptic.utils.picture import picture_hash


def find_inputs(
    access: Access, owner: str, options: type[Options], recorded: Mapping[str, object]
) -> tuple[dict[str, object], list[str]]:
    """Return {option: file that the page may fetch} of recorded options, and what the options without one are called."""
    found: dict[str, object] = {}
    missing = []
    for spec in filter(uploaded, options.specs()):
        value, digest = recorded.get(spec.name), recorded.get(f"{spec.name}_sha256")
        if digest is None and value in (None, spec.default):
            continue
        if file := uploaded_before(access, owner, value, digest) or on_this_machine(access, value, digest):
            found[spec.name] = Path(access.publish(file))
        else:
            missing.append(label(spec))
    return found, missing


def uploaded_before(access: Access, owner: str, value: object, digest: object) -> Path | None:
    """Return the upload whose path was recorded, or, of a picture without a file, its hash; None where it is not shown."""
    for name in (Path(value).name.removesuffix(".png") if isinstance(value, str) else None, digest):
        try:
            file = access.jobs.permissions.upload(name)
        except InputError:
            continue
        if isinstance(file, str) and access.sees_upload(owner, Path(file).name):
            return Path(file)
    return None


def on_this_machine(access: Access, value: object, digest: object) -> Path | None:
    """Return a copy of the file that a command was given, if it is still the same; None where others listen."""
    permissions = access.jobs.permissions
    if permissions.options.listen or not isinstance(value, str):
        return None
    try:
        same = digest is not None and picture_hash(value) == digest
        kept = permissions.upload(permissions.keep_upload(str(user_path(value)))) if same else None
    except InputError:  # a depth map of numbers, for example, which no page shows
        return None
    return Path(kept) if isinstance(kept, str) else None


def without(missing: Sequence[str]) -> str:
    """Return the line that says which files did not come back; "" where all did."""
    said = f"The settings are filled in, but for {' and '.join(missing)}: its file is not here, choose it again."
    return said if missing else ""
