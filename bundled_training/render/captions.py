"""What is on each picture, and its caption: random sentences from the tables of words.py.

    python -m bundled_training.render.captions OUT.json

writes the vocabulary: every word of 200,000 captions, and examples to write prompts from.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Any
from zlib import crc32

from bundled_training.render.objects import SOLIDS
from bundled_training.render.solids import VIEWS as FACES_SEEN
from bundled_training.render.things import NAMES, UNDYED, USUAL, pair, thing
from bundled_training.render.words import (
    ADJECTIVES,
    COLOURS,
    DOWN,
    DYED_STORIES,
    DYES,
    FACES,
    KINDS,
    PLAIN,
    POLES,
    QUALITY,
    SCENES,
    STORIES,
    STYLES,
    SUNS,
    SYNONYMS,
    TIMES,
    UNCOUNTED,
    UNIQUE,
    VIEWS,
)  # fmt: skip

WIDE_PROMPTS = (
    "a sweeping panoramic view of the grand canyon at sunset",
    "a bustling city skyline at night with skyscrapers",
    "a photo of a beautiful ocean with coral reef",
    "a beach scene at sunrise with golden sands",
    "a desert landscape with vast dunes of golden sand",
    "a dense forest in autumn with trees in shades of red orange",
    "a european medieval town with narrow cobblestone streets",
    "a tranquil lake surrounded by misty mountains",
    "the great wall of china snaking across rugged mountains",
    "a lavender field in provence with rows of vibrant purple flowers",
)
ANAGRAM_PROMPTS = (
    "an oil painting of a snowy mountain village", "an oil painting of a horse", "a photo of a duck", "a photo of a rabbit",
    "an oil painting of a library", "an oil painting of a theater", "an oil painting of a maine coon",
    "an oil painting of a canyon", "a photo of a goldfish", "a photo of the queen of england", "a lithograph of a table",
    "a lithograph of a waterfall", "a pencil sketch of students in a classroom", "a pencil sketch of flower arrangements",
    "a painting of a horse", "a painting of a dog", "a painting of a deer", "a painting of a truck", "a photo of a car",
    "a photo of pisa tower",
)  # fmt: skip
EDIT_PROMPTS = (
    "a red bus driving on a desert road", "a yellow school bus driving on a desert road", "a boat in a river",
    "a golden boat in a river", "a cabin surrounded by forests", "a cabin surrounded by flowers", "a church beside a lake",
    "a church beside a lake at night", "a villa close to the pool", "a villa covered with ivy close to the pool",
    "a castle next to a river", "a rainbow castle next to a river", "a burger on the table",
    "a burger with lettuce on the table", "a dog sitting on grass", "a golden retriever sitting on grass",
    "a cat sitting on a table", "a wooden cat statue sitting on a table", "a car on the road",
    "a yellow sportscar on the road",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Spec:
    """One picture: what its caption says, and what the renderer needs to know besides."""

    caption: str
    style: str
    kind: str  # of words.KINDS
    names: tuple[str, ...] = ()  # the things, of things.NAMES (a solid: of SOLIDS)
    layout: str = ""  # where the things stand: one of standing.py
    colour: str | None = None  # the first thing's, of DYES
    scene: str | None = None  # what lies behind, or None for a plain background
    background: str | None = None  # the plain background's color, of COLOURS, or None for any
    time: str = "day"
    sun: bool = False  # the sun, or at night the moon, is seen
    view: str = ""  # the side of a solid that is seen

    @property
    def content(self) -> str:
        """What is held out of training together with a style."""
        if self.kind == "solid":
            return f"{self.colour}|{self.names[0]}"
        return self.names[0] if self.names else str(self.scene)


@cache
def is_held_out(style: str, content: str) -> bool:
    """Every tenth pair of a style and a content is never rendered in training.

    Not so what people ask for first, usual things in every style and photos of scenes: "a photo of a pizza" is learned.
    """
    asked_first = content in USUAL or (style == "photo" and content in SCENES)
    return not asked_first and crc32(f"{style}|{content}".encode()) % 10 == 0


@cache
def with_article(words: str) -> str:
    """The words with "a", "an" or "the", or none where they take none."""
    if words in UNCOUNTED or words.startswith(("a ", "an ", "the ", "pisa ")):
        return words
    if words in UNIQUE:
        return "the " + words
    return ("an " if words[0] in "aeiou" and not words.startswith(("uni", "eu", "ufo")) else "a ") + words


@cache
def coloured(colour: str | None, name: str) -> str:
    """The name in its color, with its article: a red apple, purple grapes."""
    if not colour:
        return with_article(name)
    return f"{colour} {name}" if name in UNCOUNTED else with_article(f"{colour} {name}")


@cache
def _sentences(key: str) -> tuple[tuple[str, str], ...]:
    """A scene's sentences, each with the time of the day that it tells, or ""."""
    stated = {" at sunset": "sunset", " at sunrise": "sunrise", " at night": "night", "misty": "mist"}
    return tuple((text, next((time for word, time in stated.items() if word in text), "")) for text in SCENES[key].sentences)


@cache
def _times(key: str) -> tuple[str, ...]:
    return tuple(SCENES[key].times.split())


_SCENES = tuple(SCENES)
_STORY_WEIGHTS = tuple(accumulate(story.weight for story in STORIES))


def specs(count: int, rng: Random, held_out: bool = False) -> list[Spec]:
    """`count` pictures of the training mixture, or of the pairs of style and content that training never shows."""
    found: list[Spec] = []
    kinds, weights = tuple(KINDS), tuple(accumulate(KINDS.values()))
    styles, shares = tuple(STYLES), tuple(accumulate(share for share, _ in STYLES.values()))
    while len(found) < count:
        kind = rng.choices(kinds, cum_weights=weights)[0]
        style = "photo" if kind == "solid" else rng.choices(styles, cum_weights=shares)[0]
        spec = _fitting("scene" if kind == "pole" else kind, style, rng, held_out)
        if kind == "pole":  # in a scene's place, and drawn apart: all others are the same as without poles
            spec = _fitting(kind, style, Random(repr(rng.getstate())), held_out) or spec
        if spec:
            found.append(spec)
    return found


def _fitting(kind: str, style: str, rng: Random, held_out: bool) -> Spec | None:
    """Draw until a picture of the kind is on the right side, so that the kinds keep their shares; None if none is."""
    some = (_MAKERS[kind](style, rng) for _ in range(1000))
    return next((spec for spec in some if is_held_out(style, spec.content) == held_out), None)


def _prefixed(style: str, text: str, rng: Random, bare: float = 0.0) -> str:
    """The text with the style's words before it; a photo's text may stand `bare`."""
    if style == "photo":
        chance = rng.random()
        if chance < 0.015:
            return QUALITY
        if chance < 0.015 + bare:
            return text
    return rng.choice(STYLES[style][1]) + text


def _sun(key: str, time: str, rng: Random, stated: bool) -> tuple[str, bool]:
    """The caption's words on the sun or the moon, and whether it is there: hardly ever when the caption does not tell."""
    if not SCENES[key].sky or time not in SUNS:
        return "", False
    if stated and rng.random() < 0.12:
        return rng.choice(SUNS[time]), True
    return "", rng.random() < 0.02


def _scene(style: str, rng: Random) -> Spec:
    key = rng.choice(_SCENES)
    scene, time = SCENES[key], rng.choice(_times(key))
    stated, bare = "", 0.0
    if rng.random() < 0.45:
        text, stated = rng.choice(_sentences(key))
        time, bare = stated or time, 0.4
    else:
        text = rng.choice(scene.nouns)
        if time == "mist" and rng.random() < 0.5:
            stated = "mist"
            text = "a misty " + text.split(" ", 1)[1] if text.startswith(("a ", "an ")) else f"misty {text}"
            text = text if not text.startswith("misty the") else f"{text[6:]} in the mist"
    chance = rng.random()
    if chance < 0.12 and "view" not in text:
        text = rng.choice(VIEWS) + text
    elif chance < 0.3 and text in scene.nouns and not text.startswith("the "):
        adjective = rng.choice(ADJECTIVES)
        if adjective not in text:
            head, _, rest = text.partition(" ")
            text = f"a {adjective} {rest}" if head in ("a", "an") else f"{adjective} {text}"
    if not stated and scene.sky:
        text += rng.choice(TIMES[time])
    words, sun = _sun(key, time, rng, stated=True)
    return Spec(_prefixed(style, text + words, rng, bare), style, "scene", scene=key, time=time, sun=sun)


def _pole(style: str, rng: Random) -> Spec:
    key = rng.choices(tuple(POLES), [pole.weight for pole in POLES.values()])[0]
    time = rng.choice(POLES[key].times.split())
    text = rng.choice(POLES[key].nouns)
    if time not in text:
        text += rng.choice(TIMES[time])
    if key.startswith("overhead"):
        if style == "photo" and rng.random() < 0.3:
            return Spec(f"overhead view of {text}", style, "pole", scene=key, time=time)
        text = rng.choice(DOWN).format(text)
    return Spec(_prefixed(style, text, rng), style, "pole", scene=key, time=time)


def _solid(style: str, rng: Random) -> Spec:
    name, view = rng.choice(SOLIDS), rng.choice(FACES_SEEN)
    colour = rng.choice(tuple(COLOURS)) if rng.random() < 0.8 else None
    tells = rng.random() < 0.8
    text = rng.choice(FACES[view if tells else ""]).format(coloured(colour, name))
    background = None
    chance = rng.random()
    if chance < 0.5:
        background = "white"
        if chance < 0.06:
            text += " on a white background"
    caption = QUALITY if rng.random() < 0.015 else text
    return Spec(caption, style, "solid", (name,), colour=colour, background=background, view=view)


def _story(style: str, rng: Random) -> Spec:
    story = rng.choices(STORIES, cum_weights=_STORY_WEIGHTS)[0]
    names = tuple(rng.choice(choices) for choices in story.things)
    text = rng.choice(story.captions)
    colour = DYED_STORIES.get(text)
    if story.dyed and rng.random() < 0.3:
        colour = rng.choice(DYES)
    others = SYNONYMS.get(names[0], ())
    stated = names[0] if colour or not others or rng.random() < 0.5 else rng.choice(others)
    text = text.format(coloured(colour, stated))
    if not story.scenes:
        chance = rng.random()
        key = None if chance < 0.75 else rng.choice(("mountains", "meadow", "forest", "beach", "library"))
        return Spec(_prefixed(style, text, rng, 0.3), style, "story", names, story.layout, colour, key)
    key = rng.choice(story.scenes)
    time, sun = "night", False
    if not story.night:
        time = rng.choice(_times(key)) if rng.random() < 0.4 else rng.choice(("day", "day", "day", "night"))
        if time != "day":
            text += rng.choice(TIMES[time])
        words, sun = _sun(key, time, rng, stated=True)
        text += words
    caption = _prefixed(style, text, rng, 0.3)
    return Spec(caption, style, "story", names, story.layout, colour, key, time=time, sun=sun)


def _two(style: str, rng: Random) -> Spec:
    first, second = pair(rng)
    across = rng.random() < 0.8
    between = rng.choice((" and ", " and ", " next to ") if across else (" above ", " on top of "))
    text = with_article(first) + between + with_article(second)
    background = "white" if rng.random() < 0.35 else None
    layout = "across" if across else "above"
    return Spec(_prefixed(style, text, rng), style, "two", (first, second), layout, background=background)


def _one(style: str, rng: Random) -> Spec:
    name = thing(rng)
    colour = rng.choice(DYES) if rng.random() < 0.15 and name not in UNDYED else None
    if not colour and name in SYNONYMS and rng.random() < 0.5:
        text = with_article(rng.choice(SYNONYMS[name]))
    else:
        text = coloured(colour, name)
    barista = name == "hipster barista"
    names, layout = ((name, "cup of coffee"), "barista") if barista else ((name,), "one")
    key = background = None
    time, sun = "day", False
    chance = rng.random()
    if chance < 0.28:
        key = rng.choice(_SCENES)
        time = rng.choice(_times(key))
        if stated := chance < 0.20:
            layout = "barista" if barista else "placed"
            text += " " + rng.choice(SCENES[key].around)
            if SCENES[key].sky and rng.random() < 0.5:
                text += rng.choice(TIMES[time])
        words, sun = _sun(key, time, rng, stated)
        text += words
    elif chance < 0.40:
        background = "white" if chance < 0.32 else rng.choice(PLAIN)
        text += f" on {'an' if background == 'orange' else 'a'} {background} background"
    elif chance < 0.40 + 0.60 * 0.35:
        background = "white"
    return Spec(_prefixed(style, text, rng), style, "one", names, layout, colour, key, background, time, sun)


_MAKERS = {"scene": _scene, "pole": _pole, "solid": _solid, "story": _story, "two": _two, "one": _one}


def prompts(which: str = "wide") -> tuple[str, ...]:
    """The courses' prompts, in lower case: wide, anagram or edit."""
    return {"wide": WIDE_PROMPTS, "anagram": ANAGRAM_PROMPTS, "edit": EDIT_PROMPTS}[which]


def words_of(captions: list[str]) -> list[str]:
    """Every word, sorted, split as synoptic.models.vocabulary splits a prompt."""
    return sorted({word for caption in captions for word in re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)?", caption)})


def vocabulary(count: int = 200_000) -> dict[str, Any]:
    """What the models know, in the format of the package's vocabulary.json."""
    sentences = (text for scene in SCENES.values() for text in scene.sentences)
    stories = (caption.format(with_article(story.things[0][0])) for story in STORIES for caption in story.captions)
    return {
        "words": words_of([spec.caption for spec in specs(count, Random(0))]),
        "prompts": {
            "styles": _unique(prefix + "…" for _, prefixes in STYLES.values() for prefix in prefixes if prefix),
            "scenes": _unique(noun for scene in SCENES.values() for noun in scene.nouns),
            "overhead views and skies (`bundled` alone)": _unique(
                f"overhead view of {noun}" if key.startswith("overhead") else noun
                for key, pole in POLES.items()
                for noun in pole.nouns
            ),
            "times": _unique("…" + text for texts in (*TIMES.values(), *SUNS.values()) for text in texts if text),
            "colors": list(DYES),
            "backgrounds": [
                "… on a white background (or any color)",
                *_unique(f"… {around}" for scene in SCENES.values() for around in scene.around),
            ],
            "two objects": ["… and …", "… next to …", "… above …", "… on top of …"],
            "3D objects": list(SOLIDS),
            "views": _unique(text.format("…") for texts in FACES.values() for text in texts),
            "objects": sorted({*NAMES, *(text for texts in SYNONYMS.values() for text in texts)}),
            "whole sentences": _unique([QUALITY, *sentences, *stories]),
        },
    }


def _unique(texts: Any) -> list[str]:
    return list(dict.fromkeys(texts))


def main(file: str) -> None:
    """Write the vocabulary."""
    Path(file).write_text(json.dumps(vocabulary(), indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
