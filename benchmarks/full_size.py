"""The wide picture at full size on a GPU: Stable Diffusion 2's shapes with random weights, against diffusers' panorama.

python benchmarks/full_size.py [--shape sd2|tiny] [--steps 20]: 512x3072, stride 8 latents, guidance on, float16 on both
sides. Prints seconds per step, peak memory, the largest difference between both sides in float32, and what happens when
the GPU runs out of memory. Weights are random, so there is nothing to look at.
"""

from __future__ import annotations

import argparse
import shutil
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers as library
import torch
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from synoptic.diffusion import randn
from synoptic.guidance import cfg
from synoptic.models.load import load
from synoptic.models.source import BUNDLED
from synoptic.synchronize import canonical
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


def make(shape: str, folder: Path) -> Path:
    """A StableDiffusionPipeline directory of this shape with random weights."""
    unet, vae, text = SHAPES[shape]
    torch.manual_seed(0)
    four = ["DownEncoderBlock2D"] * 4, ["UpDecoderBlock2D"] * 4
    tokenizer = CLIPTokenizer.from_pretrained(BUNDLED / "sd", subfolder="tokenizer", model_max_length=77)
    config = CLIPTextConfig(hidden_size=1024, max_position_embeddings=77, vocab_size=len(tokenizer), **text)
    pipeline: Any = diffusers.StableDiffusionPipeline(
        vae=diffusers.AutoencoderKL(down_block_types=four[0], up_block_types=four[1], sample_size=512, **vae),
        text_encoder=CLIPTextModel(config),
        tokenizer=tokenizer,
        unet=diffusers.UNet2DConditionModel(sample_size=64, cross_attention_dim=1024, use_linear_projection=True, **unet),
        scheduler=diffusers.DDIMScheduler.from_pretrained(BUNDLED / "sd", subfolder="scheduler"),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(folder)
    return folder


def seconds(run: Callable[[], object], device: torch.device) -> tuple[float, float]:
    """(wall seconds, peak GiB) of run(), after one warm-up."""
    run()
    if device.type == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    begin = time.perf_counter()
    run()
    if device.type == "cuda":
        torch.cuda.synchronize()
        return time.perf_counter() - begin, torch.cuda.max_memory_allocated() / 2**30
    return time.perf_counter() - begin, 0.0


PROMPT, GUIDANCE = "a photo of snowy mountains", 7.5


def ours(m: Any, steps: int, z: torch.Tensor, rows: int | None = None) -> torch.Tensor:
    views = Windows((4, 64, 384), (64, 64), (8, 8), weights="uniform")
    predict = cfg(m, [PROMPT], GUIDANCE, rows=rows)
    for step in canonical(predict, m.schedule, views, z, steps=m.schedule.steps(steps)):
        z = step.x
    return z


def panorama(m: Any, folder: Path) -> Any:
    pipe: Any = diffusers.StableDiffusionPanoramaPipeline.from_pretrained(
        folder, torch_dtype=m.dtype, safety_checker=None, requires_safety_checker=False
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe.to(m.device)


def peer(pipe: Any, steps: int, z: torch.Tensor, batch: int) -> torch.Tensor:
    how = {"num_inference_steps": steps, "guidance_scale": GUIDANCE, "view_batch_size": batch}
    return pipe(PROMPT, 512, 3072, latents=z.to(pipe.dtype), output_type="latent", **how).images


def speed(m: Any, pipe: Any, z: torch.Tensor, steps: int) -> None:
    print("side\trows a call\tsteps\ts per step\tpeak GiB")
    spent, peak = seconds(lambda: ours(m, steps, z), m.device)
    print(f"synoptic\tauto\t{steps}\t{spent / steps:.3f}\t{peak:.1f}", flush=True)
    for batch, n in ((1, max(2, steps // 5)), (16, steps), (41, steps)):
        spent, peak = seconds(lambda b=batch, n=n: peer(pipe, n, z, b), m.device)
        print(f"diffusers\t{2 * batch}\t{n}\t{spent / n:.3f}\t{peak:.1f}", flush=True)
    spent, peak = seconds(lambda: m.decode(z), m.device)
    print(f"# decode of 512x3072: {spent:.3f} s, peak {peak:.1f} GiB", flush=True)


def memory(m: Any, z: torch.Tensor, gib: float = 4.0) -> None:
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
    print(
        f"# with {gib:.0f} GiB to spare: peak {peak:.1f} GiB, difference {(free - tight).abs().max().item():.1e}", flush=True
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", choices=SHAPES, default="sd2")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/synoptic-random"))
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    diffusers.utils.logging.set_verbosity_error()
    torch.set_grad_enabled(False)
    folder = make(args.shape, args.folder / args.shape)
    m: Any = load(str(folder))
    z = randn((4, 64, 384), [torch.Generator().manual_seed(0)]).to(m.device)
    speed(m, panorama(m, folder), z, args.steps)
    if m.device.type == "cuda":
        memory(m, z)
    m = load(str(folder), dtype="float32")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    both = ours(m, 5, z), peer(panorama(m, folder), 5, z, 8)
    print(f"# float32, 5 steps: largest difference of the latents {(both[0] - both[1]).abs().max().item():.1e}")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
