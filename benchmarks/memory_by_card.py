"""What fits on a graphics card: `--dry-run`'s plan of one native picture, by model and by how its weights are kept.

PYTHONPATH=. python benchmarks/memory_by_card.py [PAGE]: writes docs/memory-by-card.md. Models have their released
configs and weight files that are holes, so nothing is downloaded, loaded or computed. A plan is made as on a GPU,
with what CUDA takes for itself.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import torch

from benchmarks.memory_gpu import write_model
from synoptic.models.memory import WORKSPACE_BYTES
from synoptic.models.placement_names import Offload
from synoptic.options import options_class
from synoptic.options.pretrained_model import ModelOptions
from synoptic.runs.plan import make_plan
from synoptic.runs.run_cost import Plan

GIB = 2**30
CARDS = (6, 8, 12, 16, 24)
MODELS = {"sd1.5": "Stable Diffusion 1.5", "sd2": "Stable Diffusion 2", "sdxl": "Stable Diffusion XL"}
SETTINGS: dict[str, tuple[Offload, str]] = {  # the least trouble first
    "everything on the card": ("none", "none"),
    "`--offload text`": ("text", "none"),
    "`--offload group`": ("group", "none"),
    "`--offload group --quantize fp8`": ("group", "fp8"),
}
A_CARD = {  # function -> what it returns on a machine that has the largest
    "synoptic.runs.plan.choose_device": torch.device("cuda"),
    "synoptic.runs.plan.free_memory": max(CARDS) * GIB,
    "torch.cuda.get_device_name": "a card",
}
HEAD = """# Memory by card
What fits on a graphics card of so many GiB, by the plan of `--dry-run` in float16: one native picture, and one six
times as wide. On a card nothing of this is measured here; what was measured on one, and how the plan is made: [memory
and time](memory.md). `python benchmarks/memory_by_card.py` writes this page. `--offload auto`, the default, chooses
among none, `text` and `group`.
"""
TAIL = """
A wide picture takes 3 GiB more at most: as many rows of a step are computed at a time as fit, and the VAE decodes in
pieces. Fewer rows at a time cost time, not quality. A card that also drives a screen has less to give: close the
browser. For transformers (FLUX.1, Stable Diffusion 3.5, Z-Image), add the weights of [memory and time](memory.md) up,
or ask:
```
synoptic generate "a red mug" --model flux-schnell --dry-run
```
"""


def plan(folder: Path, run: str, quantize: str) -> Plan:
    """Return the plan of one picture, native (generate) or six times as wide (wide)."""
    options = (
        options_class(run)
        .from_arguments("a lake", model=str(folder), device="cpu", dtype="float16", quantize=quantize)
        .prepare()
    )
    assert isinstance(options, ModelOptions)
    with ExitStack() as stack:
        for name, found in A_CARD.items():
            stack.enter_context(patch(name, return_value=found))
        return make_plan(options)


def needed(found: Plan) -> float:
    """Return the GiB that a run cannot do without: what stays, and the most of a guided row, the VAE and a text encoder."""
    rows = max(2 * stage.row.bytes for stage in found.stages.values())
    return (found.resident + WORKSPACE_BYTES + max(rows, found.vae, found.embedding)) / GIB


def main(page: str = "docs/memory-by-card.md") -> None:
    lines = ["| model | " + " | ".join(f"{card} GiB" for card in CARDS) + " |", "|---" * (1 + len(CARDS)) + "|"]
    amounts = ["| model | how | one picture, GiB | six times as wide, GiB |", "|---|---|---|---|"]
    with tempfile.TemporaryDirectory() as work:
        for kind, name in MODELS.items():
            folder = write_model(kind, Path(work) / kind)
            plans = {q: [plan(folder, run, q) for run in ("generate", "wide")] for q in ("none", "fp8")}
            need = {
                how: [needed(replace(found, offload=offload)) for found in plans[quantize]]
                for how, (offload, quantize) in SETTINGS.items()
            }
            cells = [next((how for how, (_, wide) in need.items() if wide <= card), "no") for card in CARDS]
            lines.append(f"| {name} | {' | '.join(cells)} |")
            amounts += [f"| {name} | {how} | {one:.1f} | {wide:.1f} |" for how, (one, wide) in need.items()]
    Path(page).write_text("\n".join([HEAD, *lines, "", "What each takes at the least:", "", *amounts, TAIL]))


if __name__ == "__main__":
    main(*sys.argv[1:])
