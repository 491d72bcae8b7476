"""What models there are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from synoptic.models.registry import (
    ALIASES,
    BUNDLED_MODELS,
    CONTROLNETS,
    UPSCALERS,
    Checkpoint,
    resolve,
    resolve_controlnet,
    resolve_upscaler,
)
from synoptic.models.vocabulary import vocabulary

Row = tuple[str, str, str, str, str]


@dataclass(frozen=True)
class Models:
    """Rows (name, where, megabytes, size in pixels, state) of models, upscalers, ControlNets; what the bundled ones know."""

    rows: list[Row]
    upscalers: list[Row]
    controls: list[Row]
    known: dict[str, list[str]]

    def __str__(self) -> str:
        tables = [
            [(kind, "source", "MB", "pixels", "state"), *rows]
            for kind, rows in (("model", self.rows), ("upscaler", self.upscalers), ("controlnet", self.controls))
        ]
        known = [("what the bundled models know",), *((kind, ", ".join(names)) for kind, names in self.known.items())]
        return "\n\n".join("\n".join("\t".join(row) for row in table) for table in [*tables, known])


def models() -> Models:
    """List models, upscalers and ControlNets: bundled ones, aliases and where each comes from; what the bundled ones know.

    synoptic models
    """
    return Models(
        [_row(name, places, resolve) for name, places in (BUNDLED_MODELS | ALIASES).items()],
        [_row(name, places, resolve_upscaler) for name, places in UPSCALERS.items()],
        [_control(name, resolve("bundled")) for name in CONTROLNETS],
        vocabulary()["prompts"],
    )


def _control(name: str, source: Checkpoint) -> Row:
    """A bundled ControlNet, made for the model `source`."""
    return (
        name,
        "in the package",
        megabytes(resolve_controlnet(name, source)),
        f"{source.native_size}x{source.native_size}",
        "ready",
    )


def _row(name: str, places: tuple[str, ...], find: Callable[[str], Checkpoint]) -> Row:
    if Checkpoint(name, places[0]).is_bundled:
        source = find(name)
        return name, "in the package", megabytes(source), f"{source.native_size}x{source.native_size}", "ready"
    cached = next((place for place in places if _cached(place)), None)
    return name, cached or " or ".join(places), "", "", "in the cache" if cached else "to be downloaded"


def megabytes(source: Checkpoint) -> str:
    from pathlib import Path

    return f"{sum(p.stat().st_size for p in Path(source.path_or_repo).rglob('*.safetensors')) / 1e6:.0f}"


def _cached(place: str) -> bool:
    from huggingface_hub import try_to_load_from_cache

    return isinstance(try_to_load_from_cache(place, "model_index.json"), str)
