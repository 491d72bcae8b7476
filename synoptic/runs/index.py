"""outputs/index.html: every run below outputs/, the newest first. Whatever a person typed is escaped."""

from __future__ import annotations

from pathlib import Path

from synoptic.io import write_whole
from synoptic.io.html import IndexEntry, index_page
from synoptic.runs.folders import MANIFEST, earlier
from synoptic.utils.json_objects import JsonObject
from synoptic.utils.streams import error_stream

OUTPUTS, INDEX = "outputs", "index.html"
MOST, PICTURES = 200, 8  # runs on the page, pictures of each


def write_index(folder: Path) -> None:
    """Write the page of the folder `outputs` of the working directory, where a run's folder lies below it.

    A page that cannot be written costs no run its result: a line says so.
    """
    top = Path(OUTPUTS)
    if not folder.is_dir() or top.resolve() not in folder.resolve().parents:
        return
    try:
        write_page(top)
    except OSError as e:
        print(f"warning: {top / INDEX} is not written ({e})", file=error_stream())


def write_page(top: Path) -> None:
    """Write index.html of the runs below a folder. Raises OSError."""
    manifests = sorted(top.rglob(MANIFEST), key=lambda file: file.stat().st_mtime, reverse=True)
    entries = [entry(file.parent, top) for file in manifests[:MOST]]
    write_whole(top / INDEX, index_page([found for found in entries if found]))


def entry(folder: Path, top: Path) -> IndexEntry | None:
    """Return what the page says of a run; None where its manifest cannot be read, or is an older version's."""
    found = earlier(folder) or {}
    if "application" not in found:
        return None
    listed = found.get("pictures")
    pictures = [p for p in listed if isinstance(p, dict)] if isinstance(listed, list) else []
    shown = [place for p in pictures[:PICTURES] if (place := picture_file(folder, p)) is not None]
    pages = (
        sorted(folder.glob("*/turntable.html")) + sorted(folder.glob("*.viewer.html")) + sorted(folder.glob("*.trace.html"))
    )
    figures = [folder / name for name in ("before_after.png", "contact_sheet.png") if (folder / name).is_file()]

    def links(files: list[Path]) -> list[str]:
        return [file.relative_to(top).as_posix() for file in files]

    return IndexEntry(
        " · ".join(dict.fromkeys(str(picture.get("prompt", "")) for picture in pictures)),
        f"{str(found['application']).replace('_', '-')}, {found.get('state', '')}{score_of(found)}",
        str(found.get("command", "")),
        folder.relative_to(top).as_posix(),
        links(shown),
        links([*pages, *figures, folder / MANIFEST]),
    )


def picture_file(folder: Path, picture: JsonObject) -> Path | None:
    """Return a picture's file; None where there is none in the run's folder."""
    place = folder / str(picture.get("file"))
    return place if place.is_file() and place.resolve().is_relative_to(folder.resolve()) else None


def score_of(manifest: JsonObject) -> str:
    scores = manifest.get("scores")
    scores = scores if isinstance(scores, dict) else {}
    return "".join(f", {name.replace('_', ' ')} {value}" for name, value in list(scores.items())[:1])
