"""SyncDiffusion: views drawn toward one of them, the anchor, so that a wide picture is one scene (Lee et al. 2023)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from synoptic.diffusion.equations import Time
from synoptic.guidance.cfg import Predict
from synoptic.utils.gradients import check_gradients
from synoptic.views.base import Projection
from synoptic.views.subset import ViewSubset

Features = Callable[[Tensor], Tensor]
Distance = Callable[[Tensor, Tensor], Tensor]

LOSS_SCALE = 1024.0  # half precision loses gradients below 6e-8, so those of a loss so many times larger are taken


@dataclass(frozen=True)
class SyncDiffusion:
    """Each view x_t moves down the gradient of L(decode(x0(x_t)), decode(x0 of the anchor)) (Lee et al. 2023, algorithm 1).

    The gradient goes through the network and the decoder, by `weights[t]` at time t; other times pass. `features` maps
    pictures (N, 3, H, W) in [-1, 1] to anything (N, …) that `distance` compares, row by row: (N,). `anchor` in [0, 1] says
    which view leads, counted row by row. Views are taken `max_rows` at once, in even parts, the anchor with the first:
    it is looked at once a step and stays, since a distance has no slope where it is 0.
    """

    predict: Predict
    decode: Callable[[Tensor], Tensor]
    features: Features
    distance: Distance
    weights: Mapping[Time, float]
    anchor: float = 0.5
    max_rows: int = 4

    def __call__(self, xt: Tensor, t: Time, views: Projection) -> Tensor:
        """Return rows (B*N, C, h, w) of `views`, moved: what `canonical` takes as its `view_update`."""
        w = self.weights.get(t, 0.0)
        if not w:
            return xt
        check_gradients("SyncDiffusion")
        N = len(views)
        lead = min(int(self.anchor * N), N - 1)
        moved, target = xt.unflatten(0, (-1, N)).clone(), None
        order = torch.tensor([lead, *(n for n in range(N) if n != lead)])
        for some in order.tensor_split(-(-N // max(1, self.max_rows // len(moved)))):
            part = ViewSubset(views, some.tolist())
            with torch.enable_grad():
                x = part.select(xt).requires_grad_()
                seen = self.features(self.decode(self.predict(x, t, part).x0).clamp(-1, 1)).unflatten(0, (-1, len(some)))
                target = seen[:, :1].detach() if target is None else target
                apart = self.distance(seen.flatten(0, 1), target.expand_as(seen).flatten(0, 1))
                (slope,) = torch.autograd.grad(LOSS_SCALE * apart.sum(), x)
            moved[:, some.to(xt.device)] -= (w / LOSS_SCALE * slope).unflatten(0, (-1, len(some)))
        return moved.flatten(0, 1)


def exponential_decay(
    steps: Sequence[tuple[Time, Time]], weight: float, decay: float, num_steps: int, every: int
) -> dict[Time, float]:
    """Return w d^i at step i, of the first so many steps and of those every so many-th: the paper's schedule."""
    return {t: weight * decay**i for i, (t, _) in enumerate(steps[:num_steps]) if (i + 1) % every == 0}
