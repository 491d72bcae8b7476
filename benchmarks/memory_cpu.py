"""What runs take of a CPU's memory against what was planned: the bundled models, with one thread.

PYTHONPATH=. OMP_NUM_THREADS=1 python benchmarks/memory_cpu.py [--out docs/benchmarks/memory-cpu.json] [--only edit]: for
Linux. Each run is a process of its own, forked after the imports, in which a picture of the pixel model comes first, so that
what libraries take at their first call is there already. Measured is how far the process's resident memory rises above that,
weights included. Prints the table, and writes it as JSON.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import os
import re
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from benchmarks.estimates import HORSE, LAKE, draw_inputs, in_a_process
from synoptic.models import load_once
from synoptic.options import options_class
from synoptic.runs import execute
from synoptic.runs.plan import Plan, make_plans

MIB = 2**20
Case = tuple[str, tuple[str, ...], dict[str, Any]]  # application, its values, its options
CASES: dict[str, Case] = {
    "generate": ("generate", (HORSE,), {"model": "bundled", "steps": 2, "upscalers": "none"}),
    "generate, float32": ("generate", (HORSE,), {"model": "bundled", "steps": 2, "upscalers": "none", "dtype": "float32"}),
    "generate, six pictures": ("generate", (HORSE,), {"model": "bundled", "steps": 1, "count": 6, "upscalers": "none"}),
    "generate, three stages": ("generate", (HORSE,), {"model": "bundled-if", "steps": 2}),
    "wide, 768": ("wide", (LAKE,), {"width": 768, "steps": 1}),
    "wide, 1536": ("wide", (LAKE,), {"width": 1536, "steps": 1}),
    "edit": ("edit", ("disc.png", HORSE), {"model": "bundled", "steps": 2}),
    "distill, pixels": ("distill", (HORSE,), {"model": "bundled", "space": "pixels", "steps": 2}),
    "distill, pixels, four pictures": ("distill", (HORSE,), {"model": "bundled", "space": "pixels", "steps": 2, "count": 4}),
    "inpaint": ("inpaint", ("disc.png", "mask.png", HORSE), {"model": "bundled", "steps": 2, "resample": 1}),
}


def status(name: str) -> int:
    """Return a number of bytes from what Linux knows of this process."""
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) * 1024


def begin_peak() -> int:
    """Give back what the process keeps idle and let its peak begin; return the bytes that it has now."""
    load_once._kept.clear()
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    return status("VmRSS")


def peak_of(application: str, values: tuple[str, ...], options: dict[str, Any], out: Path) -> float:
    """Return the bytes by which a run raises the memory of a process of its own."""

    def work() -> float:
        torch.set_num_threads(1)
        import_module("diffusers.models.autoencoders.autoencoder_kl")
        first: dict[str, Any] = {"model": "bundled-if", "upscalers": "none", "steps": 1}
        execute.run("generate", HORSE, **first, out=str(out / "first"))
        before = begin_peak()
        execute.run(application, *values, **options, out=str(out / "own"))
        return status("VmHWM") - before

    return in_a_process(work)


def plan_of(name: str) -> Plan:
    """Return the plan of a run."""
    application, values, options = CASES[name]
    (plan,) = make_plans(options_class(application).from_arguments(*values, **options).prepare())
    return plan


def measure(name: str, out: Path) -> dict[str, Any]:
    """Return what a run was planned to take and took, in MiB."""
    plan, taken = plan_of(name), peak_of(*CASES[name], out)
    row = {"command": name, "weights": round(sum(plan.weights.values()) / MIB), "VAE": round(plan.vae / MIB)}
    return row | {"planned": round(plan.peak / MIB), "taken": round(taken / MIB), "ratio": round(taken / plan.peak, 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--only", nargs="+", choices=list(CASES), default=list(CASES))
    given = parser.parse_args()
    file, rows = given.out.absolute() if given.out else None, []
    with tempfile.TemporaryDirectory() as work:
        os.chdir(work)
        draw_inputs()
        for k, name in enumerate(given.only):
            rows.append(measure(name, Path(work) / str(k)))
            print("\t".join(str(value) for value in rows[-1].values()), flush=True)
        os.chdir("/")
    print(f"at most {max(row['ratio'] for row in rows):.2f} of what is planned")
    if file:
        file.write_text(json.dumps({"torch": torch.__version__, "threads": 1, "MiB": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
