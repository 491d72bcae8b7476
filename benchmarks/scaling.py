"""What does width cost? Pictures from 2 to 64 times the model's own width: seconds a step and peak memory, a process each.

python benchmarks/scaling.py [--times 2 4 …] [--steps 2] [--out FILE]: tab-separated, with the same as JSON in FILE.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

TIMES = 2, 4, 8, 16, 32, 64


def one(times: int, steps: int) -> dict[str, float]:
    """A picture so many times as wide as the bundled model paints: in this process, which does nothing else."""
    import torch

    from synoptic.guidance.cfg import cfg
    from synoptic.models.load import load
    from synoptic.sampling.joint import canonical
    from synoptic.views.windows import Windows

    model = load("bundled")
    C, h, w = model.shape
    views = Windows((C, h, times * w), (h, w), (8, 8))
    predict, z = cfg(model, ["a photo of snowy mountains"], 3.0), torch.randn(1, *views.canvas).to(model.device)
    before = peak()
    marks = [time.perf_counter()]
    for step in canonical(predict, model.schedule, views, z, steps=model.schedule.steps(steps + 1)):
        z = step.x
        marks.append(time.perf_counter())
    with torch.no_grad():
        model.decode(z)
    spent = (marks[-1] - marks[1]) / steps  # without the first step, which warms up
    decoded = time.perf_counter() - marks[-1]
    return {"times": times, "windows": len(views), "seconds a step": spent, "decoding": decoded, "MB": peak() - before}


def peak() -> float:
    """Of this process so far, in MB: of the GPU's memory where there is one."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--times", type=int, nargs="+", default=TIMES)
    p.add_argument("--steps", type=int, default=2)
    p.add_argument("--out", type=Path, default=Path("outputs/benchmarks/scaling.json"))
    p.add_argument("--one", type=int, help="measure one, here, and print it as JSON")
    a = p.parse_args()
    if a.one:
        print(json.dumps(one(a.one, a.steps)))
        return
    rows = []
    for times in a.times:
        command = [sys.executable, __file__, "--one", str(times), "--steps", str(a.steps)]
        rows.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
        if len(rows) == 1:
            print(*rows[0], "ms a window and step", sep="\t")
        cells = [f"{v:.3g}" if isinstance(v, float) else str(v) for v in rows[-1].values()]
        print(*cells, f"{1000 * rows[-1]['seconds a step'] / rows[-1]['windows']:.3g}", sep="\t", flush=True)
    a.out.parent.mkdir(parents=True, exist_ok=True)
    a.out.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
