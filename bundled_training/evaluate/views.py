"""The view words of the 3D objects: is "side view" seen from the side?"""

from __future__ import annotations

from random import Random

import torch
from torch import Tensor

from bundled_training.evaluate import statistics
from bundled_training.evaluate.renders import Renders
from bundled_training.evaluate.samples import GUIDANCE, STEPS, Sampler, seen
from bundled_training.evaluate.task import Findings, Task
from bundled_training.render.captions import Spec, coloured
from bundled_training.render.objects import SOLIDS
from bundled_training.render.solids import VIEWS
from bundled_training.render.words import COLOURS
from synoptic.metrics.clip import Clip


def caption(name: str, colour: str, view: str) -> str:
    return f"a 3d render of {coloured(colour, name)}, {view} view"


def measure(task: Task) -> Findings:
    """Every object from every side in three colors; errors over the pairs of object and color."""
    rng, names = Random(task.seed), SOLIDS[: task.count(len(SOLIDS), 2)]
    steps = task.count(STEPS, 2)
    pairs = [(name, colour) for name in names for colour in rng.sample(tuple(COLOURS), task.count(3, 1))]
    every = [
        Spec(caption(name, colour, view), "photo", "solid", (name,), colour=colour, background="white", view=view)
        for name, colour in pairs
        for view in VIEWS
    ]
    found = Findings({"steps": steps, "guidance": GUIDANCE, "views": VIEWS, "colours an object": len(pairs) // len(names)})
    found.details |= {"prompts": [spec.caption for spec in every], "sheet": "one row an object: the four views of each kind"}
    renders = Renders(task.on)
    pictures = {"real 256": renders(every, 256, task.seed)}
    parts = [part for part in ("sd", "if") if (task.family / part).is_dir()]
    for part in parts or ["sd"]:  # of neither, sd is named as missing
        for kind, place in task.models(part).items():
            sampler = Sampler(place, task.device)
            prompts = [spec.caption for spec in every]
            pictures[f"{kind} {part}"] = sampler(
                prompts, range(1_000_000 * task.seed, 1_000_000 * task.seed + len(prompts)), steps=steps
            )
    pictures["real 64"] = renders(every, 64, task.seed)
    for name, clip in task.clip_models.items():
        for kind, x in pictures.items():
            hits = right_views(clip, x, pairs)
            found.add("view right of 4", kind, name, statistics.mean_error(hits.mean(1)), hits.numel())
            by = hits.unflatten(0, (len(names), -1)).mean((1, 2))
            found.details[f"by object, {kind}, {name}"] = dict(zip(names, by.tolist(), strict=True))
            by = hits.mean(0)
            found.details[f"by view, {kind}, {name}"] = dict(zip(VIEWS, by.tolist(), strict=True))
    large = [torch.nn.functional.interpolate(x, (256, 256)) for x in pictures.values()]
    found.sheet = torch.cat([x.unflatten(0, (len(pairs), len(VIEWS))) for x in large], 1).flatten(0, 1)
    found.columns = len(VIEWS) * len(pictures)
    return found


def right_views(clip: Clip, pictures: Tensor, pairs: list[tuple[str, str]]) -> Tensor:
    """1 where the caption with the right view word fits best of four: (pairs, views) of pictures in that order."""
    texts = clip.encode_texts([caption(name, colour, view) for name, colour in pairs for view in VIEWS])
    x, texts = (f.unflatten(0, (len(pairs), len(VIEWS))) for f in (seen(clip, pictures), texts))
    return ((x @ texts.mT).argmax(2) == torch.arange(len(VIEWS))).double()
