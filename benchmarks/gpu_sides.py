"""What is measured on a GPU, by scripts of their own whose JSON is read: each begins with an empty card and ends with it."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

HERE = Path(__file__).parent
Row = dict[str, object]


def gpu_rows(quick: bool, tiny: bool = False) -> Iterator[Row]:
    """Yield rows of the wide picture at full size, of flow transformers, of several GPUs where there are some."""
    steps = ["--steps", "10" if quick else "50"]
    shape = ["--shape", "tiny" if tiny else "sd2"]
    found = measured([str(HERE / "full_size.py"), "speed", *shape, *steps])
    yield from wide_rows(found["speed"], found["device"])
    for row in measured([str(HERE / "flow_gpu.py"), *(["--tiny"] if tiny else []), *(["--only", "flux"] if quick else [])])[
        "table"
    ]:
        yield {
            "what": f"{row['model']}, a step",
            "side": f"synoptic, {row['what']}",
            "s": row["s"],
            "of the ceiling": row["of ceiling"],
        }
    for count in [n for n in (2, 4, 8) if n <= torch.cuda.device_count()]:
        shared = measured(
            ["-m", "torch.distributed.run", f"--nproc-per-node={count}", str(HERE / "multi_gpu.py"), *shape, *steps]
        )
        row = {"what": "wide at full size, a step", "side": f"synoptic, {count} GPUs", "s": shared["all"]["step"]}
        yield row | {"times one": shared["times"]}


def measured(command: Sequence[str]) -> dict:
    """Return what a script writes as JSON, run in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "found.json"
        subprocess.run([sys.executable, *command, "--out", str(file)], check=True, stdout=subprocess.DEVNULL)
        return json.loads(file.read_text())


def wide_rows(speed: dict[str, dict[str, float]], device: str) -> Iterator[Row]:
    """Yield the seconds of a step of each side of full_size.py, the peer's default first."""
    steps = {name: row["step"] for name, row in speed.items() if isinstance(row, dict) and "rows" in row}
    peers = {name: step for name, step in steps.items() if name.startswith("diffusers")}
    for name, step in {**peers, **steps}.items():
        ratios = {"times as fast": peers["diffusers 1"] / step, "times its best": min(peers.values()) / step}
        yield {"what": f"wide at full size on {device}, a step", "side": name, "s": step, **ratios}
