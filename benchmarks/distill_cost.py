"""What a step of distillation costs: ms and FLOP by loss, beside the rows that the maths needs; one batch against ten."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from synoptic.diffusion.equations import randn
from synoptic.distillation.image_scene import LatentImage, PixelImage
from synoptic.distillation.loss_table import Objective
from synoptic.distillation.optimize import optimize
from synoptic.guidance.batching import predict_branches
from synoptic.models.base import PretrainedModel
from synoptic.models.load import load
from synoptic.options.distill import DistillOptions
from synoptic.pipelines.distill import picture_objective
from synoptic.views.windows import Windows

NAMES = "horse", "dog", "lemon", "car", "house", "lion", "guitar", "boat", "tree", "crown"
PROMPTS = [f"a photo of a {name}" for name in NAMES]
NEEDED = {"sds": 2, "csd": 2, "nfsd": 3, "vsd": 5, "sdi": 22, "ism": 7, "pds": 4, "dds": 4}
"""Rows of the network a picture: conditions and null, with NFSD's negative; VSD's student, which is also trained: one row
forward and one back; SDI's inversion takes 10 guided calls, ISM's 5 without a prompt; an edit has two pictures."""


def options_of(loss: str, model: str, space: str = "auto") -> Any:
    """Return the application's own options, for this loss."""
    edits = {"source": Image.new("RGB", (256, 256)), "source_prompt": "a photo"} if loss in ("pds", "dds") else {}
    return DistillOptions.from_arguments(*PROMPTS, loss=loss, model=model, space=space, **edits).prepare()


def stepping(
    m: PretrainedModel, loss: str, model: str, count: int, space: str = "auto"
) -> tuple[Callable[[int], None], Objective]:
    """Return what takes so many steps of `count` pictures, and the objective, to be closed."""
    rngs, side = [torch.Generator().manual_seed(k) for k in range(count)], m.shape[-1]
    views = Windows(m.shape, (side, side), (side, side))
    x: Tensor = randn(m.shape, rngs).to(m.device)
    objective = picture_objective(options_of(loss, model, space), m, PROMPTS[:count], rngs, views, x)
    through = space == "pixels" and m.factor > 1
    with torch.no_grad():
        scene: Any = PixelImage(m.decode(x).clamp(-1, 1)) if through else LatentImage(x)
    encode = m.encode if through else lambda image: image
    steps = optimize(scene, objective.loss, encode, steps=10**6, lr=lambda i: 1e-3, rngs=rngs, learner=objective.learner)

    def go(n: int) -> None:
        for _ in range(n):
            next(steps)

    return go, objective


def seconds(go: Callable[[int], None], n: int) -> float:
    """A step, the mean of n after two."""
    go(2)
    wait()
    begin = time.perf_counter()
    go(n)
    wait()
    return (time.perf_counter() - begin) / n


def wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def flop(act: Callable[[], Any]) -> int:
    with FlopCounterMode(display=False) as counter:
        act()
    return counter.get_total_flops()


def measure(out: Path, quick: bool, models: Sequence[str]) -> None:
    """A row a model and loss: one picture's step, its FLOP over what is needed, and ten pictures as a batch."""
    table, n = [], 2 if quick else 20
    print("model\tloss\tms, 1\tms, 10\ttimes faster\tGFLOP, 1\trows needed\tGFLOP over needed")
    cases = [(model, loss, "auto") for model in models for loss in NEEDED]
    cases += [("bundled", "sds", "pixels")] if "bundled" in models else []
    for model, loss, space in cases[:3] if quick else cases:
        m = load(model, dtype=options_of(loss, model, space).dtype)
        x, t = torch.randn(1, *m.shape, device=m.device), torch.tensor([500])
        every = predict_branches(m, {"cond": m.embed(PROMPTS[:1])})
        with torch.no_grad():
            row = flop(lambda e=every, x=x, t=t: e(x, t))
            looked = flop(lambda m=m, s=m.factor * m.shape[-1]: m.encode(torch.zeros(1, 3, s, s, device=m.device)))
        through = 2 * looked if space == "pixels" else 0  # there and back, no gradient of the frozen weights
        took, flops = [], 0
        for count in (1, 10):
            go, objective = stepping(m, loss, model, count, space)
            took.append(seconds(go, n))
            flops = flops or flop(lambda g=go: g(1))
            objective.close()
        over = flops / (row * NEEDED[loss] + through)
        name = f"{loss}, pixels through the encoder" if space == "pixels" else loss
        found = [model, name, 1e3 * took[0], 1e3 * took[1], 10 * took[0] / took[1], flops / 1e9, NEEDED[loss], over]
        table.append(dict(zip(("model", "loss", "ms 1", "ms 10", "faster", "GFLOP", "rows", "over"), found, strict=True)))
        print("\t".join(f"{v:.3g}" if isinstance(v, float) else str(v) for v in found), flush=True)
        (out / "cost.json").write_text(json.dumps(table, indent=1) + "\n")
