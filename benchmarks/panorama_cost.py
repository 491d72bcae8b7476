"""What a step of `synoptic panorama --depth` costs at full size, beside the same steps one view at a time.

PYTHONPATH=.:benchmarks python benchmarks/panorama_cost.py [--views 20] [--steps 6] [--compiled-steps 20] [--tiny]
[--out FILE]: Stable Diffusion 2's shape with random weights, so there is nothing to look at, and a ControlNet of that shape;
half precision, guidance on, all views in every step, each along its own part of a box room's depth. Steps in which views
agree in latents, and those in which they agree in pixels, which the VAE decodes and encodes; no picture is finished.

The other side has diffusers' networks as they load and the same projections, already on the device: of one view after
another the ControlNet and the U-Net, with and without the prompt in one call, x0, its weighted mean on the canvas. In
float32, of small networks, both sides are the same to rounding: that is checked last. The share of the projections is of a
pass of its own, which waits for the device around each. Asked of one GPU: 2 times as fast at least, projections below 1 %.
JSON is written as rows are found, the compiled one on a GPU alone. --tiny: small networks, a minute on a CPU.
"""

from __future__ import annotations

import argparse
import gc
import json
import shutil
import time
import warnings
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from full_size import GUIDANCE, PROMPT, Spent, diffusers, make, wait
from torch import Tensor

from synoptic.models.load import load
from synoptic.options.panorama import PanoramaOptions
from synoptic.pipelines.base import rngs_of
from synoptic.pipelines.panorama import PanoramaPipeline
from synoptic.views.equirectangular import Equirectangular
from synoptic.views.sphere import canvas_rays

OF = 50  # steps, of which the first ones are timed
WALLS = torch.tensor([[-2.0, -1.5, -4.0], [3.0, 2.0, 2.5]]).double()  # of a room, around the camera at 0
STAGES = {"latents": 1.0, "pixels": 0.0}  # what views agree in: --pixels-from
SIDE, SMALL_SIDE = 64, 8  # of a view, in latents


class Files(NamedTuple):
    """What the command is given: a model, a ControlNet of depth, distances."""

    model: Path
    controlnet: Path
    depth: Path


def write_files(shape: str, side: int, folder: Path, device: torch.device) -> Files:
    """Write a model and a ControlNet of this shape with random weights, made on the device, and the depth of a room."""
    shutil.rmtree(folder, ignore_errors=True)
    with device:
        make(shape, folder / "model", side)
    unet = diffusers.UNet2DConditionModel.from_pretrained(folder / "model", subfolder="unet", torch_dtype=torch.float16)
    with device:
        net = diffusers.ControlNetModel.from_unet(unet)
    for layer in (net.controlnet_cond_embedding.conv_out, *net.controlnet_down_blocks, net.controlnet_mid_block):
        torch.nn.init.normal_(layer.weight, std=0.02)  # what is 0 before training would change nothing
    net.to(torch.float16).save_pretrained(folder / "controlnet-depth")
    rays = canvas_rays(512)
    wall = torch.where(rays > 0, WALLS[1], WALLS[0])
    np.save(folder / "room.npy", (wall / rays).amin(-1).float().numpy())
    return Files(folder / "model", folder / "controlnet-depth", folder / "room.npy")


def panorama(model: Any, files: Files, views: int, stage: str) -> PanoramaPipeline:
    """Return the pipeline of the command, all of whose views are in every step."""
    options = PanoramaOptions(
        prompt=(PROMPT,),
        model=str(files.model),
        device=str(model.device),
        depth=str(files.depth),
        controlnet=(str(files.controlnet),),
        num_views=views,
        horizon_first=0.0,
        pixels_from=STAGES[stage],
        steps=OF,
        guidance_scale=GUIDANCE,
    )
    return PanoramaPipeline(model, options.resolve(model.checkpoint))


def ours(pipeline: PanoramaPipeline) -> Iterator[Tensor]:
    """Yield the views' states after each step."""
    return (step.x for step in pipeline.steps(pipeline.options.items()))


class Given(NamedTuple):
    """What both sides begin with: the views of latents and of pixels, their maps, the noise."""

    latents: Equirectangular
    pixels: Equirectangular
    maps: Tensor
    noise: Tensor


def given(pipeline: PanoramaPipeline) -> Given:
    views, depth = pipeline.views, pipeline.guidance.depth
    assert depth is not None
    noise = pipeline.begin(rngs_of(pipeline.options.items()))
    return Given(views.in_latents, views.in_pixels, depth.maps.to(noise.device), noise)


def load_diffusers(files: Files, dtype: torch.dtype, device: torch.device) -> Any:
    net = diffusers.ControlNetModel.from_pretrained(files.controlnet, torch_dtype=dtype)
    pipe = diffusers.StableDiffusionControlNetPipeline.from_pretrained(
        files.model, controlnet=net, torch_dtype=dtype, safety_checker=None, requires_safety_checker=False
    )
    return pipe.to(device)


@torch.no_grad()
def view_by_view(pipe: Any, stage: str, beginning: Given) -> Iterator[Tensor]:
    """Yield the views' states after each step, in which one view after another is denoised."""
    views = beginning.pixels if stage == "pixels" else beginning.latents
    device, dtype, scale = pipe.device, pipe.unet.dtype, pipe.vae.config.scaling_factor
    N, (_, H, W), scheduler = len(views), views.canvas, pipe.scheduler
    index, weight = views.index.view(N, -1).to(device), views.weight.float().view(N, -1).to(device)
    text = torch.cat(pipe.encode_prompt(PROMPT, device, 1, True)[::-1])
    scheduler.set_timesteps(OF, device=device)
    times = scheduler.timesteps.tolist()
    levels = [*(scheduler.alphas_cumprod[t].item() for t in times), float(scheduler.final_alpha_cumprod)]

    def decode(x: Tensor) -> Tensor:
        return pipe.vae.decode((x / scale).to(dtype)).sample.float()

    def encode(image: Tensor) -> Tensor:
        return pipe.vae.encode(image.to(dtype)).latent_dist.mode().float() * scale

    states = list(beginning.noise.split(1))
    for i, t in enumerate(scheduler.timesteps):
        canvas, lost = torch.zeros(3 if stage == "pixels" else len(states[0][0]), H * W, device=device), list[Tensor]()
        for n, x in enumerate(states):
            pair = torch.cat([x, x]).to(dtype)
            maps = beginning.maps[n].expand(2, -1, -1, -1).to(dtype)
            downs, mid = pipe.controlnet(pair, t, text, maps, return_dict=False)
            added = {"down_block_additional_residuals": downs, "mid_block_additional_residual": mid}
            null, cond = pipe.unet(pair, t, text, **added, return_dict=False)[0].float().chunk(2)
            x0 = scheduler.step(null + GUIDANCE * (cond - null), times[i], x).pred_original_sample
            shown = decode(x0) if stage == "pixels" else x0
            canvas.index_add_(1, index[n], shown[0].flatten(1) * weight[n])
            if stage == "pixels":
                lost.append(x0 - encode(shown))
        a, sigma = levels[i] ** 0.5, (1 - levels[i]) ** 0.5
        a_next, sigma_next = levels[i + 1] ** 0.5, (1 - levels[i + 1]) ** 0.5
        for n, x in enumerate(states):
            x0 = canvas[:, index[n]].view(1, -1, *views.size)
            if stage == "pixels":
                x0 = encode(x0) + lost[n]
            states[n] = a_next * x0 + sigma_next / sigma * (x - a * x0)
        yield torch.cat(states)


def agreement(files: Files, views: int, device: torch.device) -> dict[str, dict[str, float]]:
    """Return how far the two sides' states are apart at most after one step and after three, in float32."""
    model: Any = load(str(files.model), device=str(device), dtype="float32")
    pipe, found = load_diffusers(files, torch.float32, device), dict[str, dict[str, float]]()
    for stage in STAGES:
        pipeline = panorama(model, files, views, stage)
        pairs = zip(ours(pipeline), view_by_view(pipe, stage, given(pipeline)), strict=True)
        apart = [(a - b).abs().max().item() for a, b in islice(pairs, 3)]
        found[stage] = {"1 step": apart[0], "3 steps": apart[2]}
        print(f"# float32, small, in {stage}: apart by {apart[0]:.1e} after a step, {apart[2]:.1e} after three", flush=True)
    return found


def spent(steps: Iterator[object], n: int, device: torch.device, held: float) -> Spent:
    """Return what n steps take, after a first one with what it takes to begin; the peak without the `held` GiB of others."""
    begin = time.perf_counter()
    next(steps)
    wait(device)
    first = time.perf_counter() - begin
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    begin = time.perf_counter()
    for _ in islice(steps, n):
        pass
    wait(device)
    peak = torch.cuda.max_memory_allocated() / 2**30 - held if device.type == "cuda" else 0.0
    return Spent((time.perf_counter() - begin) / n, peak, first)


def allocated(device: torch.device) -> float:
    """Return the GiB of a GPU's memory that are in use."""
    return torch.cuda.memory_allocated() / 2**30 if device.type == "cuda" else 0.0


def projection_seconds(pipeline: PanoramaPipeline, n: int) -> float:
    """Return the seconds of a step that all views' `project` and `unproject` take, of n steps after a first one."""
    device, seconds = pipeline.model.device, list[float]()

    def timed(f: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def run(*args: Any, **more: Any) -> Tensor:
            wait(device)
            begin = time.perf_counter()
            out = f(*args, **more)
            wait(device)
            seconds.append(time.perf_counter() - begin)
            return out

        return run

    views: list[Any] = [pipeline.views.in_latents, pipeline.views.in_pixels]
    for own in views:
        own.project, own.unproject = timed(own.project), timed(own.unproject)
    steps = ours(pipeline)
    next(steps)
    seconds.clear()
    for _ in islice(steps, n):
        pass
    for own in views:
        del own.project, own.unproject
    return sum(seconds) / n


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--views", type=int, default=20)
    p.add_argument("--steps", type=int, default=6, help="of 50, that are timed; in pixels a third of them")
    p.add_argument("--compiled-steps", type=int, default=20)
    p.add_argument("--tiny", action="store_true", help="small networks, two steps: does it run?")
    p.add_argument("--folder", type=Path, default=Path("/tmp/synoptic-panorama-cost"), help="where weights are written")
    p.add_argument("--out", type=Path, default=Path("outputs/benchmarks/panorama_cost.json"))
    a = p.parse_args()
    warnings.filterwarnings("ignore")
    diffusers.utils.logging.set_verbosity_error()
    diffusers.utils.logging.disable_progress_bar()
    torch.set_grad_enabled(False)
    begin, cuda = time.perf_counter(), torch.cuda.is_available()
    device = torch.device("cuda" if cuda else "cpu")
    dtype = torch.float16 if cuda else torch.float32
    few, many = (2, 2) if a.tiny else (a.steps, a.compiled_steps)
    counts = {"latents": few, "pixels": max(1, few // 3)}
    found: dict[str, Any] = {"device": torch.cuda.get_device_name() if cuda else "cpu", "torch": torch.__version__}
    found |= {"diffusers": diffusers.__version__, "dtype": str(dtype)}
    found |= {"views": a.views, "shape": "tiny" if a.tiny else "sd2"}

    def keep(text: str, **more: Any) -> None:
        found.update(more | {"seconds": round(time.perf_counter() - begin, 1)})
        a.out.parent.mkdir(parents=True, exist_ok=True)
        a.out.write_text(json.dumps(found, indent=1) + "\n")
        print(f"{text}\t({found['seconds']:.0f} s)", flush=True)

    def row(name: str, stage: str, steps: Iterator[object], n: int, held: float = 0.0) -> None:
        s, name = spent(steps, n, device, held), f"{name}, {stage}"
        more: dict[str, Any] = {name: s._asdict() | {"steps": n}}
        if stage in peers:
            more[name]["times as fast"] = peers[stage] / s.step
        else:
            peers[stage] = s.step
        times = f"{peers[stage] / s.step:.2f} times as fast"
        keep(f"{name}\t{s.step:.4f} s a step\tpeak {s.peak:.1f} GiB\tfirst {s.first:.1f} s\t{times}", **more)

    peers: dict[str, float] = {}
    small = write_files("tiny", SMALL_SIDE, a.folder / "tiny", device)
    files = small if a.tiny else write_files("sd2", SIDE, a.folder / "sd2", device)
    keep("# weights written")
    model: Any = load(str(files.model), device=str(device), dtype=str(dtype).removeprefix("torch."))
    pipeline = panorama(model, files, a.views, "latents")
    beginning, rows = given(pipeline), [call.rows for call in pipeline.calls_at(0)]
    keep(f"# rows a call of the network: {rows}", rows=rows)
    held = allocated(device)
    pipe = load_diffusers(files, dtype, device)
    for stage, n in counts.items():
        row("view by view", stage, view_by_view(pipe, stage, beginning), n, held)
    pipe = None
    for stage, n in counts.items():
        collect()
        pipeline = panorama(model, files, a.views, stage)
        row("synoptic, eager", stage, ours(pipeline), n)
        seconds = projection_seconds(pipeline, n)
        share = seconds / found[f"synoptic, eager, {stage}"]["step"]
        text = f"# projections in {stage}: {seconds * 1e3:.2f} ms, {share:.2%} of a step"
        keep(text, **{f"projections, {stage}": seconds})
    if cuda:
        model.compile()
        collect()
        row("synoptic, compiled", "latents", ours(panorama(model, files, a.views, "latents")), many)
    stages = {name: name.split()[-1] for name in found if name.startswith("synoptic,")}
    shares = {name: found[f"projections, {stage}"] / found[name]["step"] for name, stage in stages.items()}
    keep("# shares of the projections: " + ", ".join(f"{name} {share:.2%}" for name, share in shares.items()), shares=shares)
    torch.backends.cudnn.benchmark, torch.backends.cudnn.allow_tf32 = False, False
    keep("# compared", apart=agreement(small, a.views, device))
    shutil.rmtree(a.folder)


def collect() -> None:
    """Give back what nothing refers to any more."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
