"""A wide picture side by side with diffusers' panorama pipeline on the bundled model; prints a tab-separated table.

python benchmarks/wide.py            seconds from prompt to picture, loading excluded, median of interleaved repeats
python benchmarks/wide.py --memory   peak memory of each side, each in a process of its own
--quick: three steps instead of twenty-five. `synoptic bench` has the short form; both paint by commands/bench_contenders.py.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

from synoptic.commands.bench_contenders import PROBE, PROMPT, SCALE, STEPS, STRIDE, WIDTH, Contender, fastest_batch, time_all
from synoptic.models.device import choose_dtype

REPEATS = 3


def compare(steps: int) -> None:
    """The table of seconds, and what the default dtype costs in quality."""
    default = dtype_name()
    plain, best = Contender("diffusers", "float32", 1), fastest_batch("float32")
    exact, ours, fast = (
        Contender("synoptic", "float32"),
        Contender("synoptic", default),
        Contender("synoptic", default, fast=True),
    )
    half = fastest_batch("bfloat16")
    sides = list(dict.fromkeys([plain, best, half, exact, ours, fast]))
    peers, mine = [side for side in sides if side.name == "diffusers"], [side for side in sides if side.name == "synoptic"]
    seconds, pictures = time_all(
        peers, WIDTH, steps, REPEATS
    )  # first: loading ours tells the process to keep freed memory, a help to both
    after, ours_pictures = time_all([*mine, plain], WIDTH, steps, REPEATS)
    print(f"# {plain.name} {plain.dtype} batch {plain.batch} again, with memory kept: {after.pop(plain):.2f} s")
    seconds |= after
    pictures |= {side: ours_pictures[side] for side in mine}
    print("side\tdtype\tbatch\tseconds\ttimes as fast as plain\tas best float32\tas best bfloat16")
    for side, t in seconds.items():
        print(f"{side}\t{t:.2f}\t" + "\t".join(f"{seconds[baseline] / t:.2f}" for baseline in (plain, best, half)))

    from synoptic.metrics.clip import Clip, clip_score

    clip_model = Clip("bundled", "cpu")
    gap = np.abs(np.asarray(pictures[exact], dtype=float) - np.asarray(pictures[ours], dtype=float))
    print(f"\n{default} against float32: pixels of 0 to 255 differ by {gap.max():.0f} at most, {gap.mean():.2f} on average")
    print(f"side\tdtype\tbatch\tCLIP score, {clip_model.name}")
    for side, picture in pictures.items():
        print(f"{side}\t{clip_score(clip_model, picture, PROMPT):.3f}")


def memory(steps: int) -> None:
    """Peak resident memory of the baseline at its fastest setting and of ours, imports and weights included."""
    candidates, _ = time_all([fastest_batch("float32"), fastest_batch("bfloat16")], WIDTH, PROBE)
    baseline = min(candidates, key=lambda side: candidates[side])
    print("side\tdtype\tbatch\tpeak MB")
    for side in dict.fromkeys([baseline, Contender("synoptic", "float32"), Contender("synoptic", dtype_name())]):
        alone = ["--one", side.name, side.dtype, str(side.batch or 0), "--steps", str(steps)]
        done = subprocess.run([sys.executable, __file__, *alone], check=True, capture_output=True, text=True)
        print(f"{side}\t{int(done.stdout.split()[-1]) / 1e6:.0f}")


def dtype_name() -> str:
    """What --dtype auto is on this machine's CPU."""
    return str(choose_dtype("auto", torch.device("cpu"))).removeprefix("torch.")


def peak_bytes() -> int:
    """Of this process. Linux's getrusage would count the parent's memory at the fork as well."""
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_const", dest="steps", const=3, default=STEPS, help="three steps")
    parser.add_argument("--memory", action="store_true", help="peak memory instead of seconds")
    parser.add_argument("--steps", type=int, default=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--one", nargs=3, metavar=("SIDE", "DTYPE", "BATCH"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        name, dtype, batch = args.one
        time_all([Contender(name, dtype, int(batch) or None)], WIDTH, args.steps)
        print(peak_bytes())
        return
    print(f'# "{PROMPT}", 256x{WIDTH}, stride {STRIDE} latents, {args.steps} steps, guidance {SCALE}')
    load_before = os.getloadavg()[0]
    (memory if args.memory else compare)(args.steps)
    busy = f"load average {load_before:.1f} before, {os.getloadavg()[0]:.1f} after"
    print(f"# torch {torch.__version__}, {torch.get_num_threads()} threads on {os.cpu_count()} cores, {busy}")


if __name__ == "__main__":
    main()
