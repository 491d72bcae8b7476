"""What models there are."""

from __future__ import annotations

from dataclasses import dataclass

from synoptic.models.source import ALIASES, INSIDE, Source, resolve
from synoptic.models.vocabulary import vocabulary


@dataclass(frozen=True)
class Models:
    """Rows (name, where, megabytes, native size in pixels, state) and what the bundled ones know."""

    rows: list[tuple[str, str, str, str, str]]
    known: dict[str, list[str]]

    def __str__(self) -> str:
        table = ["\t".join(row) for row in [("model", "source", "MB", "pixels", "state"), *self.rows]]
        words = [f"{kind}\t{', '.join(names)}" for kind, names in self.known.items()]
        return "\n".join([*table, "", "what the bundled models know", *words])


def models() -> Models:
    """List the models: the bundled ones, the aliases with where each comes from, and the prompts the bundled ones know.

    synoptic models
    """
    rows = []
    for name in INSIDE:
        source = resolve(name)
        rows.append((name, "in the package", megabytes(source), f"{source.native}x{source.native}", "ready"))
    for name, places in ALIASES.items():
        cached = next((place for place in places if _cached(place)), None)
        rows.append((name, cached or " or ".join(places), "", "", "in the cache" if cached else "to be downloaded"))
    return Models(rows, vocabulary()["prompts"])


def megabytes(source: Source) -> str:
    from pathlib import Path

    return f"{sum(p.stat().st_size for p in Path(source.place).rglob('*.safetensors')) / 1e6:.0f}"


def _cached(place: str) -> bool:
    from huggingface_hub import try_to_load_from_cache

    return isinstance(try_to_load_from_cache(place, "model_index.json"), str)
