"""Prompts that know where a scene is looked at from: "a red mug, side view" (Poole et al. 2023, DreamFusion, section 3.2).

Between two views a prompt's condition is a straight mixture of theirs, so that turning the camera never jumps; all that a
network makes of a text alone is linear in it, so the mixture of keys is the keys of the mixture.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from synoptic.diffusion.equations import Pred, Time
from synoptic.guidance.cfg import away, branches, max_batch_rows
from synoptic.guidance.perp_neg import Branches, less
from synoptic.models.base import Cond, Denoiser

if TYPE_CHECKING:
    from synoptic.nerf.cameras import Camera
    from synoptic.nerf.scene import Look

WORDS = ("front", "side", "back", "overhead")
RISING = math.radians(30), math.radians(60)  # elevations between which a view from around turns into one from above
NEGATIVES = ("front", "side")  # what no other view may look like

Conds = Callable[["Look"], Mapping[str, Cond]]  # the conditions of a step's views, one row a view


def shares(camera: Camera) -> Tensor:
    """How much of each of WORDS the views of B cameras are: (B, 4), rows sum to 1.

    Straight from front (azimuth 0) to side (a quarter turn, left or right) to back, and from those to overhead.
    """
    q = quarters(camera.azimuth)
    low, high = RISING
    above = ((camera.elevation - low) / (high - low)).clamp(0, 1)
    front, back = (1 - q).clamp(min=0), (q - 1).clamp(min=0)
    around = torch.stack([front, 1 - front - back, back], 1)
    return torch.cat([around * (1 - above[:, None]), above[:, None]], 1)


def nearest(share: Tensor) -> Tensor:
    """All of what each view is most of, (B, 4): for models that learned a word for a quarter of all views, not for one."""
    return torch.nn.functional.one_hot(share.argmax(1), len(WORDS)).to(share)


def others(share: Tensor) -> Tensor:
    """How much of the views from around each view is not, (B, 4), rows sum to 1."""
    less = 1 - share[:, :3]
    return torch.nn.functional.pad(less / less.sum(1, keepdim=True), (0, 1))


def denied(camera: Camera) -> dict[str, Tensor]:
    """Perp-Neg's weights (B,) of NEGATIVES by view: Armandpour et al. 2023, section 4, as threestudio's a exp(-b r) + c.

    From the side on to the back, less and less of what looks like a side or a front is let through; from above, all is.
    """
    q = quarters(camera.azimuth)
    ahead = q < 1
    front = torch.where(ahead, decay(4.0, 0.5, -2.426, 1 - q), decay(1.0, 0.5, 0.967, 2 - q))
    side = torch.where(ahead, decay(4.0, 0.5, -2.426, q), decay(1.0, 0.5, -0.606, 2 - q))
    around = 1 - shares(camera)[:, 3]
    return {"front": front * around, "side": side * around}


def decay(a: float, b: float, c: float, r: Tensor) -> Tensor:
    return a * (-b * r).exp() + c


def quarters(azimuth: Tensor) -> Tensor:
    """How far from the front, in quarter turns, to either side: radians -> [0, 2]."""
    turns = azimuth / (2 * math.pi)
    return 4 * (turns - turns.round()).abs()


def mixed(conds: Mapping[str, Cond], share: Tensor) -> Cond:
    """Conditions of one row each, by WORDS, mixed for B views: share (B, 4) -> B rows."""

    def mix(key: str) -> Tensor:
        every = torch.cat([conds[word][key] for word in WORDS])
        return torch.einsum("bw,w...->b...", share.to(every), every)

    return {key: mix(key) for key in conds[WORDS[0]]}


def told(
    model: Denoiser,
    prompt: str,
    phrase: str = "{0}, {1} view",
    *,
    negative: str = "",
    apart: bool = False,
    denies: bool = False,
    insists: bool = False,
    mixes: bool = True,
) -> Conds:
    """The branches of a prompt by view: cond, mixed; null, of the negative prompt, or `apart`, of none, and negative.

    phrase: how the model says a thing {0} and a view {1}; denies: also the branches of NEGATIVES, for `denying`;
    insists: also that of the other views, for `insisting`; mixes: between two views the prompts of both, not the `nearest`.
    """
    known = {word: model.embed([phrase.format(prompt, word)]) for word in WORDS}
    alike = {"null": model.embed(["" if apart else negative])}
    alike |= {"negative": model.embed([negative])} if apart else {}
    alike |= {word: known[word] for word in NEGATIVES} if denies else {}

    def conds(look: Look) -> dict[str, Cond]:
        share = shares(look.camera) if mixes else nearest(shares(look.camera))
        same = {name: {key: row.expand(len(share), *row.shape[1:]) for key, row in c.items()} for name, c in alike.items()}
        other = {"other": mixed(known, others(share))} if insists else {}
        return {"cond": mixed(known, share)} | other | same

    return conds


def by_view(model: Denoiser, conds: Conds) -> Branches:
    """`guidance.branches` whose conditions follow the camera: (x (B, C, h, w), t, look) -> {name: Pred}."""
    rows = max_batch_rows(model, model.device)

    def believe(x: Tensor, t: Time, look: Any) -> dict[str, Pred]:
        return branches(model, conds(look), rows=rows)(x, t)

    return believe


def insisting(every: Branches, weight: float, noisiest: float) -> Branches:
    """cond farther from what the other views have, other + w (cond - other): the view is guided more than the thing.

    Negation by composition (Liu et al. 2022, equation 12) of "the thing, and not its other views". w is `weight` at the time
    `noisiest`, where it is decided what is where, and falls to 1, which changes nothing, with t: details suffer from more.
    """

    def believe(x: Tensor, t: Time, look: Any) -> dict[str, Pred]:
        found = dict(every(x, t, look))
        w = 1 + (weight - 1) * torch.as_tensor(t, dtype=x.dtype, device=x.device).view(-1, 1, 1, 1) / noisiest
        return found | {"cond": away(found["other"], found["cond"], w)}

    return believe


def denying(every: Branches) -> Branches:
    """cond less what looks like another view, by Perp-Neg: against objects with two faces."""

    def believe(x: Tensor, t: Time, look: Any) -> dict[str, Pred]:
        found = dict(every(x, t, look))
        return found | {"cond": less(found, denied(look.camera))}

    return believe
