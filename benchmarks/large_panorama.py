"""A panorama of 8192x4096 in two stages: what each takes, in seconds and memory, and how it looks.

PYTHONPATH=.:benchmarks python benchmarks/large_panorama.py [--model bundled|sd2|tiny] [--prompts …] [--height 4096]
[--views 60] [--fov 40] [--out DIR] [--tiny]: the first stage is `synoptic panorama PROMPT`, the second its last three of ten
steps by more, narrower views. Seconds with the files of a run but its film; peaks are of the GPU, GiB. Writes
large_panorama.json as it goes, the whole made smaller, and two crops of it as they are. `sd2` and `tiny` are Stable
Diffusion 2's shapes with random weights, written to --folder first.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from full_size import SHAPES, make, wait
from PIL.Image import Image

import synoptic as syn
from benchmarks.record import Record, add_arguments, save_jpeg
from synoptic.models.base import PretrainedModel

PROMPTS = "a photo of a coral reef", "a photo of snowy mountains"
SMALL, CROP = 2048, 1024


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(p, "large_panorama")
    p.add_argument("--model", default="bundled")
    p.add_argument("--folder", type=Path, default=Path("/tmp/synoptic-scaling"))
    p.add_argument("--prompts", nargs="+", default=list(PROMPTS))
    p.add_argument("--height", type=int, default=4096)
    p.add_argument("--views", type=int, default=60)
    p.add_argument("--fov", type=float, default=40.0)
    a = p.parse_args()
    if a.model in SHAPES and not (a.folder / a.model).exists():
        make(a.model, a.folder / a.model)
    model = syn.load(str(a.folder / a.model) if a.model in SHAPES else a.model)
    settings = {"model": a.model, "height": a.height, "views": a.views, "fov": a.fov}
    record, rows = Record("large_panorama", a.out, a.budget, settings), list[dict[str, object]]()
    first: dict[str, object] = {"steps": 2} if a.tiny else {}
    second = {"height": a.height, "num_views": a.views, "fov": a.fov, "strength": 0.3, "steps": 4 if a.tiny else 10}
    for prompt in a.prompts[: 1 if a.tiny else None]:
        if not record.has_time():
            break
        given = stage(record, rows, model, prompt, "first", **first)
        finer = stage(record, rows, model, prompt, "second", init_panorama=given, **second)
        name = prompt.replace(" ", "-")
        save_jpeg(a.out / f"{name}-given.jpg", given)
        save_jpeg(a.out / f"{name}.jpg", finer.resize((SMALL, SMALL // 2)))
        for k, left in enumerate((finer.width // 2 - CROP // 2, finer.width // 8)):
            top = finer.height // 2 - CROP // 2
            save_jpeg(a.out / f"{name}-crop-{k}.jpg", finer.crop((left, top, left + CROP, top + CROP)))


def stage(
    record: Record, rows: list[dict[str, object]], model: PretrainedModel, prompt: str, name: str, **how: object
) -> Image:
    """Paint a panorama, and keep what it took."""
    if model.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    before = record.spent
    (image,) = syn.panorama(model, prompt, **how).images
    wait(model.device)
    peak = torch.cuda.max_memory_allocated() / 2**30 if model.device.type == "cuda" else 0.0
    rows.append({"prompt": prompt, "stage": name, "size": image.size, "seconds": record.spent - before, "peak": peak})
    print(*rows[-1].values(), sep="\t", flush=True)
    record.keep(rows=rows)
    return image


if __name__ == "__main__":
    main()
