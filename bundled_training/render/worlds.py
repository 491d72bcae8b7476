"""What the pictures of a generation of models are made of: which things, how often, and what else they are called."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from random import Random

from bundled_training.render.words import PEOPLE, STYLES, STYLES_3, SYNONYMS

HERE = Path(__file__).parent


@dataclass(frozen=True)
class World:
    """The things by name, the shares of the kinds of pictures, synonyms, what is never dyed, and the styles."""

    names: tuple[str, ...]
    kinds: Mapping[str, float]
    synonyms: Mapping[str, tuple[str, ...]]
    undyed: frozenset[str]
    styles: Mapping[str, tuple[float, tuple[str, ...]]]  # as words.STYLES
    weights: tuple[float, ...] = ()  # cumulative; none: all names alike
    third: bool = False  # drawn with the glyphs, the grounds and the layouts of the third generation

    def name(self, rng: Random) -> str:
        """Draw a thing."""
        return rng.choices(self.names, cum_weights=self.weights)[0] if self.weights else rng.choice(self.names)

    def pair(self, rng: Random) -> tuple[str, str]:
        """Draw two different things."""
        if not self.weights:
            first, second = rng.sample(self.names, 2)
            return first, second
        first = second = self.name(rng)
        while second == first:
            second = self.name(rng)
        return first, second


_SECOND: tuple[str, ...] = tuple(json.loads((HERE / "glyphs.json").read_text()))
_THIRD: tuple[str, ...] = tuple(json.loads((HERE / "glyphs_3d.json").read_text()))

SECOND = World(
    _SECOND, {"scene": 0.26, "solid": 0.11, "story": 0.06, "two": 0.08, "one": 0.49}, SYNONYMS, frozenset(PEOPLE), STYLES
)

# what people ask for first: three times as often as a word that is new, twice as often as another older one
_USUAL = """
    horse, dog, cat, rabbit, lion, tiger, bear, fox, wolf, deer, owl, penguin, duck, goldfish, squirrel, elephant,
    turtle, fish, bird, eagle, butterfly, dragon, unicorn, cow, pig, sheep, chicken, frog, monkey, panda, koala,
    giraffe, zebra, camel, dolphin, whale, shark, octopus, snake, bee, old man, old woman, man, woman, boy, girl,
    baby, queen, king, princess, astronaut, robot, alien, ghost, skull, man wearing a hat, man with a beard, hipster
    barista, chef, police officer, wizard, house, castle, church, tower, tree, pine tree, palm tree, flower, rose,
    sunflower, tulip, mushroom, cactus, car, sports car, truck, bus, taxi, bicycle, motorcycle, train, airplane,
    helicopter, rocket ship, boat, sailboat, ship, ufo, hamburger, pizza, apple, orange, lemon, strawberry, banana,
    watermelon, pineapple, cake, donut, ice cream, bread, egg, pancakes, cup of coffee, teapot, glass of wine, guitar,
    violin, piano, drum, chair, table, bed, lamp, candle, clock, book, pencil, camera, television, computer,
    telephone, umbrella, crown, hat, shoe, backpack, key, sword, watering can, cabin, villa, pisa tower, school bus,
    maine coon, golden retriever, snowman, santa claus, teddy bear, pumpkin, heart, balloon, couch, vase, birthday
    cake
    """
_PERSONS = """
    man with a beard, student, astronaut, chef, police officer, wizard, mermaid, vampire, princess, queen, king, santa claus,
    couple, hipster barista, baby, clown, doctor, farmer, firefighter, pilot, scientist, artist, teacher, singer, detective,
    ninja, construction worker, superhero, fairy, elf, zombie, bride, dancer, surfer, snowboarder, runner, cyclist, angel,
    witch, guard, cowboy, golden retriever, goldfish, maine coon, polar bear, orangutan, sun, moon, fire, rainbow, globe,
    orange, lemon, banana, red lantern, pisa tower, stop sign, french fries, glass of milk, glass of wine
    """


def _names(text: str) -> frozenset[str]:
    return frozenset(" ".join(name.split()) for name in text.split(","))


USUAL = _names(_USUAL)

SYNONYMS_3 = SYNONYMS | {
    "dog": ("a puppy",), "cat": ("a kitten",), "ufo": ("a flying saucer",), "globe": ("planet earth",),
    "couch": ("a sofa",), "french fries": ("fries",), "picture frame": ("a framed picture",), "chicken": ("a hen",),
    "jack o lantern": ("a halloween pumpkin",), "cardboard box": ("a box",), "stone head": ("an easter island statue",),
    "donut": ("a doughnut",), "cup of coffee": ("a coffee cup", "a cup of coffee", "a mug of coffee"),
    "truck": ("a lorry",), "computer": ("a laptop",), "lamp": ("a light bulb",),
    "ball of yarn": ("yarn",), "log": ("a tree trunk",),
    "volcano": ("an erupting volcano",), "skull": ("a human skull",),
}  # fmt: skip
THIRD = World(
    _THIRD,
    {"scene": 0.22, "solid": 0.09, "story": 0.08, "two": 0.13, "one": 0.48},
    SYNONYMS_3,
    frozenset(PEOPLE) | _names(_PERSONS),
    STYLES_3,
    tuple(accumulate(3.0 if name in USUAL else 1.5 if name in _SECOND else 1.0 for name in _THIRD)),
    third=True,
)


def world(side: int) -> World:
    """The world that pictures of `side` pixels are of: the third generation's are twice as large."""
    return THIRD if side >= 256 else SECOND
