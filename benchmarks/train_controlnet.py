"""When does a ControlNet catch on? One is trained by `synoptic train-control` on renders; its table and plot stay in --out.

PYTHONPATH=. python benchmarks/train_controlnet.py [--count N] [--steps N] [--batch N] [--out DIR]; minutes on a GPU.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch

import synoptic
from bundled_training.render.bank import bank
from synoptic import io


def rendered(count: int, folder: Path) -> None:
    """So many pictures that the bundled models never saw, and their captions."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    x, captions, _ = bank(count, 256, torch.device(device), seed=77, held_out=True, depth=True)
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    for k, some in enumerate(x.split(1000)):
        for j, picture in enumerate(io.to_pil(some.float() / 127.5 - 1)):
            picture.save(folder / "pictures" / f"{1000 * k + j:06d}.png")
    (folder / "captions.json").write_text(json.dumps({f"{k:06d}.png": caption for k, caption in enumerate(captions)}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--condition", default="canny")
    parser.add_argument("--count", type=int, default=8000, help="pictures to render")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--every", type=int, default=250)
    parser.add_argument("--num-validation", type=int, default=32)
    parser.add_argument("--out", type=Path, default=Path("outputs/train-controlnet/benchmark"))
    args = parser.parse_args()

    begin = time.perf_counter()
    if not (args.out / "data/captions.json").exists():
        rendered(args.count, args.out / "data")
    print(f"rendered in {time.perf_counter() - begin:.0f} s", flush=True)
    begin = time.perf_counter()
    data = {"images": str(args.out / "data/pictures"), "captions": str(args.out / "data/captions.json")}
    how = {"steps": args.steps, "batch": args.batch, "evaluate_every": args.every, "num_validation": args.num_validation}
    out = str(args.out / args.condition)
    print(synoptic.run("train_controlnet", **data, **how, condition=args.condition, attention=False, out=out))
    print(f"trained in {time.perf_counter() - begin:.0f} s")


if __name__ == "__main__":
    main()
