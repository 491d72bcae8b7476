"""Painting what a prompt set lacks, with the recipe of its kind: crops of wide ones, views of anagrams, plain ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from synoptic.courses.files import file_name
from synoptic.courses.grading import source_of
from synoptic.courses.prompt_sets import CANVAS, Entry
from synoptic.errors import InputError, check_writable
from synoptic.models.registry import resolve
from synoptic.pipelines.anagram import anagram
from synoptic.pipelines.distill import distill
from synoptic.pipelines.generate import generate
from synoptic.pipelines.wide import wide
from synoptic.runs.manifest import Result, slug

if TYPE_CHECKING:
    from PIL.Image import Image


def paint_wide(entries: Sequence[Entry], folder: Path, panoramas: Path, how: dict[str, Any]) -> None:
    """The missing crops into `folder`, cut from wide pictures in `panoramas`, which are painted where they are missing.

    A picture is six times as wide as high; a crop at position p begins at p · W / 3072, rounded, and is as wide as high.
    Crops are cut when all pictures are there, so a run that was stopped finds its own pictures again. A wide picture made
    elsewhere, named after its prompt alone, is taken as it is.
    """
    from synoptic.io import load_image, read_settings

    def missing(entry: Entry) -> bool:
        return not all((folder / file_name(entry.prompt, p)).exists() for p in entry.positions)

    ready = {e.prompt: panoramas / file_name(e.prompt) for e in entries if missing(e)}
    for e in entries:
        if missing(e) and ready[e.prompt].exists():
            check_writable(folder)
            cut(load_image(ready[e.prompt]), read_settings(ready[e.prompt]) | {"file": ready[e.prompt].name}, e, folder)
    wanted = {e.prompt: e for e in entries if missing(e) or panorama(panoramas, e.prompt, how["seed"]).exists()}
    if not any(missing(e) for e in wanted.values()):
        return
    distinct(list(wanted))
    check_writable(folder)
    images, run = wide(list(wanted), **how, out=str(panoramas))
    for image, picture in zip(images, run.pictures, strict=True):
        cut(image, read_settings(run.folder / picture.file), wanted[picture.prompt], folder)


def cut(image: Image, inside: dict[str, Any], entry: Entry, folder: Path) -> None:
    """An entry's missing crops out of its wide picture, each saved with the picture's settings and its place."""
    from synoptic.io import save_image

    for p in entry.positions:
        path, side = folder / file_name(entry.prompt, p), image.height
        if not path.exists():
            left = round(p * image.width / CANVAS)
            place = {"file": path.name, "cut_from": inside["file"], "position": p, "left": left}
            save_image(path, image.crop((left, 0, left + side, side)), inside | place)


def paint_plain(prompts: Sequence[str], folder: Path, originals: Path, how: dict[str, Any]) -> None:
    """The missing pictures of plain prompts into `folder`; the run that paints them lies in `originals`."""

    def missing(prompt: str) -> bool:
        return not (folder / file_name(prompt)).exists()

    wanted = [p for p in prompts if missing(p) or panorama(originals, p, how["seed"]).exists()]
    if not any(missing(prompt) for prompt in wanted):
        return
    distinct(wanted)
    check_writable(folder)
    file(generate(wanted, **how, out=str(originals)), folder)


def paint_ambiguous(entries: Sequence[Entry], folder: Path, runs: Path, how: dict[str, Any]) -> None:
    """The missing views of pairs into `folder`, each under its prompt: the canonical one upright, the other turned.

    Every pair has a run of its own in `runs`; what it painted is found again.
    """
    pairs = {f"{e.prompt} {e.other}": (e.prompt, e.other) for e in entries}
    wanted = {name: pair for name, pair in pairs.items() if not all((folder / file_name(text)).exists() for text in pair)}
    distinct(list(wanted))
    for name, pair in wanted.items():
        check_writable(folder)
        (image,), run = cast(Any, anagram)(list(pair), **how, out=str(runs / slug(name)))

        from synoptic.io import from_pil, read_settings, save_image, to_pil
        from synoptic.views.registry import get_view

        inside = read_settings(run.folder / run.pictures[0].file)
        for text, look in zip(pair, run.settings["views"], strict=True):
            path = folder / file_name(text)
            if not path.exists():
                seen = to_pil(get_view(look).view(from_pil(image)))[0]
                save_image(path, seen, inside | {"file": path.name, "prompt": text, "view": look})


def paint_distilled(method: str, prompts: Sequence[str], folder: Path, runs: Path, how: dict[str, Any]) -> None:
    """The missing pictures of prompts into `folder`, distilled by the loss `method` in one run, which lies in `runs`."""
    wanted = [p for p in prompts if not (folder / file_name(p)).exists() or panorama(runs, p, how["seed"]).exists()]
    if all((folder / file_name(prompt)).exists() for prompt in wanted):
        return
    distinct(wanted)
    check_writable(folder)
    file(distill(wanted, loss=cast(Any, method), **how, out=str(runs)), folder)


def paint_edits(entries: Sequence[Entry], folder: Path, top: Path, runs: Path, how: dict[str, Any]) -> None:
    """The missing edits into `folder`, by PDS, each of a source that is there, made as small as the model's own pictures.

    Every edit has a run of its own in `runs`.
    """
    distinct([e.other for e in entries])
    native = resolve(how["model"]).native_size
    for e in entries:
        source = source_of(e, top)
        if source is not None and not (folder / file_name(e.other)).exists():
            check_writable(folder)
            edit: dict[str, Any] = {"loss": "pds", "source": str(source), "source_prompt": e.prompt, "size": native}
            file(distill(e.other, **edit, **how, out=str(runs / slug(e.other))), folder)


def file(result: Result, folder: Path) -> None:
    """A run's pictures into `folder`, each under its prompt; those that are there are kept."""
    from synoptic.io import read_settings, save_image

    for image, picture in zip(result.images, result.run.pictures, strict=True):
        path = folder / file_name(picture.prompt)
        if not path.exists():
            save_image(path, image, read_settings(result.run.folder / picture.file) | {"file": path.name})


def panorama(folder: Path, prompt: str, seed: int) -> Path:
    """Where a run in `folder` keeps the picture of a prompt."""
    return folder / f"{slug(prompt)}_{seed}.png"


def distinct(prompts: Sequence[str]) -> None:
    """A run's file names hold 100 bytes of a prompt. Raises InputError where two prompts part only after them."""
    names = [slug(prompt) for prompt in prompts]
    for i, name in enumerate(names):
        if name in names[:i]:
            raise InputError(f"prompts must differ in their first 100 bytes, {prompts[i][:50]!r}… does not: reword it")


def same_settings(paths: Sequence[Path], asked: dict[str, Any]) -> None:
    """Pictures that are there must have been painted as asked; those made elsewhere say nothing. Raises InputError."""
    from synoptic.io import read_settings

    for path in paths:
        inside = read_settings(path).get("settings", {})
        for name, value in asked.items():
            if name in inside and inside[name] != value:
                raise InputError(
                    f"pictures of one folder share their settings, {path} was painted with {name} {inside[name]}, not"
                    f" {value}: choose another --out, give --{name} {inside[name]}, or delete the old pictures"
                )
