"""What each application paints at a click, on the bundled models, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

PICTURES = Path(__file__).with_name("pictures")


class Example(NamedTuple):
    """Options, whose pictures are files of the package, and the name of the picture that comes of them."""

    shows: str
    options: Mapping[str, object]

    @property
    def picture(self) -> Path:
        return picture(self.shows)

    @property
    def caption(self) -> str:
        """Its prompts."""
        prompt = self.options["prompt"]
        return " · ".join(map(str, prompt)) if isinstance(prompt, list) else str(prompt)


def picture(name: str) -> Path:
    """Return a picture of the package."""
    return PICTURES / f"{name}.webp"


def turned(shows: str, style: str, first: str, second: str, view: str = "rotate_180") -> Example:
    """Return an anagram of two prompts, as it is and upside down or in another view."""
    return Example(shows, {"prompt": [first, second], "style": style, "views": ["identity", view], "fast": True})


def seen(shows: str, far: str) -> Example:
    """Return a hybrid of a thing, from afar, and a town, from near."""
    return Example(shows, {"prompt": [f"a photo of {far}", "a lithograph of a medieval town"], "fast": True, "seed": 1})


MEADOW = ["a photo of a green meadow", "a photo of a lake", "a photo of snowy mountains"]
EXAMPLES: Mapping[str, Sequence[Example]] = {
    "generate": [
        Example("owl", {"prompt": ["a photo of an owl"]}),
        Example("fox", {"prompt": ["an oil painting of a fox"]}),
        Example("rocket-ship", {"prompt": ["a photo of a rocket ship"]}),
        Example("castle", {"prompt": ["pixel art of a castle"]}),
    ],
    "wide": [
        Example("wide-coral-reef", {"prompt": ["a photo of a coral reef"], "fast": True, "seed": 1}),
        Example("wide-medieval-town", {"prompt": ["an oil painting of a medieval town"], "fast": True, "seed": 1}),
        Example("wide-northern-lights", {"prompt": ["a photo of the northern lights"], "fast": True, "seed": 1}),
        Example("wide-travel", {"prompt": MEADOW, "fast": True, "prompt_travel": True}),
    ],
    "panorama": [Example("panorama-coral-reef", {"prompt": ["a photo of a coral reef"], "steps": 16})],
    "anagram": [
        turned("frog-hamburger", "an oil painting of", "a frog", "a hamburger"),
        turned("light-bulb-pear", "a photo of", "a light bulb", "a pear"),
        turned("fox-tulip", "an oil painting of", "a fox", "a tulip"),
        turned("deer-truck", "a lithograph of", "a deer", "a truck", "rotate_cw"),
    ],
    "hybrid": [
        seen("pumpkin-town", "a pumpkin"),
        seen("lion-town", "a lion"),
    ],
    "text_to_3d": [
        Example("teapot", {"prompt": ["a purple teapot"]}),
        Example("castle-3d", {"prompt": ["a blue castle"]}),
    ],
    "edit": [
        Example("guitar-sketch", {"image": picture("guitar"), "prompt": "a pencil sketch of a guitar", "strength": 0.7}),
    ],
    "flow_edit": [
        Example(
            "strawberry-blue",
            {
                "image": picture("strawberry"),
                "prompt": "a photo of a blue strawberry",
                "source_prompt": "a photo of a red strawberry",
            },
        ),
    ],
    "control": [
        Example("guitar-neon", {"image": picture("guitar"), "prompt": ["a neon sign of a guitar"]}),
        Example("owl-oil", {"image": picture("owl"), "prompt": ["an oil painting of an owl"]}),
        Example("castle-watercolor", {"image": picture("castle"), "prompt": ["a watercolor of a castle at sunset"]}),
    ],
}
STRIPS = ("wide", "panorama", "text_to_3d")  # whose pictures are wide: one under another
