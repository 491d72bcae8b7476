"""Panoramas that viewers recognize: Google's GPano metadata, as XMP, in a JPEG or a PNG.

https://developers.google.com/streetview/spherical-metadata: all properties that it calls required.
"""

from __future__ import annotations

from PIL import Image

from synoptic.io.html import encoded

GPANO = "http://ns.google.com/photos/1.0/panorama/"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
XMP_HEADER = b"http://ns.adobe.com/xap/1.0/\0"  # of the segment APP1 that holds XMP
SOI, APP1 = b"\xff\xd8", b"\xff\xe1"


def gpano_xmp(width: int, height: int) -> str:
    """Return the XMP packet of a whole equirectangular panorama, which looks to the front first."""
    properties = {
        "ProjectionType": "equirectangular",
        "UsePanoramaViewer": "True",
        "FullPanoWidthPixels": width,
        "FullPanoHeightPixels": height,
        "CroppedAreaImageWidthPixels": width,
        "CroppedAreaImageHeightPixels": height,
        "CroppedAreaLeftPixels": 0,
        "CroppedAreaTopPixels": 0,
        "PoseHeadingDegrees": 0,
        "InitialViewHeadingDegrees": 0,
    }
    attributes = "".join(f'\n    GPano:{name}="{value}"' for name, value in properties.items())
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n<x:xmpmeta xmlns:x="adobe:ns:meta/">\n'
        f' <rdf:RDF xmlns:rdf="{RDF}">\n  <rdf:Description rdf:about="" xmlns:GPano="{GPANO}"{attributes}/>\n'
        ' </rdf:RDF>\n</x:xmpmeta>\n<?xpacket end="w"?>'
    )


def panorama_jpeg(image: Image.Image, quality: int = 92) -> bytes:
    """Return a panorama as a JPEG with its XMP: a segment right after the start, which every version of Pillow keeps out."""
    jpeg = encoded(image, "JPEG", quality=quality, subsampling=0)
    packet = XMP_HEADER + gpano_xmp(*image.size).encode()
    assert jpeg[:2] == SOI
    return SOI + APP1 + (len(packet) + 2).to_bytes(2, "big") + packet + jpeg[2:]
