"""The folders that are graded: which method has which, and which pictures each holds. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from synoptic.courses.files import unique_names
from synoptic.courses.prompt_sets import Entry, PromptSet

METHODS = {  # kind: --method and the graded folder it means
    "wide": {"auto": "wide_images"},
    "ambiguous": {"auto": "ambiguous_images", "x0": "ambiguous_images"}
    | {rule: f"ambiguous_images_{rule}" for rule in ("eps", "xt", "none")},
    "edit": {"auto": "pds", "pds": "pds", "sds": "sds", "vsd": "vsd"},
    "plain": {"auto": "images", "sds": "sds", "vsd": "vsd"},
}


def graded(chosen: PromptSet, folder: str) -> list[str]:
    """Return the prompts that the pictures of a graded folder are scored with: an edit is
    scored with what it was edited into.
    """
    if chosen.kind == "edit":
        return [e.other if folder == "pds" else e.prompt for e in chosen.entries]
    return [prompt for e in chosen.entries for prompt in (e.prompt, e.other) if prompt]


def file_names(chosen: PromptSet, folder: str) -> dict[tuple[str, int | None], str]:
    """Return {(prompt, position): file name} of a graded folder, no two alike; a wide picture itself has no position."""
    crops = [(e.prompt, p) for e in chosen.entries for p in e.positions]
    return unique_names([*crops, *((prompt, None) for prompt in graded(chosen, folder))])


def expected(chosen: PromptSet, folder: Path) -> dict[tuple[str, int | None], Path]:
    """Return every picture that a whole graded folder holds: of a wide set the crops."""
    names = file_names(chosen, folder.name)
    return {key: folder / name for key, name in names.items() if chosen.kind != "wide" or key[1] is not None}


def sources(chosen: PromptSet, top: Path) -> dict[str, Path]:
    """Return {prompt: path} of an edit set's source pictures in OUT/sources, where they are not at their img_path."""
    names = unique_names((e.prompt, None) for e in chosen.entries)
    return {prompt: top / "sources" / name for (prompt, _), name in names.items()}


def source_of(entry: Entry, made: Mapping[str, Path]) -> Path | None:
    """Return an edit's source picture: at its img_path, or one of `sources`; None where there is none."""
    places = [entry.source, made[entry.prompt]]
    return next((path for path in places if path is not None and path.exists()), None)
