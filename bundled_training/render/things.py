"""The things by name, how often each comes, and which are never dyed."""

from __future__ import annotations

import json
from itertools import accumulate
from pathlib import Path
from random import Random

from bundled_training.render.words import PEOPLE

HERE = Path(__file__).parent
NAMES: tuple[str, ...] = tuple(json.loads((HERE / "glyphs_3d.json").read_text()))

# what people ask for first: three times as often as most, twice as often as another of glyphs.json
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


USUAL, UNDYED = _names(_USUAL), frozenset(PEOPLE) | _names(_PERSONS)
_FREQUENT = frozenset(json.loads((HERE / "glyphs.json").read_text()))
_WEIGHTS = tuple(accumulate(3.0 if name in USUAL else 1.5 if name in _FREQUENT else 1.0 for name in NAMES))


def thing(rng: Random) -> str:
    """Draw a thing."""
    return rng.choices(NAMES, cum_weights=_WEIGHTS)[0]


def pair(rng: Random) -> tuple[str, str]:
    """Draw two different things."""
    first = second = thing(rng)
    while second == first:
        second = thing(rng)
    return first, second
