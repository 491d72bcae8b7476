"""The page to look around in: everything inside, nothing asked for, nothing typed is run."""

from __future__ import annotations

import re
from base64 import b64decode
from io import BytesIO

from PIL import Image

from synoptic.io.panorama_page import panorama_page


def embedded(page: str) -> Image.Image:
    found = re.search(r'"data:image/jpeg;base64,([^"]*)"', page)
    assert found
    return Image.open(BytesIO(b64decode(found[1])))


def test_the_page_holds_the_picture_and_asks_for_nothing_else():
    title = '</script><script>alert("$picture ${x}")</script>'
    page = panorama_page(title, Image.new("RGB", (64, 32), "red"))
    assert embedded(page).size == (64, 32) and embedded(page).getpixel((5, 5))[0] > 240  # type: ignore[index]
    assert page.count("<script>") == page.count("</script>") == 1
    assert "&lt;script&gt;alert(&quot;$picture" in page and page.count("data:image") == 1
    assert not re.search(r"(https?:|//[a-z]|href=|@import|url\(|import |fetch)", re.sub(r"base64,[^\"]*", "", page))


def test_a_picture_is_as_large_as_every_browser_takes():
    assert embedded(panorama_page("a lake", Image.new("RGB", (5000, 2500)))).size == (4096, 2048)
