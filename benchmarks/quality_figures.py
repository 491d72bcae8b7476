"""The studies of quality that a GPU ran, as tables: python -m benchmarks.quality_figures FOLDER … gathers what they wrote.

Every JSON of the folders goes, without what it says of single pictures, into docs/benchmarks/quality-gpu.json, which
`python -m benchmarks.figures` writes onto the pages.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.tables import BENCHMARKS, markdown, read

FILE = "quality-gpu"
CLIPS = {"bundled clip": "reference CLIP", "bundled clip-grayscale": "clip-grayscale"}
STUDIES = ("looking_glass", "anagram_defaults", "anagrams", "hybrids", "sd", "words")
OF_PICTURES = ("ranks",)
Row = Mapping[str, Any]


def gathered(folders: Sequence[Path]) -> dict[str, Any]:
    """Return the rows and settings of every study in the folders, by the names of their files."""
    studies: dict[str, Any] = {}
    for file in sorted(file for folder in folders for file in folder.rglob("*.json") if file.stem in STUDIES):
        found = json.loads(file.read_text())
        settings = found["settings"] | {key: found[key] for key in ("device", "versions") if key in found}
        study = studies.setdefault(file.stem, {"settings": settings, "rows": []})
        known = [row.get("what") for row in study["rows"]]
        for row in found["rows"]:
            if row not in study["rows"] and (row.get("what") is None or row["what"] not in known):
                study["rows"].append({key: value for key, value in row.items() if key not in OF_PICTURES})
    return studies


def cell(row: Row, k: int = 5) -> str:
    return f"{row[f'both in {k}']:.3f} ± {row[f'± {k}']:.3f}"


def by_way(rows: Sequence[Row]) -> dict[str, dict[str, Row]]:
    """Return the rows of each way, by the CLIP that judged."""
    found: dict[str, dict[str, Row]] = {}
    for row in rows:
        found.setdefault(row["what"], {})[row["clip_model"]] = row
    return found


def looking_glass() -> str:
    """Return LookingGlass's means beside plain views: shares, and how many times the plain one's."""
    lines = []
    for way, of in by_way(read(FILE)["looking_glass"]["rows"]).items():
        both = [of[clip] for clip in CLIPS]
        cells = [text for row in both for text in (cell(row), f"{row['times plain']:.2f}", f"{row['± difference']:.3f}")]
        lines.append([way, str(both[0]["pairs"]), *cells])
    head = [text for clip in CLIPS.values() for text in (clip, "times plain", "± of the difference")]
    return markdown(["", "pairs", *head], lines)


def shares(study: str) -> str:
    """Return how often both prompts are found of each way of a study."""
    lines = [
        [way, str(of["bundled clip"]["pictures"]), *(cell(of[clip]) for clip in CLIPS)]
        for way, of in by_way(read(FILE)[study]["rows"]).items()
    ]
    return markdown(["", "pictures", *CLIPS.values()], lines)


def hybrids() -> str:
    """Return how often the far prompt is found from afar, the near one from near, and both, of each sigma."""
    of = by_way(read(FILE)["hybrids"]["rows"])
    sides = (", far only", ", near only", "")
    lines = [
        [name, *(cell(of[f"{name}{side}"][clip]) for clip in CLIPS for side in sides)]
        for name in of
        if not name.endswith(" only") and "best of" not in name
    ]
    return markdown(["", *(f"{clip}: {side}" for clip in CLIPS.values() for side in ("far", "near", "both"))], lines)


def words() -> str:
    """Return how often two things are both there, and the style's word is first, of renders and of samples."""
    found: dict[str, dict[tuple[str, str], Row]] = {}
    for row in read(FILE)["words"]["rows"]:
        found.setdefault(row["measure"], {})[row["pictures"], row["clip_model"]] = row
    columns = [(pictures, clip) for clip in ("clip", "clip-grayscale", "both") for pictures in ("real", "family")]
    lines = [[name, *(f"{of[c]['value']:.3f} ± {of[c]['error']:.3f}" for c in columns)] for name, of in found.items()]
    clips = ("reference CLIP", "clip-grayscale", "both at once")
    return markdown(["", *(f"{clip}: {pictures}" for clip in clips for pictures in ("renders", "sd"))], lines)


QUALITY: dict[str, Callable[[], str]] = {
    "looking-glass": looking_glass,
    "anagram-defaults": partial(shares, "anagram_defaults"),
    "anagram-rules": partial(shares, "anagrams"),
    "hybrids": hybrids,
    "words": words,
}


def main(folders: Sequence[str]) -> None:
    (BENCHMARKS / f"{FILE}.json").write_text(json.dumps(gathered([Path(name) for name in folders]), indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
