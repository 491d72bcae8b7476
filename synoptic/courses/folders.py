"""The folders that are graded: which method has which, and which pictures each holds. Imports nothing heavy."""

from __future__ import annotations

from pathlib import Path

from synoptic.courses.files import file_name
from synoptic.courses.prompt_sets import Entry, PromptSet

METHODS = {  # kind: --method and the graded folder it means
    "wide": {"auto": "wide_images"},
    "ambiguous": {"auto": "ambiguous_images"} | {rule: f"ambiguous_images_{rule}" for rule in ("eps", "x0", "xt", "none")},
    "edit": {"auto": "pds", "pds": "pds", "sds": "sds", "vsd": "vsd"},
    "plain": {"auto": "images", "sds": "sds", "vsd": "vsd"},
}


def graded(chosen: PromptSet, folder: str) -> list[str]:
    """The prompts that the pictures of a graded folder are scored with: an edit is scored with what it was edited into."""
    if chosen.kind == "edit":
        return [e.other if folder == "pds" else e.prompt for e in chosen.entries]
    return [prompt for e in chosen.entries for prompt in (e.prompt, e.other) if prompt]


def expected(chosen: PromptSet, folder: Path) -> list[Path]:
    """Every picture that a whole graded folder holds."""
    if chosen.kind == "wide":
        return [folder / file_name(e.prompt, p) for e in chosen.entries for p in e.positions]
    return [folder / file_name(prompt) for prompt in graded(chosen, folder.name)]


def source_of(entry: Entry, top: Path) -> Path | None:
    """An edit's source picture: at its img_path, or in OUT/sources; None where there is none."""
    places = [entry.source, top / "sources" / file_name(entry.prompt)]
    return next((path for path in places if path is not None and path.exists()), None)
