"""The seconds that a plan expects against those that a command takes: twelve commands on the CPU, with one thread.

PYTHONPATH=. python benchmarks/estimates.py [--out docs/benchmarks/estimates-cpu.json] [--only wide edit]: of each command a
shorter or smaller run is done first, from which the plan knows this machine, then the plan is asked about the longer one,
then that is done. Seconds are those of the process on the CPU, in the plan's records as in the measurement, so that a
machine that others use gives the same; each run is a process of its own, forked after the imports, which are left out.
Prints the table, and writes it as JSON.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from PIL import Image, ImageDraw

from synoptic.options import options_class
from synoptic.runs import execute
from synoptic.runs.plan import make_plans
from tests.processes import renew_threads

HORSE, LAKE = "a photo of a horse", "a photo of a lake"
FORK = multiprocessing.get_context("fork")
Case = tuple[
    str, tuple[str, ...], dict[str, Any], dict[str, Any]
]  # application, its values, the first run's options, its own
CASES: dict[str, Case] = {
    "generate": ("generate", (HORSE,), {"model": "bundled", "steps": 3}, {"steps": 8}),
    "generate, two pictures": ("generate", (HORSE,), {"model": "bundled", "steps": 3}, {"steps": 5, "count": 2}),
    "generate, three stages": ("generate", (HORSE,), {"model": "bundled-if", "steps": 3}, {"steps": 9}),
    "wide": ("wide", (LAKE,), {"width": 512, "steps": 3}, {"width": 768, "steps": 5}),
    "wide, circular": ("wide", (LAKE,), {"width": 512, "steps": 3, "circular": True}, {"width": 768, "steps": 4}),
    "panorama": ("panorama", (LAKE,), {"num_views": 6, "fov": 100.0, "steps": 2}, {"num_views": 8, "steps": 3}),
    "anagram": (
        "anagram",
        (HORSE, LAKE),
        {"model": "bundled-if", "steps": 3, "upscalers": "none"},
        {"steps": 8},
    ),
    "hybrid": ("hybrid", (HORSE, LAKE), {"steps": 3, "upscalers": "none"}, {"steps": 8}),
    "edit": ("edit", ("disc.png", HORSE), {"model": "bundled", "steps": 4}, {"steps": 10, "strength": 0.8}),
    "inpaint": ("inpaint", ("disc.png", "mask.png", HORSE), {"steps": 3, "resample": 1}, {"steps": 6}),
    "control": ("control", ("disc.png", HORSE), {"condition": "canny", "steps": 3}, {"steps": 8}),
    "distill": ("distill", (HORSE,), {"model": "bundled-if", "steps": 4}, {"steps": 12}),
}


def draw_inputs() -> None:
    """Save a disc, and a mask of a picture's middle, here."""
    picture, mask = Image.new("RGB", (256, 256), "white"), Image.new("L", (256, 256))
    ImageDraw.Draw(picture).ellipse((60, 60, 196, 196), fill=(200, 60, 40))
    ImageDraw.Draw(mask).rectangle((80, 80, 176, 176), fill=255)
    picture.save("disc.png")
    mask.save("mask.png")


def count_cpu_seconds() -> None:
    """Let runs record seconds of this process on the CPU, in place of those of the clock."""
    setattr(execute, "time", SimpleNamespace(time=time.process_time, perf_counter=time.process_time))
    execute.process_age = time.process_time


def in_a_process(work: Callable[[], float]) -> float:
    """Return what `work` does in a forked process. Raises RuntimeError where that fails."""
    heard, said = FORK.Pipe(duplex=False)

    def call() -> None:
        renew_threads()
        said.send(work())

    process = FORK.Process(target=call)
    process.start()
    process.join()
    if not heard.poll():
        raise RuntimeError("the command failed: see above")
    return heard.recv()


def seconds_of(application: str, values: tuple[str, ...], options: dict[str, Any], out: Path) -> float:
    """Return the CPU seconds that a run takes in a process of its own."""

    def work() -> float:
        count_cpu_seconds()
        execute.run(application, *values, **options, out=str(out))
        return time.process_time()

    return in_a_process(work)


def measure(name: str, out: Path) -> dict[str, Any]:
    """Return what a command was expected to take and took."""
    application, values, first, own = CASES[name]
    begin = time.perf_counter()
    short = seconds_of(application, values, first, out / "first")
    options = options_class(application).from_arguments(*values, **first | own).prepare()
    (plan,) = make_plans(options)
    assert plan.seconds is not None
    taken = seconds_of(application, values, first | own, out / "own")
    row = {"command": name, "first run": round(short, 2), "expected": round(plan.seconds, 2), "taken": round(taken, 2)}
    return row | {"ratio": round(plan.seconds / taken, 3), "wall of both": round(time.perf_counter() - begin, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--only", nargs="+", choices=[name.split(",")[0] for name in CASES])
    given = parser.parse_args()
    torch.set_num_threads(1)
    file = given.out.absolute() if given.out else None
    names = [name for name in CASES if not given.only or name.split(",")[0] in given.only]
    rows = []
    with tempfile.TemporaryDirectory() as work:
        os.chdir(work)
        os.environ["XDG_CACHE_HOME"] = work  # what the machine knows of itself begins here
        draw_inputs()
        for k, name in enumerate(names):
            rows.append(measure(name, Path(work) / str(k)))
            print("\t".join(str(value) for value in rows[-1].values()), flush=True)
        os.chdir("/")
    about = {"torch": torch.__version__, "machine": platform.processor() or platform.machine(), "threads": 1}
    worst = max(max(row["ratio"], 1 / row["ratio"]) for row in rows)
    print(f"at most {worst:.2f} times too much or too little")
    if file:
        file.write_text(json.dumps({"about": about, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
