"""Is the optimization of a radiance field going well? What four sides of it show, and what is wrong if something is."""

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
SIDES, OWN_WORDS = ("front", "right", "back", "left"), ("front", "side", "back", "side")
NUM_SIDES = len(SIDES)  # from which a scene is diagnosed
CAPTION_TEMPLATE = "a 3d render of {0}"  # the bundled CLIPs' words for a thing
VIEW_TEMPLATE = "a 3d render of {0}, {1} view"  # and for a side of it
# Limits, between what was measured of runs that succeeded, of runs that failed, and of renders of known objects.
MIN_OPACITY = 0.02  # known objects stop 0.09 of the light or more
MAX_OPACITY = 0.7  # runs that succeeded stop up to 0.63 of the light, a ball that fills the space 0.78
# nats of entropy / opacity: 0.86 at first, from 0.8 on in runs that stayed fog; up to 0.62 in others, of a thin lamp 1.5
MAX_ENTROPY_RATIO = 0.75
RECOGNIZED_SCORE = 0.4  # a score of the bundled CLIP: up to 0.26 at first, from 0.6 on once the object is recognized
LOST_SCORE_RATIO = 0.6  # score / best score: runs that succeeded never fell below 0.95


class FieldDiagnostics(NamedTuple):
    """Of a scene at a step, seen from the front, the right, the back and the left, over white.

    `finite`: all its numbers are finite (nothing else is known where they are not); `opacity`: the share of light stopped,
    in [0, 1]; `entropy`: how undecided that is, in nats a pixel, at most log 2; `score`: the CLIP's mean cosine with the
    prompt; `likeliest_views`: of each side the likeliest of SIDE_WORDS.
    """

    step: int
    finite: bool
    opacity: float
    entropy: float
    score: float
    likeliest_views: tuple[str, ...]

    def __str__(self) -> str:
        if not self.finite:
            return f"step {self.step}: its numbers are not finite"
        opacity = f"opacity {self.opacity:.2f} (empty below {MIN_OPACITY}, filled above {MAX_OPACITY})"
        return f"step {self.step}: {opacity}, score {self.score:.2f}, {describe_sides(self.likeliest_views)}"

    def to_json(self) -> dict[str, object]:
        """Return it as JSON has it: null for what is not known."""
        return {name: None if value != value else value for name, value in self._asdict().items()}


def describe_sides(words: Sequence[str]) -> str:
    """Return which of the four sides look like another one: "seen from the right it looks like the back"."""
    wrong = [
        f"from the {side} it looks like {'a' if word == 'side' else 'the'} {word}"
        for side, own, word in zip(SIDES, OWN_WORDS, words, strict=True)
        if word != own
    ]
    return f"seen {', '.join(wrong)}" if wrong else "each side looks like what it is"


def diagnostics_to_tensor(history: Sequence[FieldDiagnostics]) -> Tensor:
    """Return a history as numbers (K, 9), float64: a view is its place in SIDE_WORDS, -1 where it is not known."""
    views = [[SIDE_WORDS.index(word) for word in seen.likeliest_views] or [-1] * NUM_SIDES for seen in history]
    rows = [[*seen[:5], *own] for seen, own in zip(history, views, strict=True)]
    return torch.tensor(rows, dtype=torch.float64).view(len(history), 5 + NUM_SIDES)


def diagnostics_from_tensor(rows: Tensor) -> list[FieldDiagnostics]:
    """Return the history that `diagnostics_to_tensor` wrote."""
    history = []
    for step, finite, *numbers in rows.tolist():
        words = tuple(SIDE_WORDS[int(k)] for k in numbers[3:] if k >= 0)
        history.append(FieldDiagnostics(int(step), bool(finite), numbers[0], numbers[1], numbers[2], words))
    return history


def diagnose_views(scene: RadianceScene, step: int, clip_model: Clip, prompt: str, *, side: int = 32) -> FieldDiagnostics:
    """Diagnose by four small renders without gradients, under a second on one core. `prompt` as typed: "a red mug"."""
    if not is_finite(scene):
        return FieldDiagnostics(step, False, math.nan, math.nan, math.nan, ())
    views = scene.render_views(turntable_cameras(NUM_SIDES), side)
    pictures = views.color + 1 - views.opacity
    features = clip_model.encode_images(to_pil(2 * pictures - 1))
    likeliest = tuple(SIDE_WORDS[k] for k in view_probabilities(clip_model, features, prompt).argmax(1).tolist())
    score = (features @ clip_model.encode_texts([CAPTION_TEMPLATE.format(prompt)]).T).mean()
    return FieldDiagnostics(step, True, float(views.opacity.mean()), float(entropy(views.opacity)), float(score), likeliest)


def is_finite(scene: RadianceScene) -> bool:
    """Return whether all its numbers are finite. Asked of the parameters: where a density is not, nothing is seen."""
    return all(bool(part.isfinite().all()) for part in scene.state_dict().values())


def view_probabilities(clip_model: Clip, features: Tensor, prompt: str) -> Tensor:
    """Return the probability of each of SIDE_WORDS for features (N, D) of the prompt's object: (N, 3), rows sum to 1."""
    text_features = clip_model.encode_texts([VIEW_TEMPLATE.format(prompt, word) for word in SIDE_WORDS])
    return torch.softmax(features @ text_features.T / clip_model.temperature, 1)


def find_problem(history: Sequence[FieldDiagnostics], steps: int) -> str | None:
    """Return what is wrong with a run of `steps` steps, by its diagnostics so far: one sentence with the cure, or None.

    Once is enough for what is not finite; all else must show twice in a row. Fog and faces count from the middle of the run
    on, scores and faces only where the CLIP recognized the object, fog only where it does not: a thin thing has as many
    undecided rays at its edges. The limit is the bundled CLIP's: with one whose cosines never come so high, scores and faces
    never count, and fog always does.
    """
    if history and not history[-1].finite:
        return "the field holds numbers that are not finite: lower the learning rate, or use float32"
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
        was = f"the CLIP score was {best:.2f} once and is {now.score:.2f}"
        return f"the object was lost, {was} {at_steps}: lower the learning rate, or the guidance"
    if late and all(h.entropy > MAX_ENTROPY_RATIO * h.opacity and h.score <= RECOGNIZED_SCORE for h in last):
        return f"the field is still fog {at_steps}: raise the entropy penalty, or the guidance"
    if late and all(h.score > RECOGNIZED_SCORE and h.likeliest_views[0] == h.likeliest_views[2] == "front" for h in last):
        return f"the object has two faces, its back passes for a front {at_steps}: try another seed, or Perp-Neg"
    return None
