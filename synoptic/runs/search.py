"""What a search of seeds found, as a run's folder keeps it: search.json, by which the run goes on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from synoptic import io
from synoptic.options.base import Item, Options
from synoptic.pipelines.joint import SEARCHED_BY
from synoptic.sampling.seed_search import SearchRound

SEARCH = "search.json"


def write_search(folder: Path, rounds: Sequence[SearchRound]) -> None:
    """Write search.json."""
    found = {"clip_model": SEARCHED_BY, "rounds": [one._asdict() for one in rounds]}
    text = json.dumps(found, indent=1) + "\n"
    io.atomic_write(folder / SEARCH, lambda f: f.write(text.encode()))


def searched_items(folder: Path, options: Options) -> list[Item]:
    """Return the items of a run: after a search of seeds those of the best."""
    file = folder / SEARCH
    if not file.exists():
        return options.items()
    best = json.loads(file.read_text())["rounds"][-1]["seeds"]
    return options.items_of(best[: len(options.items())])
