"""What an application's pictures want to be looked at in: turned, enlarged, seen from afar. Each a page inside the page."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from string import Template

from PIL import Image

from synoptic.io import load_image
from synoptic.io.html import data_url
from synoptic.studio.grid import grid

PAGES = {"anagram": "turn.html", "wide": "zoom.html", "hybrid": "distance.html"}
OWN_PAGES = ("*/turntable.html", "*.panorama.html", "*.viewer.html")  # that a run has written itself
HEIGHT = 480
FITTED = "<style>body{margin:.5rem auto} h1{display:none} img{height:380px;object-fit:contain}</style>"  # into that height
MOST_SIDE = 8192  # pixels of the longer side of a picture inside a page


def viewer(application: str, folder: Path, pictures: Sequence[Path]) -> str:
    """Return a run's viewer as HTML; "" where its pictures are simply looked at."""
    if own := sorted(file for pattern in OWN_PAGES for file in folder.glob(pattern) if not file.is_symlink()):
        return frame(own[0].read_text("utf-8") + FITTED)
    if application == "compare_sync":
        return frame(page) if (page := grid(folder)) else ""
    if application not in PAGES or not pictures:
        return ""
    image = load_image(pictures[0])
    image.thumbnail((MOST_SIDE, MOST_SIDE), Image.Resampling.LANCZOS)
    template = Template(Path(__file__).with_name(PAGES[application]).read_text("utf-8"))
    return frame(template.substitute(title=escape(application), picture=data_url(image)))


def frame(page: str) -> str:
    """Return a page inside a page, whose scripts reach nothing outside of it."""
    return (
        f'<iframe title="viewer" sandbox="allow-scripts" style="width:100%;height:{HEIGHT}px;border:0"'
        f' srcdoc="{escape(page)}"></iframe>'
    )
