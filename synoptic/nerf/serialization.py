"""A scene in a file: its parameters and how to build it, so that it can be rendered again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Unpack

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from synoptic.errors import InputError
from synoptic.nerf.background import LearnedBackground
from synoptic.nerf.encoding import Encoding, FrequencyEncoding, HashGrid
from synoptic.nerf.field import NeuralField
from synoptic.nerf.scene import RadianceScene, SceneArguments
from synoptic.utils.building import one_at_a_time

VERSION = "1"  # of the file's metadata


@one_at_a_time
def blob_scene(
    encoding: str = "hash",
    rng: torch.Generator | None = None,
    *,
    full_levels_step: int = 0,
    darkest_ground: float = 0.0,
    **kwargs: Unpack[SceneArguments],
) -> RadianceScene:
    """Return a blob before a background that learns: a field on a `hash` grid or on `waves`, drawn from `rng`.

    kwargs: RadianceScene's. A quarter of the encoding's levels are open at first, all from step `full_levels_step` on; the
    colors that are drawn behind it have no channel below `darkest_ground`.
    """
    grid: Encoding = HashGrid(rng=rng) if encoding == "hash" else FrequencyEncoding()
    few = grid.levels // 4

    def levels(step: int) -> int:
        return grid.levels if step >= full_levels_step else few + step * (grid.levels - few) // full_levels_step

    return RadianceScene(
        NeuralField(grid, rng=rng), LearnedBackground(rng=rng, darkest=darkest_ground), levels=levels, **kwargs
    )


def to_bytes(scene: RadianceScene, encoding: str, samples: int, about: Mapping[str, object]) -> bytes:
    """Return the content of a safetensors file, with `about` in its metadata. Cameras, lights and penalties are left out."""
    state = {name: value.cpu().contiguous() for name, value in scene.state_dict().items()}
    metadata = {"version": VERSION, "encoding": encoding, "samples": samples, **about}
    return save(state, {key: value if isinstance(value, str) else json.dumps(value) for key, value in metadata.items()})


def check_scene(file: Path) -> None:
    """Raise InputError where the file is there and holds no scene, or one of an older version."""
    if file.exists():
        read_metadata(file)


def read_metadata(file: Path) -> dict[str, str]:
    """Return what a file of `to_bytes` says about itself. Raises InputError where it is none, or of an older version."""
    try:
        with safe_open(file, "pt") as f:
            metadata, names = f.metadata() or {}, set(f.keys())
    except (SafetensorError, OSError):
        metadata, names = {}, set()
    if "field.active_levels" not in names:
        raise InputError(
            f"a scene's file is needed, {file} holds none: choose a field.safetensors of synoptic text-to-3d",
            rule="scene-file",
        )
    if metadata.get("version") != VERSION:
        raise InputError(
            f"{file} is a scene of an older version, which is not read: run text-to-3d again, with another --out",
            rule="run-older-version",
        )
    return metadata


def load_scene(file: Path) -> RadianceScene:
    """Return the scene in a file of `to_bytes`. Raises InputError as `read_metadata`."""
    about = read_metadata(file)
    scene = blob_scene(about["encoding"], samples=int(about["samples"]))
    with safe_open(file, "pt") as f:
        scene.load_state_dict({name: f.get_tensor(name) for name in f.keys()})  # noqa: SIM118
    return scene
