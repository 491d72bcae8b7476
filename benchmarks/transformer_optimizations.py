"""What makes one call of a flow transformer fast on a GPU: FLUX.1's shapes with random weights, 1024x1024, bfloat16.

PYTHONPATH=.:benchmarks python benchmarks/transformer_optimizations.py [--rows 1] [--tiny] [--budget 300] [--out FILE]:
seconds of a call and its share of the measured matrix product, lever by lever, as a table and as JSON. fp8 is
`--quantize fp8-compute`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from flow_gpu import MODELS, build, ceiling, configs
from full_size import spent
from torch.nn.attention import SDPBackend, sdpa_kernel

from synoptic.models.cost import network_row_cost
from synoptic.models.placement import quantize_network

CUDNN = [SDPBackend.CUDNN_ATTENTION, SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]
TUNED = {"coordinate_descent_tuning": True, "coordinate_descent_check_all_directions": True}
LEVERS: dict[str, dict[str, Any]] = {  # in turn on one network: what is quantized stays so
    "eager": {},
    "compiled by block": {"compile": {}},
    "compiled, cuDNN attention": {"compile": {}, "cudnn": True},
    "fp8, compiled, cuDNN attention": {"compile": {}, "cudnn": True, "fp8": True},
    "fp8, compiled": {"compile": {}, "fp8": True},
    "fp8, compiled and tuned, cuDNN attention": {"compile": {"options": TUNED}, "cudnn": True, "fp8": True},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1)
    parser.add_argument("--tiny", action="store_true", help="a small network, to try the script")
    parser.add_argument("--budget", type=float, default=300, help="begin no other lever after so many seconds")
    parser.add_argument("--out", type=Path, default=Path("outputs/benchmarks/transformer_optimizations.json"))
    args = parser.parse_args()
    started, device = time.monotonic(), torch.device("cuda" if torch.cuda.is_available() else "cpu")
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    with tempfile.TemporaryDirectory() as work:
        checkpoint = configs(MODELS["flux"], Path(work) / "flux", args.tiny)
        flops, m = network_row_cost(checkpoint, dtype, device).flops, build(MODELS["flux"], checkpoint, device, dtype)
    most, found, is_fp8 = ceiling(device, dtype, 256 if args.tiny else 8192), dict[str, Any](), False
    x = torch.randn(args.rows, *m.shape, device=device, dtype=dtype)
    cond, t = m.embed(["a lake"] * args.rows).to(dtype=dtype), torch.full((args.rows,), 500.0, device=device)
    with torch.no_grad():
        exact = m.transformer.forward(x, t, cond)

    @torch.no_grad()
    def calls(n: int) -> None:
        for _ in range(n):
            m.transformer.forward(x, t, cond)

    print("lever\tms\tTFLOP/s\tof the ceiling\tfirst call, s\tpeak GiB\toff by, of its norm", flush=True)
    for name, how in LEVERS.items():
        if time.monotonic() - started > args.budget or (how.get("fp8") and device.type != "cuda"):
            continue
        torch.compiler.reset()
        if how.get("fp8") and not is_fp8:
            quantize_network(m.transformer.net, "fp8-compute", dtype)
            is_fp8 = True
        if "compile" in how:
            for blocks in ("transformer_blocks", "single_transformer_blocks"):
                for block in m.transformer.net.get_submodule(blocks).children():
                    block.compile(dynamic=False, **how["compile"])
        with sdpa_kernel(CUDNN, set_priority=True) if how.get("cudnn") else nullcontext():
            seconds, peak, first = spent(calls, 8, device)
            with torch.no_grad():
                gap = float((m.transformer.forward(x, t, cond) - exact).norm() / exact.norm())
        rate = args.rows * flops / seconds
        found[name] = {"s": seconds, "TFLOP/s": rate / 1e12, "of ceiling": rate / most, "first s": first}
        found[name] |= {"peak GiB": peak, "off by": gap}
        print(
            f"{name}\t{1e3 * seconds:.1f}\t{rate / 1e12:.0f}\t{rate / most:.1%}\t{first:.1f}\t{peak:.1f}\t{gap:.1e}",
            flush=True,
        )
        args.out.parent.mkdir(parents=True, exist_ok=True)
        about = {"device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu", "torch": torch.__version__}
        about |= {"rows": args.rows, "flops": flops, "ceiling": most}
        args.out.write_text(json.dumps(about | {"levers": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
