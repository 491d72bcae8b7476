"""Copies of a bundled model's directory, each broken in its own way, and how they are refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from synoptic.errors import InputError
from synoptic.models.checkpoint import BUNDLED_DIR

SD = BUNDLED_DIR / "sd"
WEIGHTS = "unet/diffusion_pytorch_model.safetensors"


def linked(folder: Path, origin: Path = SD) -> Path:
    """A copy of a bundled model, each file a link until `write` replaces it."""
    for path in origin.rglob("*"):
        if path.is_file():
            link = folder / path.relative_to(origin)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path)
    return folder


def copied(folder: Path, origin: Path = SD) -> Path:
    """A copy of a bundled model whose small files a test may write; its weights are links until `write` replaces them."""

    def copy(file: str, to: str) -> None:
        if file.endswith(".safetensors"):
            Path(to).symlink_to(file)
        else:
            shutil.copy2(file, to)

    return Path(shutil.copytree(origin, folder, copy_function=copy))


def write(path: Path, data: bytes) -> None:
    path.unlink(missing_ok=True)
    path.write_bytes(data)


def edit(path: Path, **changes) -> None:
    write(path, json.dumps(json.loads(path.read_text()) | changes).encode())


def pickled(model: Path) -> None:
    (model / WEIGHTS).rename(model / WEIGHTS.replace("safetensors", "bin"))


def weights(data: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    return lambda model: write(model / WEIGHTS, data((SD / WEIGHTS).read_bytes()))


def index(**changes) -> Callable[[Path], None]:
    return lambda model: edit(model / "model_index.json", **changes)


def refused(do: Callable[[], object], *words: str) -> None:
    """`do` raises InputError, in one line that has all the words."""
    with pytest.raises(InputError) as e:
        do()
    message = str(e.value)
    assert "\n" not in message
    assert [word for word in words if word not in message] == []
