"""The grid of `compare-sync`: a row per rule, a column per seed and prompt; pictures open large."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import NamedTuple

from PIL.Image import Image

from synoptic.io import load_image
from synoptic.io.html import data_url
from synoptic.options.compare_sync import CompareSyncOptions
from synoptic.runs.folders import earlier
from synoptic.studio.heavy import import_heavy
from synoptic.studio.results import listed, picture_file
from synoptic.utils.json_objects import JsonObject

SIDE = 512  # pixels of a picture, at most


class Cell(NamedTuple):
    """A picture as one of its views shows it: the rule, the seed, the prompt."""

    rule: str
    seed: object
    prompt: str
    image: Image


def grid(folder: Path) -> str:
    """Return the page of a run of compare-sync; "" where it is not complete."""
    options = (earlier(folder) or {}).get("options")
    cells = (
        [cell for picture in listed(folder) for cell in seen(folder, picture, options)] if isinstance(options, dict) else []
    )
    rules = list(dict.fromkeys(cell.rule for cell in cells))
    columns = list(dict.fromkeys((cell.seed, cell.prompt) for cell in cells))
    if not cells or len(cells) != len(rules) * len(columns):
        return ""
    heads = "".join(f'<th scope="col">{escape(prompt)}, seed {seed}</th>' for seed, prompt in columns)
    table = measured(folder)
    rows = "".join(row(rule, [c for c in cells if c.rule == rule], table.get(rule, "")) for rule in rules)
    template = Template(Path(__file__).with_name("grid.html").read_text("utf-8"))
    return template.substitute(title="compare sync", columns=heads, rows=rows)


def seen(folder: Path, picture: JsonObject, options: Mapping[str, object]) -> list[Cell]:
    """Return a picture as each prompt is seen in it."""
    file, views = picture_file(folder, picture), options.get("views")
    if file is None or not isinstance(views, list):
        return []
    asked = CompareSyncOptions.from_arguments(**{name: options[name] for name in ("prompt", "views", "style")})
    looked = import_heavy("synoptic.studio.seen").seen(load_image(file), views)
    rule = file.parent.name.replace("-", " ")
    return [Cell(rule, picture.get("seed"), *pair) for pair in zip(asked.prompts(), looked, strict=True)]


def row(rule: str, cells: Sequence[Cell], says: str) -> str:
    """Return a rule's row as HTML."""
    found = f'<th scope="row">{escape(rule)}<small>{escape(says)}</small></th>'
    for cell in cells:
        cell.image.thumbnail((SIDE, SIDE))
        title = escape(f"{rule}: {cell.prompt}, seed {cell.seed}")
        found += f'<td><button type="button"><img src="{data_url(cell.image)}" alt="{title}"></button></td>'
    return f"<tr>{found}</tr>"


def measured(folder: Path) -> dict[str, str]:
    """Return {rule: its alignment and concealment}, from the run's table; {} where there is none."""
    file = folder / "compare_sync.tsv"
    if not file.is_file() or file.is_symlink():
        return {}
    head, *lines = [line.split("\t") for line in file.read_text("utf-8").splitlines()]
    return {" ".join(line[:2]): ", ".join(f"{n} {v}" for n, v in zip(head[2:4], line[2:4], strict=True)) for line in lines}
