"""What a step of `synoptic text-to-3d` costs at full size: Stable Diffusion 2's shapes, random weights, renders of 64 x 64.

PYTHONPATH=.:benchmarks python benchmarks/text_to_3d_cost.py [--shape sd2|tiny] [--steps 10000] [--timed 300] [--compile]
[--perp-neg] [--dtype auto] [--out FILE]: the recipe's own scene, guidance and schedules; renders are enlarged to 512 x 512
for the encoder.
Three passes, each over steps spread evenly over all of the run: one to warm up, in which `--compile` compiles, one that
waits for the GPU after every part and gives the parts' shares, one that waits only at the end and gives the seconds of the
whole run, extrapolated, with what the first took longer than the second, and with the capture of the renders' graphs,
which is left out of the steps. Asked of one GPU: 10,000 steps in 7 minutes, the field's share 15 %. Weights are
random, so there is nothing to look at. `--shape bundled --steps 1200`: the default run, of `bundled-if`, on a CPU
in its seconds.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from full_size import diffusers, make, wait
from torch import Tensor

from synoptic.distillation.base import Loss
from synoptic.distillation.loss_defaults import scene_defaults
from synoptic.distillation.optimize import optimize
from synoptic.distillation.scene import Render
from synoptic.models.base import Denoiser
from synoptic.models.load import load
from synoptic.nerf.graphed_render import GraphedRender
from synoptic.nerf.scene import RadianceScene, ViewSample
from synoptic.options.text_to_3d import TextTo3DOptions
from synoptic.pipelines.text_to_3d_objective import (
    build_scene,
    encode_render,
    learning_rate,
    scene_objective,
    split_generator,
)

PROMPT, MINUTES, SHARE = "a corgi made of wood", 7, 0.15
ADAM = partial(torch.optim.Adam, eps=1e-15, fused=torch.cuda.is_available())


class Spread(torch.nn.Module):
    """A scene whose step k is its step k * stride: a whole run's schedules in a few steps."""

    def __init__(self, scene: RadianceScene, stride: int) -> None:
        super().__init__()
        self.scene, self.stride = scene, stride
        scene.graphed = self.graphed = TimedRender()

    def camera(self, rngs: Sequence[torch.Generator], step: int) -> ViewSample:
        return self.scene.camera(rngs, step * self.stride)

    def render(self, camera: ViewSample) -> Render:
        return self.scene.render(camera)


class TimedRender(GraphedRender):
    """Graphs whose capture is timed: a whole run captures each once, a few steps of it nearly as many."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0

    def _graph(self, key: Any, f: Callable[..., Any], *inputs: Any) -> Any:
        if key in self.graphs:
            return super()._graph(key, f, *inputs)
        torch.cuda.synchronize()
        began = time.perf_counter()
        found = super()._graph(key, f, *inputs)
        torch.cuda.synchronize()
        self.seconds += time.perf_counter() - began
        return found


class Clock:
    """Seconds by part: of the CPU, or of the clock, waiting for the GPU at both ends."""

    def __init__(self, device: torch.device, graphed: TimedRender) -> None:
        self.device, self.seconds, self.graphed = device, defaultdict[str, float](float), graphed
        self.now = time.process_time if device.type == "cpu" else time.perf_counter

    @contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        wait(self.device)
        began, recording = self.now(), self.graphed.seconds
        yield
        wait(self.device)
        self.seconds[part] += self.now() - began - (self.graphed.seconds - recording)


def parts(spread: Spread, loss: Loss, m: Denoiser, rngs: Sequence[torch.Generator], lr: float, steps: range) -> Clock:
    """One step after another as `optimize` takes it, cut where the parts meet."""
    encode, opt, clock = encode_render(m), ADAM(spread.parameters(), lr), Clock(spread.scene.like.device, spread.graphed)
    for i in steps:
        opt.zero_grad()
        with clock("field forward"):
            look = spread.camera(rngs, i)
            shot = spread.render(look)
        picture = shot.image.detach().requires_grad_()
        with clock("encoder forward"):
            code = encode(picture)
        x = code.detach().requires_grad_()
        with clock("U-Net"):
            loss(x, i * spread.stride, look, rngs).backward()
        with clock("encoder backward"):
            code.backward(x.grad)
        with clock("field backward"):
            torch.autograd.backward([shot.image, torch.as_tensor(shot.penalty)], [picture.grad, None])
        with clock("optimizer"):
            opt.step()
    return clock


def whole(spread: Spread, loss: Loss, m: Denoiser, rngs: Sequence[torch.Generator], lr: Any, steps: int) -> dict[str, float]:
    """Seconds a step of `optimize` without waiting, after a few to warm up, those of the first, and the peak in GiB."""

    def stretched(x: Tensor, step: int, camera: Any, rngs: Sequence[torch.Generator]) -> Tensor:
        return loss(x, step * spread.stride, camera, rngs)

    how: dict[str, Any] = {"steps": steps + 3, "lr": lambda i: lr(i * spread.stride), "rngs": rngs, "optimizer": ADAM}
    coming, device = optimize(spread, stretched, encode_render(m), **how), spread.scene.like.device
    began = time.perf_counter()
    next(coming)
    wait(device)
    first = time.perf_counter() - began
    for _ in islice(coming, 2):
        pass
    wait(device)
    began, recording = time.perf_counter(), spread.graphed.seconds
    for _ in coming:
        pass
    wait(device)
    recording = spread.graphed.seconds - recording
    peak = torch.cuda.max_memory_allocated() / 2**30 if device.type == "cuda" else 0.0
    return {"step": (time.perf_counter() - began - recording) / steps, "first": first, "peak": peak}


def table(found: Mapping[str, Any], steps: int) -> Iterator[str]:
    total = sum(found["parts"].values())
    yield "part\tms a step, waiting\tshare"
    for name, seconds in found["parts"].items():
        yield f"{name}\t{1000 * seconds:.2f}\t{seconds / total:.1%}"
    field, minutes, spent = found["field"], found["minutes"], found["whole"]
    verdict = "met" if field < SHARE else "missed"
    yield f"field in all\t{1000 * field * total:.2f}\t{field:.1%}\tasked: under {SHARE:.0%}: {verdict}"
    verdict = "met" if minutes < MINUTES else "missed"
    yield f"# {found['graphs']} graphs of renders captured, in {found['recording']:.1f} s"
    yield f"# {1000 * spent['step']:.2f} ms a step, not waiting; warm-up {found['warm-up']:.0f} s, {spent['peak']:.1f} GiB"
    yield f"# {steps} steps would take {minutes:.1f} min, asked: under {MINUTES}: {verdict}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=("sd2", "tiny", "bundled"), default="sd2")
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--timed", type=int, default=300)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--perp-neg", action="store_true", help="four branches a step in place of two")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--folder", type=Path, default=Path("/tmp/synoptic-random"))
    parser.add_argument("--out", type=Path, default=Path("outputs/benchmarks/text_to_3d_cost.json"))
    asked = parser.parse_args()
    warnings.filterwarnings("ignore")
    diffusers.utils.logging.set_verbosity_error()
    bundled = asked.shape == "bundled"
    name = "bundled-if" if bundled else str(make(asked.shape, asked.folder / asked.shape))
    m = load(name, compile=asked.compile, dtype=asked.dtype)

    options = TextTo3DOptions.from_arguments(PROMPT, model=name, steps=asked.steps, perp_neg=asked.perp_neg)
    options = replace(options, compile=asked.compile, clip_model="bundled").resolve(m.checkpoint)
    usual, rng = scene_defaults(m.checkpoint), torch.Generator().manual_seed(0)
    stride = asked.steps // asked.timed | 1  # odd, so that what is done every 16 steps is done as often here
    spread = Spread(build_scene(options, usual, rng).to(m.device), stride)
    rngs, lr = split_generator(rng, 1), learning_rate(options.lr, asked.steps)
    loss = scene_objective(options, usual, m, PROMPT, rng).loss
    on = torch.cuda.get_device_name() if m.device.type == "cuda" else "cpu"
    print(
        f"# {asked.shape} on {on}, {m.dtype}, guidance {options.guidance_scale}, renders of {options.resolution}²",
        flush=True,
    )

    passes = [sum(parts(spread, loss, m, rngs, options.lr, range(asked.timed)).seconds.values())]
    clock = parts(spread, loss, m, rngs, options.lr, range(asked.timed))
    each = {name: seconds / asked.timed for name, seconds in clock.seconds.items()}
    passes.append(sum(clock.seconds.values()))
    begin = passes[0] - passes[1]
    print(f"# warm-up {begin:.1f} s, then {1000 * passes[1] / asked.timed:.2f} ms a step, waiting", flush=True)
    spent = whole(spread, loss, m, rngs, lr, asked.timed)
    found = {
        "device": on,
        "shape": asked.shape,
        "dtype": str(m.dtype),
        "compiled": asked.compile,
        "options": {name: value for name, value in options.to_json().items() if name != "model"},
        "timed": asked.timed,
        "parts": each,
        "field": sum(seconds for name, seconds in each.items() if "field" in name or name == "optimizer")
        / sum(each.values()),
        "whole": spent,
        "warm-up": begin,
        "graphs": len(spread.graphed.graphs),
        "recording": spread.graphed.seconds,
        "minutes": (begin + spread.graphed.seconds + asked.steps * spent["step"]) / 60,
    }
    print("\n".join(table(found, asked.steps)))
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(json.dumps(found, indent=2))
    if not bundled:
        shutil.rmtree(name)


if __name__ == "__main__":
    main()
