"""What models there are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import try_to_load_from_cache

import synoptic
from synoptic.models.checkpoint import Checkpoint
from synoptic.models.names import (
    ALIASES,
    BUNDLED_MODELS,
    CLIP_MODEL,
    CLIP_MODELS,
    CONTROLNETS,
    DEPTH_MODEL,
    DEPTH_MODELS,
    MODEL,
    UPSCALERS,
)
from synoptic.models.registry import resolve, resolve_clip, resolve_controlnet, resolve_depth_model, resolve_upscaler
from synoptic.models.vocabulary import vocabulary
from synoptic.options import options_class
from synoptic.options.models import ModelsOptions

Row = tuple[str, str, str, str, str]  # name, source, megabytes, size in pixels, state
HEADER = ("source", "MB", "pixels", "state")


@dataclass(frozen=True)
class Models:
    """Rows of models by kind; defaults by command; what the bundled ones know."""

    models: list[Row]
    upscalers: list[Row]
    controlnets: list[Row]
    depth_models: list[Row]
    clip_models: list[Row]
    defaults: list[tuple[str, str]]
    known: dict[str, list[str]]

    def __str__(self) -> str:
        kinds = {
            "model": self.models,
            "upscaler": self.upscalers,
            "controlnet": self.controlnets,
            "depth model": self.depth_models,
            "CLIP model": self.clip_models,
        }
        tables: list[list[tuple[str, ...]]] = [[(kind, *HEADER), *rows] for kind, rows in kinds.items()]
        tables.append([("command", "default model"), *self.defaults])
        known = [("what the bundled models know",), *((kind, ", ".join(names)) for kind, names in self.known.items())]
        return "\n\n".join("\n".join("\t".join(row) for row in table) for table in [*tables, known])


def execute(options: ModelsOptions) -> Models:
    """List what there is."""
    bundled = resolve("bundled")
    return Models(
        [row(name, sources, resolve) for name, sources in (BUNDLED_MODELS | ALIASES).items()],
        [row(name, sources, resolve_upscaler) for name, sources in UPSCALERS.items()],
        [in_the_package(name, resolve_controlnet(name, bundled), bundled.native_size) for name in CONTROLNETS],
        [row(name, sources, resolve_depth_model, DEPTH_MODEL.file, side_of) for name, sources in DEPTH_MODELS.items()],
        [row(name, sources, resolve_clip, CLIP_MODEL.file, side_of) for name, sources in CLIP_MODELS.items()],
        [default_model(name) for name in synoptic.APPLICATIONS],
        vocabulary()["prompts"],
    )


def default_model(application: str) -> tuple[str, str]:
    """Return an application's command, and the model that it takes where none is named."""
    options = options_class(application)
    (spec,) = [spec for spec in options.specs() if spec.name == "model"]
    return options.command_name(), str(spec.default)


def native_size(checkpoint: Checkpoint) -> int:
    """Return the pixels of a side of what a model paints."""
    return checkpoint.native_size


def row(
    name: str,
    sources: tuple[str, ...],
    find: Callable[[str], Checkpoint],
    file: str = MODEL.file,
    side: Callable[[Checkpoint], int] = native_size,
) -> Row:
    """Return a model's row: in the package, in the cache by the file at its top, or still to be downloaded."""
    if Checkpoint(name, sources[0]).is_bundled:
        checkpoint = find(name)
        return in_the_package(name, checkpoint, side(checkpoint))
    cached = next((source for source in sources if is_cached(source, file)), None)
    return name, cached or " or ".join(sources), "", "", "in the cache" if cached else "to be downloaded"


def side_of(checkpoint: Checkpoint) -> int:
    """Return the pixels of a side at which a depth model, or a CLIP, is given pictures."""
    size = checkpoint.processor_config()["size"]
    return size.get("shortest_edge") or size["height"]


def in_the_package(name: str, checkpoint: Checkpoint, side: int) -> Row:
    weights = sum(p.stat().st_size for p in Path(checkpoint.path_or_repo).rglob("*.safetensors"))
    return name, "in the package", f"{weights / 1e6:.0f}", f"{side}x{side}", "ready"


def is_cached(repo: str, file: str) -> bool:
    return isinstance(try_to_load_from_cache(repo, file), str)
