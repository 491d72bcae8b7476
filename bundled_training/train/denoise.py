"""What the three diffusion stages share: noised pictures, the loss, a few samples to look at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

GAMMA = 5.0
PROMPTS = (
    "a photo of a horse", "an oil painting of a horse", "a photo of a dog", "a watercolor painting of a dog",
    "a pencil sketch of a cat", "a lithograph of a skull", "a neon sign of a rabbit", "a photo of a red car",
    "an oil painting of an old man", "an oil painting of people around a campfire", "a photo of a hipster barista",
    "an oil painting of a snowy mountain village", "a photo of the amalfi coast", "a rocket ship", "a pencil",
    "a photo of a man wearing a hat", "a photo of a misty lake at sunset", "a photo of a city skyline at night",
    "a dense forest in autumn with trees in shades of red orange", "a photo of desert dunes", "a lithograph of waterfalls",
    "a european medieval town with narrow cobblestone streets", "an oil painting of a library", "a dog and a cat",
    "the great wall of china snaking across rugged mountains", "a photo of an owl on a white background",
    "a 3d render of a red mug, front view", "a 3d render of a red mug, side view", "a 3d render of a blue car, back view",
    "a 3d render of a yellow house, overhead view", "a duck on a red background", "a photo of a castle at night",
    "a goldfish", "a photo of the queen of england", "a bunny on a stack of pancakes", "a squirrel reading a book",
)  # fmt: skip


class Noising:
    """A scheduler's forward process on one device, and the loss of a network that predicts v (Salimans & Ho 2022)."""

    def __init__(self, scheduler: Any, device: torch.device) -> None:
        assert scheduler.config.prediction_type == "v_prediction"
        abar = scheduler.alphas_cumprod.to(device).float()
        before = torch.cat([abar.new_ones(1), abar[:-1]])
        self.alpha, self.sigma = abar.sqrt(), (1 - abar).sqrt()
        beta = 1 - abar / before
        self.largest = beta.log()
        self.smallest = (beta * (1 - before) / (1 - abar)).clamp(min=1e-20).log()
        self.smallest[0] = self.smallest[1]
        self.posterior = before.sqrt() * beta / (1 - abar)
        snr = abar / (1 - abar)
        self.weight = (snr.clamp(max=GAMMA) + 1) / (snr + 1)

    def __call__(self, x0: Tensor, t: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """(x_t, t, v) at the given t (N,) or at a random one for each row, v = alpha eps - sigma x0."""
        t = torch.randint(len(self.alpha), (len(x0),), device=x0.device) if t is None else t
        a, b, eps = row(self.alpha[t]), row(self.sigma[t]), torch.randn_like(x0)
        return a * x0 + b * eps, t, a * eps - b * x0

    def loss(self, output: Tensor, v: Tensor, x0: Tensor, xt: Tensor, t: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Squared error in v, weighted as min-SNR does in x0 (Hang et al. 2023) plus one; and the variance's bound."""
        output = output.float()
        guess = output[:, : v.shape[1]]
        error = (guess - v).square().mean((1, 2, 3))
        total = (error * self.weight[t]).mean()
        facts = {"v_mse": error.mean()}
        if output.shape[1] > v.shape[1]:
            bound = self.bound(output[:, v.shape[1] :], row(self.alpha[t]) * xt - row(self.sigma[t]) * guess, x0, t)
            total, facts["bound"] = total + 0.1 * bound, bound
        return total, facts

    def bound(self, fraction: Tensor, guess: Tensor, x0: Tensor, t: Tensor) -> Tensor:
        """KL of the posterior to the learned range's Gaussian (Nichol & Dhariwal 2021, eq. 15), the mean held fixed."""
        low, high = row(self.smallest[t]), row(self.largest[t])
        logvar = low + (fraction + 1) / 2 * (high - low)
        apart = row(self.posterior[t]) * (x0 - guess.detach())
        kl = 0.5 * (logvar - low - 1 + (low - logvar).exp() + apart.square() * (-logvar).exp())
        return kl.clamp(max=50)[t > 0].mean()


def row(values: Tensor) -> Tensor:
    return values.view(-1, 1, 1, 1)


@torch.no_grad()
def samples(
    predict: Callable[[Tensor, Tensor, Tensor], Tensor], noising: Noising, states: Tensor, empty: Tensor,
    shape: tuple[int, ...], *, steps: int = 25, guidance: float = 5.0, bounded: bool = False,
) -> Tensor:  # fmt: skip
    """x0 by DDIM with guidance, one row for each of `states`: for looking at while training."""
    n, device = len(states), states.device
    x = torch.randn(n, *shape, device=device, generator=torch.Generator(device).manual_seed(3))
    times = torch.linspace(999, 999 // steps, steps).long().tolist()
    x0 = x
    for i, t in enumerate(times):
        v = predict(torch.cat([x, x]), torch.tensor(t, device=device), torch.cat([empty.expand_as(states), states]))
        null, cond = v.float()[:, : shape[0]].chunk(2)
        v = null + guidance * (cond - null)
        a, b = noising.alpha[t], noising.sigma[t]
        x0 = a * x - b * v
        if bounded:
            x0 = x0.clamp(-1, 1)
        eps = (x - a * x0) / b
        later = (noising.alpha[times[i + 1]], noising.sigma[times[i + 1]]) if i + 1 < steps else (1.0, 0.0)
        x = later[0] * x0 + later[1] * eps
    return x0
