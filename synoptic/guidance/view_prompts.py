"""Prompts that know where a scene is looked at from: "a red mug, side view" (Poole et al. 2023, DreamFusion, section 3.2).

Between two views a prompt's condition is a straight mixture of theirs, so that turning the camera never jumps; all that a
network makes of a text alone is linear in it, so the mixture of keys is the keys of the mixture.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from synoptic.diffusion.equations import Pred, Time
from synoptic.guidance.batching import BranchPredict, predict_branches
from synoptic.guidance.cfg import extrapolate
from synoptic.guidance.perp_neg import subtract_perpendicular
from synoptic.models.base import Conditioning, Denoiser
from synoptic.models.memory import max_batch_rows

if TYPE_CHECKING:
    from synoptic.nerf.cameras import Camera
    from synoptic.nerf.scene import ViewSample

VIEW_WORDS = ("front", "side", "back", "overhead")
OVERHEAD_ELEVATIONS = (
    math.radians(30),
    math.radians(60),
)  # elevations between which a view from around turns into one from above
NEGATIVE_VIEWS = ("front", "side")  # what no other view may look like

ViewConditions = Callable[["ViewSample"], Mapping[str, Conditioning]]  # the conditions of a step's views, one row a view


def view_weights(camera: Camera) -> Tensor:
    """Return how much of each of VIEW_WORDS the views of B cameras are: (B, 4), rows sum to 1.

    Straight from front (azimuth 0) to side (a quarter turn, left or right) to back, and from those to overhead.
    """
    q = quarter_turns(camera.azimuth)
    low, high = OVERHEAD_ELEVATIONS
    above = ((camera.elevation - low) / (high - low)).clamp(0, 1)
    front, back = (1 - q).clamp(min=0), (q - 1).clamp(min=0)
    around = torch.stack([front, 1 - front - back, back], 1)
    return torch.cat([around * (1 - above[:, None]), above[:, None]], 1)


def nearest_view(weights: Tensor) -> Tensor:
    """Return all of what each view is most of, (B, 4): for models that learned a word for a
    quarter of all views, not for one.
    """
    return torch.nn.functional.one_hot(weights.argmax(1), len(VIEW_WORDS)).to(weights)


def complement(weights: Tensor) -> Tensor:
    """Return how much of the views from around each view is not, (B, 4), rows sum to 1."""
    less = 1 - weights[:, :3]
    return torch.nn.functional.pad(less / less.sum(1, keepdim=True), (0, 1))


def perp_neg_weights(camera: Camera) -> dict[str, Tensor]:
    """Return Perp-Neg's weights (B,) of NEGATIVE_VIEWS (Armandpour et al. 2023, section 4): threestudio's a exp(-b r) + c.

    From the side on to the back, less and less of what looks like a side or a front is let through; from above, all is.
    """
    q = quarter_turns(camera.azimuth)
    ahead = q < 1
    front = torch.where(ahead, decay_curve(4.0, 0.5, -2.426, 1 - q), decay_curve(1.0, 0.5, 0.967, 2 - q))
    side = torch.where(ahead, decay_curve(4.0, 0.5, -2.426, q), decay_curve(1.0, 0.5, -0.606, 2 - q))
    around = 1 - view_weights(camera)[:, 3]
    return {"front": front * around, "side": side * around}


def decay_curve(a: float, b: float, c: float, r: Tensor) -> Tensor:
    return a * (-b * r).exp() + c


def quarter_turns(azimuth: Tensor) -> Tensor:
    """Return how far from the front radians are, in quarter turns to either side, in [0, 2]."""
    turns = azimuth / (2 * math.pi)
    return 4 * (turns - turns.round()).abs()


def mix_conditions(conds: Mapping[str, Conditioning], weights: Tensor) -> Conditioning:
    """Return conditionings of one row each, by VIEW_WORDS, mixed for B views: weights (B, 4) -> B rows."""
    return Conditioning.mix([conds[word] for word in VIEW_WORDS], weights)


def view_conditions(
    model: Denoiser,
    prompt: str,
    template: str = "{0}, {1} view",
    *,
    negative_prompt: str = "",
    separate_negative: bool = False,
    with_negative_views: bool = False,
    with_complement: bool = False,
    interpolate: bool = True,
) -> ViewConditions:
    """Return the branches of a prompt by view: cond, mixed; null, of the negative prompt;
    negative, where `separate_negative`.

    Then null is of the empty prompt.

    template: how the model says a thing {0} and a view {1}; with_negative_views: also the branches of NEGATIVE_VIEWS, for
    `view_perp_neg`; with_complement: also that of the other views, for `view_guidance`; interpolate: between two views the
    prompts of both, not the `nearest_view`.
    """
    known = {word: model.embed([template.format(prompt, word)]) for word in VIEW_WORDS}
    alike = {"null": model.embed(["" if separate_negative else negative_prompt])}
    alike |= {"negative": model.embed([negative_prompt])} if separate_negative else {}
    alike |= {word: known[word] for word in NEGATIVE_VIEWS} if with_negative_views else {}

    def conds(sample: ViewSample) -> dict[str, Conditioning]:
        share = view_weights(sample.camera) if interpolate else nearest_view(view_weights(sample.camera))
        same = {name: cond.expand(len(share)) for name, cond in alike.items()}
        other = {"other": mix_conditions(known, complement(share))} if with_complement else {}
        return {"cond": mix_conditions(known, share)} | other | same

    return conds


def view_branches(model: Denoiser, conds: ViewConditions) -> BranchPredict:
    """Return `predict_branches` whose conditions follow the camera: (x (B, C, h, w), t, sample) -> {name: Pred}."""
    max_rows = max_batch_rows(model, model.device)

    def branch_predict(x: Tensor, t: Time, sample: ViewSample) -> dict[str, Pred]:
        return predict_branches(model, conds(sample), max_rows=max_rows)(x, t)

    return branch_predict


def view_guidance(branch_predict: BranchPredict, weight: float, max_time: float) -> BranchPredict:
    """Push cond away from what the other views have, other + w (cond - other): the view is guided more than the thing.

    Negation by composition (Liu et al. 2022, equation 12) of "the thing, and not its other views". w is `weight` at the time
    `max_time`, where it is decided what is where, and falls to 1, which changes nothing, with t: details suffer from more.
    """

    def predict(x: Tensor, t: Time, sample: ViewSample) -> dict[str, Pred]:
        found = dict(branch_predict(x, t, sample))
        w = 1 + (weight - 1) * torch.as_tensor(t, dtype=x.dtype, device=x.device).view(-1, 1, 1, 1) / max_time
        return found | {"cond": extrapolate(found["other"], found["cond"], w)}

    return predict


def view_perp_neg(branch_predict: BranchPredict) -> BranchPredict:
    """Subtract from cond what looks like another view, by Perp-Neg: against objects with two faces."""

    def predict(x: Tensor, t: Time, sample: ViewSample) -> dict[str, Pred]:
        found = dict(branch_predict(x, t, sample))
        return found | {"cond": subtract_perpendicular(found, perp_neg_weights(sample.camera))}

    return predict
