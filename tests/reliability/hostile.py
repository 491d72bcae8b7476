"""Inputs that a stranger may give: values, files, and how many of them are tried."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from PIL import Image

from synoptic.options.option import OptionSpec, alternatives

LONG = bool(os.environ.get("SYNOPTIC_LONG_FUZZ"))  # ten times as many, run by hand


def amount(few: int) -> int:
    """Return how many inputs to try: `few`, or ten times as many in the long mode."""
    return few * (10 if LONG else 1)


NUMBERS = [
    "0",
    "1",
    "2",
    "-1",
    "0.5",
    "1e400",
    "nan",
    "inf",
    "-inf",
    "1e-320",
    "9" * 30,
    str(2**63),
    "٣",
    "0x10",
    "1_0",
    "",
    " ",
    "²",
]
TEXTS = [
    "a lake",
    "",
    " ",
    "-a moody forest",
    "--model",
    "<script>alert(1)</script>",
    "a\nb\tc\r\n",
    "\u202egnp.exe",
    "é" * 300,
    "😀" * 80,
    "../../etc/passwd",
    "/",
    "CON",
    "a" * 5000,
    "a,b\\,c",
    "'; rm -rf ~ #",
    "\udcff\udcfe",
    "{prompt}",
    "a | b",
    "0.5: b",
    "\x00",
    "0,0,1,1: a lake",
    "0,0,1: a lake",
    "0.9,0.9,0.9,0.9: a lake",
    "nan,0,1,1: a lake",
]


def hostile_files(folder: Path) -> list[str]:
    """Write files and folders of every kind that is none of what is expected, and return their paths."""
    good = folder / "good.png"
    Image.effect_noise((96, 64), 60).convert("RGB").save(good)
    (folder / "cut.jpg").write_bytes(jpeg(folder)[:300])
    (folder / "script.png").write_bytes(b"%!PS-Adobe-3.0\n(x) run\n")
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.png").write_text("hello")
    (folder / "thin").mkdir()
    Image.new("RGB", (3000, 2)).save(folder / "thin.png")
    Image.new("1", (9400, 9400)).save(folder / "bits.png")
    Image.new("1", (14000, 14000)).save(folder / "bomb.png")
    Image.new("L", (64, 64)).save(folder / "black.png")
    frames = [Image.new("RGB", (32, 32), color) for color in ("red", "blue")]
    frames[0].save(folder / "moving.gif", save_all=True, append_images=frames[1:])
    (folder / "numbers.npy").write_bytes(b"\x93NUMPY\x01\x00")
    (folder / "numbers.json").write_text("[0, 1, 2")
    (folder / "deep.json").write_text("[" * 50000)
    (folder / "table.safetensors").write_bytes(b"\xff" * 64)
    (folder / "loop.png").symlink_to(folder / "loop.png")
    (folder / "dangling.png").symlink_to(folder / "nowhere")
    os.mkfifo(folder / "fifo.png")
    os.mkfifo(folder / "fifo.safetensors")
    return [
        *(str(p) for p in sorted(folder.iterdir())),
        "/dev/null",
        "/dev/full",
        "~nosuch/x.png",
        "x/" * 3000,
        "n" * 300 + ".png",
    ]


def jpeg(folder: Path) -> bytes:
    file = folder / "noise.jpg"
    Image.effect_noise((64, 64), 50).convert("RGB").save(file)
    return file.read_bytes()


def hostile_word(spec: OptionSpec, files: list[str], rng: random.Random) -> str:
    """Return one value as a person may type it: mostly of the option's own type, sometimes not."""
    if rng.random() < 0.2:
        return rng.choice([*NUMBERS, *TEXTS, *files])
    word = sensible_word(spec, files, rng)
    return ",".join([word, sensible_word(spec, files, rng)]) if spec.is_list and rng.random() < 0.4 else word


def sensible_word(spec: OptionSpec, files: list[str], rng: random.Random) -> str:
    kinds = [kind for kind in alternatives(spec.kind) if kind is not type(None)]
    kind = rng.choice(kinds)
    if get_origin(kind) is tuple:
        kind = get_args(kind)[0]
    if get_origin(kind) is Literal:
        return str(rng.choice(get_args(kind)))
    if kind in (int, float):
        low = spec.option.at_least if spec.option.at_least is not None else -3
        high = spec.option.at_most if spec.option.at_most is not None else 700
        return str(
            rng.choice(
                [int(low), int(high), rng.randint(int(low), max(int(low), int(high)))]
                if kind is int
                else [low, high, rng.uniform(low, high)]
            )
        )
    if spec.option.picture:
        return rng.choice(files)
    if isinstance(spec.default, str) and rng.random() < 0.5:
        return spec.default
    return rng.choice([*TEXTS, *files])


def hostile_value(spec: OptionSpec, files: list[str], rng: random.Random) -> Any:
    """Return one value as a program may pass it."""
    others: list[Any] = [
        None,
        True,
        0,
        -1,
        1.5,
        float("nan"),
        float("inf"),
        10**40,
        [],
        (),
        {},
        set(),
        b"x",
        object(),
        [[1]],
        "x",
        1j,
    ]
    if rng.random() < 0.5:
        return rng.choice(others)
    word = sensible_word(spec, files, rng)
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            continue
    return word
