"""A scene in a file: its parameters and how to build it, so that it can be rendered again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save

from synoptic.nerf.background import LearnedBackground
from synoptic.nerf.encoding import Encoding, FrequencyEncoding, HashGrid
from synoptic.nerf.field import NeuralField
from synoptic.nerf.scene import RadianceScene


def build_scene(
    encoding: str = "hash", rng: torch.Generator | None = None, *, full_levels_step: int = 0, **kwargs: Any
) -> RadianceScene:
    """A blob before a background that learns: a field on a `hash` grid or on `waves`, drawn from `rng`.

    kwargs: RadianceScene's. A quarter of the encoding's levels are open at first, all from step `full_levels_step` on.
    """
    grid: Encoding = HashGrid(rng=rng) if encoding == "hash" else FrequencyEncoding()
    few = grid.levels // 4

    def levels(step: int) -> int:
        return grid.levels if step >= full_levels_step else few + step * (grid.levels - few) // full_levels_step

    return RadianceScene(NeuralField(grid, rng=rng), LearnedBackground(rng=rng), levels=levels, **kwargs)


def to_bytes(scene: RadianceScene, encoding: str, samples: int, metadata: Mapping[str, Any]) -> bytes:
    """The content of a safetensors file, with `metadata` about it. Cameras, lights and penalties stay behind."""
    state = {name: value.cpu().contiguous() for name, value in scene.state_dict().items()}
    return save(state, {"born": json.dumps({"encoding": encoding, "samples": samples}), "told": json.dumps(metadata)})


def load_scene(file: Path) -> RadianceScene:
    """The scene in a file of `to_bytes`. Raises ValueError where it holds none."""
    with safe_open(file, "pt") as f:
        kwargs = json.loads((f.metadata() or {}).get("born", "null"))
        if kwargs is None:
            raise ValueError(f"a scene's file is needed, {file} holds none: choose a field.safetensors of synoptic dream")
        scene = build_scene(**kwargs)
        scene.load_state_dict({name: f.get_tensor(name) for name in f.keys()})  # noqa: SIM118
    return scene
