"""SDXL's wide picture at full size, against diffusers' network over the same windows.

python benchmarks/sdxl_windows.py [--width 3072] [--stride 16] [--steps 5] [--tiny] [--out FILE]: 1024 high, float16, random
weights, guidance on. diffusers has no panorama pipeline of SDXL, so its side is the loop of its pipeline for Stable
Diffusion (`view_batch_size` windows a call, a DDIM step of each, the mean) around its SDXL U-Net as loaded, at 1, 2, 4, 8
and all windows a call. Seconds a step, peak memory, and how far the two latents are apart. A table, and JSON.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import diffusers
import torch
from full_size import Spent, spent
from memory_gpu import shrink, write_model
from torch import Tensor

from synoptic.diffusion.equations import randn
from synoptic.guidance.cfg import cfg
from synoptic.models.load import load
from synoptic.sampling.joint import canonical
from synoptic.views.windows import Windows, window_starts

library: Any = diffusers
PROMPT, GUIDANCE, OF = "a photo of snowy mountains", 7.5, 50


def ours(m: Any, views: Windows, z: Tensor, steps: int) -> Tensor:
    predict = cfg(m, [PROMPT], GUIDANCE)
    for step in canonical(predict, m.schedule, views, z, steps=m.schedule.steps(OF)[:steps]):
        z = step.x
    return z


@torch.no_grad()
def theirs(net: Any, scheduler: Any, m: Any, views: Windows, z: Tensor, batch: int, steps: int) -> Tensor:
    """The loop of diffusers' StableDiffusionPanoramaPipeline around a U-Net of SDXL."""
    scheduler.set_timesteps(OF, device=z.device)
    cond, uncond = (m.embed([text]).to(dtype=net.dtype) for text in (PROMPT, ""))
    h, w = m.shape[-2:]
    starts = [window_starts(n, k, step) for n, k, step in zip(z.shape[-2:], (h, w), views.stride, strict=True)]
    boxes = [(y, x) for y in starts[0] for x in starts[1]]
    for t in scheduler.timesteps[:steps]:
        total, count = torch.zeros_like(z), torch.zeros_like(z)
        for k in range(0, len(boxes), batch):
            some = boxes[k : k + batch]
            latents = torch.cat([z[..., y : y + h, x : x + w] for y, x in some])
            n = len(latents)
            text = torch.cat([uncond.text.expand(n, -1, -1), cond.text.expand(n, -1, -1)])
            added = {"text_embeds": torch.cat([uncond.text_embeds.expand(n, -1), cond.text_embeds.expand(n, -1)])}
            added["time_ids"] = cond.time_ids.expand(2 * n, -1)
            eps = net(torch.cat([latents] * 2).to(net.dtype), t, text, added_cond_kwargs=added).sample.float()
            empty, full = eps.chunk(2)
            moved = scheduler.step(empty + GUIDANCE * (full - empty), t, latents).prev_sample
            for (y, x), part in zip(some, moved, strict=True):
                total[..., y : y + h, x : x + w] += part
                count[..., y : y + h, x : x + w] += 1
        z = total / count
    return z


def main(given: Sequence[str] | None = None) -> dict[str, Any]:
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--width", type=int, default=3072)
    p.add_argument("--stride", type=int, default=16, help="latents")
    p.add_argument("--steps", type=int, default=5, help="of 50, that are timed")
    p.add_argument("--tiny", action="store_true", help="a small network: does it run?")
    p.add_argument("--out", type=Path, default=Path("outputs/benchmarks/sdxl_windows.json"))
    a = p.parse_args(given)
    warnings.filterwarnings("ignore")
    diffusers.utils.logging.set_verbosity_error()
    cuda = torch.cuda.is_available()
    device, dtype = torch.device("cuda" if cuda else "cpu"), torch.float16 if cuda else torch.float32
    with tempfile.TemporaryDirectory() as folder:
        kind = write_model("sdxl", Path(folder) / "sdxl", shrink if a.tiny else None)
        m: Any = load(str(kind), dtype="float16" if cuda else "float32")
    rng = torch.Generator(device).manual_seed(0)
    for name, p_ in m.unet.net.named_parameters():
        small = 0.02 * torch.randn(p_.shape, generator=rng, device=device, dtype=torch.float32)
        p_.data.copy_(small + (1.0 if "norm" in name and name.endswith("weight") else 0.0))
    with device:
        net: Any = library.UNet2DConditionModel.from_config(m.unet.net.config)
    net.to(device, dtype).eval().load_state_dict(m.unet.net.state_dict())
    scheduler = library.DDIMScheduler.from_config(
        {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "clip_sample": False, "steps_offset": 1,
         "set_alpha_to_one": False}
    )  # fmt: skip
    C, h, w = m.shape
    shape = (C, h, w * a.width // 1024 if not a.tiny else 3 * w)
    z = randn(shape, [torch.Generator().manual_seed(0)]).to(device)
    views = Windows(shape, (h, w), (h, a.stride if not a.tiny else w // 4), weights="uniform")
    found: dict[str, Any] = {"device": torch.cuda.get_device_name() if cuda else "cpu", "torch": torch.__version__}
    found |= {"diffusers": diffusers.__version__, "windows": len(views), "shape": list(shape)}

    def row(name: str, run: Callable[[int], object], n: int) -> Spent:
        s = spent(run, n, device)
        found[name] = s._asdict()
        print(f"{name}\t{s.step:.4f} s a step\t{s.peak:.1f} GiB\tfirst {s.first:.1f} s", flush=True)
        a.out.parent.mkdir(parents=True, exist_ok=True)
        a.out.write_text(json.dumps(found, indent=2))
        return s

    peers = {b: row(f"diffusers, {b} a call", lambda n, b=b: theirs(net, scheduler, m, views, z, b, n), a.steps)
             for b in dict.fromkeys((1, 2, 4, 8, len(views)))}  # fmt: skip
    apart = (ours(m, views, z, 2) - theirs(net, scheduler, m, views, z, 4, 2)).abs().max().item()
    found["apart after 2 steps"] = apart
    net.to("cpu")
    eager = row("synoptic, eager", lambda n: ours(m, views, z, n), a.steps)
    m.compile()
    compiled = row("synoptic, compiled", lambda n: ours(m, views, z, n), a.steps)
    best, default = min(s.step for s in peers.values()), peers[1].step
    for name, s in (("eager", eager), ("compiled", compiled)):
        found[f"{name}, of best"], found[f"{name}, of one a call"] = best / s.step, default / s.step
        print(f"# {name}: {default / s.step:.2f} times one window a call, {best / s.step:.2f} the best batch")
    print(f"# apart after 2 steps: {apart:.1e}", flush=True)
    a.out.write_text(json.dumps(found, indent=2))
    return found


if __name__ == "__main__":
    main()
