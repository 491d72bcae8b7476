"""Several prompts on one canvas: each view is conditioned on its own, or on a mean of them (prompt travel, regions)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from synoptic.diffusion.equations import Pred, Time
from synoptic.guidance.cfg import Predict, cfg_from_conditions
from synoptic.models.base import Conditioning, Denoiser
from synoptic.views.base import Projection
from synoptic.views.regions import WindowsWithRegions
from synoptic.views.sharded import ShardedProjection
from synoptic.views.subset import ViewSubset


class PromptSpec(NamedTuple):
    """A prompt, its negative prompt and its guidance scale, 1 is off. `prompts` has one per picture."""

    prompts: Sequence[str]
    negative_prompt: str = ""
    guidance_scale: float = 1.0


PromptWeights = Callable[
    [Projection], Tensor
]  # this step's views (N) -> (N, J), the weight of every prompt in each view; rows sum to 1


def regional_cfg(
    model: Denoiser,
    specs: Sequence[PromptSpec],
    prompt_weights: PromptWeights,
    *,
    clip: Callable[[Tensor], Tensor] | None = None,
    max_rows: int | None = None,
) -> Predict:
    """Return classifier-free guidance whose prompt depends on the view.

    Row b*N + n has the mean of the embeddings by `prompt_weights`. Its negative prompt and its guidance scale are the same
    mean. One prompt for all views is `cfg`. `clip` and `max_rows` as there.
    """
    cond = [model.embed(list(spec.prompts)) for spec in specs]
    null = [model.embed([spec.negative_prompt] * len(spec.prompts)) for spec in specs]
    scales = torch.tensor([spec.guidance_scale for spec in specs], dtype=torch.float32)
    last: list[tuple[Tensor, Predict]] = []

    def predict(x: Tensor, t: Time, views: Projection | None = None) -> Pred:
        assert views is not None, "which prompt a view has depends on the view"
        w = (
            prompt_weights(views.views)[list(views.indices)]
            if isinstance(views, ViewSubset | ShardedProjection)
            else prompt_weights(views)
        )
        if not last or not torch.equal(w, last[0][0]):
            own = w @ scales.to(w)
            guided = is_guided(specs, w)
            conds = {"cond": Conditioning.mix(cond, w)} | ({"null": Conditioning.mix(null, w)} if guided else {})
            scale = own.repeat(len(specs[0].prompts)).view(-1, 1, 1, 1).to(x)
            last[:] = [(w, cfg_from_conditions(model, conds, scale, clip=clip, max_rows=max_rows))]
        return last[0][1](x, t, views)

    return predict


def is_guided(specs: Sequence[PromptSpec], weights: Tensor) -> bool:
    """Return whether any view of weights (N, J) has a guidance scale other than 1, so that each takes two rows."""
    own = weights @ torch.tensor([spec.guidance_scale for spec in specs], dtype=torch.float32).to(weights)
    return not torch.allclose(own, torch.ones_like(own))


def one_prompt(views: Projection) -> Tensor:
    """Return the weights of a single prompt: 1 in each view."""
    return torch.ones(len(views), 1, dtype=torch.float32)


def interpolate_prompts(num_prompts: int, canvas: tuple[int, int, int], circular: bool = False) -> PromptWeights:
    """Weight prompts evenly from the first at the left edge to the last at the right one; `circular` returns to the first.

    A view's weights are the mean of its pixels'.
    """
    _, H, W = canvas
    place = (torch.arange(W, dtype=torch.float64) + 0.5) / W * (num_prompts if circular else num_prompts - 1)
    away = (place - torch.arange(num_prompts)[:, None]).abs()
    away = torch.minimum(away, num_prompts - away) if circular else away
    share = (1 - away).clamp(min=0)[:, None, None].expand(-1, 1, H, W)
    return lambda views: views.project(share).mean((1, 2, 3)).view(num_prompts, -1).T


def one_per_region(base_weights: PromptWeights) -> PromptWeights:
    """Return the weights over a `WindowsWithRegions`: its base's prompts by `base_weights`, each region's own."""

    def prompt_weights(views: Projection) -> Tensor:
        assert isinstance(views, WindowsWithRegions)
        first = base_weights(views.base)
        own = torch.eye(len(views.regions), dtype=first.dtype).repeat_interleave(torch.tensor(views.view_counts[1:]), 0)
        return torch.block_diag(first, own)

    return prompt_weights
