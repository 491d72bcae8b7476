"""Is a radiance field growing well? What four sides of it show, and what is wrong where something is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from synoptic.io import to_pil
from synoptic.metrics.clip import Clip
from synoptic.nerf.cameras import around
from synoptic.nerf.regularizers import entropy
from synoptic.nerf.scene import Radiance

WORDS = ("front", "side", "back")
CAPTION = "a 3d render of {0}"  # the bundled judges' words for a thing
FACE = "a 3d render of {0}, {1} view"  # and for a side of it
# limits, between what was measured of runs that went well, of runs that failed, and of renders of known objects
EMPTY, FULL = 0.02, 0.7  # opacities: known objects stop 0.09 of the light or more, well-grown ones up to 0.63, a ball 0.78
FOG = 0.75  # nats of entropy an opacity: 0.86 at birth, 0.8 and more where it stayed fog, up to 0.62 where it went well
KNOWN = 0.4  # a score: up to 0.26 at birth, from 0.6 on grown and known, by the bundled judge
LOST = 0.6  # of the best score: runs that went well never fell below 0.95 of it


class Health(NamedTuple):
    """Of a scene at a step, seen from the front, the right, the back and the left, over white.

    `finite`: all numbers are numbers (nothing else is known where they are not); `opacity`: the share of light stopped, in
    [0, 1]; `entropy`: how undecided that is, in nats a pixel, at most log 2; `score`: the judge's mean cosine with the
    prompt; `faces`: of each side the likeliest of WORDS.
    """

    step: int
    finite: bool
    opacity: float
    entropy: float
    score: float
    faces: tuple[str, ...]


def examine(scene: Radiance, step: int, judge: Clip, prompt: str, *, side: int = 32) -> Health:
    """Four small renders without gradients, less than a second on one core. `prompt` as people type it: "a red mug"."""
    if not sound(scene):
        return Health(step, False, math.nan, math.nan, math.nan, ())
    seen = scene.show(around(4), side)
    pictures = seen.colour + 1 - seen.opacity
    features = judge.see(to_pil(2 * pictures - 1))
    likeliest = tuple(WORDS[k] for k in faces(judge, features, prompt).argmax(1).tolist())
    score = (features @ judge.read([CAPTION.format(prompt)]).T).mean()
    return Health(step, True, float(seen.opacity.mean()), float(entropy(seen.opacity)), float(score), likeliest)


def sound(scene: Radiance) -> bool:
    """Whether all its numbers are numbers. Asked of the parameters: where a density is none, nothing is seen."""
    return all(bool(part.isfinite().all()) for part in scene.state_dict().values())


def faces(judge: Clip, features: Tensor, prompt: str) -> Tensor:
    """How likely the judge finds each of WORDS for features (N, D) of the prompt's thing: (N, 3), rows sum to 1."""
    told = judge.read([FACE.format(prompt, word) for word in WORDS])
    return torch.softmax(features @ told.T / judge.temperature, 1)


def trouble(past: Sequence[Health], steps: int) -> str | None:
    """What is wrong with a run of `steps` steps, judged by all examinations so far: one sentence with the cure, or None.

    One look is enough for what is no number; all else must show twice in a row. Fog and faces count from the middle of the
    run on, scores and faces only where the judge recognised the thing: the limit is the bundled judge's, and one whose
    cosines never come so high watches over the light alone.
    """
    if past and not past[-1].finite:
        return "the field holds numbers that are none: lower the learning rate, or use float32"
    if len(past) < 2:
        return None
    last, best = past[-2:], max(h.score for h in past)
    now, told = last[-1], f"at steps {last[0].step} and {last[1].step}"
    late = last[0].step >= steps / 2

    if all(h.opacity < EMPTY for h in last):
        return f"the field is empty, it stops {now.opacity:.1%} of the light {told}: lower the opacity penalty"
    if all(h.opacity > FULL for h in last):
        return f"the field fills its space, it stops {now.opacity:.0%} of the light {told}: raise the opacity penalty"
    if best > KNOWN and all(h.score < LOST * best for h in last):
        was = f"the judge's score was {best:.2f} once and is {now.score:.2f}"
        return f"the object was lost, {was} {told}: lower the learning rate, or the guidance"
    if late and all(h.entropy > FOG * h.opacity for h in last):
        return f"the field is still fog {told}: raise the entropy penalty, or the guidance"
    if late and all(h.score > KNOWN and h.faces[0] == h.faces[2] == "front" for h in last):
        return f"the object has two faces, its back passes for a front {told}: try another seed, or Perp-Neg"
    return None
