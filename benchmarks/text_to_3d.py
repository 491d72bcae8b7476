"""Does `synoptic text-to-3d` make the object it was asked for, solid from all sides? Five that the bundled models know.

PYTHONPATH=. python benchmarks/text_to_3d.py [--prompts …] [--seeds 0 1] [--steps N] [--loss sds] [--starts K] [--out DIR]
PYTHONPATH=. python benchmarks/text_to_3d.py --runs DIR …: measures what earlier runs left, and optimizes nothing

Each object has a run of its own under --out, resumed where one was begun. Then, over 8 sides: both CLIPs' ranks of the
right caption (benchmarks/object_quality.py), in color and as clay without texture, the view words, relief and silhouettes;
the mesh against the field; seconds and memory. Writes text_to_3d.tsv, .json and .png, all renders with their ranks, and
objects.png, every field and below it its mesh. A mesh that is missing is made here, where the extra `mesh` is. On the GPU
where there is one.
"""

from __future__ import annotations

import argparse
import json
import resource
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

import torch
from PIL import Image
from torch import Tensor

import synoptic
from benchmarks.object_quality import ASKED, SIDES, ClipModels, renders, scored
from synoptic import io
from synoptic.mesh import require_mesh
from synoptic.mesh.fuse_texture import render_texture
from synoptic.mesh.painted_surface import PaintedSurface
from synoptic.models.device import choose_device
from synoptic.nerf.cameras import turntable_cameras
from synoptic.nerf.scene import RadianceScene
from synoptic.nerf.serialization import load_scene
from synoptic.pipelines.text_to_3d import FIELD
from synoptic.runs.errors import OptimizationFailed

PROMPTS = "a yellow house", "a purple teapot", "a red bus", "a pink lamp", "a blue castle"  # nothing was tuned on these
SMALL = 96  # pixels of a side's picture in objects.png
FIVE, ENOUGH, LEAST_RELIEF, LEAST_PSNR = 5, 6, 0.1, 20.0
KEPT = "state", "timings", "options"


class Grown(NamedTuple):
    """A field's file, what it was to be, and its run's manifest."""

    field: Path
    prompt: str
    seed: int
    run: dict[str, Any]


def grow(prompts: Sequence[str], begun: Sequence[int], out: Path, **how: Any) -> list[Path]:
    """Each prompt from each of these seeds, in a run of its own: the runs' folders. One that is not well is measured too."""
    folders = []
    for seed in begun:
        for prompt in prompts:
            folders.append(out / f"{prompt.replace(' ', '-')}-{seed}")
            if torch.cuda.is_available():
                torch.cuda.reset_peak_memory_stats()
            try:
                synoptic.run("text_to_3d", prompt, seed=seed, out=str(folders[-1]), **how)
            except OptimizationFailed as e:
                print(f"# {prompt}, seed {seed}: {e}", flush=True)
            (folders[-1] / "peak.json").write_text(json.dumps(peak()))
    return folders


def peak() -> dict[str, float]:
    """GiB: the process's most so far, and the GPU's during this run."""
    gpu = torch.cuda.max_memory_allocated() / 2**30 if torch.cuda.is_available() else 0.0
    return {"ram": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, "gpu": gpu}


def left(folders: Sequence[Path]) -> Iterator[Grown]:
    """The fields in these runs' folders."""
    for file in sorted(file for folder in folders for file in folder.rglob("run.json")):
        run = json.loads(file.read_text())
        for picture in run["pictures"]:
            field = file.parent / picture["file"].removesuffix(".png") / FIELD
            if field.exists():
                yield Grown(field, picture["prompt"], picture["seed"], run)


def measured(grown: Grown, scene: RadianceScene, clip_models: ClipModels) -> dict[str, Any]:
    """What `scored` says of it, its mesh, and what it took."""
    report = json.loads((grown.field.parent / "report.json").read_text())
    memory = grown.field.parents[1] / "peak.json"
    return scored(scene, grown.prompt, clip_models) | {
        "seed": grown.seed,
        "run": {name: grown.run[name] for name in KEPT},
        "seconds": sum(grown.run["timings"].values()) / len(grown.run["pictures"]),
        "peak": json.loads(memory.read_text()) if memory.exists() else {},
        "report": report,
        "mesh": meshed(scene, report.get("mesh", {})),
    }


def meshed(scene: RadianceScene, recorded: dict[str, Any]) -> dict[str, Any]:
    """What the report says of the mesh; made anew where it was missing and can be."""
    if "psnr" in recorded:
        return recorded
    try:
        require_mesh()
        from synoptic.mesh.marching_cubes import extract_mesh

        made = extract_mesh(scene)
    except (ImportError, ValueError) as e:
        return {"missing": str(e)}
    psnr = made.agreement.psnr
    return {"psnr": float(psnr.mean()), "psnr_least": float(psnr.min()), "watertight": made.watertight}


def sheet(grown: Grown, scene: RadianceScene, found: dict[str, Any]) -> tuple[list[Image.Image], list[str]]:
    """Three rows: colors, clay and normals from all sides, and above them their ranks."""
    shown, angles = renders(scene), [f"{360 * k // SIDES}°" for k in range(SIDES)]
    title = f"{grown.prompt}, seed {grown.seed}"
    labels = [f"{angle} rank {rank}" for angle, rank in zip(angles, found["colour_rank"], strict=True)]
    labels += [f"clay {rank}" for rank in found["clay_shape_rank"]]
    return [*shown.colour, *shown.clay, *shown.normal], [f"{title}, {labels[0]}", *labels[1:], *["normals"] * SIDES]


def field_and_mesh(grown: Grown, scene: RadianceScene) -> Tensor:
    """A picture (3, H, SIDES * SMALL) in [-1, 1]: the field from all sides, below it its mesh, if there is one."""
    around, mesh = turntable_cameras(SIDES), grown.field.with_name("mesh.glb")
    views = scene.render_views(around, SMALL)
    shown = [2 * (views.color + 1 - views.opacity).cpu() - 1]
    if mesh.exists():
        texture = io.from_pil(io.load_image(mesh.with_suffix(".png")))[0]
        shown.append(render_texture(PaintedSurface.read(mesh), texture, around, SMALL))
    return torch.cat([torch.cat([*pictures], 2) for pictures in shown], 1)


def row(found: dict[str, Any]) -> dict[str, str]:
    """The columns of the table."""

    def first(key: str, least: int) -> str:
        return f"{sum(rank < least for rank in found[key])}/{SIDES}, mean {mean(found[key]):.1f}"

    mesh, memory = found["mesh"], found["peak"]
    return {
        "prompt": found["prompt"],
        "seed": str(found["seed"]),
        "state": found["run"]["state"].split(":")[0],
        f"CLIP model, first {FIVE}": first("colour_rank", FIVE),
        "clip-grayscale, first": first("colour_shape_rank", 1),
        f"clay, CLIP model, first {FIVE}": first("clay_rank", FIVE),
        "clay, clip-grayscale, first": first("clay_shape_rank", 1),
        "score": f"{found['colour_score']:.3f}",
        "score, clip-grayscale": f"{found['colour_shape_score']:.3f}",
        "front right back left": " ".join(found["colour_words"]),
        "relief": f"{found['relief_least']:.2f}-{max(found['relief']):.2f}",
        "coverage": f"{min(found['coverage']):.2f}-{max(found['coverage']):.2f}",
        "mesh, dB": f"{mesh['psnr']:.1f} (least {mesh['psnr_least']:.1f})" if "psnr" in mesh else "none",
        "watertight": str(mesh.get("watertight", "")),
        "seconds": f"{found['seconds']:.0f}",
        "peak GiB": " ".join(f"{name} {value:.1f}" for name, value in memory.items() if value),
    }


def verdict(every: Sequence[dict[str, Any]]) -> list[str]:
    """What was asked, and how many met it."""
    n, passed = len(every), sum(found["pass"] for found in every)
    words = [mean(found["colour_words_right"][k] for found in every) for k in range(len(ASKED))]
    solid = sum(found["relief_least"] > LEAST_RELIEF for found in every)
    meshes = [found["mesh"]["psnr"] >= LEAST_PSNR for found in every if "psnr" in found["mesh"]]
    named = ", ".join(f"{word} {share:.0%}" for word, share in zip(ASKED, words, strict=True))
    return [
        f"# in the CLIP model's first {FIVE} from at least {ENOUGH} of {SIDES} sides: {passed} of {n}",
        f"# the CLIP model's view words are right from front, right, back, left: {named}",
        f"# relief over {LEAST_RELIEF} from all sides: {solid} of {n}",
        f"# mesh at {LEAST_PSNR:.0f} dB or more: {sum(meshes)} of {len(meshes)} made",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", nargs="+", default=PROMPTS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--steps", type=int)
    parser.add_argument(
        "--starts", type=int, default=1, help="the recipe's --seeds: short starts, of which the best goes on"
    )
    parser.add_argument("--loss", default="sds")
    parser.add_argument("--runs", nargs="+", type=Path, help="measure these folders")
    parser.add_argument("--out", type=Path, default=Path("outputs/text-to-3d"))
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)

    how = {"steps": asked.steps, "seeds": asked.starts, "loss": asked.loss}
    folders = asked.runs or grow(asked.prompts, asked.seeds, asked.out, **how)
    clip_models, device = ClipModels(), choose_device("auto")
    every, pictures, labels, objects = [], [], [], []
    for grown in left(folders):
        scene = load_scene(grown.field).to(device)
        every.append(measured(grown, scene, clip_models))
        more = sheet(grown, scene, every[-1])
        pictures, labels = pictures + more[0], labels + more[1]
        objects.append(field_and_mesh(grown, scene))
    if not every:
        parser.error(f"no {FIELD} of synoptic text-to-3d in {', '.join(map(str, folders))}: name the folders of its runs")
    rows = [row(found) for found in every]
    table = "\n".join("\t".join(cells) for cells in (rows[0], *(line.values() for line in rows)))
    print("\n".join([table, *verdict(every)]))
    (asked.out / "text_to_3d.tsv").write_text(table + "\n")
    (asked.out / "text_to_3d.json").write_text(json.dumps(every, indent=1))
    io.save_image(asked.out / "text_to_3d.png", io.image_grid(pictures, labels, SIDES, cell=128), {})
    io.save_image(asked.out / "objects.png", io.to_pil(torch.cat(objects, 1)[None])[0], {})


if __name__ == "__main__":
    main()
