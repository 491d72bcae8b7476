"""Is a radiance field growing well? What four sides of it show, and what is wrong where something is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from synoptic.io import to_pil
from synoptic.metrics.clip import Clip
from synoptic.nerf.cameras import turntable_cameras
from synoptic.nerf.regularizers import entropy
from synoptic.nerf.scene import RadianceScene

SIDE_WORDS = ("front", "side", "back")
CAPTION_TEMPLATE = "a 3d render of {0}"  # the bundled CLIPs' words for a thing
VIEW_TEMPLATE = "a 3d render of {0}, {1} view"  # and for a side of it
# limits, between what was measured of runs that went well, of runs that failed, and of renders of known objects
MIN_OPACITY, MAX_OPACITY = (
    0.02,
    0.7,
)  # opacities: known objects stop 0.09 of the light or more, well-grown ones up to 0.63, a ball 0.78
MAX_ENTROPY_RATIO = (
    0.75  # nats of entropy an opacity: 0.86 at birth, 0.8 and more where it stayed fog, up to 0.62 where it went well
)
RECOGNIZED_SCORE = 0.4  # a score: up to 0.26 at birth, from 0.6 on grown and known, by the bundled CLIP
LOST_SCORE_RATIO = 0.6  # of the best score: runs that went well never fell below 0.95 of it


class FieldDiagnostics(NamedTuple):
    """Of a scene at a step, seen from the front, the right, the back and the left, over white.

    `finite`: all numbers are numbers (nothing else is known where they are not); `opacity`: the share of light stopped, in
    [0, 1]; `entropy`: how undecided that is, in nats a pixel, at most log 2; `score`: the CLIP's mean cosine with the
    prompt; `likeliest_views`: of each side the likeliest of SIDE_WORDS.
    """

    step: int
    finite: bool
    opacity: float
    entropy: float
    score: float
    likeliest_views: tuple[str, ...]


def diagnose_views(scene: RadianceScene, step: int, clip_model: Clip, prompt: str, *, side: int = 32) -> FieldDiagnostics:
    """Four small renders without gradients, less than a second on one core. `prompt` as people type it: "a red mug"."""
    if not is_finite(scene):
        return FieldDiagnostics(step, False, math.nan, math.nan, math.nan, ())
    views = scene.render_views(turntable_cameras(4), side)
    pictures = views.color + 1 - views.opacity
    features = clip_model.encode_images(to_pil(2 * pictures - 1))
    likeliest = tuple(SIDE_WORDS[k] for k in view_probabilities(clip_model, features, prompt).argmax(1).tolist())
    score = (features @ clip_model.encode_texts([CAPTION_TEMPLATE.format(prompt)]).T).mean()
    return FieldDiagnostics(step, True, float(views.opacity.mean()), float(entropy(views.opacity)), float(score), likeliest)


def is_finite(scene: RadianceScene) -> bool:
    """Whether all its numbers are numbers. Asked of the parameters: where a density is none, nothing is seen."""
    return all(bool(part.isfinite().all()) for part in scene.state_dict().values())


def view_probabilities(clip_model: Clip, features: Tensor, prompt: str) -> Tensor:
    """How likely the CLIP finds each of SIDE_WORDS for features (N, D) of the prompt's thing: (N, 3), rows sum to 1."""
    text_features = clip_model.encode_texts([VIEW_TEMPLATE.format(prompt, word) for word in SIDE_WORDS])
    return torch.softmax(features @ text_features.T / clip_model.temperature, 1)


def find_problem(history: Sequence[FieldDiagnostics], steps: int) -> str | None:
    """What is wrong with a run of `steps` steps, judged by all examinations so far: one sentence with the cure, or None.

    One look is enough for what is no number; all else must show twice in a row. Fog and faces count from the middle of the
    run on, scores and faces only where the CLIP recognised the thing: the limit is the bundled CLIP's, and one whose
    cosines never come so high watches over the light alone.
    """
    if history and not history[-1].finite:
        return "the field holds numbers that are none: lower the learning rate, or use float32"
    if len(history) < 2:
        return None
    last, best = history[-2:], max(h.score for h in history)
    now, at_steps = last[-1], f"at steps {last[0].step} and {last[1].step}"
    late = last[0].step >= steps / 2

    if all(h.opacity < MIN_OPACITY for h in last):
        return f"the field is empty, it stops {now.opacity:.1%} of the light {at_steps}: lower the opacity penalty"
    if all(h.opacity > MAX_OPACITY for h in last):
        return f"the field fills its space, it stops {now.opacity:.0%} of the light {at_steps}: raise the opacity penalty"
    if best > RECOGNIZED_SCORE and all(h.score < LOST_SCORE_RATIO * best for h in last):
        was = f"the judge's score was {best:.2f} once and is {now.score:.2f}"
        return f"the object was lost, {was} {at_steps}: lower the learning rate, or the guidance"
    if late and all(h.entropy > MAX_ENTROPY_RATIO * h.opacity for h in last):
        return f"the field is still fog {at_steps}: raise the entropy penalty, or the guidance"
    if late and all(h.score > RECOGNIZED_SCORE and h.likeliest_views[0] == h.likeliest_views[2] == "front" for h in last):
        return f"the object has two faces, its back passes for a front {at_steps}: try another seed, or Perp-Neg"
    return None
