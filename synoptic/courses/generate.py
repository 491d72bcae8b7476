"""Generating what a prompt set lacks: crops of wide pictures, views of anagrams, plain pictures, edits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PIL.Image import Image

from synoptic.courses.evaluate_options import EvaluateOptions
from synoptic.courses.files import file_name
from synoptic.courses.folders import source_of
from synoptic.courses.prompt_sets import CANVAS, Entry
from synoptic.errors import InputError, check_writable
from synoptic.io import from_pil, load_image, read_settings, save_image, to_pil
from synoptic.models.registry import resolve
from synoptic.options.common import slug
from synoptic.runs.execute import run
from synoptic.runs.manifest import Run
from synoptic.views.registry import get_view

SHARED = ("model", "steps", "guidance_scale", "seed")  # what pictures of one folder have in common
OLD_NAMES = {"guidance_scale": "guidance"}  # in pictures of version 0.0, which keep their settings under "settings"


def generate_wide(entries: Sequence[Entry], folder: Path, panoramas: Path, options: EvaluateOptions) -> None:
    """Save the missing crops in `folder`, cut from wide pictures in `panoramas`, which are generated where they are missing.

    A picture is six times as wide as high; a crop at position p begins at p · W / 3072, rounded, and is as wide as high.
    Crops are cut when all pictures are there, so a run that was stopped finds its own pictures again. A wide picture made
    elsewhere, named after its prompt alone, is taken as it is.
    """

    def is_missing(entry: Entry) -> bool:
        return not all((folder / file_name(entry.prompt, p)).exists() for p in entry.positions)

    for e in entries:
        ready = panoramas / file_name(e.prompt)
        if is_missing(e) and ready.exists():
            check_writable(folder)
            cut(load_image(ready), read_settings(ready) | {"file": ready.name}, e, folder)
    wanted = {e.prompt: e for e in entries if is_missing(e) or picture_of(panoramas, e.prompt, options.seed).exists()}
    if not any(is_missing(e) for e in wanted.values()):
        return
    check_distinct(list(wanted))
    check_writable(folder)
    made = run("wide", *wanted, **options.shared(), out=str(panoramas))
    for image, picture in zip(made.images, made.pictures, strict=True):
        cut(image, read_settings(made.folder / picture.file), wanted[picture.prompt], folder)


def cut(image: Image, inside: dict[str, Any], entry: Entry, folder: Path) -> None:
    """Save an entry's missing crops of its wide picture, each with the picture's options and its place."""
    for p in entry.positions:
        path, side = folder / file_name(entry.prompt, p), image.height
        if not path.exists():
            left = round(p * image.width / CANVAS)
            place = {"file": path.name, "cut_from": inside["file"], "position": p, "left": left}
            save_image(path, image.crop((left, 0, left + side, side)), inside | place)


def generate_in_one_run(
    prompts: Sequence[str], folder: Path, runs: Path, options: EvaluateOptions, generate: Callable[..., Run]
) -> None:
    """Save the missing pictures of prompts in `folder`, made by one run in `runs`: generate(*prompts, **shared, out=…)."""

    def is_missing(prompt: str) -> bool:
        return not (folder / file_name(prompt)).exists()

    wanted = [p for p in prompts if is_missing(p) or picture_of(runs, p, options.seed).exists()]
    if not any(is_missing(prompt) for prompt in wanted):
        return
    check_distinct(wanted)
    check_writable(folder)
    save_pictures(generate(*wanted, **options.shared(), out=str(runs)), folder)


def generate_ambiguous(entries: Sequence[Entry], folder: Path, runs: Path, options: EvaluateOptions, **rule: Any) -> None:
    """Save the missing views of pairs in `folder`, each under its prompt: the canonical one upright, the other turned.

    Every pair has a run of its own in `runs`, which is found again; `rule` are further options of `anagram`.
    """
    pairs = {f"{e.prompt} {e.other}": (e.prompt, e.other) for e in entries}
    wanted = {name: pair for name, pair in pairs.items() if not all((folder / file_name(text)).exists() for text in pair)}
    check_distinct(list(wanted))
    for name, pair in wanted.items():
        check_writable(folder)
        made = run("anagram", *pair, **options.shared(), **rule, out=str(runs / slug(name)))
        (image,), (picture,) = made.images, made.pictures
        inside = read_settings(made.folder / picture.file)
        for text, name in zip(pair, made.options.to_json()["views"], strict=True):
            path = folder / file_name(text)
            if not path.exists():
                seen = to_pil(get_view(name).view(from_pil(image)))[0]
                save_image(path, seen, inside | {"file": path.name, "prompt": text, "view": name})


def generate_edits(entries: Sequence[Entry], folder: Path, runs: Path, options: EvaluateOptions) -> None:
    """Save the missing edits in `folder`, by PDS, each of a source that is there, as small as the model's own pictures.

    Every edit has a run of its own in `runs`.
    """
    check_distinct([e.other for e in entries])
    side = resolve(options.model).native_size
    for e in entries:
        source = source_of(e, options.top)
        if source is not None and not (folder / file_name(e.other)).exists():
            check_writable(folder)
            edit = {"loss": "pds", "source": str(source), "source_prompt": e.prompt, "size": side}
            save_pictures(run("distill", e.other, **edit, **options.shared(), out=str(runs / slug(e.other))), folder)


def save_pictures(made: Run, folder: Path) -> None:
    """Save a run's pictures in `folder`, each under its prompt; those that are there are kept."""
    for image, picture in zip(made.images, made.pictures, strict=True):
        path = folder / file_name(picture.prompt)
        if not path.exists():
            save_image(path, image, read_settings(made.folder / picture.file) | {"file": path.name})


def picture_of(folder: Path, prompt: str, seed: int) -> Path:
    """Return where a run in `folder` keeps the picture of a prompt."""
    return folder / f"{slug(prompt)}_{seed}.png"


def check_distinct(prompts: Sequence[str]) -> None:
    """Raise InputError where two prompts part only after the 100 bytes of them that a run's file names hold."""
    names = [slug(prompt) for prompt in prompts]
    for i, name in enumerate(names):
        if name in names[:i]:
            raise InputError(
                f"prompts must differ in their first 100 bytes, {prompts[i][:50]!r}… does not: reword it",
                rule="prompts-distinct",
            )


def check_same_options(paths: Sequence[Path], options: EvaluateOptions) -> None:
    """Raise InputError where pictures that are there were made with other options; those made elsewhere say nothing."""
    for path in paths:
        inside = options_inside(read_settings(path))
        for name in SHARED:
            asked, found = getattr(options, name), inside.get(name)
            if found is not None and asked is not None and found != asked:
                raise InputError(
                    f"pictures of one folder share their options, {path} was made with {name} {found}, not {asked}: choose"
                    f" another --out, give --{name.replace('_', '-')} {found}, or delete the old pictures",
                    rule="folder-differs",
                )


def options_inside(inside: dict[str, Any]) -> dict[str, Any]:
    """Return the options inside a picture, by their names of today."""
    old = inside.get("settings", {})
    return inside.get("options") or {name: old.get(OLD_NAMES.get(name, name)) for name in SHARED}
