"""The wide picture at full size on several GPUs, windows shared out: against one of them alone, in the same processes.

torchrun --nproc-per-node 2 benchmarks/multi_gpu.py [--shape sd2|tiny] [--steps 50] [--out FILE]: seconds per step, compiled
and in half precision, and how far the latents of three steps in float32 are from one process's. Random weights are written
to --folder where they are not, and then removed again.
"""

from __future__ import annotations

import argparse
import json
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from full_size import SHAPES, Spent, dense, make, ours, spent, wait

from synoptic.diffusion.equations import randn
from synoptic.distributed import is_main_process
from synoptic.models.device import choose_device
from synoptic.models.load import load
from synoptic.views.sharded import ShardedProjection


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", choices=SHAPES, default="sd2")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--width", type=int, default=3072)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/synoptic-random"))
    parser.add_argument("--out", type=Path, default=Path("outputs/benchmarks/gpus.json"))
    parser.add_argument("--eager", action="store_true", help="do not compile")
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_grad_enabled(False)
    choose_device("auto")
    dist.init_process_group()
    folder = args.folder / args.shape
    written = is_main_process() and not folder.exists()
    if written:
        make(args.shape, folder)
    m: Any = load(str(folder)) if is_main_process() else None
    dist.barrier()
    m = m or load(str(folder))
    if not args.eager:
        m.compile()
    z = randn((4, 64, args.width // 8), [torch.Generator().manual_seed(0)]).to(m.device)
    views, size = dense(z), dist.get_world_size()

    def synchronized(run: Callable[[int], Any]) -> Callable[[int], None]:
        """All processes begin and end at once."""

        def timed(n: int) -> None:
            dist.barrier()
            run(n)
            wait(m.device)
            dist.barrier()

        return timed

    def report(name: str, s: Spent) -> None:
        if is_main_process():
            print(f"{name}\t{s.step:.4f} s a step\tpeak {s.peak:.1f} GiB\tfirst step {s.first:.1f} s", flush=True)

    report("alone", one := spent(synchronized(lambda n: ours(m, n, z)), args.steps, m.device))
    report(
        "shared", all_ := spent(synchronized(lambda n: ours(m, n, z, views=ShardedProjection(views))), args.steps, m.device)
    )
    m = load(str(folder), dtype="float32")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    gap = (ours(m, 3, z) - ours(m, 3, z, views=ShardedProjection(views))).abs().max().item()
    if is_main_process():
        found = {"torch": torch.__version__, "processes": size, "one": one._asdict(), "all": all_._asdict()}
        found |= {"device": torch.cuda.get_device_name() if m.device.type == "cuda" else "cpu"}
        found |= {"times": one.step / all_.step, "three steps in float32": gap}
        print(f"# {size} processes: {one.step / all_.step:.2f} times as fast; float32, 3 steps: {gap:.1e} apart at most")
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(json.dumps(found, indent=2))
    dist.barrier()
    if written:
        shutil.rmtree(folder)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
