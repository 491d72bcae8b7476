"""What does size cost? Pictures from 2 to 64 times as wide or as high as the model's own: seconds a step and peak memory.

PYTHONPATH=. python benchmarks/scaling.py [--along width|height] [--model NAME|FOLDER|sd2|tiny] [--times 2 4 …] [--steps 2]
[--out FILE]: a process each, tab-separated, and as JSON in FILE after each. `sd2` and `tiny` are Stable Diffusion 2's shapes
with random weights, written to --folder first.
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


def one(model_name: str, along: str, times: int, steps: int) -> dict[str, float]:
    """A picture so many times as wide or as high as a model paints: in this process, which does nothing else."""
    import torch

    from synoptic.guidance.cfg import cfg
    from synoptic.models.load import load
    from synoptic.sampling.joint import canonical
    from synoptic.views.windows import Windows

    model = load(model_name)
    C, h, w = model.shape
    canvas = (C, h, times * w) if along == "width" else (C, times * h, w)
    views = Windows(canvas, (h, w), (8, 8))
    predict, z = cfg(model, ["a photo of snowy mountains"], 3.0), torch.randn(1, *canvas).to(model.device)
    before, before_host = peak(), host_peak()
    marks = [moment()]
    for step in canonical(predict, model.schedule, views, z, steps=model.schedule.steps(steps + 1)):
        z = step.x
        marks.append(moment())
    with torch.no_grad():
        model.decode(z)
    spent = (marks[-1] - marks[1]) / steps  # without the first step, which warms up
    row = {"times": times, "windows": len(views), "seconds a step": spent, "decoding": moment() - marks[-1]}
    return row | {"MB": peak() - before, "host MB": host_peak() - before_host}


def moment() -> float:
    """Of the clock, once the GPU has done what it was asked."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def peak() -> float:
    """Of this process so far, in MB: of the GPU's memory where there is one."""
    import torch

    return torch.cuda.max_memory_allocated() / 1e6 if torch.cuda.is_available() else host_peak()


def host_peak() -> float:
    """Of this process so far, in MB of the host's memory."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def named(model: str, folder: Path) -> str:
    """A model's name, or the folder of random weights of a shape, which are written where they are not."""
    from full_size import SHAPES, make

    if model not in SHAPES:
        return model
    if not (folder / model).exists():
        make(model, folder / model)
    return str(folder / model)


def about(model: str, along: str) -> dict[str, object]:
    """What the figures depend on."""
    import torch

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    return {"device": device, "torch": torch.__version__, "model": model, "along": along}


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--along", choices=["width", "height"], default="width")
    p.add_argument("--model", default="bundled")
    p.add_argument("--folder", type=Path, default=Path("/tmp/synoptic-scaling"))
    p.add_argument("--times", type=int, nargs="+", default=TIMES)
    p.add_argument("--steps", type=int, default=2)
    p.add_argument("--out", type=Path, default=Path("outputs/benchmarks/scaling.json"))
    p.add_argument("--one", type=int, help="measure one, here, and print it as JSON")
    a = p.parse_args()
    if a.one:
        print(json.dumps(one(a.model, a.along, a.one, a.steps)))
        return
    rows, model = list[dict[str, float]](), named(a.model, a.folder)
    a.out.parent.mkdir(parents=True, exist_ok=True)
    for times in a.times:
        command = [sys.executable, __file__, "--one", str(times), "--steps", str(a.steps), "--model", model]
        command += ["--along", a.along]
        rows.append(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout))
        if len(rows) == 1:
            print(*rows[0], "ms a window and step", sep="\t")
        cells = [f"{v:.3g}" if isinstance(v, float) else str(v) for v in rows[-1].values()]
        print(*cells, f"{1000 * rows[-1]['seconds a step'] / rows[-1]['windows']:.3g}", sep="\t", flush=True)
        a.out.write_text(json.dumps(about(a.model, a.along) | {"rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
