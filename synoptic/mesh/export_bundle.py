"""What a finished field is handed over as: a film and a page to turn it on, a mesh, and a report of what they are worth."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import torch

from synoptic import io as images
from synoptic.mesh.export import export
from synoptic.mesh.marching_cubes import extract
from synoptic.mesh.shape_metrics import covered, relief
from synoptic.mesh.turntable import turntable
from synoptic.mesh.turntable_frames import film
from synoptic.metrics.clip import Clip
from synoptic.metrics.retrieval import ranks
from synoptic.nerf.cameras import around
from synoptic.nerf.diagnostics import CAPTION, WORDS, faces, sound
from synoptic.nerf.scene import Radiance, Seen

SIDES, SIDE, FPS = 8, 64, 20


class Delivered(NamedTuple):
    """The files, in the order they were written, and the report, which JSON can hold."""

    files: list[Path]
    report: dict[str, Any]


class Part(NamedTuple):
    """What a part of the delivery wrote, found, and says in a line."""

    files: list[Path]
    facts: dict[str, Any]
    line: str


def deliver(
    scene: Radiance,
    folder: Path,
    prompt: str,
    *,
    judges: Sequence[Clip] = (),
    among: Sequence[str] = (),
    frames: int = 90,
    side: int = 128,
    say: Callable[[str], object] = print,
) -> Delivered:
    """turntable.mp4, .gif and .html, mesh.glb, .obj and .ply, report.json and .tsv, each written whole or not at all.

    `say` hears a line as each part is done: what it is worth and its seconds, or what is left out and how to get it (PyAV,
    the extra `mesh`, a field that shows nothing): nothing is raised for what is missing. `prompt` as people type it;
    `among`: captions ("a 3d render of a red mug") that judges rank its own among. A film has `frames` pictures of side².
    """
    folder.mkdir(parents=True, exist_ok=True)
    began = perf_counter()
    seen = scene.show(around(SIDES), SIDE)
    parts: dict[str, Callable[[], Part]] = {
        "sides": partial(_sides, seen),
        "judges": partial(_judged, seen, prompt, judges, among),
        "turntable": partial(_turned, scene, folder, prompt, frames, side),
        "mesh": partial(_mesh, scene, folder),
    }
    if not sound(scene):
        parts = {"sides": lambda: Part([], {"finite": False}, "the field holds numbers that are none: nothing can be made")}
    files: list[Path] = []
    report: dict[str, Any] = {"prompt": prompt}
    seconds: dict[str, float] = {}
    for name, make in parts.items():
        part, ended = make(), perf_counter()
        seconds[name], began = round(ended - began, 2), ended
        files += part.files
        report[name] = part.facts
        say(f"{name}, {seconds[name]:.1f} s: {part.line}")
    report["seconds"] = seconds
    return Delivered([*files, *_written(report, folder)], report)


def _sides(seen: Seen) -> Part:
    share, deep = covered(seen), relief(seen, around(SIDES))
    facts = {"finite": True, "coverage": _short(share), "relief": _short(deep)}
    if share.max() == 0:
        return Part([], facts, "nothing solid is seen from any side: take more steps, or lower the opacity penalty")
    cover = f"silhouettes cover {share.mean():.0%} of the picture"
    return Part([], facts, f"{cover}, their depth varies by {deep.mean():.2f} of their width, at least {deep.min():.2f}")


def _judged(seen: Seen, prompt: str, judges: Sequence[Clip], among: Sequence[str]) -> Part:
    """The judges' cosines with the prompt, its rank among the captions from each side, 0 the best, and their view words."""
    pictures, caption = images.to_pil(2 * (seen.colour + 1 - seen.opacity) - 1), CAPTION.format(prompt)
    captions = list(dict.fromkeys([caption, *among]))
    facts, lines = {}, []
    for judge in judges:
        features = judge.see(pictures)
        cosines = features @ judge.read(captions).T
        rank = ranks(cosines, torch.zeros(len(cosines), dtype=torch.long)).tolist()
        words = [WORDS[k] for k in faces(judge, features[:: SIDES // 4], prompt).argmax(1).tolist()]
        facts[judge.name] = {"score": round(float(cosines[:, 0].mean()), 4), "words": words}
        lines.append(f"{judge.name} {facts[judge.name]['score']:.2f}")
        if among:
            facts[judge.name] |= {"ranks": rank, "of": len(captions)}
            lines[-1] += f", first five of {len(captions)} from {sum(r < 5 for r in rank)} of {SIDES} sides"
        lines[-1] += f", front right back left are {' '.join(words)}"
    return Part([], facts, "; ".join(lines) or "nobody was asked")


def _turned(scene: Radiance, folder: Path, prompt: str, frames: int, side: int) -> Part:
    kinds, faithful = film(scene, frames, side)
    together = images.to_pil(torch.cat([*kinds.values()], 3))
    files = [folder / f"turntable.{kind}" for kind in ("gif", "html")]
    images.gif(files[0], together, FPS)
    page = turntable(prompt, {name: images.to_pil(kind) for name, kind in kinds.items()}).encode()
    images.atomic_write(files[1], lambda f: f.write(page))
    line = f"{frames} pictures of {', '.join(kinds)}, {faithful:.0f} dB to the field"
    try:
        images.video(folder / "turntable.mp4", together, FPS)
        files.append(folder / "turntable.mp4")
    except ImportError as e:
        line += f"; {e}"
    return Part(files, {"frames": frames, "side": side, "psnr": round(faithful, 2)}, line)


def _mesh(scene: Radiance, folder: Path) -> Part:
    try:
        made = extract(scene)
    except (ImportError, ValueError) as e:
        return Part([], {"missing": str(e)}, f"none was made: {e}")
    psnr, overlap = made.agreement
    facts = {
        "faces": len(made.model.mesh.faces),
        "watertight": made.watertight,
        "density": round(made.threshold.density, 4),
        "psnr": round(float(psnr.mean()), 2),
        "psnr_least": round(float(psnr.min()), 2),
        "views": len(psnr),
        "overlap": round(float(overlap.mean()), 4),
    }
    return Part(export(made.model, folder), facts, str(made))


def _written(report: Mapping[str, Any], folder: Path) -> list[Path]:
    rows = "".join(f"{name}\t{value}\n" for name, value in _flat(report))
    for name, text in (("report.json", json.dumps(report, indent=2) + "\n"), ("report.tsv", rows)):
        images.atomic_write(folder / name, lambda f, text=text: f.write(text.encode()))
    return [folder / "report.json", folder / "report.tsv"]


def _flat(report: Mapping[str, Any], under: str = "") -> Iterator[tuple[str, str]]:
    """Names joined by dots, lists by spaces."""
    for name, value in report.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{under}{name}.")
        else:
            yield under + name, " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _short(numbers: torch.Tensor) -> list[float]:
    return [round(number, 4) for number in numbers.tolist()]
