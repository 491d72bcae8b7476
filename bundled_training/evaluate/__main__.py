"""python -m bundled_training.evaluate NAME … --family DIR --out DIR [--against DIR] [--quick] [--budget SECONDS]

NAME: measurements, all or report.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bundled_training.evaluate import anagrams, clip_models, plain, speed, upscale, views, wide, words
from bundled_training.evaluate.report import ORDER, report
from bundled_training.evaluate.task import Findings, Task

MEASUREMENTS: dict[str, Callable[[Task], Findings]] = {
    "clip-models": clip_models.measure,
    "sd": partial(plain.measure, "sd"),
    "if": partial(plain.measure, "if"),
    "if-ii": upscale.measure,
    "words": words.measure,
    "views": views.measure,
    "wide": wide.measure,
    "anagrams": anagrams.measure,
    "speed": speed.measure,
}


def main(given: list[str] | None = None) -> None:
    """Measure, write OUT/NAME.json and OUT/NAME.png, print; `all` leaves out what the family has no model for."""
    p = argparse.ArgumentParser(prog="python -m bundled_training.evaluate", description=__doc__)
    p.add_argument("names", nargs="+", metavar="NAME", choices=[*ORDER, "all", "report"], help=", ".join(ORDER))
    p.add_argument(
        "--family", type=Path, default=Path("bundled_training/work/family"), help="sd, if, if-ii, clip and clip-grayscale"
    )
    p.add_argument("--out", type=Path, default=Path("bundled_training/work/evaluation"))
    p.add_argument("--against", type=Path, help="an older family, scored by the CLIP models of --family")
    p.add_argument("--quick", action="store_true", help="a handful of everything: does it run?")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--device", default="auto")
    p.add_argument("--prompts", type=int, default=100, help="of sd and if")
    p.add_argument("--samples", type=int, default=6, help="of each prompt of sd and if")
    p.add_argument("--jpeg", action="store_true", help="sheets as JPEG")
    p.add_argument("--budget", type=float, default=float("inf"), metavar="SECONDS", help="then no other measurement begins")
    a = p.parse_args(given)
    if "report" in a.names:
        print(report(a.out))
        return
    task = Task(a.family, a.out, a.against, a.quick, a.seed, a.device, a.prompts, a.samples, a.jpeg)
    start, missing = time.perf_counter(), False
    for name in ORDER if "all" in a.names else a.names:
        begin = time.perf_counter()
        if begin - start > a.budget:
            print(f"# {name} and what follows left out: {a.budget:.0f} s are over", file=sys.stderr)
            break
        try:
            findings = MEASUREMENTS[name](task)
        except FileNotFoundError as e:
            print(f"# {name} left out: {e}", file=sys.stderr)
            missing = "all" not in a.names
            continue
        findings.settings["seconds"] = round(time.perf_counter() - begin, 1)
        findings.write(name, task)
    if missing:
        sys.exit(1)


if __name__ == "__main__":
    main()
