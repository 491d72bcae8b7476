"""The gallery of the documentation, from runs: docs/gallery.md and docs/pictures/gallery. python examples/gallery.py

Some ten minutes on one thread. Pictures that are in outputs/gallery already are kept, so a run that was stopped resumes.
"""

from __future__ import annotations

from contextlib import chdir
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

import synoptic
from synoptic import io
from synoptic.views.registry import get_view

OUT = Path("outputs/gallery")
PAGE = Path("docs/gallery.md")
PICTURES = Path("docs/pictures/gallery")
WALL = Path("docs/pictures/wall.jpg")  # of the README
START = Path("docs/pictures/start.jpg")  # of docs/start.md
OBJECTS = Path("docs/pictures/dream.jpg")  # of text-to-3d, which takes too long for here: benchmarks/text_to_3d.py
WIDE = 1.5  # from this aspect on a picture has a place of its own, not a cell of a table

Value = str | int | float | bool


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
            words += [] if value is True else [quoted(str(value))]
        return " ".join(words)


@dataclass(frozen=True)
class Row:
    """What a run of an entry came to."""

    seed: int
    seconds: float
    score: float
    aspect: float


def quoted(word: str) -> str:
    return f'"{word}"' if " " in word else word


def pictured(thing: str, style: str = "a photo of", seed: int = 0) -> Entry:
    """Return the entry of a plain picture."""
    name = thing.removeprefix("a ").removeprefix("an ").replace(" ", "-")
    return Entry(name, "generate", (f"{style} {thing}",), {"seed": seed})


def wide(scene: str, seed: int, **options: Value) -> Entry:
    """Return the entry of a wide picture."""
    name = "wide-" + scene.split(" of ", 1)[1].removeprefix("a ").removeprefix("an ").removeprefix("the ").replace(" ", "-")
    return Entry(name, "wide", (scene,), {"fast": True, "seed": seed} | options)


def anagram(style: str, first: str, second: str, seed: int) -> Entry:
    """Return the entry of an anagram."""
    name = f"{first}-{second}".replace("a ", "").replace(" ", "-")
    return Entry(name, "anagram", (first, second), {"style": style, "steps": 20, "seed": seed})


def changed(name: str, application: str, *values: str, **options: Value) -> Entry:
    """Return the entry of a picture made from another one of the gallery."""
    return Entry(name, application, values, options)


TRAVEL = ("a photo of a green meadow", "a photo of the ocean at sunrise", "a photo of a city skyline at night")
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
        pictured("a coral reef"),
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
    ],
    "Wide pictures": [
        wide("a photo of a coral reef", 1),
        wide("an oil painting of a medieval town", 1),
        wide("a photo of the northern lights", 1),
        wide("a photo of a lavender field at sunrise", 1),
        wide("an oil painting of an autumn forest", 1),
        wide("a photo of desert dunes at sunset", 3),
        Entry(
            "wide-northern-lights-closed",
            "wide",
            ("a photo of the northern lights",),
            {"circular": True, "fast": True, "seed": 3},
        ),
        Entry("wide-travel", "wide", TRAVEL, {"fast": True, "prompt_travel": True}),
        Entry("wide-region", "wide", TRAVEL[:1], {"region": "0.6,0,1,1: a photo of a lake", "fast": True}),
    ],
    "Large pictures, and a whole sphere": [
        Entry(
            "wide-coral-reef-high",
            "wide",
            ("a photo of a coral reef",),
            {"fast": True, "seed": 2, "width": 1536, "height": 512, "progressive": 0.4},
        ),
        Entry("panorama-coral-reef", "panorama", ("a photo of a coral reef",), {"steps": 16}),
    ],
    "Anagrams": [
        anagram("a lithograph of", "a lion", "a sunflower", 2),
        anagram("a lithograph of", "a deer", "a truck", 0),
        anagram("a lithograph of", "a bear", "a mushroom", 0),
        anagram("a neon sign of", "a cat", "a canyon", 1),
    ],
}
ORDER = ("Wide pictures", "Large pictures, and a whole sphere", "Anagrams", "Pictures made from a picture", "Plain pictures")
SAID = {
    "Wide pictures": "1536×256 pixels by a model of 256×256. Each window shows the prompt, so scenes do better than things.",
    "Large pictures, and a whole sphere": "Several windows in height; a panorama, whose left edge meets its right one.",
    "Anagrams": "One picture each, as it is and turned clockwise, by the bundled pixel model and its upscaler.",
    "Pictures made from a picture": "The originals are among the plain pictures below, saved under that name.",
    "Plain pictures": "256×256 pixels: what one window looks like.",
}
HEAD = """# Gallery
Made by the small models in the package, on two CPU cores, each by the command beside it. `python examples/gallery.py`
makes all of them again and writes this page. Seconds are those of sampling and decoding with one thread, on a machine
that did other things at the same time; loading the model adds about five. The score is the cosine of picture and prompt
by the [reference CLIP](glossary.md): real renders have 0.67, unrelated ones 0. Scores of the pixel model, which makes
the anagrams, are lower.

**The pictures were chosen.** By eye: of 16 plain prompts with two seeds each, 12 prompts, first seed; of 12 wide
prompts, mostly one seed each, 10; the anagrams from twenty pairs with four seeds each ([all of
them](measurements/anagrams.md)); of pictures made from a picture, and of panoramas, none was omitted. Omitted were an
elephant without a head, a blurred lake, a skyline of loose windows, snowy mountains that were pink rubble, and both
hybrids that were tried. What a model does when nothing is chosen: [the bundled models](models.md).
"""


def paint(entry: Entry, pictures: Path) -> Row:
    """Run an entry in the working folder, save its picture as NAME.png there and as a JPEG for the page."""
    run = synoptic.run(entry.application, *entry.values, **entry.options, out=entry.name)
    (picture,) = run.pictures
    image = run.images[0]
    image.save(f"{entry.name}.png")
    shown = beside_turned(image, entry.values) if entry.application == "anagram" else image
    pictures.mkdir(parents=True, exist_ok=True)
    shown.convert("RGB").save(pictures / f"{entry.name}.jpg", quality=88)
    first = Path(f"{entry.name}.seconds")  # of the run that made it: one that finds it finished takes none
    if not run.kept:
        first.write_text(str(run.timings["sample"]))
    return Row(picture.seed, float(first.read_text()), picture.score or 0.0, shown.width / shown.height)


def beside_turned(image: Image.Image, prompts: tuple[str, ...]) -> Image.Image:
    """Return an anagram as it is and turned clockwise, under its prompts."""
    turned = io.to_pil(get_view("rotate_cw").view(io.from_pil(image)))[0]
    return io.image_grid([image, turned], list(prompts), 2)


def section(title: str, rows: dict[str, Row]) -> str:
    """Return a section of the page: wide pictures one under another, others as a table."""
    wide_ones = [entry for entry in SECTIONS[title] if rows[entry.name].aspect >= WIDE]
    others = [entry for entry in SECTIONS[title] if entry not in wide_ones]
    parts = [f"## {title}\n{SAID[title]}"]
    for entry in wide_ones:
        row = rows[entry.name]
        figures = f"*Seed {row.seed}, {row.seconds:.0f} s, score {row.score:.2f}.*"
        parts.append(f"![{entry.values[0]}](pictures/gallery/{entry.name}.jpg)\n```\n{entry.command}\n```\n{figures}")
    if others:
        lines = ["| picture | command | seed | seconds | score |", "|---|---|---|---|---|"]
        for entry in others:
            row = rows[entry.name]
            image = f'<img src="pictures/gallery/{entry.name}.jpg" width="160" alt="{entry.values[-1]}">'
            lines.append(f"| {image} | `{entry.command}` | {row.seed} | {row.seconds:.0f} | {row.score:.2f} |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def wall(folder: Path) -> Image.Image:
    """Return the picture of the README: two wide ones, anagrams as they are and turned, objects, edits."""
    strips = [Image.open(folder / f"{name}.png") for name in ("wide-coral-reef", "wide-medieval-town")]
    names = ("guitar", "guitar-neon", "owl", "owl-oil", "strawberry", "strawberry-blue", "rocket-ship", "fox")
    changed_ones = [Image.open(folder / f"{name}.png") for name in names]
    objects = Image.open(OBJECTS).crop((0, 770, 768, 866))
    squares = [*both_ways(folder / "lion-sunflower.png"), *both_ways(folder / "bear-mushroom.png"), *changed_ones]
    return stacked([*strips, *squares, objects], 4)


def start(folder: Path) -> Image.Image:
    """Return the picture of the first commands."""
    reef, owl = Image.open(folder / "wide-coral-reef.png"), Image.open(folder / "owl.png")
    return stacked([reef, owl, *both_ways(folder / "lion-sunflower.png")], 3)


def both_ways(file: Path) -> list[Image.Image]:
    """Return an anagram as it is and turned clockwise."""
    picture = Image.open(file)
    return [picture, picture.transpose(Image.Transpose.ROTATE_270)]


def stacked(pictures: list[Image.Image], columns: int, side: int = 256, gap: int = 4) -> Image.Image:
    """Return rows of squares, so many per row, and wide pictures in rows of their own, in the given order."""
    width, place = columns * (side + gap) - gap, (0, 0)
    rows: list[tuple[Image.Image, tuple[int, int]]] = []
    for picture in pictures:
        is_wide = picture.width > WIDE * picture.height
        shown = picture.convert("RGB").resize(
            (width, round(width * picture.height / picture.width)) if is_wide else (side, side)
        )
        rows.append((shown, place))
        x, y = place[0] + shown.width + gap, place[1]
        place = (x, y) if x < width else (0, y + shown.height + gap)
    sheet = Image.new("RGB", (width, max(y + shown.height for shown, (_, y) in rows)), "white")
    for shown, at in rows:
        sheet.paste(shown, at)
    return sheet


def main() -> None:
    page, pictures = PAGE.absolute(), PICTURES.absolute()
    OUT.mkdir(parents=True, exist_ok=True)
    with chdir(OUT):
        rows = {entry.name: paint(entry, pictures) for entries in SECTIONS.values() for entry in entries}
    wall(OUT).save(WALL, quality=88)
    start(OUT).save(START, quality=88)
    page.write_text("\n\n".join([HEAD.rstrip(), *(section(title, rows) for title in ORDER)]) + "\n")


if __name__ == "__main__":
    main()
