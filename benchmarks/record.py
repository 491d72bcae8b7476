"""A study's findings, in a JSON file that is written anew after each part, within a budget of seconds; sheets."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
import torch
from PIL import Image

from synoptic.io import image_grid
from synoptic.runs.manifest import versions

QUALITY = 85  # of JPEG


class Record:
    """What a study found so far, in OUT/NAME.json, and the time it has left."""

    def __init__(self, name: str, out: Path, budget: float, settings: dict[str, object]) -> None:
        device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
        self.file, self.budget, self.slowest = out / f"{name}.json", budget, 0.0
        self.found: dict[str, object] = {"device": device, "versions": versions(), "settings": settings}
        self.last = self.spent
        out.mkdir(parents=True, exist_ok=True)

    @property
    def spent(self) -> float:
        """Seconds since the process began."""
        return time.time() - psutil.Process().create_time()

    def keep(self, **findings: object) -> None:
        """Write findings beside the others."""
        self.found |= findings | {"seconds": round(self.spent, 1)}
        self.file.write_text(json.dumps(self.found, indent=1) + "\n")

    def has_time(self) -> bool:
        """Return whether as much time is left as the slowest part so far took; a new part begins."""
        now = self.spent
        self.slowest, self.last = max(self.slowest, now - self.last), now
        enough = now + self.slowest < self.budget
        if not enough:
            print(f"# {self.file.stem}: {now:.0f} s of {self.budget:.0f} are spent, the rest is left out", flush=True)
        return enough


def add_arguments(parser: argparse.ArgumentParser, name: str) -> None:
    """Give a study the options that all of them take."""
    parser.add_argument("--out", type=Path, default=Path("outputs/benchmarks") / name)
    parser.add_argument(
        "--budget", type=float, default=float("inf"), metavar="SECONDS", help="then it ends with what it has"
    )
    parser.add_argument("--tiny", "--quick", action="store_true", help="two steps, a few pictures: does it run?")


def save_jpeg(file: Path, picture: Image.Image) -> None:
    picture.save(file, "JPEG", quality=QUALITY)


def save_sheet(file: Path, pictures: Sequence[Image.Image], labels: Sequence[str], columns: int, side: int) -> None:
    """Write pictures in rows, each `side` pixels wide under its label, as a JPEG."""
    small = [picture.resize((side, side), Image.Resampling.LANCZOS) for picture in pictures]
    save_jpeg(file, image_grid(small, labels, columns, cell=side))
