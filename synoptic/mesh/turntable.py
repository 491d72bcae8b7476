"""A page to turn an object on: its pictures from all around, dragged through by hand. It needs nothing but itself."""

from __future__ import annotations

import html
import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image


def turntable_html(title: str, kinds: Mapping[str, Sequence[Image]]) -> str:
    """Build the page of pictures evenly around, of each kind as many (color, normals, depth …).

    Raises ValueError where there are none, or kinds differ in number.
    """
    counts = {len(pictures) for pictures in kinds.values()}
    if len(counts) != 1 or 0 in counts:
        raise ValueError(f"a turntable needs as many pictures of each kind, {sorted(counts)} were given: render all of them")
    frames = {name: [_embedded(picture) for picture in pictures] for name, pictures in kinds.items()}
    options = "".join(f"<option>{html.escape(name)}</option>" for name in kinds)
    template = Template(Path(__file__).with_name("turntable.html").read_text("utf-8"))
    words = {"title": html.escape(title), "options": options, "last": counts.pop() - 1}
    return template.substitute(words, frames=json.dumps(frames).replace("</", "<\\/"))


def _embedded(picture: Image) -> str:
    data = BytesIO()
    picture.save(data, "PNG")
    return "data:image/png;base64," + b64encode(data.getvalue()).decode()
