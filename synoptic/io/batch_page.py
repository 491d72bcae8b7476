"""The page of a batch: every job with its pictures, filtered and sorted in the browser, with nothing from outside."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import NamedTuple
from urllib.parse import quote


class BatchRow(NamedTuple):
    """One job on the page: what it shows, where it is; `path` and `pictures` relative to the page."""

    title: str
    application: str
    state: str
    score: float | None
    seconds: float | None
    options: str
    path: str
    pictures: list[str]
    message: str


def batch_page(title: str, rows: Sequence[BatchRow]) -> str:
    """Return the page. Texts reach it as JSON and are shown as text, whatever they hold; paths are quoted."""
    quoted = [
        row._replace(path=quote(f"./{row.path}/"), pictures=[quote(f"./{picture}") for picture in row.pictures])
        for row in rows
    ]
    template = Template(Path(__file__).with_name("batch.html").read_text("utf-8"))
    data = json.dumps(quoted, separators=(",", ":")).replace("<", "\\u003c")
    return template.substitute(title=escape(title), names=json.dumps(BatchRow._fields), rows=data)
