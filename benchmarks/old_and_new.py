"""Time the same command lines at two checkouts, an old one and a new one, in turn.

    python benchmarks/old_and_new.py OLD_CHECKOUT NEW_CHECKOUT WORK_DIR [--rounds 3] [--divide-steps 1]

Both run the old checkout's bundled models, in float32 on one thread, with the same seeds; a process a line, imports and
loading in it, as a person waits for it. The sides take turns, and the least seconds of the rounds count: of the clock, and
of the CPU. Prints a row a line and the sums, with new / old of both; below 1 the new one is faster.
"""

from __future__ import annotations

import argparse
import os
import resource
import shlex
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

SD, IF = "synoptic/models/bundled/sd", "synoptic/models/bundled/if"
LINES = f"""
generate "a photo of a lemon" --model {SD} --upscalers none --count 4 --steps 50
generate "a photo of a lemon" --model {IF} --upscalers none --count 4 --steps 50
generate "a photo of a lemon" --model {SD} --upscalers none --sampler dpm++ --steps 50
wide "a photo of snowy mountains" --model {SD} --width 1024 --steps 25
wide "a photo of snowy mountains" --model {SD} --width 512 --sync eps --circular --steps 25
wide "a photo of a meadow" --model {SD} --width 512 --region "0.5,0,1,1: a photo of a lake" --steps 25
anagram "a lion" "a sunflower" --model {IF} --upscalers none --count 4 --steps 50
anagram "a lion" "a sunflower" --model {SD} --count 4 --steps 25
hybrid "a skull" "a flower meadow" --model {IF} --upscalers none --count 4 --steps 50
edit original.png "a watercolor of a zebra" --model {SD} --start 2 --steps 50
inpaint original.png mask.png "a photo of a horse at night" --model {SD} --steps 25
invert original.png "a photo of a horse" --model {SD} --steps 25
distill "a photo of a lemon" --model {SD} --loss sds --steps 60
distill "a photo of a lemon" --model {SD} --loss vsd --steps 30
text-to-3d "a yellow house" --model {SD} --clip-model bundled --resolution 16 --frames 2 --steps 40
--help
generate "a photo of a lemon" --steps 0
"""
Seconds = tuple[float, float]


def words(line: str, old: Path, divide: int) -> list[str]:
    """Return a line's words, with the old checkout's models; fewer steps for a trial."""
    found = [str(old / word) if word in (SD, IF) else word for word in shlex.split(line)]
    if "--steps" in found:
        at = found.index("--steps") + 1
        found[at] = str(-(-int(found[at]) // divide))
    return found if found == ["--help"] else [*found, "--dtype", "float32"]


def once(checkout: Path, line: list[str], work: Path, out: Path) -> Seconds:
    """Run one line; returns its seconds of the clock and of the CPU. Raises RuntimeError where it fails."""
    where = [] if line == ["--help"] else ["--out", str(out)]
    env = os.environ | {"PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    call = [sys.executable, "-m", "synoptic", *line, *where]
    done = subprocess.run(call, cwd=work, env=env, capture_output=True, text=True, check=False)
    clock, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != (2 if ("--steps", "0") in pairwise(line) else 0):
        raise RuntimeError(f"{shlex.join(call)}: {done.returncode}\n{done.stderr[-2000:]}")
    return clock, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def least(runs: list[Seconds]) -> Seconds:
    return min(clock for clock, _ in runs), min(cpu for _, cpu in runs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--divide-steps", type=int, default=1, help="for a trial: so many times fewer steps")
    args = parser.parse_args()
    old, new, work = args.old.resolve(), args.new.resolve(), args.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    shapes = np.kron(np.random.default_rng(0).integers(0, 255, (4, 4, 3)), np.ones((32, 32, 1))).astype(np.uint8)
    Image.fromarray(shapes).save(work / "original.png")
    Image.fromarray(np.kron([[0, 255], [0, 0]], np.ones((64, 64))).astype(np.uint8)).save(work / "mask.png")
    print("old s\tnew s\tnew / old\told CPU s\tnew CPU s\tnew / old\tline")
    sums = np.zeros(4)
    for k, line in enumerate(LINES.strip().splitlines()):
        found: dict[Path, list[Seconds]] = {old: [], new: []}
        for round_ in range(args.rounds):
            for side in (old, new) if round_ % 2 == 0 else (new, old):
                out = work / f"{k}-{round_}-{'old' if side == old else 'new'}"
                found[side].append(once(side, words(line, old, args.divide_steps), work, out))
        (a, cpu_a), (b, cpu_b) = least(found[old]), least(found[new])
        sums += (a, b, cpu_a, cpu_b)
        print(f"{a:.2f}\t{b:.2f}\t{b / a:.2f}\t{cpu_a:.2f}\t{cpu_b:.2f}\t{cpu_b / cpu_a:.2f}\t{line}", flush=True)
    a, b, cpu_a, cpu_b = sums
    print(f"{a:.1f}\t{b:.1f}\t{b / a:.2f}\t{cpu_a:.1f}\t{cpu_b:.1f}\t{cpu_b / cpu_a:.2f}\tall")


if __name__ == "__main__":
    main()
