"""The picture of docs/anagrams.md: six by the bundled pixel model and its upscaler, each as it is and turned clockwise.

python examples/anagrams.py [OUT.jpg]   # some three minutes on two cores
"""

from __future__ import annotations

import sys
from pathlib import Path

import synoptic
from synoptic import io
from synoptic.views.registry import get_view

PAIRS = [  # style, as it is, turned, seed
    ("a lithograph of", "a deer", "a truck", 0),
    ("a lithograph of", "a lion", "a sunflower", 2),
    ("an oil painting of", "an owl", "a strawberry", 1),
    ("a pencil sketch of", "a library", "a theater", 0),
    ("a neon sign of", "a cat", "a canyon", 1),
    ("a lithograph of", "a bear", "a mushroom", 0),
]

pictures, labels = [], []
for style, first, second, seed in PAIRS:
    picture = synoptic.anagram("bundled-if", first, second, style=style, seed=seed, steps=20).images[0]
    turned = io.to_pil(get_view("rotate_cw").view(io.from_pil(picture)))[0]
    pictures += [picture, turned]
    labels += [f"{style} {first}", f"turned: {second}"]
sheet = io.image_grid(pictures, labels, 4)
sheet.save(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/pictures/anagrams.jpg"), quality=88)
