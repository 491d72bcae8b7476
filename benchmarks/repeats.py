"""Whether one process paints the same picture bit for bit however often it is asked: which stage differs first where not.

PYTHONPATH=. python benchmarks/repeats.py [--pictures 5] [--rounds 20] [--steps 4]: the same pictures in turn, on one thread,
by one model that is held. Of every picture the canvas after each step and what is decoded are compared with those of the
first round. Prints what differs, by how much, and what the machine had left then. Ends with 1 where anything does.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter

import numpy as np
import psutil


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--steps", type=int, default=4)
    args = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported
    import torch

    import synoptic as syn

    torch.set_num_threads(1)
    model = syn.load("bundled", dtype="float32")

    def stages(seed: int) -> list[torch.Tensor]:
        """Return the canvas after each step, and the picture."""
        *_, last = steps = list(syn.generate.steps(model, "a photo of a horse", seed=seed, steps=args.steps))
        (picture,) = last.images()
        return [step.canvas.clone() for step in steps] + [torch.from_numpy(np.array(picture)).int()]

    first = [stages(seed) for seed in range(args.pictures)]
    found = Counter[str]()
    for k in range(1, args.rounds):
        for seed, before in enumerate(first):
            for stage, (a, b) in enumerate(zip(before, stages(seed), strict=True)):
                if torch.equal(a, b):
                    continue
                name = "picture" if stage == len(before) - 1 else f"step {stage}"
                found[name] += 1
                free = psutil.virtual_memory().available >> 20
                off = f"{int((a != b).sum())} of {a.numel()} numbers, by {(a - b).abs().max().item():.1e} at most"
                print(f"round {k}, seed {seed}: {name} differs in {off}; {free} MiB free", flush=True)
                break
    print(f"{args.pictures} pictures, {args.rounds} rounds: {dict(found) or 'every one the same bits'}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
