"""sd and if: do CLIPs find the right prompt of a hundred in samples as often as in renders, and are borders as bright?"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from bundled_training.evaluate import statistics
from bundled_training.evaluate.renders import Renders, held_out
from bundled_training.evaluate.samples import GUIDANCE, STEPS, Sampler, seen
from bundled_training.evaluate.task import Findings, Task
from bundled_training.render.captions import Spec

MOST_CHOICES = 200  # captions that a picture's own is found among
SHEET = 100  # prompts on the sheet
FRAME = 0.08  # of the picture's side: what counts as its border
BORDERS = {
    "on white": lambda spec: spec.caption.endswith("on a white background"),
    "at night": lambda spec: spec.caption.endswith("at night"),
}
LUMINANCE = torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)


def measure(part: str, task: Task) -> Findings:
    """`part` is sd or if. 100 held-out prompts, 6 samples and 6 renders of each; errors over the prompts.

    More prompts than 200 are ranked in sets of 200.
    """
    models = task.models(part)
    prompts, each, steps = task.count(task.prompts, 10), task.count(task.samples, 2), task.count(STEPS, 2)
    every = held_out(prompts, task.seed)
    settings = {"prompts": prompts, "samples a prompt": each, "steps": steps, "guidance": GUIDANCE}
    found = Findings(settings, columns=2 * (1 + len(models)))
    found.details |= {"prompts": [spec.caption for spec in every], "kinds": [spec.kind for spec in every]}
    samplers = {name: Sampler(place, task.device) for name, place in models.items()}
    renders, size = Renders(task.on), samplers["family"].size
    pictures = {name: repeated(sampler, every, each, task.seed, steps) for name, sampler in samplers.items()}
    again = [spec for spec in every for _ in range(each)]
    pictures = {"real": renders(again, size, task.seed), **pictures}
    measure_samples(found, task, every, pictures, renders(again, size, task.seed + 1))
    first = [x.unflatten(0, (prompts, each))[:SHEET, :2] for x in pictures.values()]
    found.sheet = torch.cat(first, 1).flatten(0, 1)
    found.details["sheet"] = f"one row a prompt: two each of {', '.join(pictures)}"
    for kind, fits in BORDERS.items():
        border(found, task, held_out(task.count(24, 2), task.seed + 1, fits), kind, samplers, renders)
    return found


def repeated(sampler: Sampler, every: list[Spec], each: int, seed: int, steps: int) -> Tensor:
    """`each` samples a spec, all from different noise: (P * each, 3, S, S)."""
    prompts = [spec.caption for spec in every for _ in range(each)]
    return sampler(prompts, [1_000_000 * seed + k for k in range(len(prompts))], steps=steps)


def measure_samples(found: Findings, task: Task, every: list[Spec], pictures: dict[str, Tensor], other: Tensor) -> None:
    """Ranks, their ratio to real renders', cosines, and the Fréchet distance (`other` are renders for its floor)."""
    prompts, count = len(every), len(other)
    choices = min(prompts, MOST_CHOICES)
    right = torch.arange(prompts).repeat_interleave(count // prompts)
    for name, clip in task.clip_models.items():
        texts, real = clip.encode_texts([spec.caption for spec in every]), torch.empty(0)
        features = {kind: seen(clip, x) for kind, x in pictures.items()}
        for kind, x in features.items():
            cosines = x @ texts.T
            other_sets = right[:, None] // choices != torch.arange(prompts) // choices
            place = statistics.ranks(cosines.masked_fill(other_sets, -torch.inf), right).view(prompts, -1)
            for k in (1, 5):
                hits = (place < k).double()
                found.add(f"top-{k} of {choices}", kind, name, statistics.mean_error(hits.mean(1)), count)
            hits = (place < 1).double()
            found.details[f"top-1 by prompt, {kind}, {name}"] = hits.mean(1).tolist()
            real = hits if kind == "real" else real
            if kind != "real":
                found.add("top-1 over real's", kind, name, statistics.ratio_error(hits, real, task.seed), count)
            cosine = cosines.gather(1, right[:, None]).view(prompts, -1).mean(1)
            found.add("cosine", kind, name, statistics.mean_error(cosine), count)
        floor = features.pop("real")
        for kind, x in {"real": seen(clip, other), **features}.items():
            distance = partial(apart, x.unflatten(0, (prompts, -1)), floor.unflatten(0, (prompts, -1)))
            found.add("Fréchet distance to real", kind, name, statistics.jackknife(distance, prompts), count)


def apart(a: Tensor, b: Tensor, rows: Tensor) -> float:
    """Fréchet distance of features (P, K, D) and (P, K, D) of some of the prompts."""
    return statistics.frechet(a[rows].flatten(0, 1), b[rows].flatten(0, 1))


def border(
    found: Findings, task: Task, every: list[Spec], kind: str, samplers: dict[str, Sampler], renders: Renders
) -> None:
    """The border's mean luminance in samples over real renders', for captions that say how bright it is."""
    each = task.count(6, 2)
    again = [spec for spec in every for _ in range(each)]
    real = frame(renders(again, samplers["family"].size, task.seed + 2)).view(len(every), each)
    found.add(f"border {kind}", "real", "", statistics.mean_error(real.mean(1)), real.numel())
    found.details[f"border {kind}"] = [spec.caption for spec in every]
    for name, sampler in samplers.items():
        bright = frame(repeated(sampler, every, each, task.seed + 2, task.count(STEPS, 2))).view(len(every), each)
        found.add(f"border {kind}", name, "", statistics.mean_error(bright.mean(1)), bright.numel())
        found.add(f"border {kind} - real's", name, "", statistics.mean_error((bright - real).mean(1)), bright.numel())
        found.add(f"border {kind} over real's", name, "", statistics.ratio_error(bright, real, task.seed), bright.numel())


def frame(pictures: Tensor) -> Tensor:
    """Mean luminance (N,) in [0, 1] of the outer frame of pictures (N, 3, S, S)."""
    size = pictures.shape[-1]
    edge = round(FRAME * size)
    outside = torch.ones(size, size, dtype=torch.bool)
    outside[edge:-edge, edge:-edge] = False
    return (pictures * LUMINANCE).sum(1)[:, outside].mean(1)
