"""A run's search for seeds, and what it found, as the run's folder keeps it: search.json, by which the run goes on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from synoptic import io
from synoptic.io.progress import progress_bar
from synoptic.options.base import Item, Options
from synoptic.options.pretrained_model import ModelOptions
from synoptic.options.sampling import MAX_SEED
from synoptic.pipelines.base import Pipeline
from synoptic.pipelines.joint import SEARCHED_BY
from synoptic.runs.manifest import Run, pictures_of
from synoptic.sampling.seed_search import SearchRound

SEARCH = "search.json"


def choose_items(run: Run, pipeline: Pipeline[ModelOptions]) -> list[Item]:
    """Return the run's items; after a search of seeds, kept in search.json, the best of them."""
    if found_seeds(run.folder, run.options) is None:
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
    seeds = found_seeds(folder, options)
    return options.items() if seeds is None else options.items_of(seeds)


def found_seeds(folder: Path, options: Options) -> list[int] | None:
    """Return the best seeds that search.json has, one a picture; None where there is none that can be read: the search is
    made again."""
    try:
        seeds = json.loads((folder / SEARCH).read_text("utf-8"))["rounds"][-1]["seeds"][: len(options.items())]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None
    is_whole = len(seeds) == len(options.items()) and all(isinstance(seed, int) and 0 <= seed <= MAX_SEED for seed in seeds)
    return seeds if is_whole else None
