"""A page to look around in: a panorama, the picture inside, drawn by a small shader. It needs nothing but itself."""

from __future__ import annotations

from base64 import b64encode
from html import escape
from pathlib import Path
from string import Template

from PIL import Image

from synoptic.io.gpano import panorama_jpeg

LARGEST = 4096  # pixels: the widest texture that every browser takes


def panorama_page(title: str, image: Image.Image) -> str:
    """Return the page of an equirectangular picture; what a person typed is escaped."""
    if image.width > LARGEST:
        image = image.resize((LARGEST, LARGEST // 2), Image.Resampling.LANCZOS)
    picture = "data:image/jpeg;base64," + b64encode(panorama_jpeg(image)).decode()
    template = Template(Path(__file__).with_name("panorama.html").read_text("utf-8"))
    return template.substitute(title=escape(title), picture=picture)
