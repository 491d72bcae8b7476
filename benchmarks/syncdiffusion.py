"""SyncDiffusion at full size on a GPU: windows nudged in batches, against one by one as in its authors' loop.

python benchmarks/syncdiffusion.py [--shape sd2|tiny] [--width 3072] [--steps 2] [--out FILE]: Stable Diffusion 2's shapes,
random weights, the same networks, features and distance on both sides. Seconds a step, peak memory, and how far the latents
are apart after these steps.
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
from full_size import GUIDANCE, PROMPT, SHAPES, WINDOW, dense, make, spent
from torch import Tensor

from synoptic.diffusion.equations import ddim, pred_from_output, randn
from synoptic.guidance.cfg import cfg
from synoptic.guidance.syncdiffusion import LOSS_SCALE, SyncDiffusion, exponential_decay
from synoptic.metrics.clip import Clip
from synoptic.metrics.perceptual import CLIPPatchFeatures, feature_distance
from synoptic.models.load import load
from synoptic.models.memory import max_batch_rows
from synoptic.pipelines.wide_canvas import GRADIENT_ROWS, SYNCDIFFUSION_DECAY
from synoptic.sampling.joint import canonical
from synoptic.views.windows import window_starts

WEIGHT = 8.0


def at_once(m: Any, patch_features: CLIPPatchFeatures, z: Tensor, steps: int) -> Tensor:
    """Ours: as many windows at once as memory allows."""
    guided, pairs = cfg(m, [PROMPT], GUIDANCE), m.schedule.steps(50)[:steps]
    rows = max(1, max_batch_rows(m, m.device) // GRADIENT_ROWS)
    nudge = SyncDiffusion(
        guided,
        m.decode,
        patch_features,
        feature_distance,
        exponential_decay(pairs, WEIGHT, SYNCDIFFUSION_DECAY, steps, 1),
        max_rows=rows,
    )
    for step in canonical(guided, m.schedule, dense(z), z, steps=pairs, view_update=nudge):
        z = step.x
    return z


def one_by_one(m: Any, patch_features: CLIPPatchFeatures, z: Tensor, steps: int) -> Tensor:
    """Algorithm 1 of Lee et al. 2023 as it is written: each window there and back, moved, denoised and added up."""
    text = torch.cat([m.embed([words]).text for words in ("", PROMPT)]).to(m.dtype)
    side, s, pairs = WINDOW[1], m.schedule, m.schedule.steps(50)[:steps]
    places = [slice(start, start + side) for start in window_starts(z.shape[-1], side, 8)]
    weights, lead = exponential_decay(pairs, WEIGHT, SYNCDIFFUSION_DECAY, steps, 1), len(places) // 2

    def x0_of(x: Tensor, t: int) -> Tensor:
        two = torch.cat([x, x])
        raw = m.unet.net(two.to(m.dtype), t, text, return_dict=False)[0].float()
        null, cond = pred_from_output(s, two, raw, t).x0.chunk(2)
        return null + GUIDANCE * (cond - null)

    for t, t_prev in pairs:
        total, count = torch.zeros_like(z), torch.zeros_like(z)
        with torch.no_grad():
            target = patch_features(m.decode(x0_of(z[..., places[lead]], t)).clamp(-1, 1))
        for k, place in enumerate(places):
            x = z[..., place].clone()
            if k != lead:
                with torch.enable_grad():
                    x.requires_grad_()
                    apart = feature_distance(patch_features(m.decode(x0_of(x, t)).clamp(-1, 1)), target)
                    (slope,) = torch.autograd.grad(LOSS_SCALE * apart.sum(), x)
                x = x.detach() - weights[t] / LOSS_SCALE * slope
            with torch.no_grad():
                total[..., place] += ddim(s, x, x0_of(x, t), t, t_prev)
                count[..., place] += 1
        z = total / count
    return z


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, default="sd2")
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--width", type=int, default=3072)
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--folder", type=Path, default=Path("/tmp/synoptic-random"))
    parser.add_argument("--out", type=Path, default=Path("outputs/benchmarks/syncdiffusion.json"))
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    folder = make(args.shape, args.folder / args.shape)
    m: Any = load(str(folder), dtype=args.dtype)
    shutil.rmtree(folder)
    patch_features = CLIPPatchFeatures(Clip("bundled-grayscale", str(m.device)))
    z = randn((4, 64, args.width // 8), [torch.Generator().manual_seed(0)]).to(m.device)
    found: dict[str, Any] = {"torch": torch.__version__, "dtype": str(m.dtype), "windows": len(dense(z))}
    found["device"] = torch.cuda.get_device_name() if m.device.type == "cuda" else "cpu"
    print(f"# {found}\nside\ts per step\tfirst step, s\tpeak GiB", flush=True)

    def row(name: str, run: Callable[[Any, CLIPPatchFeatures, Tensor, int], Tensor]) -> None:
        last: list[Tensor] = []
        s = spent(lambda n: last.append(run(m, patch_features, z, n)), args.steps, m.device)
        found[name], ends[name] = s._asdict(), last[-1]
        print(f"{name}\t{s.step:.3f}\t{s.first:.1f}\t{s.peak:.1f}", flush=True)
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(json.dumps(found, indent=2))

    ends: dict[str, Tensor] = {}
    row("at_once", at_once)
    row("one by one", one_by_one)
    m.compile()
    row("at_once, compiled", at_once)
    slow = ends.pop("one by one")
    for name, end in ends.items():
        apart, moved = (end - slow).norm() / slow.norm(), (end - z).norm() / z.norm()
        times = found["one by one"]["step"] / found[name]["step"]
        print(f"# {name}: {times:.2f} times as fast; latents {apart:.1e} of their length apart, having moved {moved:.1e}")


if __name__ == "__main__":
    main()
