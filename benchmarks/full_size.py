"""The wide picture at full size on a GPU: Stable Diffusion 2's shapes with random weights, against diffusers' panorama.

python benchmarks/full_size.py [speed] [equality] [memory] [--shape sd2|tiny] [--steps 50] [--out FILE]: 512x3072, stride 8
latents, guidance on, float16 on both sides. Prints seconds per step, peak memory, the share of the measured matrix product,
how far half precision and the baseline are in one step and in three, and what happens when the GPU runs out of memory;
all of it as JSON too. Weights are random, so there is nothing to look at.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import diffusers as library
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from synoptic.diffusion.equations import randn
from synoptic.guidance.cfg import cfg
from synoptic.models.checkpoint import BUNDLED_DIR
from synoptic.models.load import load
from synoptic.sampling.joint import canonical
from synoptic.views.window_schedule import WindowSchedule
from synoptic.views.windows import Windows

diffusers: Any = library
SHAPES: dict[str, tuple[dict, dict, dict]] = {  # unet, vae, text tower
    "sd2": (
        {"block_out_channels": (320, 640, 1280, 1280), "attention_head_dim": (5, 10, 20, 20)},
        {"block_out_channels": (128, 256, 512, 512), "layers_per_block": 2},
        {"num_hidden_layers": 23, "num_attention_heads": 16, "intermediate_size": 4096},
    ),
    "tiny": (
        {"block_out_channels": (32, 32, 32, 32), "attention_head_dim": 4, "layers_per_block": 1},
        {"block_out_channels": (32, 32, 32, 32), "layers_per_block": 1},
        {"num_hidden_layers": 1, "num_attention_heads": 4, "intermediate_size": 64},
    ),
}


def make(shape: str, folder: Path, side: int = 64) -> Path:
    """A StableDiffusionPipeline directory of this shape with random weights, for square latents."""
    unet, vae, text = SHAPES[shape]
    torch.manual_seed(0)
    four = ["DownEncoderBlock2D"] * 4, ["UpDecoderBlock2D"] * 4
    coder = {"sample_size": 512, "force_upcast": False} | vae  # in half precision, as Stable Diffusion 2's own
    tokenizer = CLIPTokenizer.from_pretrained(BUNDLED_DIR / "sd", subfolder="tokenizer", model_max_length=77)
    config = CLIPTextConfig(hidden_size=1024, max_position_embeddings=77, vocab_size=len(tokenizer), **text)
    pipeline: Any = diffusers.StableDiffusionPipeline(
        vae=diffusers.AutoencoderKL(down_block_types=four[0], up_block_types=four[1], **coder),
        text_encoder=CLIPTextModel(config),
        tokenizer=tokenizer,
        unet=diffusers.UNet2DConditionModel(sample_size=side, cross_attention_dim=1024, use_linear_projection=True, **unet),
        scheduler=diffusers.DDIMScheduler.from_pretrained(BUNDLED_DIR / "sd", subfolder="scheduler"),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.to(torch.float16).save_pretrained(folder)
    return folder


class Spent(NamedTuple):
    """Seconds a step, peak GiB, seconds of the first step with what it takes to begin."""

    step: float
    peak: float
    first: float


def spent(run: Callable[[int], object], steps: int, device: torch.device) -> Spent:
    """What run(steps) takes, after a warm-up of one step."""
    begin = time.perf_counter()
    run(1)
    wait(device)
    first = time.perf_counter() - begin
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    begin = time.perf_counter()
    run(steps)
    wait(device)
    peak = torch.cuda.max_memory_allocated() / 2**30 if device.type == "cuda" else 0.0
    return Spent((time.perf_counter() - begin) / steps, peak, first)


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


PROMPT, GUIDANCE, WINDOW, STRIDE = "a photo of snowy mountains", 7.5, (64, 64), (8, 8)


def dense(z: Tensor) -> Windows:
    """The baseline's windows."""
    return Windows((4, 64, z.shape[-1]), WINDOW, STRIDE, weights="uniform")


def ours(m: Any, steps: int, z: Tensor, rows: int | None = None, views: Any = None) -> Tensor:
    views = views or dense(z)
    predict = cfg(m, [PROMPT], GUIDANCE, max_rows=rows)
    for step in canonical(predict, m.schedule, views, z, steps=m.schedule.steps(50)[:steps]):
        z = step.x
    return z


def panorama(m: Any, folder: Path) -> Any:
    pipe: Any = diffusers.StableDiffusionPanoramaPipeline.from_pretrained(
        folder, torch_dtype=m.dtype, safety_checker=None, requires_safety_checker=False
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe.to(m.device)


class Enough(Exception):
    """The baseline has made its steps."""


def baseline(pipe: Any, steps: int, z: Tensor, batch: int) -> Tensor:
    """So many of the baseline's 50 steps: its latents after the last one."""

    def stop(pipe: Any, i: int, t: Any, now: dict) -> dict:
        found.append(now["latents"])
        if i + 1 == steps:
            raise Enough
        return {}

    found: list[Tensor] = []
    how = {"num_inference_steps": 50, "guidance_scale": GUIDANCE, "view_batch_size": batch, "callback_on_step_end": stop}
    with suppress(Enough):
        pipe(PROMPT, 512, 8 * z.shape[-1], latents=z.to(pipe.dtype), output_type="latent", **how)
    return found[-1]


def flops(m: Any) -> int:
    """Of one latent, once through the network as the baseline runs it."""
    with FlopCounterMode(display=False) as count:
        m.unet(torch.zeros(1, *m.shape, device=m.device), 1, m.embed([PROMPT]).text_only())
    return count.get_total_flops()


def ceiling(m: Any, n: int = 8192) -> float:
    """FLOP/s of a plain matrix product in the model's dtype."""
    a, b = (torch.randn(n, n, device=m.device).to(m.dtype) for _ in range(2))
    rates = []
    for _ in range(20):
        wait(m.device)
        begin = time.perf_counter()
        for _ in range(5):
            torch.mm(a, b)
        wait(m.device)
        rates.append(5 * 2 * n**3 / (time.perf_counter() - begin))
    return max(rates)


def speed(m: Any, pipe: Any, z: Tensor, steps: int, small: bool) -> dict[str, Any]:
    """The table of seconds, eager and compiled, dense and shifted windows, and the baseline."""
    per_row, most = flops(m), ceiling(m, 256 if small else 8192)
    found: dict[str, Any] = {"flops": per_row, "ceiling": most}
    print(f"# {per_row / 1e9:.0f} GFLOP a latent; a matrix product has {most / 1e12:.0f} TFLOP/s")
    print("side\trows a call\tsteps\ts per step\tfirst step, s\tpeak GiB\tTFLOP/s\tof the ceiling", flush=True)

    def row(name: str, rows: int, run: Callable[[int], object], n: int, work: int) -> None:
        s = spent(run, n, m.device)
        rate = per_row * work / s.step
        found[name] = {"rows": rows, "steps": n, **s._asdict(), "flops": rate}
        numbers = f"{s.step:.4f}\t{s.first:.1f}\t{s.peak:.1f}\t{rate / 1e12:.0f}\t{rate / most:.1%}"
        print(f"{name}\t{rows}\t{n}\t{numbers}", flush=True)

    few = max(2, steps // 5)
    tiles = WindowSchedule((4, 64, z.shape[-1]), WINDOW, [WINDOW] * 50, torch.Generator().manual_seed(0))
    every, sparse = 2 * len(dense(z)), 2 * len(tiles)
    row("synoptic eager", every, lambda n: ours(m, n, z), few, every)
    for batch, n in ((1, few), (16, few), (32, few), (41, few)):
        row(f"diffusers {batch}", 2 * batch, lambda n, b=batch: baseline(pipe, n, z, b), n, every)
    m.compile()
    row("synoptic", every, lambda n: ours(m, n, z), steps, every)
    row("synoptic shifted", sparse, lambda n: ours(m, n, z, views=tiles), steps, sparse)
    plain, best = found["diffusers 1"]["step"], min(found[f"diffusers {b}"]["step"] for b in (1, 16, 32, 41))
    for name in ("synoptic eager", "synoptic", "synoptic shifted"):
        found[name] |= {"of default": plain / found[name]["step"], "of best": best / found[name]["step"]}
        ratios = f"{found[name]['of default']:.1f} times the baseline's default, {found[name]['of best']:.2f} its best"
        print(f"# {name}: {ratios}", flush=True)
    decode = spent(lambda n: [m.decode(z) for _ in range(n)], 3, m.device)
    print(f"# decode: {decode.step:.3f} s, peak {decode.peak:.1f} GiB", flush=True)
    return found | {"decode": decode._asdict()}


def memory(m: Any, z: Tensor, gib: float = 4.0) -> dict[str, float]:
    """All 82 rows in one call do not fit into this much: the calls halve, the result stays."""
    torch.cuda.empty_cache()
    free = ours(m, 2, z)
    total = torch.cuda.mem_get_info()[1]
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_allocated() + gib * 2**30) / total)
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    tight = ours(m, 2, z, rows=82)
    peak = torch.cuda.max_memory_allocated() / 2**30
    torch.cuda.set_per_process_memory_fraction(1.0)
    found = {"spare": gib, "peak": peak, "difference": (free - tight).abs().max().item()}
    print(f"# with {gib:.0f} GiB to spare: peak {peak:.1f} GiB, difference {found['difference']:.1e}", flush=True)
    return found


def equality(half: Any, folder: Path, z: Tensor) -> dict[str, float]:
    """How far the baseline is after three steps in float32, and half precision in one eps."""
    m: Any = load(str(folder), dtype="float32")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    both = ours(m, 3, z), baseline(panorama(m, folder), 3, z, 8)
    x = dense(z).project(z)[:12]
    exact, near = (model.predict(x, 500, model.embed([PROMPT]).expand(len(x))) for model in (m, half))
    error = ((near.eps - exact.eps).norm() / exact.eps.norm()).item()
    found = {"three steps": (both[0] - both[1]).abs().max().item(), "one eps": error}
    print(f"# float32, 3 steps: latents differ from the baseline's by {found['three steps']:.1e} at most")
    print(f"# one eps in half precision: relative error {error:.1e}", flush=True)
    return found


PARTS = ["speed", "equality", "memory"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=PARTS, default=PARTS, help="which to measure (default: all)")
    parser.add_argument("--shape", choices=SHAPES, default="sd2")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--width", type=int, default=3072)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/synoptic-random"))
    parser.add_argument("--out", type=Path, default=Path("outputs/benchmarks/full_size.json"))
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    diffusers.utils.logging.set_verbosity_error()
    torch.set_grad_enabled(False)
    folder = make(args.shape, args.folder / args.shape)
    m: Any = load(str(folder))
    z = randn((4, 64, args.width // 8), [torch.Generator().manual_seed(0)]).to(m.device)
    found: dict[str, Any] = {"torch": torch.__version__, "diffusers": library.__version__, "dtype": str(m.dtype)}
    cuda = m.device.type == "cuda"
    found["device"] = torch.cuda.get_device_name() if cuda else "cpu"

    def keep(**more: Any) -> None:
        found.update(more)
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(json.dumps(found, indent=2))

    if "speed" in args.parts:
        keep(speed=speed(m, panorama(m, folder), z, args.steps, args.shape == "tiny"))
    if "equality" in args.parts:
        keep(equality=equality(m, folder, z))
    if "memory" in args.parts and cuda:
        keep(memory=memory(load(str(folder)), z))
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
