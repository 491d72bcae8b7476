"""Flow transformers at full size on a GPU, with random weights: FLUX.1, Stable Diffusion 3.5 Medium, Z-Image at 1024x1024.

python benchmarks/flow_gpu.py [--only flux sd3.5-medium z-image] [--tiny] [--out FILE]: the network and its VAE alone,
without text encoders, in bfloat16. For each: seconds a step of our loop, eager and compiled by block, beside the network
called by itself; the share of a measured matrix product; peak memory beside what is predicted from the config; and a step
of a picture of 1024x3072 in nine windows, 1, 4 and 8 of them a call. One table, and JSON. `--tiny` tries it all on small
shapes. Weights are random, so there is nothing to look at. Four minutes on an H100.
"""

from __future__ import annotations

import argparse
import gc
import json
import shutil
import tempfile
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import diffusers
import torch
from diffusers.models.modeling_utils import ModelMixin
from full_size import spent
from torch import Tensor

from synoptic.diffusion.equations import randn
from synoptic.diffusion.schedules import schedule_from_config
from synoptic.guidance.batching import largest_batch
from synoptic.guidance.cfg import Predict, cfg
from synoptic.models.base import Conditioning
from synoptic.models.checkpoint import Checkpoint
from synoptic.models.component_bytes import coding_bytes
from synoptic.models.cost import DefaultDtype, network_row_cost
from synoptic.models.memory import WORKSPACE_BYTES
from synoptic.models.network_classes import build_network
from synoptic.models.placement import quantize_network
from synoptic.models.transformer import TransformerDenoiser
from synoptic.models.transformer_networks import FluxTransformer, Sd3Transformer, Transformer, ZImageTransformer
from synoptic.sampling.joint import canonical
from synoptic.sampling.single import sample
from synoptic.views.windows import Windows

GIB, STEPS = 2**30, 28
VAE = {
    "latent_channels": 16,
    "use_quant_conv": False,
    "use_post_quant_conv": False,
    "scaling_factor": 0.3611,
    "shift_factor": 0.1159,
}
FULL_VAE = VAE | {"block_out_channels": [128, 256, 512, 512], "layers_per_block": 2}
TINY_VAE = VAE | {"block_out_channels": [8] * 4, "norm_num_groups": 4}
BLOCKS = {"down_block_types": ["DownEncoderBlock2D"] * 4, "up_block_types": ["UpDecoderBlock2D"] * 4}
SHIFTED = {"shift": 3.0, "use_dynamic_shifting": True, "base_shift": 0.5, "max_shift": 1.15}
CLIP_TOKENS, WINDOWS = 77, (1, 4, 8)


class Model(NamedTuple):
    """A family's released shapes: pipeline, network class, configs at full size and tiny, scheduler, scale of guidance."""

    pipeline: str
    kind: type[Transformer]
    full: dict[str, Any]
    tiny: dict[str, Any]
    scheduler: dict[str, Any]
    guidance: float  # classifier-free: above 1 two rows a picture


MODELS = {
    "flux": Model(
        "FluxPipeline",
        FluxTransformer,
        {"in_channels": 64, "num_layers": 19, "num_single_layers": 38, "attention_head_dim": 128, "num_attention_heads": 24,
         "joint_attention_dim": 4096, "pooled_projection_dim": 768, "guidance_embeds": True, "axes_dims_rope": [16, 56, 56]},
        {"in_channels": 64, "num_layers": 1, "num_single_layers": 2, "attention_head_dim": 16, "num_attention_heads": 2,
         "joint_attention_dim": 32, "pooled_projection_dim": 32, "guidance_embeds": True, "axes_dims_rope": [4, 6, 6],
         "sample_size": 16},
        SHIFTED,
        1.0,
    ),
    "sd3.5-medium": Model(
        "StableDiffusion3Pipeline",
        Sd3Transformer,
        {"sample_size": 128, "patch_size": 2, "in_channels": 16, "out_channels": 16, "num_layers": 24,
         "attention_head_dim": 64, "num_attention_heads": 24, "joint_attention_dim": 4096, "caption_projection_dim": 1536,
         "pooled_projection_dim": 2048, "pos_embed_max_size": 384, "qk_norm": "rms_norm",
         "dual_attention_layers": list(range(13))},
        {"sample_size": 16, "pos_embed_max_size": 32, "num_layers": 2, "attention_head_dim": 16, "num_attention_heads": 2,
         "joint_attention_dim": 96, "caption_projection_dim": 32, "pooled_projection_dim": 80, "in_channels": 16,
         "qk_norm": "rms_norm", "dual_attention_layers": [0]},
        {"shift": 3.0},
        4.5,
    ),
    "z-image": Model(
        "ZImagePipeline",
        ZImageTransformer,
        {"all_patch_size": [2], "all_f_patch_size": [1], "in_channels": 16, "dim": 3840, "n_layers": 30,
         "n_refiner_layers": 2, "n_heads": 30, "n_kv_heads": 30, "cap_feat_dim": 2560, "qk_norm": True,
         "axes_dims": [32, 48, 48], "axes_lens": [1536, 512, 512]},
        {"dim": 32, "n_layers": 2, "n_refiner_layers": 1, "n_heads": 2, "n_kv_heads": 2, "cap_feat_dim": 32,
         "in_channels": 16, "axes_dims": [8, 4, 4], "axes_lens": [640, 32, 32], "sample_size": 16},
        {"shift": 3.0},
        6.0,
    ),
}  # fmt: skip


class RandomText:
    """A text encoder's tensors of the longest prompt, without the encoder."""

    def __init__(self, checkpoint: Checkpoint, device: torch.device) -> None:
        config, self.device = checkpoint.network_config, device
        self.width = config.get("joint_attention_dim") or config["cap_feat_dim"]
        self.pooled: int | None = config.get("pooled_projection_dim")
        self.masked = checkpoint.pipeline_class == "ZImagePipeline"
        self.length = checkpoint.text_length + (CLIP_TOKENS if checkpoint.pipeline_class.startswith("Stable") else 0)

    def __call__(self, prompts: Sequence[str]) -> Conditioning:
        n = len(prompts)
        text = torch.randn(n, self.length, self.width, device=self.device)
        pooled = None if self.pooled is None else torch.randn(n, self.pooled, device=self.device)
        mask = torch.ones(n, self.length, device=self.device) if self.masked else None
        return Conditioning(text=text, text_embeds=pooled, text_mask=mask)


def configs(model: Model, folder: Path, tiny: bool) -> Checkpoint:
    """A model's directory of configs, without weights."""
    vae = BLOCKS | (TINY_VAE if tiny else FULL_VAE)
    network = {"FluxPipeline": "Flux", "StableDiffusion3Pipeline": "SD3", "ZImagePipeline": "ZImage"}[model.pipeline]
    scheduler = {"_class_name": "FlowMatchEulerDiscreteScheduler"} | model.scheduler
    files = {
        "model_index.json": {"_class_name": model.pipeline},
        "transformer/config.json": {"_class_name": f"{network}Transformer2DModel"} | (model.tiny if tiny else model.full),
        "vae/config.json": {"_class_name": "AutoencoderKL"} | vae,
        "scheduler/scheduler_config.json": scheduler,
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(content))
    return Checkpoint(folder.name, str(folder))


def build(model: Model, checkpoint: Checkpoint, device: torch.device, dtype: torch.dtype) -> TransformerDenoiser:
    """The network and VAE on the device, with the numbers that their layers begin with."""
    with DefaultDtype(dtype), device:
        net = build_network(checkpoint.family.components["transformer"], checkpoint.network_config)
        vae = build_network("AutoencoderKL", checkpoint.config("vae"))
    assert isinstance(net, ModelMixin) and isinstance(vae, ModelMixin)
    for p in net.parameters():  # some begin at 0
        if not p.any():
            torch.nn.init.normal_(p, std=0.02)
    scheduler = checkpoint.config("scheduler", "scheduler_config.json")
    schedule = schedule_from_config(scheduler, checkpoint.family.spacing, checkpoint.tokens)
    embedded_scale = checkpoint.defaults.guidance_scale if checkpoint.takes_guidance_scale else None
    net = model.kind(net, checkpoint)
    return TransformerDenoiser(net, vae, RandomText(checkpoint, device), schedule, embedded_scale)


def ceiling(device: torch.device, dtype: torch.dtype, n: int) -> float:
    """FLOP/s of a matrix product."""
    a, b = (torch.randn(n, n, device=device).to(dtype) for _ in range(2))
    seconds = [spent(lambda k: [torch.mm(a, b) for _ in range(k)], 10, device)[0] for _ in range(5)]
    return 2 * n**3 / min(seconds)


@torch.no_grad()
def network_alone(m: TransformerDenoiser, rows: int, n: int) -> None:
    """Call diffusers' network n times with what our loop gives it, through `Transformer.forward` alone."""
    x = torch.randn(rows, *m.shape, device=m.device, dtype=m.dtype)
    cond = m.embed(["a lake"] * rows).to(dtype=m.dtype)
    t = torch.full((rows,), 500.0, device=m.device)
    for _ in range(n):
        m.transformer.forward(x, t, cond)


def loop(m: TransformerDenoiser, predict: Predict, x: Tensor, n: int) -> None:
    for _ in sample(predict, m.schedule, x, steps=m.schedule.steps(STEPS)[:n]):
        pass


def wide(m: TransformerDenoiser, predict: Predict, views: Windows, z: Tensor, n: int) -> None:
    for _ in canonical(predict, m.schedule, views, z, steps=m.schedule.steps(STEPS)[:n]):
        pass


def measure(name: str, tiny: bool, device: torch.device, dtype: torch.dtype, most: float, n: int) -> list[dict[str, Any]]:
    """The rows of the table of one model."""
    model, folder = MODELS[name], Path(tempfile.mkdtemp()) / name
    checkpoint = configs(model, folder, tiny)
    cost = network_row_cost(checkpoint, dtype, device)
    m, table = build(model, checkpoint, device, dtype), list[dict[str, Any]]()
    weights = sum(
        v.numel() * v.itemsize for part in (m.transformer.net, m.vae) for v in (*part.parameters(), *part.buffers())
    )
    room = WORKSPACE_BYTES if device.type == "cuda" else 0
    branches = 2 if model.guidance > 1 else 1

    def row(what: str, run: Callable[[int], object], rows: int, at_once: int, steps: int) -> None:
        seconds, peak, first = spent(run, steps, device)
        rate = rows * cost.flops / seconds
        beside = coding_bytes(checkpoint, device, dtype)
        if rows:
            beside = largest_batch(branches, rows // branches, at_once) * cost.bytes
        plan = (weights + room + beside) / GIB
        found = {"model": name, "what": what, "rows": rows, "a call": at_once, "s": seconds, "first s": first}
        found |= {"TFLOP/s": rate / 1e12, "of ceiling": rate / most, "peak GiB": peak, "plan GiB": plan}
        table.append(found)
        print("\t".join(f"{v:.4g}" if isinstance(v, float) else str(v) for v in found.values()), flush=True)

    rngs = [torch.Generator().manual_seed(0)]
    x = randn(m.shape, rngs).to(device)
    predict = cfg(m, ["a lake"], model.guidance, max_rows=branches)
    row("network alone", partial(network_alone, m, branches), branches, branches, n)
    row("step", partial(loop, m, predict, x), branches, branches, n)
    (C, h, w), few = m.shape, max(1, n // 8)
    z, views = randn((C, h, 3 * w), rngs).to(device), Windows((C, h, 3 * w), (h, w), (h, w // 4))
    for windows in WINDOWS:
        at_once = min(windows, len(views)) * branches
        some = cfg(m, ["a lake"], model.guidance, max_rows=at_once)
        row(f"wide, {windows} a call", partial(wide, m, some, views, z), len(views) * branches, at_once, few)
    row("decode 1024x1024", lambda k: [m.decode(x) for _ in range(k)], 0, 0, few)
    m.transformer.compile()
    row("network alone, compiled", partial(network_alone, m, branches), branches, branches, n)
    row("step, compiled", partial(loop, m, predict, x), branches, branches, n)
    if device.type == "cuda":
        cond = m.embed(["a lake"] * branches).to(dtype=m.dtype)
        exact = m.predict(x.expand(branches, -1, -1, -1), 500, cond).x0
        torch.compiler.reset()
        quantize_network(m.transformer.net, "fp8-compute", dtype)
        m.transformer.compile()
        row("network alone, fp8-compute, compiled", partial(network_alone, m, branches), branches, branches, n)
        row("step, fp8-compute, compiled", partial(loop, m, predict, x), branches, branches, n)
        gap = m.predict(x.expand(branches, -1, -1, -1), 500, cond).x0 - exact
        table[-1]["relative error of a call"] = float(gap.norm() / exact.norm())
        print(f"# {name}: x0 of a call in fp8 is off by {table[-1]['relative error of a call']:.2e} of its norm", flush=True)
    shutil.rmtree(folder.parent)
    return table


def main(given: Sequence[str] | None = None) -> list[dict[str, Any]]:
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--only", nargs="*", choices=MODELS, default=list(MODELS))
    p.add_argument("--tiny", action="store_true", help="small shapes: does it run?")
    p.add_argument("--steps", type=int, default=8, help="that are timed")
    p.add_argument("--out", type=Path, default=Path("outputs/benchmarks/flow_gpu.json"))
    a = p.parse_args(given)
    warnings.filterwarnings("ignore")
    diffusers.utils.logging.set_verbosity_error()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    where = torch.cuda.get_device_name() if device.type == "cuda" else "cpu"
    most = ceiling(device, dtype, 256 if a.tiny else 8192)
    print(f"# {where}, torch {torch.__version__}, diffusers {diffusers.__version__}: {most / 1e12:.4g} TFLOP/s in a product")
    print("model\twhat\trows\ta call\ts\tfirst s\tTFLOP/s\tof ceiling\tpeak GiB\tplan GiB", flush=True)
    table: list[dict[str, Any]] = []
    for name in a.only:
        try:
            table += measure(name, a.tiny, device, dtype, most, 2 if a.tiny else a.steps)
        except torch.OutOfMemoryError as e:  # the others are still worth knowing
            print(f"# {name}: {str(e).splitlines()[0]}", flush=True)
        gc.collect()
        torch.cuda.empty_cache()
        a.out.parent.mkdir(parents=True, exist_ok=True)
        about = {"device": where, "torch": torch.__version__, "diffusers": diffusers.__version__, "ceiling": most}
        a.out.write_text(json.dumps(about | {"table": table}, indent=1))
    return table


if __name__ == "__main__":
    main()
