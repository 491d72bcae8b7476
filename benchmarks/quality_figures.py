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
OF_PICTURES = ("ranks",)
Row = Mapping[str, Any]


def gathered(folders: Sequence[Path]) -> dict[str, Any]:
    """Return the rows and settings of every study in the folders, by the names of their files."""
    studies: dict[str, Any] = {}
    for file in sorted(file for folder in folders for file in folder.rglob("*.json")):
        found = json.loads(file.read_text())
        rows = [{key: value for key, value in row.items() if key not in OF_PICTURES} for row in found.get("rows", [])]
        if not rows:
            continue
        settings = found["settings"] | {key: found[key] for key in ("device", "versions", "seconds") if key in found}
        study = studies.setdefault(name_of(file), {"settings": settings, "rows": []})
        known = [row.get("what") for row in study["rows"]]
        study["rows"] += [row for row in rows if row.get("what") is None or row["what"] not in known]
    return studies


def name_of(file: Path) -> str:
    """Return a study's name: its file's, or its folder's where a name of files is that of several studies."""
    return file.parent.name if file.stem == "sd" else file.stem


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


def shares(study: str, left_out: str = "") -> str:
    """Return how often both prompts are found of each way of a study."""
    lines = [
        [way, str(of["bundled clip"]["pictures"]), *(cell(of[clip]) for clip in CLIPS)]
        for way, of in by_way(read(FILE)[study]["rows"]).items()
        if not left_out or left_out not in way
    ]
    return markdown(["", "pictures", *CLIPS.values()], lines)


QUALITY: dict[str, Callable[[], str]] = {
    "looking-glass": looking_glass,
    "anagram-defaults": partial(shares, "anagram_defaults"),
    "anagram-rules": partial(shares, "anagrams"),
    "hybrids": partial(shares, "hybrids"),
}


def main(folders: Sequence[str]) -> None:
    (BENCHMARKS / f"{FILE}.json").write_text(json.dumps(gathered([Path(name) for name in folders]), indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
