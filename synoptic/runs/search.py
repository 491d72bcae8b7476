"""A run's search for seeds, and what it found, as the run's folder keeps it: search.json, by which the run goes on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from synoptic import io
from synoptic.io.progress import progress_bar
from synoptic.options.base import Item, Options
from synoptic.options.pretrained_model import ModelOptions
from synoptic.pipelines.base import Pipeline
from synoptic.pipelines.joint import SEARCHED_BY
from synoptic.runs.manifest import Run, pictures_of
from synoptic.sampling.seed_search import SearchRound

SEARCH = "search.json"


def choose_items(run: Run, pipeline: Pipeline[ModelOptions]) -> list[Item]:
    """Return the run's items; after a search of seeds, kept in search.json, the best of them."""
    if not (run.folder / SEARCH).exists():
        search = pipeline.seed_search()
        if search is None:
            return run.options.items()
        with progress_bar("search", 2) as tick:
            rounds = []
            for found in search:
                rounds.append(found)
                tick()
        write_search(run.folder, rounds)
    items = searched_items(run.folder, run.options)
    run.pictures = pictures_of(items, run.folder)
    return items


def write_search(folder: Path, rounds: Sequence[SearchRound]) -> None:
    """Write search.json."""
    found = {"clip_model": SEARCHED_BY, "rounds": [one._asdict() for one in rounds]}
    io.write_whole(folder / SEARCH, json.dumps(found, indent=1) + "\n")


def searched_items(folder: Path, options: Options) -> list[Item]:
    """Return the items of a run: after a search of seeds those of the best."""
    file = folder / SEARCH
    if not file.exists():
        return options.items()
    best = json.loads(file.read_text())["rounds"][-1]["seeds"]
    return options.items_of(best[: len(options.items())])
