"""The files of the courses' command lines: pictures named after their prompts, crops, views, and the options as JSON."""

from __future__ import annotations

import argparse
import hashlib
import json
import shlex
from pathlib import Path

import torch

from synoptic.courses.files import distinct, file_name
from synoptic.io import from_pil, load_image, read_settings, save_image, to_pil, write_whole
from synoptic.models.registry import resolve
from synoptic.options.anagram import AnagramOptions
from synoptic.options.distill import DistillOptions
from synoptic.options.pretrained_model import ModelOptions
from synoptic.options.wide import WideOptions
from synoptic.runs.execute import execute
from synoptic.runs.manifest import Run
from synoptic.views.registry import get_view

COURSE_SIDE = 512  # the course's model: its sizes are in its pixels, and scale with the native size


def run_into_results(prepared: ModelOptions, folder: Path) -> Run:
    """Run prepared options in results/, in a folder named after them."""
    return execute(prepared, results_folder(prepared, folder))


def results_folder(prepared: ModelOptions, folder: Path) -> Path:
    key = hashlib.sha256(json.dumps(prepared.to_json(), sort_keys=True).encode()).hexdigest()[:8]
    return folder / "results" / key


def wide(args: argparse.Namespace, prepared: WideOptions, folder: Path) -> list[str]:
    """Generate the wide picture, then save it and its crops at --eval_pos; return the lines to print."""
    run = run_into_results(prepared, folder)
    (panorama,), inside = run.images, read_settings(run.folder / run.pictures[0].file)
    native, whole = resolve(prepared.model).native_size, folder / file_name(args.prompt)
    save_image(whole, panorama, inside)
    saved = [whole]
    for p in args.eval_pos:
        left = round(p * native / COURSE_SIDE)
        crop = folder / file_name(args.prompt, p)
        save_image(crop, panorama.crop((left, 0, left + native, native)), inside)
        saved.append(crop)
    write_config(folder / "wide_image_run_config.yaml", args, run)
    how = f"to score the crops: python eval.py --fdir1 {shlex.quote(str(folder))} --app wide_images"
    return [*map(str, saved), *score_lines(run, "clip_score", "CLIP score"), how]


def ambiguous(args: argparse.Namespace, prepared: AnagramOptions, folder: Path) -> list[str]:
    """Generate the anagram, then save each view under its prompt, and in results/ the small ones too.

    Returns the lines to print.
    """
    run = run_into_results(prepared, folder)
    (whole,), file = run.images, run.folder / run.pictures[0].file
    stage_one = file.with_suffix(f".{resolve(prepared.model).native_size}.png")  # there where it was enlarged
    inside, views = read_settings(file), [get_view(name) for name in prepared.views]
    small, large = (
        [view.view(from_pil(picture)) for view in views]
        for picture in (load_image(stage_one if stage_one.exists() else file), whole)
    )
    for i, x in enumerate(small):
        save_image(folder / f"results/view_{i}.png", to_pil(x)[0], inside)
    names = distinct([file_name(p) for p in args.prompts])
    for prompt, name, x in zip(args.prompts, names, large, strict=True):
        for place in (folder, folder / "results"):
            save_image(place / name, to_pil(x)[0], inside | {"prompt": prompt})
    save_image(folder / "results/final.png", to_pil(torch.cat(large, -1))[0], inside)
    write_config(folder / "ambiguous_image_config.yaml", args, run)
    how = f"to score the views: python eval.py --fdir1 {shlex.quote(str(folder))} --app ambiguous_images"
    return [*(str(folder / name) for name in names), *score_lines(run, "alignment", "alignment"), how]


def distillation(args: argparse.Namespace, prepared: DistillOptions, folder: Path) -> list[str]:
    """Distill, then save the picture under its prompt, an edit under what it was edited into; return the lines to print."""
    run = run_into_results(prepared, folder)
    (image,), (picture,) = run.images, run.pictures
    file = folder / file_name(picture.prompt)
    save_image(file, image, read_settings(run.folder / picture.file) | {"file": file.name})
    write_config(folder / "run_config.yaml", args, run)
    how = f"to score all of the folder: python eval.py --fdir1 {shlex.quote(str(folder))}"
    return [str(file), *score_lines(run, "clip_score", "CLIP score"), how]


def score_lines(run: Run, name: str, title: str) -> list[str]:
    """Return the line of a score, where there is one."""
    return [f"{title} {run.scores[name]:.3f} by {run.scores['clip_model']}"] if run.scores else []


def write_config(path: Path, args: argparse.Namespace, run: Run) -> None:
    """Write the options as JSON text, as the course does, and the same run as a `synoptic` command."""
    text = json.dumps(vars(args) | {"synoptic": run.options.command()}, indent=4, ensure_ascii=False)
    write_whole(path, text)
