"""Optimize any scene until the model likes its renders: a generator, as every loop."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from synoptic.diffusion.equations import check_generators
from synoptic.distillation.base import Learner, Loss
from synoptic.distillation.scene import Scene
from synoptic.utils.arguments import typed
from synoptic.utils.gradients import check_gradients
from synoptic.utils.state_dict import add_prefix, flatten_optimizer, load_optimizer, strip_prefix

Camera = TypeVar("Camera")
OptimizerFactory = Callable[[Iterable[torch.nn.Parameter]], torch.optim.Optimizer]
adamw: OptimizerFactory = partial(torch.optim.AdamW, weight_decay=0.0)


class OptimStep(NamedTuple):
    """Step i, done: `x` (N, C, h, w) is the render in the model's space, `grad_norm` (N,) that of its gradient.

    `state()`, asked for before the next step, is all that `optimize` needs to go on bit for bit: a flat table for
    safetensors.
    """

    i: int
    x: Tensor
    grad_norm: Tensor
    state: Callable[[], dict[str, Tensor]]


@typed
def optimize(
    scene: Scene[Camera],
    loss: Loss[Camera],
    encode: Callable[[Tensor], Tensor],
    *,
    steps: int,
    lr: Callable[[int], float],
    rngs: Sequence[torch.Generator],
    learner: Learner[Camera] | None = None,
    optimizer: OptimizerFactory = adamw,
    state: Mapping[str, Tensor] | None = None,
) -> Iterator[OptimStep]:
    """Yield `steps` steps: render, encode to the model's x (N, C, h, w), follow the loss's gradient, train the learner.

    lr: the rate of each step, such as `warmup_cosine`; rngs: one generator per row of x; learner: VSD's. With `state`, that
    of an OptimStep, it goes on after it: scene, optimizer, generators and learner are set to what they were. Raises
    ValueError where there are more or fewer generators than rows, InputError in torch.inference_mode().
    """
    check_gradients("an optimization")
    opt = optimizer(scene.parameters())

    def capture(i: int) -> dict[str, Tensor]:
        drawn = {str(k): rng.get_state() for k, rng in enumerate(rngs)}
        own = (
            add_prefix("scene", scene.state_dict())
            | add_prefix("optimizer", flatten_optimizer(opt))
            | add_prefix("rng", drawn)
        )
        return own | (add_prefix("learner", learner.state_dict()) if learner else {}) | {"i": torch.tensor(i)}

    if state:
        scene.load_state_dict(strip_prefix("scene", state))
        load_optimizer(opt, strip_prefix("optimizer", state))
        for k, rng in enumerate(rngs):
            rng.set_state(state[f"rng/{k}"])
        if learner:
            learner.load_state_dict(strip_prefix("learner", state))

    for i in range(int(state["i"]) + 1 if state else 0, steps):
        for group in opt.param_groups:
            group["lr"] = lr(i)
        opt.zero_grad()
        with torch.enable_grad():
            camera = scene.camera(rngs, i)
            render = scene.render(camera)
            x = encode(render.image)
            check_generators(rngs, len(x))
            x.retain_grad()
            (loss(x, i, camera, rngs) + render.penalty).backward()
        opt.step()
        if learner:
            learner.learn(x.detach(), camera, rngs)
        assert x.grad is not None
        yield OptimStep(i, x.detach(), x.grad.flatten(1).norm(dim=1), partial(capture, i))


def warmup_cosine(peak: float, steps: int, warmup: int = 100, horizon: float = 1.5) -> Callable[[int], float]:
    """Return the rate by step: from 0 to `peak` in `warmup` steps, then a cosine that would reach 0 at horizon * steps.

    Raises ValueError where horizon * steps, rounded down, is not beyond the warm-up.
    """
    end = int(horizon * steps)
    if not 0 <= warmup < end:
        raise ValueError(f"warm_up must be at least 0 and below {end}, horizon * steps, not {warmup}: shorten it")

    def rate(i: int) -> float:
        if i < warmup:
            return peak * i / warmup
        return peak * max(0.0, (1 + math.cos(math.pi * (i - warmup) / (end - warmup))) / 2)

    return rate
