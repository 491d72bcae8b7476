"""Paint forty runs at two checkouts, an old one and a new one, and compare every picture bit for bit.

    python benchmarks/same_pictures.py OLD_CHECKOUT NEW_CHECKOUT WORK_DIR

Each checkout runs all command lines in one process, in float32 on one thread, with the same seeds. Command and option names
that differ between the checkouts are in RENAMED; what is compared are the pixels of every PNG and the bytes of every
safetensors file that a run leaves, under the same names. Prints a row a run: identical, or the largest difference of 255.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

RENAMED = {  # a word of the lines below -> what the old checkout calls it
    "--guidance-scale": "--guidance",
    "--negative-prompt": "--negative",
    "--circular": "--loop",
    "--syncdiffusion-weight": "--coherence",
    "--syncdiffusion-steps": "--coherence-steps",
    "--prompt-travel": "--travel",
    "--progressive": "--layout",
    "--deepcache": "--cache",
    "--seed-search": "--search",
    "--equalize-guidance": "--balance",
    "--view-space": "--canvas",
    "--init-noise": "--start",
    "text-to-3d": "dream",
}
LISTS = ("--guidance-interval", "--views", "--weights", "--start")  # the old checkout takes their values as words

RUNS = """
generate "a photo of a lemon" --model bundled
generate "a photo of a lemon" "an oil painting of a horse" --model bundled --count 2 --seed 5
generate "a photo of a lemon" --model bundled-if --upscalers auto
generate "a photo of a lemon" --model bundled --sampler ddpm --clip static
generate "a photo of a lemon" --model bundled --sampler dpm++ --guidance-scale 3 --negative-prompt "a photo of a tree"
generate "a photo of a lemon" --model bundled --eta 1 --clip dynamic
wide "a photo of snowy mountains" --width 256
wide "a photo of snowy mountains" --width 256 --height 192 --circular
wide "a photo of snowy mountains" --width 256 --sync eps
wide "a photo of snowy mountains" --width 256 --sync xt --weights uniform
wide "a photo of snowy mountains" --width 256 --sync none --stride 16
wide "a photo of snowy mountains" --width 256 --sync x0 --space instance
wide "a photo of snowy mountains" --width 256 --windows shifted
wide "a photo of snowy mountains" --width 256 --windows thinning
wide "a photo of snowy mountains" --width 256 --windows collage
wide "a photo of snowy mountains" --width 256 --syncdiffusion-weight 8 --syncdiffusion-steps 2
wide "a photo of a meadow" --width 256 --region "0.5,0,1,1: a photo of a lake"
wide "a photo of a meadow" "a photo of snowy mountains" --width 256 --prompt-travel
wide "a photo of a meadow" --width 256 --height 192 --progressive 0.5
wide "a photo of a meadow" --width 256 --fast
wide "a photo of a meadow" --width 256 --guidance-interval 0.2,0.8 --deepcache 2
wide "a photo of a castle" --width 256 --control original.png --condition canny
wide "a photo of a meadow" --width 256 --model bundled-if
anagram "a lion" "a sunflower"
anagram "a lion" "a sunflower" --upscalers none --seed-search 3 --equalize-guidance
anagram "a lion" "a sunflower" --upscalers none --views identity,flip --init-noise independent --sync eps --weights 1,2
anagram "a lion" "a sunflower" --model bundled --view-space latents
anagram "a lion" "a sunflower" --model bundled
anagram "a lion" "a sunflower" --upscalers none --space instance --sync xt
hybrid "a skull" "a flower meadow" --upscalers none --sigma 3
edit original.png "a watercolor of a zebra" --start 1,2
edit original.png "a watercolor of a zebra" --condition canny
inpaint original.png mask.png "a photo of a horse at night" --resample 2 --jump 1
invert original.png "a photo of a horse"
control original.png "a neon sign of a horse" --condition canny
control original.png "a neon sign of a horse" --condition scribble --strength 0.5 --end 0.5
denoise original.png "a photo of a horse" --stride 200
distill "a photo of a lemon" --loss sds
distill "a photo of a lemon" --loss vsd
text-to-3d "a yellow house" --resolution 16 --frames 2
"""
STEPS = {"denoise": "", "distill": "--steps 4", "text-to-3d": "--steps 30", "invert": "--steps 3"}

INSIDE = """
import sys, shlex
from pathlib import Path
from synoptic import cli
for line in Path(sys.argv[1]).read_text().splitlines():
    words = shlex.split(line)
    out = Path(words[words.index("--out") + 1])
    out.mkdir(parents=True, exist_ok=True)
    sys.argv = ["synoptic", *words]
    try:
        cli.main()
    except SystemExit as e:
        (out / "exit_code.txt").write_text(str(e.code or 0))
"""


def lines(out: Path, old: bool) -> list[str]:
    """Return the command lines of one side, each writing into a folder of its own."""
    found = []
    for k, line in enumerate(RUNS.strip().splitlines()):
        command, *rest = shlex.split(line)
        words = [command, *rest, *shlex.split(STEPS.get(command, "--steps 4"))]
        words = in_old_spelling(words) if old else words
        found.append(shlex.join([*words, "--dtype", "float32", "--out", str(out / f"{k:02}")]))
    return found


def in_old_spelling(words: list[str]) -> list[str]:
    """Return a command line as the old checkout wants it."""
    found: list[str] = []
    for before, word in zip(["", *words], words, strict=False):
        found += word.split(",") if before in LISTS else [RENAMED.get(word, word)]
    return found


def run(checkout: Path, work: Path, side: str) -> float:
    """Run every line with one checkout's package; returns the seconds that it took."""
    out = work / side
    out.mkdir(parents=True, exist_ok=True)
    (out / "lines.txt").write_text("\n".join(lines(out, side == "old")))
    env = os.environ | {"PYTHONPATH": str(checkout.resolve()), "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    begin = time.perf_counter()
    with (out / "log.txt").open("w") as log:
        subprocess.run(
            [sys.executable, "-c", INSIDE, str(out / "lines.txt")], cwd=work, env=env, check=True, stdout=log, stderr=log
        )
    return time.perf_counter() - begin


def difference(a: Path, b: Path) -> float:
    """Return the largest difference of two files: of pixels out of 255, or infinity where they cannot be compared."""
    if not b.exists():
        return float("inf")
    if a.suffix != ".png":
        return 0.0 if a.read_bytes() == b.read_bytes() else float("inf")
    x, y = (np.asarray(Image.open(file).convert("RGB"), dtype=np.int16) for file in (a, b))
    return float(np.abs(x - y).max()) if x.shape == y.shape else float("inf")


def main() -> None:
    old, new, work = map(Path, sys.argv[1:4])
    work.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    shapes = np.kron(rng.integers(0, 255, (4, 4, 3)), np.ones((32, 32, 1))).astype(np.uint8)
    Image.fromarray(shapes).save(work / "original.png")
    Image.fromarray(np.kron([[0, 255], [0, 0]], np.ones((64, 64))).astype(np.uint8)).save(work / "mask.png")
    seconds = {side: run(checkout, work, side) for side, checkout in (("old", old), ("new", new))}
    same = 0
    for k, line in enumerate(RUNS.strip().splitlines()):
        folder, other = work / "old" / f"{k:02}", work / "new" / f"{k:02}"
        names = [p.relative_to(folder) for p in sorted(folder.rglob("*")) if p.suffix in (".png", ".txt")]
        gaps = {str(name): difference(folder / name, other / name) for name in names}
        pictures = sum(name.suffix == ".png" for name in names)
        worst = max(gaps, key=lambda name: gaps[name]) if gaps else ""
        ok = pictures > 0 and gaps[worst] == 0
        same += ok
        print(f"{'identical' if ok else f'{gaps.get(worst, 0):g} in {worst}'}\t{pictures} pictures\t{line}")
    print(f"{same} of {len(RUNS.strip().splitlines())} runs identical; {seconds['old']:.0f} s and {seconds['new']:.0f} s")


if __name__ == "__main__":
    main()
