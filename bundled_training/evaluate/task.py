"""What a measurement is asked for, and what it finds."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from bundled_training.train.loop import sheet
from synoptic.metrics.clip import Clip
from synoptic.models.device import choose_device

CLIP_MODELS = ("clip", "clip-grayscale")


@dataclass(frozen=True)
class Task:
    """A family to measure, perhaps an older one to measure against, both scored by the family's own CLIP models."""

    family: Path
    out: Path
    against: Path | None = None
    quick: bool = False
    seed: int = 0
    device: str = "auto"
    prompts: int = 100
    samples: int = 6
    jpeg: bool = False

    def count(self, full: int, quick: int) -> int:
        """How many of something: `full`, or a handful in a test."""
        return quick if self.quick else full

    def models(self, part: str) -> dict[str, Path]:
        """The directories of one member, as "family" and "against". Raises FileNotFoundError where the family lacks it."""
        if not (self.family / part).is_dir():
            raise FileNotFoundError(f"{self.family} has no {part}")
        old = {"against": self.against / part} if self.against and (self.against / part).is_dir() else {}
        return {"family": self.family / part, **old}

    @cached_property
    def clip_models(self) -> dict[str, Clip]:
        return {name: Clip(str(self.family / name), self.device) for name in CLIP_MODELS}

    @cached_property
    def on(self) -> torch.device:
        return choose_device(self.device)


class Row(NamedTuple):
    """One number: of which pictures (real, family, against, …), by which CLIP, with standard error and sample size."""

    measure: str
    pictures: str
    clip_model: str
    value: float
    error: float | None
    samples: int

    def __str__(self) -> str:
        error = "" if self.error is None else f"{self.error:.4f}"
        return "\t".join([self.measure, self.pictures, self.clip_model, f"{self.value:.4f}", error, str(self.samples)])


@dataclass
class Findings:
    """The rows of a table, whatever else belongs in the JSON, and a sheet of pictures (N, 3, H, W) in [0, 1]."""

    settings: dict[str, Any]
    rows: list[Row] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)
    sheet: Tensor | None = None
    columns: int = 12

    def add(self, measure: str, pictures: str, clip: str, value: tuple[float, float | None], samples: int) -> None:
        self.rows.append(Row(measure, pictures, clip, *value, samples))

    def write(self, name: str, task: Task) -> None:
        """OUT/NAME.json, OUT/NAME.png or .jpg, and the table on standard output."""
        task.out.mkdir(parents=True, exist_ok=True)
        recorded = {key: None if value is None else str(value) for key, value in asdict(task).items()}
        recorded |= {
            "device": str(task.on),
            "torch": torch.__version__,
            "seed": task.seed,
            "quick": task.quick,
            "code": revision(),
        }
        found = {
            "name": name,
            "settings": recorded | self.settings,
            "rows": [row._asdict() for row in self.rows],
            **self.details,
        }
        (task.out / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n")
        if self.sheet is not None:
            sheet(self.sheet, task.out / f"{name}.{'jpg' if task.jpeg else 'png'}", self.columns)
        print("\t".join(["# " + name, *Row._fields[1:]]), *self.rows, sep="\n", flush=True)


def revision() -> str:
    """The commit of this code, with "+" where files differ from it; empty where there is no repository or no git."""
    if not shutil.which("git"):
        return ""
    asked = ["git", "describe", "--always", "--dirty=+", "--abbrev=12"]
    return subprocess.run(asked, capture_output=True, text=True, cwd=Path(__file__).parent).stdout.strip()
