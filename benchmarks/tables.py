"""What the benchmarks wrote into docs/benchmarks/, and tables in Markdown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
BENCHMARKS = ROOT / "docs/benchmarks"


def read(name: str) -> Any:
    """Return what a benchmark wrote."""
    return json.loads((BENCHMARKS / f"{name}.json").read_text())


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table, on lines of its own."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n\n"
