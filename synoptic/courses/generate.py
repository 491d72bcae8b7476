"""Generating what a prompt set lacks: crops of wide pictures, views of anagrams, plain pictures, edits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from PIL.Image import Image

from synoptic.courses.evaluate_options import EvaluateOptions
from synoptic.courses.files import distinct, unique_names
from synoptic.courses.folders import expected, source_of, sources
from synoptic.courses.prompt_sets import CANVAS, Entry, PromptSet
from synoptic.errors import InputError, check_writable
from synoptic.io import from_pil, load_image, read_settings, save_image, to_pil
from synoptic.jobs.spread import Call
from synoptic.models.registry import resolve
from synoptic.options.anagram import AnagramOptions
from synoptic.options.prompts import slug
from synoptic.runs.folders import earlier
from synoptic.runs.manifest import Run
from synoptic.utils.json_objects import JsonObject
from synoptic.views.registry import get_view

RunsOf = Callable[[Sequence[Call]], Iterator[Run]]  # the runs of calls, one after another
SHARED = ("model", "steps", "guidance_scale", "seed")  # what pictures of one folder have in common
OLD_NAMES = {"guidance_scale": "guidance"}  # in pictures of version 0.0, which keep their settings under "settings"


def generate_wide(chosen: PromptSet, folder: Path, panoramas: Path, options: EvaluateOptions, runs_of: RunsOf) -> None:
    """Save the missing crops in `folder`, cut from wide pictures in `panoramas`, which are generated where they are missing.

    A picture is six times as wide as high; a crop at position p begins at p · W / 3072, rounded, and is as wide as high.
    Crops are cut when all pictures are there, so a run that was stopped finds its own pictures again. A wide picture made
    elsewhere, named after its prompt alone, is taken as it is.
    """
    names = expected(chosen, folder)

    def is_missing(entry: Entry) -> bool:
        return not all(names[entry.prompt, p].exists() for p in entry.positions)

    for (prompt, _), name in unique_names((e.prompt, None) for e in chosen.entries).items():
        (e,), ready = [e for e in chosen.entries if e.prompt == prompt], panoramas / name
        if is_missing(e) and ready.exists():
            check_writable(folder)
            cut(load_image(ready), read_settings(ready) | {"file": ready.name}, e, names)
    there = pictures_of(panoramas, options.seed)
    wanted = {e.prompt: e for e in chosen.entries if is_missing(e) or e.prompt in there}
    if not any(is_missing(e) for e in wanted.values()):
        return
    check_writable(folder)
    (made,) = runs_of([("wide", tuple(wanted), options.shared() | {"out": str(panoramas)})])
    for image, picture in zip(made.images, made.pictures, strict=True):
        cut(image, read_settings(made.folder / picture.file), wanted[picture.prompt], names)


def cut(image: Image, inside: JsonObject, entry: Entry, names: Mapping[tuple[str, int | None], Path]) -> None:
    """Save an entry's missing crops of its wide picture, each with the picture's options and its place."""
    for p in entry.positions:
        path, side = names[entry.prompt, p], image.height
        if not path.exists():
            left = round(p * image.width / CANVAS)
            place = {"file": path.name, "cut_from": inside["file"], "position": p, "left": left}
            save_image(path, image.crop((left, 0, left + side, side)), inside | place)


def generate_in_one_run(
    paths: Mapping[str, Path], runs: Path, options: EvaluateOptions, runs_of: RunsOf, application: str, **own: object
) -> None:
    """Save the missing ones of {prompt: path}, made by one run of an application in `runs`, with options of its own."""
    there = pictures_of(runs, options.seed)
    wanted = [prompt for prompt, path in paths.items() if not path.exists() or prompt in there]
    if all(paths[prompt].exists() for prompt in wanted):
        return
    check_writable(paths[wanted[0]].parent)
    (made,) = runs_of([(application, tuple(wanted), options.shared() | own | {"out": str(runs)})])
    save_pictures(made, paths)


def generate_ambiguous(
    entries: Sequence[Entry],
    paths: Mapping[str, Path],
    runs: Path,
    options: EvaluateOptions,
    runs_of: RunsOf,
    **rule: object,
) -> None:
    """Save the missing views of pairs, {prompt: path}: the canonical one upright, the other turned.

    Every pair has a run of its own in `runs`, which is found again; `rule` are further options of `anagram`.
    """
    pairs = [(e.prompt, e.other) for e in entries]
    places = dict(zip(pairs, run_folders([" ".join(pair) for pair in pairs]), strict=True))
    lacking = [pair for pair in pairs if not all(paths[text].exists() for text in pair)]
    for pair in lacking:
        check_writable(paths[pair[0]].parent)
    calls: list[Call] = [("anagram", pair, options.shared() | rule | {"out": str(runs / places[pair])}) for pair in lacking]
    for pair, made in zip(lacking, runs_of(calls), strict=True):
        assert isinstance(made.options, AnagramOptions)
        (image,), (picture,) = made.images, made.pictures
        inside = read_settings(made.folder / picture.file)
        for text, name in zip(pair, made.options.views, strict=True):
            if not paths[text].exists():
                seen = to_pil(get_view(name).view(from_pil(image)))[0]
                save_image(paths[text], seen, inside | {"file": paths[text].name, "prompt": text, "view": name})


def generate_edits(
    chosen: PromptSet, paths: Mapping[str, Path], runs: Path, options: EvaluateOptions, runs_of: RunsOf
) -> None:
    """Save the missing edits, {prompt: path}, by PDS, each of a source that is there, as small as the model's own pictures.

    Every edit has a run of its own in `runs`.
    """
    side, made = resolve(options.model).native_size, sources(chosen, options.top)
    calls: list[Call] = []
    for e, place in zip(chosen.entries, run_folders([e.other for e in chosen.entries]), strict=True):
        source = source_of(e, made)
        if source is not None and not paths[e.other].exists():
            check_writable(paths[e.other].parent)
            edit = {"loss": "pds", "source": str(source), "source_prompt": e.prompt, "size": side}
            calls.append(("distill", (e.other,), options.shared() | edit | {"out": str(runs / place)}))
    for done in runs_of(calls):
        save_pictures(done, paths)


def save_pictures(made: Run, paths: Mapping[str, Path]) -> None:
    """Save a run's pictures, {prompt: path}; those that are there are kept."""
    for image, picture in zip(made.images, made.pictures, strict=True):
        path = paths[picture.prompt]
        if not path.exists():
            save_image(path, image, read_settings(made.folder / picture.file) | {"file": path.name})


def run_folders(names: Sequence[str]) -> list[str]:
    """Return a folder's name for each, no two alike."""
    return distinct([slug(name) for name in names], lambda name, n: f"{name}-{n}")


def pictures_of(folder: Path, seed: int) -> dict[str, Path]:
    """Return {prompt: file} of the pictures of this seed that a run in `folder` has made."""
    made = (earlier(folder) or {}).get("pictures", [])
    found = {str(p.get("prompt")): folder / p["file"] for p in made if p.get("seed") == seed}
    return {prompt: file for prompt, file in found.items() if file.exists()}


def check_same_options(paths: Sequence[Path], options: EvaluateOptions, **rule: object) -> None:
    """Raise InputError where pictures that are there were made with other options; those made elsewhere say nothing.

    `rule` are options that the method sets, which must be the same too.
    """
    wanted = {name: getattr(options, name) for name in SHARED} | rule
    for path in paths:
        inside = options_inside(read_settings(path))
        for name, asked in wanted.items():
            found = inside.get(name)
            if found is not None and asked is not None and found != asked:
                cure = "another --method" if name in rule else f"--{name.replace('_', '-')} {found}"
                raise InputError(
                    f"pictures of one folder share their options, {path} was made with {name} {found}, not {asked}: choose"
                    f" another --out, give {cure}, or delete the old pictures",
                    rule="folder-differs",
                )


def options_inside(inside: JsonObject) -> JsonObject:
    """Return the options inside a picture, by their names of today."""
    old = inside.get("settings", {})
    return inside.get("options") or {name: old.get(OLD_NAMES.get(name, name)) for name in SHARED}
