"""What is in a run's folder, as its manifest says: pictures, their captions, what their scores mean."""

from __future__ import annotations

from pathlib import Path

from synoptic.metrics.scale import meaning
from synoptic.runs.contact_sheet import BEFORE_AFTER
from synoptic.runs.folders import earlier
from synoptic.runs.index import picture_file
from synoptic.utils.json_objects import JsonObject


def listed(folder: Path) -> list[JsonObject]:
    """Return what the manifest says of each picture; [] where there is none that can be read."""
    pictures = (earlier(folder) or {}).get("pictures")
    return [picture for picture in pictures if isinstance(picture, dict)] if isinstance(pictures, list) else []


def pictures(folder: Path) -> list[Path]:
    """Return the finished pictures of a run."""
    return [file for picture in listed(folder) if (file := picture_file(folder, picture))]


def captioned(folder: Path) -> list[tuple[Path, str]]:
    """Return the finished pictures of a run with their captions, then the figures that compare them."""
    found = []
    for picture in listed(folder):
        if file := picture_file(folder, picture):
            score = picture.get("score")
            of = f"{file.parent.name}, " if file.parent != folder else ""  # one of several runs of a study
            found.append((file, f"{of}seed {picture.get('seed')}" + ("" if score is None else f", score {score}")))
    application = str((earlier(folder) or {}).get("application"))
    figures = [file for name in (f"{application}.png", BEFORE_AFTER) if (file := picture_file(folder, {"file": name}))]
    return found + [(file, file.stem.replace("_", " ")) for file in figures if file not in dict(found)]


def meshes(folder: Path) -> list[Path]:
    """Return the meshes of a run that need no file beside them."""
    return [file for file in sorted(folder.rglob("*.glb")) if file.is_file() and not file.is_symlink()]


def score(folder: Path) -> tuple[str, str]:
    """Return the mean score of a run's pictures, and what it means; ("", "") where there is none."""
    scores = (earlier(folder) or {}).get("scores")
    if not isinstance(scores, dict) or not scores:
        return "", ""
    name, value = next(iter(scores.items()))
    text = f"{name.replace('clip_score', 'CLIP score').replace('_', ' ')} {value}"
    return text, meaning(name, str(scores.get("clip_model", "")))
