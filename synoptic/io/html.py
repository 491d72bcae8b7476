"""Pictures inside HTML: data URLs, a gallery for notebooks, and the viewer page of a film."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape
from io import BytesIO
from pathlib import Path
from string import Template
from typing import NamedTuple
from urllib.parse import quote

from PIL.Image import Image

PLOT_WIDTH, PLOT_HEIGHT = 640, 160  # of a curve, in the page's own units


def encoded(image: Image, kind: str, **how: int) -> bytes:
    """Return a picture as a file's bytes."""
    data = BytesIO()
    image.save(data, kind, **how)
    return data.getvalue()


def data_url(image: Image) -> str:
    """Return a picture as a JPEG inside a URL."""
    return "data:image/jpeg;base64," + b64encode(encoded(image, "JPEG", quality=88)).decode()


def gallery(images: Sequence[Image], titles: Sequence[str]) -> str:
    """Return pictures and their titles as HTML, for notebooks."""
    style = "display:inline-block;margin:4px;vertical-align:top"
    return "".join(
        f'<figure style="{style}"><img style="max-width:100%" src="{data_url(image)}"/>'
        f"<figcaption>{escape(title)}</figcaption></figure>"
        for image, title in zip(images, titles, strict=True)
    )


def viewer_page(
    title: str,
    frames: Sequence[tuple[Sequence[Image], Sequence[str]]],
    *,
    columns: int = 1,
    curves: Mapping[str, Sequence[tuple[float, float]]] | None = None,
    position: Sequence[float] | None = None,
) -> str:
    """Return a page with a slider over frames of pictures and their labels, that needs nothing but itself.

    `curves` are {name: points (x, y)}, drawn beside the pictures with a mark that follows the slider: `position` is where
    each frame is on their x axis, as a share of it.
    """
    places = position or [0.0] * len(frames)
    rows = [[*labels, *map(data_url, images), at] for (images, labels), at in zip(frames, places, strict=True)]
    template = Template(Path(__file__).with_name("viewer.html").read_text("utf-8"))
    return template.substitute(
        title=escape(title),
        last=len(rows) - 1,
        columns=columns,
        each=len(frames[0][0]),
        plots="".join(curve(name, points) for name, points in (curves or {}).items()),
        steps=json.dumps(rows).replace("<", "\\u003c"),
    )


def curve(name: str, points: Sequence[tuple[float, float]]) -> str:
    """Return a curve as SVG, from its least value to its largest."""
    (xs, ys), last = zip(*points, strict=True), points[-1][0]
    low, high = min(ys), max(ys)
    span = (high - low) or 1.0
    line = " ".join(f"{PLOT_WIDTH * x / last:.1f},{PLOT_HEIGHT * (high - y) / span:.1f}" for x, y in points)
    return (
        f"<figure><figcaption>{escape(name)}: {low:.3g} to {high:.3g}, step {xs[0]:g} to {last:g}</figcaption>"
        f'<svg viewBox="-2 -4 {PLOT_WIDTH + 4} {PLOT_HEIGHT + 8}" preserveAspectRatio="none"><polyline points="{line}"/>'
        f'<line y1="-4" y2="{PLOT_HEIGHT + 4}"/></svg></figure>'
    )


class IndexEntry(NamedTuple):
    """One run on the page of all: a title, a line of facts, its command, folder, pictures, further links; paths relative."""

    title: str
    facts: str
    command: str
    folder: str
    pictures: list[str]
    links: list[str]


INDEX_STYLE = """body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#222}
article{border-top:1px solid #ccc;padding:.8rem 0} h2{font-size:1.05rem;margin:0} p{margin:.2rem 0;color:#555}
img{height:160px;max-width:100%;object-fit:cover;margin:.3rem .3rem 0 0} code{font-size:.85rem;overflow-wrap:anywhere}
@media(prefers-color-scheme:dark){body{background:#181818;color:#ddd} p{color:#aaa} a{color:#8bf}}"""


def index_page(entries: Sequence[IndexEntry]) -> str:
    """Return a page of runs in the order given; every text is escaped, every path quoted."""
    articles = "\n".join(map(article, entries))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>synoptic: outputs</title><style>{INDEX_STYLE}</style></head><body><h1>Outputs, the newest first</h1>"
        f"\n{articles}\n</body></html>\n"
    )


def article(entry: IndexEntry) -> str:
    images = "".join(
        f'<a href="{quote(f"./{p}")}"><img loading="lazy" src="{quote(f"./{p}")}" alt="{escape(entry.title)}"></a>'
        for p in entry.pictures
    )
    links = " · ".join(f'<a href="{quote(f"./{link}")}">{escape(link.rpartition("/")[2])}</a>' for link in entry.links)
    return (
        f"<article><h2>{escape(entry.title) or '&nbsp;'}</h2><p>{escape(entry.facts)} · "
        f'<a href="{quote(f"./{entry.folder}/")}">{escape(entry.folder)}</a> · {links}</p>{images}'
        f"<p><code>{escape(entry.command)}</code></p></article>"
    )
