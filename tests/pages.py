"""What the documentation tells its readers to type: the commands and the blocks of Python of every page."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
GUIDES = [  # what a newcomer reads, written by hand for this version's command line
    page
    for page in PAGES
    if page.name not in ("gallery.md", "renames.md", "courses.md") and page.parent.name != "measurements"
]
FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.M | re.S)
IN_TABLE = re.compile(r"(?:\| |<br>)`(synoptic [^`]+)`(?: \||<br>)")


def commands(page: Path) -> list[str]:
    """Return the lines of a page's fenced blocks that call synoptic, and the commands in its tables."""
    text = page.read_text().replace("\\\n", " ")
    lines = [line for _, block in FENCED.findall(text) for line in block.splitlines()] + IN_TABLE.findall(text)
    return [line for line in lines if line.startswith("synoptic ")]


def python_blocks(page: Path) -> list[str]:
    """Return a page's blocks of Python."""
    return [block for kind, block in FENCED.findall(page.read_text()) if kind == "python"]


def name_of(page: Path) -> str:
    """Return a page's path as the repository has it."""
    return page.relative_to(ROOT).as_posix()
