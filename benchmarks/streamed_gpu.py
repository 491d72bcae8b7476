"""Is the transfer of a network that waits in the CPU's memory hidden behind large batches? `--offload group` on a GPU.

python benchmarks/streamed_gpu.py [--only flux sd3.5-medium z-image] [--rows 1 2 4 8] [--tiny] [--out FILE]: the released
shapes of `flow_gpu`, random weights, bfloat16. For each number of rows a call: seconds of a call with the weights on the GPU
and with weights that come layer by layer, their ratio, and what `max(computing, transferring)` predicts from the seconds of
a row and the measured speed of the link. A table, and JSON.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import diffusers
import torch
from flow_gpu import GIB, MODELS, build, configs, network_alone
from full_size import spent

from synoptic.models.placement import stream_network


def link(device: torch.device, amount: int = 2 * GIB) -> float:
    """Bytes a second from pinned memory to the device."""
    here = torch.empty(amount, dtype=torch.uint8, pin_memory=device.type == "cuda")
    there = torch.empty_like(here, device=device)
    return amount / spent(lambda n: [there.copy_(here, non_blocking=True) for _ in range(n)], 4, device).step


def measure(name: str, tiny: bool, rows: Sequence[int], steps: int, device: torch.device) -> list[dict[str, Any]]:
    """The rows of the table of one model."""
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = configs(MODELS[name], Path(folder) / name, tiny)
        m = build(MODELS[name], checkpoint, device, dtype)
    net: Any = m.transformer.net
    speed = link(device)
    weights = sum(p.numel() * p.itemsize for p in (*net.parameters(), *net.buffers()))
    resident = {k: spent(lambda n, k=k: network_alone(m, k, n), steps, device) for k in rows}
    net.to("cpu")
    stream_network(net, device)
    table = []
    for k in rows:
        streamed = spent(lambda n, k=k: network_alone(m, k, n), steps, device)
        found = {"model": name, "rows": k, "resident s": resident[k].step, "streamed s": streamed.step}
        found |= {"ratio": streamed.step / resident[k].step, "weights GiB": weights / GIB, "link GB/s": speed / 1e9}
        found |= {"predicted s": max(resident[k].step, weights / speed), "resident peak": resident[k].peak}
        found |= {"streamed peak": streamed.peak}
        table.append(found)
        print("\t".join(f"{v:.4g}" if isinstance(v, float) else str(v) for v in found.values()), flush=True)
    each = min(resident[k].step / k for k in rows)
    print(f"# {name}: hidden from {math.ceil(weights / speed / each)} rows a call on, by the seconds of a row and the link")
    return table


def main(given: Sequence[str] | None = None) -> list[dict[str, Any]]:
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--only", nargs="*", choices=MODELS, default=list(MODELS))
    p.add_argument("--rows", nargs="*", type=int, default=[1, 2, 4, 8])
    p.add_argument("--steps", type=int, default=4, help="calls that are timed")
    p.add_argument("--tiny", action="store_true", help="small shapes: does it run?")
    p.add_argument("--out", type=Path, default=Path("outputs/benchmarks/streamed_gpu.json"))
    a = p.parse_args(given)
    warnings.filterwarnings("ignore")
    diffusers.utils.logging.set_verbosity_error()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    where = torch.cuda.get_device_name() if device.type == "cuda" else "cpu"
    print(f"# {where}, torch {torch.__version__}, diffusers {diffusers.__version__}")
    print("model\trows\tresident s\tstreamed s\tratio\tweights GiB\tlink GB/s\tpredicted s\tresident peak\tstreamed peak")
    table: list[dict[str, Any]] = []
    a.out.parent.mkdir(parents=True, exist_ok=True)
    for name in a.only:
        table += measure(name, a.tiny, a.rows, a.steps, device)
        a.out.write_text(json.dumps({"device": where, "torch": torch.__version__, "table": table}, indent=2))
        if device.type == "cuda":
            torch.cuda.empty_cache()
    return table


if __name__ == "__main__":
    main()
