"""The courses' functions and ours, side by side: each pair computes the same. python examples/course_names.py

A course's side is its formula, written out in loops over diffusers' bare networks; ours is the call that takes its place.
The table's last column is the largest difference between the two, in float64 on the bundled model: 1e-6 where the noise
schedule has a part, because diffusers computes its betas in float32. docs/courses.md has the same table in words.
"""

from __future__ import annotations

import json
import operator
import warnings
from itertools import accumulate
from typing import Any

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer
from transformers.utils import logging

from synoptic import load
from synoptic.diffusion.equations import ddim, randn, tweedie
from synoptic.distillation.base import Loss
from synoptic.distillation.edit_losses import pds
from synoptic.distillation.losses import sds
from synoptic.distillation.timesteps import uniform_timesteps
from synoptic.guidance.batching import predict_branches
from synoptic.guidance.cfg import cfg
from synoptic.models.checkpoint import BUNDLED_DIR
from synoptic.sampling.joint import Sync, instance
from synoptic.views.registry import get_view
from synoptic.views.windows import Windows

PROMPT, SCALE, STEPS = "a photo of snowy mountains", 7.5, 25
VIEWS = ("identity", "flip", "rotate_cw", "negate", "skew", "inner_rotate")
CASES: tuple[Sync, ...] = ("none", "eps", "x0", "xt")
WINDOW, STRIDE, C, H, W = 32, 8, 8, 32, 40


class Course:
    """The functions that the course's students write, in its words, on the bundled model's own files."""

    def __init__(self) -> None:
        logging.disable_progress_bar()
        how: dict[str, Any] = {"use_safetensors": True, "torch_dtype": torch.float64}
        self.unet: Any = UNet2DConditionModel.from_pretrained(BUNDLED_DIR / "sd/unet", **how)
        self.vae: Any = AutoencoderKL.from_pretrained(BUNDLED_DIR / "sd/vae", **how)
        self.text: Any = CLIPTextModel.from_pretrained(BUNDLED_DIR / "sd/text_encoder", dtype=torch.float64)
        self.tokenizer = CLIPTokenizer.from_pretrained(BUNDLED_DIR / "sd/tokenizer")
        config = json.loads((BUNDLED_DIR / "sd/scheduler/scheduler_config.json").read_text())
        first, last, self.T = config["beta_start"], config["beta_end"], config["num_train_timesteps"]
        assert config["beta_schedule"] == "scaled_linear" and config["prediction_type"] == "v_prediction"
        roots = [first**0.5 + (last**0.5 - first**0.5) * k / (self.T - 1) for k in range(self.T)]
        self.abar = list(accumulate((1 - root**2 for root in roots), operator.mul))
        self.windows = self.init_mapper(H, W, WINDOW, STRIDE)

    def compute_noise_preds(self, xts: Tensor, t: int) -> Tensor:
        embedded = []
        for prompt in ("", PROMPT):
            ids = self.tokenizer(prompt, padding="max_length", truncation=True, return_tensors="pt").input_ids
            embedded.append(self.text(ids)[0].repeat(len(xts), 1, 1))
        uncond, text = (self.unet(xts, t, e).sample for e in embedded)
        v = uncond + SCALE * (text - uncond)  # the course's network says eps itself, the bundled one v
        return self.abar[t] ** 0.5 * v + (1 - self.abar[t]) ** 0.5 * xts

    def compute_tweedie(self, xts: Tensor, eps: Tensor, t: int) -> Tensor:
        return (xts - (1 - self.abar[t]) ** 0.5 * eps) / self.abar[t] ** 0.5

    def compute_prev_state(self, xts: Tensor, x0s: Tensor, t: int) -> Tensor:
        a, b = self.abar[t], self.abar[t - self.T // STEPS]
        return b**0.5 * x0s + ((1 - b) / (1 - a)) ** 0.5 * (xts - a**0.5 * x0s)

    def init_mapper(self, height: int, width: int, window: int, stride: int) -> list[tuple[int, int]]:
        nH, nW = (height - window) // stride + 1, (width - window) // stride + 1
        return [(i // nW * stride, i % nW * stride) for i in range(nH * nW)]

    def forward_mapping(self, z: Tensor) -> Tensor:
        return torch.cat([z[:, :, top : top + WINDOW, left : left + WINDOW] for top, left in self.windows])

    def inverse_mapping(self, xts: Tensor) -> Tensor:
        value, count = torch.zeros(1, C, H, W).double(), torch.zeros(1, 1, H, W).double()
        for x, (top, left) in zip(xts, self.windows, strict=True):
            value[0, :, top : top + WINDOW, left : left + WINDOW] += x
            count[0, :, top : top + WINDOW, left : left + WINDOW] += 1
        return value / count

    def one_step_process(self, xts: Tensor, eps: Tensor, t: int, case: str) -> Tensor:
        if case == "eps":
            eps = self.forward_mapping(self.inverse_mapping(eps))
        x0s = self.compute_tweedie(xts, eps, t)
        if case == "x0":
            x0s = self.forward_mapping(self.inverse_mapping(x0s))
        x_prev = self.compute_prev_state(xts, x0s, t)
        return self.forward_mapping(self.inverse_mapping(x_prev)) if case == "xt" else x_prev

    def view(self, im: Tensor, name: str) -> Tensor:
        """(C, S, S), as the course's ImageView has it; `inverse_view` undoes it."""
        return torch.from_numpy(self.looks(im.numpy(), 1)[name].copy())

    def inverse_view(self, im: Tensor, name: str) -> Tensor:
        return torch.from_numpy(self.looks(im.numpy(), -1)[name].copy())

    def looks(self, im: np.ndarray, way: int) -> dict[str, np.ndarray]:
        S = im.shape[-1]
        rolls = [np.roll(im[:, :, i], way * int(1.5 * (i - S // 2)), axis=1) for i in range(S)]
        y, x = np.mgrid[:S, :S] + 0.5 - S / 2
        inside = x**2 + y**2 < (S * 24 / 64) ** 2
        return {
            "identity": im,
            "flip": im[:, ::-1],
            "rotate_cw": np.rot90(im, -way, axes=(1, 2)),
            "negate": -im,
            "skew": np.stack(rolls, axis=2),
            "inner_rotate": np.where(inside, np.rot90(im, -way, axes=(1, 2)), im),  # clockwise: stored in tests/views
        }

    def get_sds_loss(self, x: Tensor, eps: Tensor, t: int) -> Tensor:
        """Its gradient in x: that of the course's 0.5 mse(x, x - grad), summed."""
        return self.compute_noise_preds(self.noised(x, eps, t), t) - eps

    def get_pds_loss(self, x: Tensor, source: Tensor, eps: tuple[Tensor, Tensor], t: int) -> Tensor:
        """Likewise; `eps` are the noises of x_t and x_t', and both pictures have the same prompt, so that no text edits."""
        at, before = self.abar[t], self.abar[t - 1]
        alpha = at / before
        c0, c1 = before**0.5 * (1 - alpha) / (1 - at), alpha**0.5 * (1 - before) / (1 - at)
        sd = ((1 - before) / (1 - at) * (1 - alpha)) ** 0.5
        found = []
        for x0 in (x, source):
            xt, x_prev = self.noised(x0, eps[0], t), self.noised(x0, eps[1], t - 1)
            x0_hat = self.compute_tweedie(xt, self.compute_noise_preds(xt, t), t)
            found.append((x_prev - c0 * x0_hat - c1 * xt) / sd)
        return found[0] - found[1]

    def noised(self, x: Tensor, eps: Tensor, t: int) -> Tensor:
        return self.abar[t] ** 0.5 * x + (1 - self.abar[t]) ** 0.5 * eps

    def decode_latents(self, z: Tensor) -> Tensor:
        return (self.vae.decode(z / self.vae.config.scaling_factor).sample / 2 + 0.5).clamp(0, 1)


@torch.no_grad()
def rows() -> list[tuple[str, str, float]]:
    """(the course's name, our call, the largest difference) of every function."""
    course, model = Course(), load("bundled", device="cpu", dtype="float64")
    s, predict = model.schedule, cfg(model, [PROMPT], SCALE)
    views = Windows((C, H, W), (WINDOW, WINDOW), (STRIDE, STRIDE), weights="uniform")
    t, t_prev = s.steps(STEPS)[10]
    assert isinstance(t, int)
    rngs = [torch.Generator().manual_seed(k) for k in range(1 + len(views))]
    z = randn((C, H, W), rngs[:1]).double()
    x = randn((C, WINDOW, WINDOW), rngs[1:]).double()  # every window has noise of its own, so that the cases part
    eps = course.compute_noise_preds(x, t)
    x0 = course.compute_tweedie(x, eps, t)
    full = Windows((4, 64, 384), (64, 64), (8, 8))  # the course's own sizes
    starts = full.index.view(len(full), -1)[:, 0]
    table = [
        ("compute_noise_preds", "cfg(model, [prompt], scale)(x, t).eps", eps, predict(x, t).eps),
        ("compute_tweedie", "tweedie(s, x, eps, t)", x0, tweedie(s, x, eps, t)),
        ("compute_prev_state", "ddim(s, x, x0, t, t_prev)", course.compute_prev_state(x, x0, t), ddim(s, x, x0, t, t_prev)),
    ]
    for case in CASES:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="sync='eps' never reconciles")
            (step,) = instance(predict, s, views, x, steps=[(t, t_prev)], sync=case)
        call = f'next(instance(predict, s, views, x, steps=[(t, t_prev)], sync="{case}")).x'
        table.append((f"one_step_process, {case}", call, course.one_step_process(x, eps, t, case), step.x))
    corners = torch.tensor(course.init_mapper(64, 384, 64, 8))
    table += [
        (
            "init_mapper",
            'Windows(canvas, window, stride, weights="uniform")',
            corners,
            torch.stack([starts // 384, starts % 384], 1),
        ),
        ("forward_mapping", "views.project(z)", course.forward_mapping(z), views.project(z)),
        ("inverse_mapping", "views.unproject(x)", course.inverse_mapping(x), views.unproject(x)),
        (
            "decode_latents",
            "((model.decode(z) + 1) / 2).clamp(0, 1)",
            course.decode_latents(z),
            ((model.decode(z) + 1) / 2).clamp(0, 1),
        ),
    ]
    table += losses(course, model)
    picture = randn((3, 64, 64), rngs[:1]).double()
    for name in VIEWS:
        one = get_view(name)
        table += [
            (f"view, {name}", f'view("{name}").view(z)', course.view(picture[0], name)[None], one.view(picture)),
            (
                f"inverse_view, {name}",
                f'view("{name}").inverse_view(x)',
                course.inverse_view(picture[0], name)[None],
                one.inverse_view(picture),
            ),
        ]
    return [(name, call, gap(theirs, ours)) for name, call, theirs, ours in table]


def losses(course: Course, model: Any) -> list[tuple[str, str, Tensor, Tensor]]:
    """The gradients of the distillation course's two losses at one time and noise."""
    s, t = model.schedule, 600
    rngs = [torch.Generator().manual_seed(k) for k in range(3)]
    x, source, other = (randn((C, WINDOW, WINDOW), [rng]).double() for rng in rngs)
    every = predict_branches(model, {"cond": model.embed([PROMPT]), "null": model.embed([""])})
    predict, times = cfg(model, [PROMPT, PROMPT], SCALE), uniform_timesteps(t, t)

    def gradient(loss: Loss) -> Tensor:
        at = x.clone().requires_grad_()
        with torch.enable_grad():
            (grad,) = torch.autograd.grad(loss(at, 0, None, [torch.Generator().manual_seed(3)]), at)
        return grad

    rng = torch.Generator().manual_seed(3)
    times(0, [rng])  # a loss draws its time first
    eps = randn((C, WINDOW, WINDOW), [rng], x)
    ours = gradient(sds(every, s, SCALE, timesteps=times)), gradient(pds(predict, s, source, 1, timesteps=times))
    return [
        ("get_sds_loss", "sds(every, s, scale)(x, step, None, rngs)", course.get_sds_loss(x, eps, t), ours[0]),
        (
            "get_pds_loss",
            "pds(predict, s, source, stride=1)(x, step, None, rngs)",
            course.get_pds_loss(x, source, (eps, other), t),
            ours[1],
        ),
    ]


def gap(theirs: Tensor, ours: Tensor) -> float:
    assert theirs.shape == ours.shape
    return (theirs - ours).abs().max().item()


def main() -> None:
    print("course\tsynoptic\tlargest difference")
    for name, call, difference in rows():
        print(f"{name}\t{call}\t{difference:.0e}")


if __name__ == "__main__":
    main()
