"""The gallery of the documentation, from runs: docs/gallery.md and docs/pictures/gallery. python examples/gallery.py [--all]

What each run came to is in examples/gallery.json; entries that are not there, or whose command is another one now, are
painted, with --all every one (half an hour of one core). Runs are in outputs/gallery, so one that was stopped resumes.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from contextlib import chdir
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import process_time

from PIL import Image

import synoptic
from synoptic import io
from synoptic.animate import animate
from synoptic.options.anagram import AnagramOptions
from synoptic.pipelines.hybrid import FAR_SIDE, from_afar
from synoptic.views.registry import get_view

OUT = Path("outputs/gallery")
ROWS = Path("examples/gallery.json")
PAGE = Path("docs/gallery.md")
PICTURES = Path("docs/pictures/gallery")
WALL = Path("docs/pictures/wall.jpg")  # of the README
START = Path("docs/pictures/start.jpg")  # of docs/start.md
FILM = Path("docs/pictures/anagram.gif")  # of the README and docs/anagrams.md
ANAGRAMS = Path("docs/pictures/anagrams.jpg")  # of docs/anagrams.md and docs/prompts.md
OBJECTS = Path("docs/pictures/dream.jpg")  # of text-to-3d, which takes too long for here: benchmarks/text_to_3d.py
HOUSE = Path("docs/pictures/texture.jpg")  # a painted mesh from eight sides: examples/texture.py
WIDE = 1.5  # from this aspect on a picture has a place of its own, not a cell of a table
COLUMNS = 3
MOST = 1536  # pixels of a side
STRIP = 3.0  # from this aspect on it takes a row of the wall, below it the place of two squares
SHOWN = ("frog-hamburger", "pumpkin-town", "lake-boat")  # on the wall from their PNG: the JPEG has more

Value = str | int | float | bool | Sequence[int] | Sequence[str]


@dataclass(frozen=True)
class Entry:
    """A picture of the gallery: the name of its file, and the call that makes it."""

    name: str
    application: str
    values: tuple[str, ...]
    options: dict[str, Value] = field(default_factory=dict)

    @property
    def command(self) -> str:
        """The command line of the call, as a person types it."""
        words = ["synoptic", self.application.replace("_", "-"), *map(quoted, self.values)]
        for name, value in self.options.items():
            words.append("--" + name.replace("_", "-"))
            words += [] if value is True else [quoted(written(value))]
        return " ".join(words)

    @property
    def second_view(self) -> str:
        """The view of an anagram that its second prompt names."""
        views = self.options.get("views", AnagramOptions.views)
        assert isinstance(views, Sequence) and not isinstance(views, str)
        return str(views[1])

    @property
    def shows(self) -> str:
        """What is in the picture, in words."""
        return "; ".join(value for value in self.values if not value.endswith(".png")) or self.name.replace("-", " ")


@dataclass(frozen=True)
class Row:
    """What a run of an entry came to."""

    command: str
    seed: int
    seconds: float
    score: float
    aspect: float


def written(value: Value) -> str:
    """Return a value as the command line has it."""
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def quoted(word: str) -> str:
    return f'"{word}"' if " " in word else word


def pictured(thing: str, style: str = "a photo of", suffix: str = "", seed: int = 0) -> Entry:
    """Return the entry of a plain picture."""
    return Entry(named(thing) + suffix, "generate", (f"{style} {thing}",), {"seed": seed})


def wide(scene: str, seed: int, suffix: str = "", **options: Value) -> Entry:
    """Return the entry of a wide picture."""
    name = f"wide-{named(scene.split(' of ', 1)[1])}{suffix}"
    return Entry(name, "wide", (scene,), {"fast": True, "seed": seed} | options)


def named(thing: str) -> str:
    """Return the name of a picture of a thing."""
    first, _, others = thing.partition(" ")
    return (others if first in ("a", "an", "the") else thing).replace(" ", "-")


def anagram(style: str, first: str, second: str, **options: Value) -> Entry:
    """Return the entry of an anagram."""
    name = f"{named(first)}-{named(second)}"
    return Entry(name, "anagram", (first, second), options | {"style": style, "fast": True})


def hybrid(far: str) -> Entry:
    """Return the entry of a hybrid: a colored thing from afar, lines from near."""
    words = f"a photo of {far}", "a lithograph of a medieval town"
    return Entry(f"{named(far)}-town", "hybrid", words, {"fast": True, "seed": 1})


def from_to(name: str, shown: str, wanted: str, **options: Value) -> Entry:
    """Return the entry of an edit from one prompt to another."""
    return changed(f"{name}-edited", "flow_edit", f"{name}.png", wanted, source_prompt=shown, **options)


def changed(name: str, application: str, *values: str, **options: Value) -> Entry:
    """Return the entry of a picture made from another one of the gallery."""
    return Entry(name, application, values, options)


TRAVEL = ("a photo of a green meadow", "a photo of a lake", "a photo of snowy mountains")
STARRY: dict[str, Value] = {"prompt_up": "a photo of the night sky full of stars"}
ABOVE_AND_BELOW: dict[str, Value] = {"prompt_up": "a photo of the sky", "prompt_down": "overhead view of sand dunes"}
UPSIDE_DOWN = ["identity", "rotate_180"]
TURNING = anagram("an oil painting of", "a frog", "a hamburger", views=UPSIDE_DOWN)  # shown on other pages
BOAT = "0.6,0,0.77,1: a photo of a sailboat on the ocean"
SECTIONS: dict[str, list[Entry]] = {  # plain pictures first: others are made from them
    "Plain pictures": [
        pictured("an owl"),
        pictured("a fox", "an oil painting of"),
        pictured("a rocket ship"),
        pictured("a castle", "pixel art of"),
        pictured("a sunflower"),
        pictured("a strawberry"),
        pictured("a teapot", "a pencil sketch of"),
        pictured("a guitar"),
        pictured("a bear"),
        pictured("a hamburger"),
        pictured("a library", "an oil painting of"),
        pictured("a coral reef", "an oil painting of"),
        pictured("a flamingo"),
        pictured("a frog"),
        pictured("a whale"),
        pictured("a butterfly"),
        pictured("a cactus"),
        pictured("a cupcake"),
        pictured("a mushroom"),
        pictured("a golden crown"),
        pictured("a robot"),
        pictured("a sailboat on the ocean"),
        pictured("a rose", "an oil painting of"),
        pictured("a lion", "an oil painting of"),
        pictured("a sailboat on the ocean", "an oil painting of", "-oil"),
        pictured("the amalfi coast", "an oil painting of"),
        pictured("a castle at sunset", "a watercolor of", seed=3),
        pictured("a tulip", "a watercolor of"),
        pictured("a butterfly", "a watercolor of", "_watercolor"),
        pictured("a sailboat", "a pencil sketch of"),
        pictured("a flamingo", "a neon sign of", "-neon"),
        pictured("a cocktail", "a neon sign of"),
        pictured("a palm tree", "a neon sign of"),
        pictured("a rocket ship", "a neon sign of", "-neon"),
        pictured("a mushroom", "pixel art of", "-pixels"),
        pictured("a ghost", "pixel art of"),
        pictured("a rocket ship", "pixel art of", "-pixels"),
        pictured("a red car"),
        pictured("a red mug", "a 3d render of"),
        pictured("a horse"),
        pictured("snowy mountains"),
        pictured("a green meadow", "an oil painting of"),
        pictured("the ocean at sunrise"),
        pictured("a lake at sunrise", "an oil painting of"),
    ],
    "Pictures made from a picture": [
        changed("guitar-neon", "control", "guitar.png", "a neon sign of a guitar", condition="canny"),
        changed("guitar-sketch", "edit", "guitar.png", "a pencil sketch of a guitar", strength=0.7),
        changed("owl-oil", "control", "owl.png", "an oil painting of an owl", condition="canny"),
        changed("castle-watercolor", "control", "castle.png", "a watercolor of a castle at sunset", condition="canny"),
        changed(
            "strawberry-blue",
            "flow_edit",
            "strawberry.png",
            "a photo of a blue strawberry",
            source_prompt="a photo of a red strawberry",
        ),
        from_to("red-mug", "a 3d render of a red mug", "a 3d render of a green mug"),
        from_to("red-car", "a photo of a red car", "a photo of a blue car"),
        from_to("horse", "a photo of a horse", "an oil painting of a horse"),
        from_to("bear", "a photo of a bear", "a photo of a panda"),
        changed("flamingo-sketch", "control", "flamingo.png", "a pencil sketch of a flamingo", condition="scribble"),
        changed("whale-watercolor", "control", "whale.png", "a watercolor of a whale", condition="canny"),
        changed("mountains-cabin", "inpaint", "snowy-mountains.png", "mask.png", "a photo of a cabin in the snow", count=2),
        changed("lake-boat", "inpaint", "lake-at-sunrise.png", "mask.png", "an oil painting of a boat on a lake", count=2),
        changed(
            "ocean-sailboat", "inpaint", "ocean-at-sunrise.png", "mask.png", "a photo of a sailboat on the ocean", count=2
        ),
    ],
    "Studies": [
        changed("car-to-horse", "edit", "red-car.png", "a photo of a horse", start=[1, 5, 10, 14, 18]),
        changed(
            "mug-denoised",
            "denoise",
            "red-mug.png",
            "a 3d render of a red mug",
            t=[250, 500, 750],
            method=["gaussian", "onestep", "iterative"],
            size=96,
        ),
        changed("car-inverted", "invert", "red-car.png", steps=50),
        changed("sync-rules", "compare_sync", "a lion", "a sunflower", style="a lithograph of", upscalers="none", seed=2),
    ],
    "Score distillation": [
        changed("lemon-distilled", "distill", "a photo of a lemon", loss="sds"),
    ],
    "Wide pictures": [
        wide("an oil painting of a medieval town", 1),
        wide("a photo of the northern lights", 1),
        wide("a photo of a coral reef", 1),
        wide("a photo of a lavender field at sunrise", 1),
        wide("an oil painting of an autumn forest", 1),
        wide("an oil painting of desert dunes", 0),
        wide("an oil painting of the amalfi coast", 0),
        wide("a photo of a pine forest in the mist", 0),
        wide("an oil painting of a wheat field at sunset", 0),
        wide("a lithograph of a medieval town", 0, "-lithograph"),
        wide("a photo of a galaxy", 0),
        Entry(
            "wide-northern-lights-closed",
            "wide",
            ("a photo of the northern lights",),
            {"circular": True, "fast": True, "seed": 3},
        ),
        Entry("wide-travel", "wide", TRAVEL, {"fast": True, "prompt_travel": True}),
        Entry("wide-region", "wide", ("a photo of the ocean",), {"region": BOAT, "fast": True}),
    ],
    "Large pictures, and a whole sphere": [
        Entry(
            "wide-coral-reef-high",
            "wide",
            ("a photo of a coral reef",),
            {"fast": True, "seed": 2, "width": 1536, "height": 512, "progressive": 0.4},
        ),
        Entry(
            "panorama-northern-lights", "panorama", ("a photo of the northern lights",), STARRY | {"steps": 16, "seed": 1}
        ),
        Entry("panorama-coral-reef", "panorama", ("a photo of a coral reef",), {"steps": 16}),
        Entry("panorama-desert-dunes", "panorama", ("a photo of desert dunes",), ABOVE_AND_BELOW | {"seed": 1}),
    ],
    "Anagrams": [
        TURNING,
        anagram("a photo of", "a light bulb", "a pear", views=UPSIDE_DOWN),
        anagram("an oil painting of", "a bear", "a hamburger", views=UPSIDE_DOWN),
        anagram("an oil painting of", "a fox", "a tulip", views=UPSIDE_DOWN),
        anagram("a photo of", "an ice cream", "a christmas tree", views=UPSIDE_DOWN),
        anagram("a lithograph of", "a deer", "a truck"),
    ],
    "Hybrids": [
        hybrid("a pumpkin"),
        hybrid("a lion"),
        hybrid("a panda"),
        hybrid("a frog"),
        hybrid("a fox"),
        hybrid("a hamburger"),
    ],
}
ORDER = (
    *("Wide pictures", "Large pictures, and a whole sphere", "Anagrams", "Hybrids", "Pictures made from a picture"),
    *("Studies", "Score distillation", "Plain pictures"),
)
SAID = {
    "Wide pictures": "1536×256 pixels by a model of 256×256. Each window shows the prompt, so scenes do better than things.",
    "Large pictures, and a whole sphere": (
        "Several windows in height; panoramas, whose left and right edges meet, some with words for above and below."
    ),
    "Anagrams": "One picture each, as it is and turned: clockwise, or upside down.",
    "Hybrids": "One picture each: a town from near, another thing from afar, where 16 pixels are left of it.",
    "Pictures made from a picture": "The originals are among the plain pictures below, saved under that name.",
    "Studies": "What a command shows beside its pictures: starts of edits, denoisers, inversion, sync rules.",
    "Score distillation": "A picture that was optimized, not sampled. Its ground was not asked for.",
    "Plain pictures": "256×256 pixels, by the pixel model and its upscaler.",
}
HEAD = """# Gallery
Made by the small models in the package, each by the command beside it, and [chosen by
eye](#how-the-pictures-were-chosen). `python examples/gallery.py --all` makes all of them again and writes this
page, in half an hour.

Seconds are those of one core (`OMP_NUM_THREADS=1`), from the prompt to the finished picture: plain pictures, those made
from them, studies and hybrids in float32, the others in bfloat16 on an AMD EPYC that has instructions for it, which is about
twice as fast; starting Python and loading the model add about five. The score is the cosine of picture and prompt by the
[reference CLIP](glossary.md): about 0.67 where a
picture shows its prompt, 0 where it shows something else.
"""


CHOICE = """## How the pictures were chosen
Plain pictures and hybrids are by `bundled-if` and its upscaler, all others by `bundled`, before whose last leg they were
chosen; they were painted anew after it with the same seeds, in float32. The sync rules are the pixel model's, and as they
were.

- Plain pictures: 44 prompts, chosen of 77 for what `bundled` made of them, by `bundled-if` as they came, one seed each.
- Wide pictures: 15 of 35 prompts, mostly with one seed each.
- Anagrams: from some fifty pairs with two to four seeds each, coarse ones first (`--view-space latents`), then 18 pictures.
- Hybrids: the one seed that was tried; the pairs from some twenty.
- Pictures made from a picture: 14 of 21. The panda is the best of three animals that the bear was made.
- Panoramas: the reef as it came, the northern lights and the dunes the better of two seeds each.

Among what was left out, by `bundled`, are an elephant without a head, a lighthouse that was a house (a word that the model
never saw), a penguin with one eye above the other, a tent by night, a blurred lake, a skyline of unconnected windows, snowy
mountains that were pink rubble, and a skull that should have been a flower meadow. What a model does when nothing is
chosen: [the bundled models](models.md).
"""

OBJECTS_SECTION = """## Objects
From words, and a mesh painted, by scripts of their own ([text to 3D](text-to-3d.md), [painted meshes](texture.md)).

![five objects from eight sides, their fields and their meshes](pictures/dream.jpg)
```
synoptic text-to-3d "a pink lamp" "a purple teapot" "a red bus" "a blue castle" "a yellow house"
```
*Seed 0, 382 to 552 s each, two at a time. Scores: [measurements](measurements/text-to-3d.md).*

![a house, painted, from eight sides](pictures/texture.jpg)
```
synoptic texture examples/house.obj "a yellow house" --num-views 8 --steps 12 --texture-size 256 --dtype float32
```
*Seed 0, 65 s.*
"""


def paint(entry: Entry, pictures: Path) -> Row:
    """Run an entry in the working folder, save its picture as NAME.png there and as a JPEG for the page."""
    begin = process_time()
    run = synoptic.run(entry.application, *entry.values, **entry.options, out=entry.name)
    image = run.images[0]
    image.save(f"{entry.name}.png")
    figures = [*run.folder.glob(f"{run.application}.png"), *run.folder.glob("*figure.png")]  # pictures beside one another
    shown = io.load_image(figures[0]) if figures else image
    shown = BESIDE[entry.application](image, entry) if entry.application in BESIDE else shown
    shown.thumbnail((MOST, MOST))
    pictures.mkdir(parents=True, exist_ok=True)
    shown.convert("RGB").save(pictures / f"{entry.name}.jpg", quality=88)
    first = Path(f"{entry.name}.seconds")  # of the run that made it: one that finds it finished takes none
    if not run.kept:
        first.write_text(str(process_time() - begin))
    scores = [picture.score for picture in run.pictures if picture.score is not None]
    score = sum(scores) / len(scores) if scores else 0.0
    return Row(entry.command, run.pictures[0].seed, float(first.read_text()), round(score, 3), shown.width / shown.height)


def beside_turned(image: Image.Image, entry: Entry) -> Image.Image:
    """Return an anagram as it is and turned, under its prompts."""
    return io.image_grid([image, turned(image, entry)], list(entry.values), 2)


def turned(image: Image.Image, entry: Entry) -> Image.Image:
    """Return an anagram as its second prompt means it."""
    return io.to_pil(get_view(entry.second_view).view(io.from_pil(image)))[0]


def beside_small(image: Image.Image, entry: Entry) -> Image.Image:
    """Return a hybrid under its near prompt, and the same picture from afar under its far one."""
    far, near = entry.values
    return io.image_grid([image, from_afar(image, FAR_SIDE // 2)], [near, f"from afar: {far}"], 2)


BESIDE = {"anagram": beside_turned, "hybrid": beside_small}


def section(title: str, rows: dict[str, Row]) -> str:
    """Return a section of the page: wide pictures one under another, others as a table."""
    wide_ones = [entry for entry in SECTIONS[title] if rows[entry.name].aspect >= WIDE]
    others = [entry for entry in SECTIONS[title] if entry not in wide_ones]
    parts = [f"## {title}\n{SAID[title]}"]
    for entry in wide_ones:
        row = rows[entry.name]
        figures = f"*Seed {row.seed}, {row.seconds:.0f} s, score {row.score:.2f}.*"
        parts.append(f"![{entry.shows}](pictures/gallery/{entry.name}.jpg)\n```\n{entry.command}\n```\n{figures}")
    if others:
        parts.append(table([cell(entry, rows[entry.name]) for entry in others]))
    return "\n\n".join(parts)


def cell(entry: Entry, row: Row) -> str:
    """Return what a table shows of an entry: the picture, its command, and the figures of its run."""
    image = f'<img src="pictures/gallery/{entry.name}.jpg" width="200" alt="{entry.shows}">'
    return f"{image}<br>`{entry.command}`<br>{row.seconds:.0f} s, score {row.score:.2f}"


def table(cells: Sequence[str]) -> str:
    """Return cells in rows."""
    filled = [*cells, *[""] * (-len(cells) % COLUMNS)]
    lines = [filled[k : k + COLUMNS] for k in range(0, len(filled), COLUMNS)]
    head = ["| " * COLUMNS + "|", "|---" * COLUMNS + "|"]
    return "\n".join([*head, *(f"| {' | '.join(line)} |" for line in lines)])


def wall(folder: Path) -> Image.Image:
    """Return the picture of the README: wide ones, an anagram and a hybrid both ways, a panorama, edits, objects."""
    strips = [picture(name) for name in ("wide-medieval-town", "wide-lavender-field-at-sunrise")]
    hybrid = Image.open(folder / "pumpkin-town.png").convert("RGB")
    two_ways = [*both_ways(folder), hybrid, from_afar(hybrid, FAR_SIDE // 2)]
    edits = [*(picture(name) for name in ("guitar", "guitar-neon", "lake-at-sunrise")), Image.open(folder / "lake-boat.png")]
    house = [Image.open(HOUSE).crop((left, top, left + 256, top + 256)) for left, top in ((272, 26), (800, 308))]
    castle = Image.open(OBJECTS).crop((0, 672, 768, 768))
    return stacked([*strips, *two_ways, picture("panorama-northern-lights"), *house, *edits, castle], 4)


def start(folder: Path) -> Image.Image:
    """Return the picture of the first commands."""
    return stacked([picture("wide-coral-reef"), picture("owl"), *both_ways(folder)], 3)


def anagrams() -> Image.Image:
    """Return all anagrams of the page, two per row."""
    pictures = [picture(entry.name) for entry in SECTIONS["Anagrams"]]
    width, height = pictures[0].size
    sheet = Image.new("RGB", (2 * width, height * -(-len(pictures) // 2)), "white")
    for k, shown in enumerate(pictures):
        sheet.paste(shown, (k % 2 * width, k // 2 * height))
    return sheet


def picture(name: str) -> Image.Image:
    """Return a picture of the page."""
    return Image.open(PICTURES / f"{name}.jpg")


def both_ways(folder: Path) -> list[Image.Image]:
    """Return the anagram that is shown on other pages as it is and turned."""
    picture = Image.open(folder / f"{TURNING.name}.png").convert("RGB")
    return [picture, turned(picture, TURNING)]


def film(folder: Path, to: Path) -> None:
    """Write that anagram turning, as --animate films it, small enough for a page."""
    views = [get_view("identity"), get_view(TURNING.second_view)]
    frames = animate(Image.open(folder / f"{TURNING.name}.png"), views, TURNING.values, seconds=5, fps=10)
    io.save_gif(to, [frame.resize((frame.width * 2 // 3, frame.height * 2 // 3)) for frame in frames], 10)


def stacked(pictures: list[Image.Image], columns: int, side: int = 256, gap: int = 4) -> Image.Image:
    """Return rows of squares, so many per row, strips in rows of their own, panoramas in two places, in the given order."""
    width, place = columns * (side + gap) - gap, (0, 0)
    rows: list[tuple[Image.Image, tuple[int, int]]] = []
    for picture in pictures:
        aspect = picture.width / picture.height
        two = 2 * side + gap if aspect > WIDE else side
        shown = picture.convert("RGB").resize((width, round(width / aspect)) if aspect > STRIP else (two, side))
        rows.append((shown, place))
        x, y = place[0] + shown.width + gap, place[1]
        place = (x, y) if x < width else (0, y + shown.height + gap)
    sheet = Image.new("RGB", (width, max(y + shown.height for shown, (_, y) in rows)), "white")
    for shown, at in rows:
        sheet.paste(shown, at)
    return sheet


def mask() -> Image.Image:
    """Return the mask of what is inpainted: white where it is painted."""
    black = Image.new("L", (256, 256))
    black.paste(255, (72, 80, 200, 216))
    return black


def to_paint(rows: dict[str, Row], folder: Path) -> list[Entry]:
    """Return the entries without a row of today's command, and those whose picture is wanted and is not there."""
    every = [entry for entries in SECTIONS.values() for entry in entries]
    painted = {e.name for e in every if (row := rows.get(e.name)) is None or row.command != e.command}
    painted |= {name for name in SHOWN if not (folder / f"{name}.png").is_file()}
    while inputs := {
        entry.name
        for entry in every
        if entry.name not in painted and not (folder / f"{entry.name}.png").is_file()
        if any(f"{entry.name}.png" in other.values for other in every if other.name in painted)
    }:
        painted |= inputs  # what they are made from may be made from others
    return [entry for entry in every if entry.name in painted]


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", action="store_true", help="paint every entry again")
    everything = parser.parse_args(given).all
    rows_file, pictures = ROWS.absolute(), PICTURES.absolute()
    rows = {} if everything else {name: Row(**row) for name, row in json.loads(rows_file.read_text()).items()}
    OUT.mkdir(parents=True, exist_ok=True)
    mask().save(OUT / "mask.png")
    every = {entry.name for entries in SECTIONS.values() for entry in entries}
    rows = {name: row for name, row in rows.items() if name in every}
    synoptic.load("bundled")  # what is imported and loaded once is no picture's
    for entry in to_paint(rows, OUT):
        with chdir(OUT):
            row = paint(entry, pictures)
        if rows.get(entry.name) is None or rows[entry.name].command != entry.command:
            rows[entry.name] = row  # one that was painted for others' sake keeps its seconds
        rows_file.write_text(json.dumps({name: asdict(row) for name, row in rows.items()}, indent=1) + "\n")
    wall(OUT).save(WALL, quality=88)
    start(OUT).save(START, quality=88)
    anagrams().save(ANAGRAMS, quality=88)
    film(OUT, FILM)
    PAGE.write_text(
        "\n\n".join([HEAD.rstrip(), *(section(title, rows) for title in ORDER), OBJECTS_SECTION.rstrip(), CHOICE])
    )


if __name__ == "__main__":
    main()
