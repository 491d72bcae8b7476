"""What the studies of panoramas and textures share: rows written as they come, a budget, means with their errors."""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import mean, stdev

import psutil
import torch
from PIL import Image, ImageDraw, ImageFont

from synoptic import io

Row = dict[str, str | int | float]
BEGUN = psutil.Process().create_time()
MARGIN, LINE = 6, 18


class Study:
    """Rows in FOLDER/NAME.json, written anew with each; `over(seconds)` says that so much more does not fit the budget."""

    def __init__(self, folder: Path, name: str, budget: float) -> None:
        self.file, self.budget, self.rows = folder / f"{name}.json", budget, list[Row]()
        folder.mkdir(parents=True, exist_ok=True)

    def seconds(self) -> float:
        """Since the process began."""
        return time.time() - BEGUN

    def over(self, seconds: float = 0.0) -> bool:
        return self.seconds() + seconds > self.budget

    def add(self, row: Row) -> None:
        self.rows.append(row)
        card = torch.cuda.get_device_name() if torch.cuda.is_available() else platform.machine()
        data = {"device": card, "torch": torch.__version__, "seconds": self.seconds(), "rows": self.rows}
        io.write_whole(self.file, json.dumps(data, indent=0))


def parser(description: str | None, out: str) -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", type=Path, default=Path(out))
    p.add_argument("--steps", type=int, help="default: the model's")
    p.add_argument("--budget", type=float, default=1e9, help="seconds after which nothing more begins")
    p.add_argument("--tiny", action="store_true", help="one prompt, one seed, two steps: does it run?")
    return p


def numbers(rows: Iterable[Row], name: str) -> list[float]:
    """One number per row that has it."""
    return [float(row[name]) for row in rows if name in row]


def by(rows: Sequence[Row], key: str) -> dict[str, list[Row]]:
    return {str(value): [row for row in rows if row[key] == value] for value in dict.fromkeys(row[key] for row in rows)}


def averaged(rows: Sequence[Row], name: str, group: str = "prompt") -> tuple[float, float] | None:
    """The mean over groups, each of them averaged first, and its standard error."""
    means = [mean(own) for part in by(rows, group).values() if (own := numbers(part, name))]
    return (mean(means), stdev(means) / len(means) ** 0.5 if len(means) > 1 else 0.0) if means else None


def differences(rows: Sequence[Row], names: Sequence[str], way: str, other: str) -> list[Row]:
    """A row per prompt and seed that both ways have: what the one has more than the other."""
    others = {(row["prompt"], row["seed"]): row for row in rows if row["way"] == other}
    own = [row for row in rows if row["way"] == way]
    pairs = [(row, others[key]) for row in own if (key := (row["prompt"], row["seed"])) in others]
    return [{"prompt": a["prompt"]} | {n: float(a[n]) - float(b[n]) for n in names if n in a and n in b} for a, b in pairs]


def labeled(picture: Image.Image, label: str) -> Image.Image:
    """A picture under a line of text."""
    figure = Image.new("RGB", (picture.width, picture.height + LINE), "white")
    ImageDraw.Draw(figure).text((2, 0), label, "black", ImageFont.load_default(13))
    figure.paste(picture, (0, LINE))
    return figure


def joined(pictures: Sequence[Image.Image], *, down: bool = False) -> Image.Image:
    """Pictures beside one another, or below."""
    along, across = ("height", "width") if down else ("width", "height")
    length = sum(getattr(p, along) + MARGIN for p in pictures) - MARGIN
    breadth = max(getattr(p, across) for p in pictures)
    figure = Image.new("RGB", (breadth, length) if down else (length, breadth), "white")
    at = 0
    for picture in pictures:
        figure.paste(picture, (0, at) if down else (at, 0))
        at += getattr(picture, along) + MARGIN
    return figure
