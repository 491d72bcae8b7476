"""Training a ControlNet: it learns what to add to a frozen U-Net, from nothing at first (Zhang et al. 2023, section 3.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import torch
from diffusers.models.controlnets.controlnet import ControlNetModel
from torch import Tensor

from synoptic.diffusion.equations import Pred, Schedule, Time, add_noise, coefficients
from synoptic.models.base import Conditioning, Denoiser
from synoptic.models.controlnet import controlnet_residuals
from synoptic.utils.state_dict import add_prefix, flatten_optimizer, load_optimizer, strip_prefix

if TYPE_CHECKING:
    from accelerate import Accelerator

MAX_GRAD_NORM = 1.0  # the norm of a gradient beyond which it is shortened


class Batch(NamedTuple):
    """Latents x0 and noise eps (N, C, h, w), times t (N,), a conditioning of N rows, maps (N, 3, H, W) in [0, 1]."""

    x0: Tensor
    eps: Tensor
    t: Tensor
    cond: Conditioning
    control_images: Tensor


class TrainStep(NamedTuple):
    """Step i, done: `loss` is the mean over its rows, before the step.

    `state()`, asked for before the next step, is all that `train` needs to go on bit for bit: a flat table for safetensors.
    """

    i: int
    loss: Tensor
    state: Callable[[], dict[str, Tensor]]


def train(
    net: ControlNetModel,
    model: Denoiser,
    batches: Callable[[int], Iterable[Batch]],
    accelerator: Accelerator,
    *,
    steps: int,
    lr: float,
    state: Mapping[str, Tensor] | None = None,
) -> Iterator[TrainStep]:
    """Take `steps` steps of AdamW at the rate lr, each over this process's batches(i), as many as the accelerator gathers.

    net: a diffusers ControlNetModel in float32, with gradients; model: the frozen one that it guides. Every row counts the
    same, so two batches of one give the step of one batch of two, to rounding. With `state`, a Trained's, it goes on
    behind it, bit for bit where `batches(i)` are the same again.
    """
    opt = torch.optim.AdamW(net.parameters(), lr=lr)
    if state:
        net.load_state_dict(strip_prefix("net", state))
        load_optimizer(opt, strip_prefix("optimiser", state))
    losses = list(state["losses"].to(accelerator.device)) if state else []
    if accelerator.scaler is not None and state:
        accelerator.scaler.load_state_dict({name: value.item() for name, value in strip_prefix("scaler", state).items()})
    own = net
    net, opt = accelerator.prepare(net, opt)

    def capture() -> dict[str, Tensor]:
        scaler = accelerator.scaler.state_dict() if accelerator.scaler is not None else {}
        scale = {name: torch.tensor(value) for name, value in scaler.items()}
        room = (
            add_prefix("net", own.state_dict())
            | add_prefix("optimiser", flatten_optimizer(opt.optimizer))
            | add_prefix("scaler", scale)
        )
        return room | {"losses": torch.stack(losses)}

    for i in range(len(losses), steps):
        total = torch.zeros((), dtype=torch.float32, device=accelerator.device)
        for batch in batches(i):
            with accelerator.accumulate(net), torch.enable_grad():
                with accelerator.autocast():
                    loss = training_loss(net, model, batch)
                accelerator.backward(loss)
                if accelerator.sync_gradients:
                    accelerator.clip_grad_norm_(net.parameters(), MAX_GRAD_NORM)
                opt.step()
                opt.zero_grad()
            total += loss.detach() / accelerator.gradient_accumulation_steps
        mean = accelerator.reduce(total, "mean")
        assert isinstance(mean, Tensor)
        losses.append(mean)
        yield TrainStep(i, losses[-1], partial(capture))


def training_loss(net: ControlNetModel, model: Denoiser, batch: Batch) -> Tensor:
    """Return the mean square between what the guided network says of x_t and what it ought to,
    in its own kind of prediction.
    """
    s, (x0, eps, t, cond, control_images) = model.schedule, batch
    xt = add_noise(s, x0, eps, t)
    residuals = controlnet_residuals(net, xt, t.to(xt.device), cond, control_images)
    pred = model.predict(xt, t, replace(cond, control_residuals=tuple(residuals)))
    return (output_from_pred(s, pred, t) - output_from_pred(s, Pred(x0, eps), t)).square().mean()


def output_from_pred(s: Schedule, p: Pred, t: Time) -> Tensor:
    """Return what a network says to mean p, the inverse of `pred_from_output`: eps, v = alpha eps - sigma x0, or x0."""
    a, sigma = coefficients(s, t, p.x0)
    match s.prediction:
        case "epsilon":
            return p.eps
        case "v_prediction":
            return a * p.eps - sigma * p.x0
        case _:
            return p.x0
