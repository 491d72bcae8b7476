"""The findings as Markdown tables for the model cards: one table a measurement, one column for each kind of pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ORDER = ("clip-models", "sd", "if", "if-ii", "words", "views", "wide", "anagrams", "speed")


def report(out: Path) -> str:
    """Tables of every OUT/NAME.json there is. Raises FileNotFoundError where there is none."""
    found = [out / f"{name}.json" for name in ORDER if (out / f"{name}.json").is_file()]
    if not found:
        raise FileNotFoundError(f"{out} has no measurements: make one first, with python -m bundled_training.evaluate NAME")
    return "\n".join(table(json.loads(file.read_text())) for file in found)


def table(found: dict[str, Any]) -> str:
    """One measurement: a row for each measure and CLIP model, value ± standard error (n) in the column of its pictures."""
    kinds = list(dict.fromkeys(row["pictures"] for row in found["rows"]))
    lines: dict[tuple[str, str], dict[str, str]] = {}
    for row in found["rows"]:
        lines.setdefault((row["measure"], row["clip_model"]), {})[row["pictures"]] = cell(row)
    settings = ", ".join(f"{key} {value}" for key, value in found["settings"].items() if key not in HIDDEN)
    head = ["measure", "clip_model", *kinds]
    rows = [head, ["---"] * len(head)] + [[*key, *(by.get(kind, "") for kind in kinds)] for key, by in lines.items()]
    return "\n".join([f"### {found['name']}", settings, "", *("| " + " | ".join(row) + " |" for row in rows), ""])


def cell(row: dict[str, Any]) -> str:
    digits = 1 if abs(row["value"]) >= 10 else 3
    error = "" if row["error"] is None else f" ± {row['error']:.{digits}f}"
    return f"{row['value']:.{digits}f}{error} ({row['samples']})"


HIDDEN = frozenset(("family", "against", "out"))
