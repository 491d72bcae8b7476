"""The picture of the README: wide pictures of the bundled model under one another. python examples/wide.py [FILE]"""

import sys
from pathlib import Path

from PIL import Image

import synoptic

PROMPTS = [
    "a photo of a penguin in the snow",
    "a photo of desert dunes at sunset",
    "an oil painting of a sailboat on the water",
    "a photo of a lavender field at sunrise",
    "an oil painting of an autumn forest",
]


def main(file: str = "docs/pictures/wide.jpg") -> None:
    images = synoptic.run("wide", *PROMPTS, out="outputs/readme").images
    gap = 4
    width, height = images[0].size
    sheet = Image.new("RGB", (width, len(images) * (height + gap) - gap), "white")
    for i, image in enumerate(images):
        sheet.paste(image, (0, i * (height + gap)))
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    sheet.save(file, quality=90)


if __name__ == "__main__":
    main(*sys.argv[1:])
