"""A finished field as files: a film, a page to turn it on, a mesh, and a report of how good they are."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import torch

from synoptic import io
from synoptic.mesh import require_mesh
from synoptic.mesh.shape_metrics import coverage, relief
from synoptic.mesh.turntable import turntable_html
from synoptic.mesh.turntable_frames import turntable_frames
from synoptic.metrics.clip import Clip
from synoptic.metrics.retrieval import ranks
from synoptic.nerf.cameras import turntable_cameras
from synoptic.nerf.diagnostics import CAPTION_TEMPLATE, SIDE_WORDS, describe_sides, is_finite, view_probabilities
from synoptic.nerf.scene import RadianceScene, RenderedViews
from synoptic.utils.json_objects import JsonObject

SIDES, SIDE, FPS = 8, 64, 20
TITLES = {"sides": "shape", "clip_models": "score", "turntable": "film", "mesh": "mesh"}  # in what is said


class ExportBundle(NamedTuple):
    """The files, in the order they were written, and the report, which JSON can hold."""

    files: list[Path]
    report: JsonObject


class Section(NamedTuple):
    """What a part of the bundle wrote, found, and says in a line."""

    files: list[Path]
    facts: dict[str, object]
    summary: str


def export_bundle(
    scene: RadianceScene,
    folder: Path,
    prompt: str,
    *,
    clip_models: Sequence[Clip] = (),
    other_captions: Sequence[str] = (),
    frames: int = 90,
    side: int = 128,
    log: Callable[[str], object] = print,
) -> ExportBundle:
    """Write turntable.mp4, .gif and .html, mesh.glb, .obj and .ply, report.json and .tsv, each whole or not at all.

    `log` is given a line as each part is done: what it is worth and its seconds, or what is left out and how to get it
    (PyAV, the extra `mesh`, a field that shows nothing): nothing is raised for what is missing. `prompt` as people type it;
    `other_captions`: captions ("a 3d render of a red mug") that CLIPs rank its own among. A film has `frames` pictures of
    side².
    """
    folder.mkdir(parents=True, exist_ok=True)
    began = perf_counter()
    views = scene.render_views(turntable_cameras(SIDES), SIDE)
    parts: dict[str, Callable[[], Section]] = {
        "sides": partial(_sides_section, views),
        "clip_models": partial(_clip_section, views, prompt, clip_models, other_captions),
        "turntable": partial(_turntable_section, scene, folder, prompt, frames, side),
        "mesh": partial(_mesh_section, scene, folder),
    }
    if not is_finite(scene):
        parts = {
            "sides": lambda: Section(
                [], {"finite": False}, "the field holds numbers that are not finite: nothing can be made"
            )
        }
    files: list[Path] = []
    report: dict[str, object] = {"prompt": prompt}
    seconds: dict[str, float] = {}
    for name, make in parts.items():
        part, ended = make(), perf_counter()
        seconds[name], began = round(ended - began, 2), ended
        files += part.files
        report[name] = part.facts
        log(f"{TITLES[name]} ({seconds[name]:.1f} s): {part.summary}")
    report["seconds"] = seconds
    return ExportBundle([*files, *_write_report(report, folder)], report)


def _sides_section(views: RenderedViews) -> Section:
    share, deep = coverage(views), relief(views, turntable_cameras(SIDES))
    facts = {"finite": True, "coverage": _rounded(share), "relief": _rounded(deep)}
    if share.max() == 0:
        return Section([], facts, "nothing solid is seen from any side: take more steps, or lower the opacity penalty")
    cover = f"silhouettes cover {share.mean():.0%} of the picture"
    return Section([], facts, f"{cover}, their depth varies by {deep.mean():.2f} of their width, at least {deep.min():.2f}")


def _clip_section(views: RenderedViews, prompt: str, clip_models: Sequence[Clip], other_captions: Sequence[str]) -> Section:
    """Return the CLIPs' cosines with the prompt, its rank among the captions from each side, 0
    the best, and their view words.
    """
    pictures, caption = io.to_pil(2 * (views.color + 1 - views.opacity) - 1), CAPTION_TEMPLATE.format(prompt)
    captions = list(dict.fromkeys([caption, *other_captions]))
    facts, lines = {}, []
    for clip_model in clip_models:
        features = clip_model.encode_images(pictures)
        cosines = features @ clip_model.encode_texts(captions).T
        rank = ranks(cosines, torch.zeros(len(cosines), dtype=torch.long)).tolist()
        words = [SIDE_WORDS[k] for k in view_probabilities(clip_model, features[:: SIDES // 4], prompt).argmax(1).tolist()]
        facts[clip_model.name] = {"score": round(float(cosines[:, 0].mean()), 4), "words": words}
        lines.append(f"{facts[clip_model.name]['score']:.2f} by {clip_model.name}")
        if other_captions:
            facts[clip_model.name] |= {"ranks": rank, "of": len(captions)}
            lines[-1] += (
                f", from {sum(r < 5 for r in rank)} of {SIDES} sides its words are among the first five of {len(captions)}"
            )
        lines[-1] += f", {describe_sides(words)}"
    return Section([], facts, "; ".join(lines) or "no CLIP model was given")


def _turntable_section(scene: RadianceScene, folder: Path, prompt: str, frames: int, side: int) -> Section:
    kinds, faithful = turntable_frames(scene, frames, side)
    side_by_side = io.to_pil(torch.cat([*kinds.values()], 3))
    files = [folder / f"turntable.{kind}" for kind in ("gif", "html")]
    io.save_gif(files[0], side_by_side, FPS)
    io.write_whole(files[1], turntable_html(prompt, {name: io.to_pil(kind) for name, kind in kinds.items()}))
    line = f"{frames} pictures of {', '.join(kinds)}, {faithful:.0f} dB to the field"
    try:
        io.save_video(folder / "turntable.mp4", side_by_side, FPS)
        files.append(folder / "turntable.mp4")
    except ImportError as e:
        line += f"; {e}"
    return Section(files, {"frames": frames, "side": side, "psnr": round(faithful, 2)}, line)


def _mesh_section(scene: RadianceScene, folder: Path) -> Section:
    try:
        require_mesh()
        from synoptic.mesh.export import export_mesh
        from synoptic.mesh.marching_cubes import extract_mesh

        made = extract_mesh(scene)
    except (ImportError, ValueError) as e:
        return Section([], {"missing": str(e)}, f"none was made: {e}")
    psnr, overlap = made.agreement
    facts = {
        "faces": len(made.textured.mesh.faces),
        "watertight": made.watertight,
        "density": round(made.threshold.density, 4),
        "psnr": round(float(psnr.mean()), 2),
        "psnr_least": round(float(psnr.min()), 2),
        "views": len(psnr),
        "overlap": round(float(overlap.mean()), 4),
    }
    return Section(export_mesh(made.textured, folder), facts, str(made))


def _write_report(report: Mapping[str, object], folder: Path) -> list[Path]:
    rows = "".join(f"{name}\t{value}\n" for name, value in _flatten(report))
    for name, text in (("report.json", json.dumps(report, indent=2) + "\n"), ("report.tsv", rows)):
        io.write_whole(folder / name, text)
    return [folder / "report.json", folder / "report.tsv"]


def _flatten(report: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield names joined by dots, lists by spaces."""
    for name, value in report.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield prefix + name, " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _rounded(numbers: torch.Tensor) -> list[float]:
    return [round(number, 4) for number in numbers.tolist()]
