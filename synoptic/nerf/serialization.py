"""A scene in a file: its numbers and what it was born as, so that it can be looked at again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save

from synoptic.nerf.background import Learned
from synoptic.nerf.encoding import Encoding, HashGrid, Waves
from synoptic.nerf.field import NeuralField
from synoptic.nerf.scene import Radiance


def born(encoding: str = "hash", rng: torch.Generator | None = None, *, whole: int = 0, **how: Any) -> Radiance:
    """A blob before a background that learns: a field on a `hash` grid or on `waves`, drawn from `rng`; how: Radiance's.

    A quarter of the encoding's levels are open at first, all from step `whole` on.
    """
    grid: Encoding = HashGrid(rng=rng) if encoding == "hash" else Waves()
    few = grid.levels // 4

    def levels(step: int) -> int:
        return grid.levels if step >= whole else few + step * (grid.levels - few) // whole

    return Radiance(NeuralField(grid, rng=rng), Learned(rng=rng), levels=levels, **how)


def stored(scene: Radiance, encoding: str, samples: int, told: Mapping[str, Any]) -> bytes:
    """The content of a safetensors file, with what is `told` about it. Cameras, lights and penalties stay behind."""
    state = {name: value.cpu().contiguous() for name, value in scene.state_dict().items()}
    return save(state, {"born": json.dumps({"encoding": encoding, "samples": samples}), "told": json.dumps(told)})


def load_scene(file: Path) -> Radiance:
    """The scene in a file of `stored`. Raises ValueError where it holds none."""
    with safe_open(file, "pt") as f:
        how = json.loads((f.metadata() or {}).get("born", "null"))
        if how is None:
            raise ValueError(f"a scene's file is needed, {file} holds none: choose a field.safetensors of synoptic dream")
        scene = born(**how)
        scene.load_state_dict({name: f.get_tensor(name) for name in f.keys()})  # noqa: SIM118
    return scene
