"""What makes one call of the U-Net fast on a GPU: Stable Diffusion 2's shapes with random weights, 64x64 latents, float16.

python benchmarks/unet_optimizations.py [--rows 82] [--out FILE]: milliseconds per latent and share of the measured matrix
product, lever upon lever, as a table and as JSON.
"""

from __future__ import annotations

import argparse
import importlib
import json
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from synoptic.models.base import Conditioning
from synoptic.models.unet import UNet

FIRST = [SDPBackend.CUDNN_ATTENTION, SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]
TUNED = {"conv_1x1_as_mm": True, "coordinate_descent_tuning": True, "coordinate_descent_check_all_directions": True}
FINE: dict[str, Any] = {"compile": {}, "keys": True, "benchmark": True, "cudnn": True}
LEVERS: dict[str, dict[str, Any]] = {
    "eager": {},
    "compiled": {"compile": {}},
    "compiled, keys": {"compile": {}, "keys": True},
    "compiled, keys, benchmark": {"compile": {}, "keys": True, "benchmark": True},
    "compiled, keys, benchmark, cudnn attention": FINE,
    "compiled, keys, benchmark, cudnn attention, tuned": FINE | {"compile": {"options": TUNED}},
}


def network(tiny: bool, device: str) -> Any:
    widths = (32, 32, 32, 32) if tiny else (320, 640, 1280, 1280)
    heads = 4 if tiny else (5, 10, 20, 20)
    kind = importlib.import_module("diffusers").UNet2DConditionModel
    with torch.device(device):
        net = kind(
            sample_size=64,
            cross_attention_dim=1024,
            use_linear_projection=True,
            block_out_channels=widths,
            attention_head_dim=heads,
        )
    return net.to(torch.float16 if device == "cuda" else torch.float32)


def seconds(run: Callable[[], Any], device: str, repeats: int) -> float:
    """The fastest of so many calls, after one that warms up."""
    run()
    spent = []
    for _ in range(repeats):
        if device == "cuda":
            torch.cuda.synchronize()
        begin = time.perf_counter()
        run()
        if device == "cuda":
            torch.cuda.synchronize()
        spent.append(time.perf_counter() - begin)
    return min(spent)


def ceiling(device: str, tiny: bool) -> float:
    """FLOP/s of a plain matrix product, 8192 a side, float16."""
    n = 256 if tiny else 8192
    a, b = (torch.randn(n, n, device=device, dtype=torch.float16 if device == "cuda" else torch.float32) for _ in range(2))
    return 2 * n**3 / seconds(lambda: a @ b, device, 50)


@torch.no_grad()
def measure(how: dict[str, Any], unet: UNet, rows: int) -> dict[str, float]:
    """A lever's milliseconds per latent, seconds of the first call, peak GiB."""
    torch.compiler.reset()
    device = unet.device.type
    x, text = torch.randn(rows, 4, 64, 64, device=device), torch.randn(rows, 77, 1024, device=device).to(unet.dtype)
    cond = Conditioning(text=text)
    cond = unet.cache_text_keys(cond) if how.get("keys") else cond
    if "compile" in how:
        unet.compile()
        unet.compiled.net = torch.compile(unet.net, dynamic=False, **how["compile"])  # pyright: ignore
    torch.backends.cudnn.benchmark = bool(how.get("benchmark"))
    with sdpa_kernel(FIRST, set_priority=True) if how.get("cudnn") else nullcontext():
        begin = time.perf_counter()
        unet(x, 500, cond)
        if device == "cuda":
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
        first = time.perf_counter() - begin
        spent = seconds(lambda: unet(x, 500, cond), device, 8)
    peak = torch.cuda.max_memory_allocated() / 2**30 if device == "cuda" else 0.0
    return {"ms a latent": 1e3 * spent / rows, "first": first, "GiB": peak}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=82)
    parser.add_argument("--tiny", action="store_true", help="a small network, to try the script")
    parser.add_argument("--limit", type=int, default=240, help="begin no other lever after so many seconds")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    device, started = "cuda" if torch.cuda.is_available() else "cpu", time.perf_counter()
    torch.manual_seed(0)
    unet = UNet(network(args.tiny, device))
    with FlopCounterMode(display=False) as count, torch.no_grad():
        unet(torch.randn(1, 4, 64, 64, device=device), 500, Conditioning(text=torch.randn(1, 77, 1024, device=device)))
    flops, most = count.get_total_flops(), ceiling(device, args.tiny)
    print(f"# torch {torch.__version__}, {flops / 1e9:.0f} GFLOP a latent, a matrix product has {most / 1e12:.0f} TFLOP/s")
    found: dict[str, Any] = {}
    print("lever\tms a latent\tTFLOP/s\tof the ceiling\tfirst call, s\tpeak GiB")
    for name, how in LEVERS.items():
        if time.perf_counter() - started > args.limit:
            break
        try:
            r = found[name] = measure(how, unet, args.rows)
        except Exception as e:
            print(f"{name}\tfailed: {e!r:.500}", flush=True)
            continue
        rate = 1e3 * flops / r["ms a latent"]
        row = f"{r['ms a latent']:.3f}\t{rate / 1e12:.0f}\t{rate / most:.1%}\t{r['first']:.1f}\t{r['GiB']:.1f}"
        print(f"{name}\t{row}", flush=True)
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        about = {"torch": torch.__version__, "rows": args.rows, "flops": flops, "ceiling": most}
        args.out.write_text(json.dumps(about | {"levers": found}, indent=2))


if __name__ == "__main__":
    main()
