"""The pictures of the studio's examples, from those of the gallery, in synoptic/studio/pictures.

python examples/studio_examples.py, after examples/gallery.py
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

FROM = Path("docs/pictures")
TO = Path("synoptic/studio/pictures")
PLAIN = ("owl", "fox", "castle", "rocket-ship", "guitar", "guitar-neon", "guitar-sketch", "owl-oil", "castle-watercolor")
PLAIN += ("strawberry", "strawberry-blue")
STRIPS = ("wide-coral-reef", "wide-medieval-town", "wide-northern-lights", "wide-travel", "panorama-coral-reef")
ANAGRAMS = ("frog-hamburger", "light-bulb-pear", "fox-tulip", "deer-truck")
HYBRIDS = ("pumpkin-town", "lion-town")
OBJECTS = {"teapot": 192, "castle-3d": 576}  # where their rows begin
CAPTION = 26  # pixels above an anagram or a hybrid of the gallery


def strip(name: str) -> Image.Image:
    """Return a wide picture, no wider than a form."""
    picture = Image.open(FROM / "gallery" / f"{name}.jpg")
    picture.thumbnail((768, 768), Image.Resampling.LANCZOS)
    return picture


def two_ways(name: str) -> Image.Image:
    """Return an anagram as it is and turned, or a hybrid from near and from afar, without prompts."""
    picture = Image.open(FROM / "gallery" / f"{name}.jpg")
    return picture.crop((8, CAPTION, picture.width - 8, CAPTION + 256)).resize((388, 192), Image.Resampling.LANCZOS)


def main() -> None:
    TO.mkdir(exist_ok=True)
    found = {name: Image.open(FROM / "gallery" / f"{name}.jpg") for name in PLAIN}
    found |= {name: strip(name) for name in STRIPS} | {name: two_ways(name) for name in (*ANAGRAMS, *HYBRIDS)}
    found |= {name: Image.open(FROM / "dream.jpg").crop((0, top, 384, top + 96)) for name, top in OBJECTS.items()}
    for name, picture in found.items():
        picture.save(TO / f"{name}.webp", quality=86, method=6)


if __name__ == "__main__":
    main()
