"""GPano metadata, read back from files as viewers find it."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from synoptic import io
from synoptic.io.gpano import gpano_xmp, panorama_jpeg

NAMESPACE = "{http://ns.google.com/photos/1.0/panorama/}"
REQUIRED = {  # https://developers.google.com/streetview/spherical-metadata
    "ProjectionType": "equirectangular",
    "FullPanoWidthPixels": "64",
    "FullPanoHeightPixels": "32",
    "CroppedAreaImageWidthPixels": "64",
    "CroppedAreaImageHeightPixels": "32",
    "CroppedAreaLeftPixels": "0",
    "CroppedAreaTopPixels": "0",
}


def panorama() -> Image.Image:
    return Image.linear_gradient("L").resize((64, 32)).convert("RGB")


def properties(packet: str) -> dict[str, str]:
    root = ElementTree.fromstring(packet[packet.index("<x:xmpmeta") : packet.index("<?xpacket end")])
    return {
        name.removeprefix(NAMESPACE): value
        for element in root.iter()
        for name, value in element.attrib.items()
        if name.startswith(NAMESPACE)
    }


def text_of(image: Image.Image) -> dict[str, str]:
    assert isinstance(image, PngImageFile)
    return image.text


def segments(jpeg: bytes) -> list[tuple[int, bytes]]:
    """The segments of a JPEG before its image data: marker, content."""
    found, at = [], 2
    while jpeg[at + 1] != 0xDA:
        length = int.from_bytes(jpeg[at + 2 : at + 4], "big")
        found.append((jpeg[at + 1], jpeg[at + 4 : at + 2 + length]))
        at += 2 + length
    return found


def test_a_jpeg_has_its_packet_before_the_image_data_and_is_the_picture():
    jpeg = panorama_jpeg(panorama())
    (packet,) = [content for marker, content in segments(jpeg) if content.startswith(b"http://ns.adobe.com/xap/1.0/\0")]
    found = properties(packet.partition(b"\0")[2].decode())
    assert REQUIRED.items() <= found.items() and found["UsePanoramaViewer"] == "True"
    with Image.open(BytesIO(jpeg)) as image:
        assert image.format == "JPEG" and image.size == (64, 32)
        assert properties(image.info["xmp"].decode()) == found
        assert abs(io.from_pil(image) - io.from_pil(panorama())).max() < 0.1


def test_a_png_has_it_beside_its_settings(tmp_path: Path):
    io.save_image(tmp_path / "a.png", panorama(), {"prompt": "a lake"}, gpano_xmp(64, 32))
    io.save_image(tmp_path / "b.png", panorama(), {"prompt": "a lake"})
    assert io.read_settings(tmp_path / "a.png") == io.read_settings(tmp_path / "b.png") == {"prompt": "a lake"}
    with Image.open(tmp_path / "a.png") as image:
        assert REQUIRED.items() <= properties(text_of(image)["XML:com.adobe.xmp"]).items()
    with Image.open(tmp_path / "b.png") as image:
        assert "XML:com.adobe.xmp" not in text_of(image)


@pytest.mark.parametrize("size", [(1, 2), (8192, 4096)])
def test_a_packet_fits_into_a_segment(size):
    assert len(gpano_xmp(*size).encode()) < 65000
