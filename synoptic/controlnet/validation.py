"""How well a ControlNet under training is followed: pictures of the maps that were held out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from synoptic.controlnet.dataset import keyed_generator
from synoptic.diffusion.equations import randn
from synoptic.diffusion.schedules import get_clip
from synoptic.diffusion.solvers import get_solver, timestep_pairs
from synoptic.guidance.cfg import cfg
from synoptic.models.base import PretrainedModel
from synoptic.models.controlnet import Control, ControlledDenoiser, ControlNetwork
from synoptic.sampling.single import sample

NUM_STEPS = 12  # of second order, for pictures that are only measured
HEADER = ("step", "loss", "fidelity", "another's map")


class ValidationRow(NamedTuple):
    """After so many steps: mean loss since the row before, fidelity to the own map, and to another picture's."""

    step: int
    loss: float | None
    fidelity: float
    to_another: float


def format_rows(rows: Sequence[ValidationRow]) -> str:
    """Return the rows as a table of tabs."""
    lines = [
        f"{row.step}\t{'' if row.loss is None else f'{row.loss:.5f}'}\t{row.fidelity:.4f}\t{row.to_another:.4f}"
        for row in rows
    ]
    return "\n".join(["\t".join(HEADER), *lines])


def parse_rows(text: str) -> list[ValidationRow]:
    """Return the rows that `format_rows` wrote."""
    rows = [line.split("\t") for line in text.splitlines()[1:]]
    return [
        ValidationRow(int(step), float(loss) if loss else None, float(own), float(other)) for step, loss, own, other in rows
    ]


def sample_maps(
    model: PretrainedModel, net: ControlNetwork, maps: Tensor, captions: Sequence[str], seed: int, items: Sequence[int]
) -> Tensor:
    """Return pictures (N, 3, H, W) of maps (N, 3, H, W) in [0, 1], always from the same noise."""
    controlled, s, usual = ControlledDenoiser(model, [Control(net, maps)]), model.schedule, model.checkpoint.defaults
    predict = cfg(controlled, captions, usual.guidance_scale, clip=get_clip("auto", s))
    z = randn(model.shape, [keyed_generator(seed, 3, k) for k in items]).to(model.device)
    steps, solver = timestep_pairs("dpm++", s, NUM_STEPS), get_solver("dpm++")
    with torch.no_grad():
        *_, last = sample(predict, s, z, steps=steps, solver=solver)
        return model.decode(last.x)
