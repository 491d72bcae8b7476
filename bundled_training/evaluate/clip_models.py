"""CLIP models on held-out renders: is the right caption first of a hundred, how far apart are right and wrong ones?"""

from __future__ import annotations

import torch

from bundled_training.evaluate import statistics
from bundled_training.evaluate.renders import Renders, held_out
from bundled_training.evaluate.samples import seen
from bundled_training.evaluate.task import Findings, Task


def measure(task: Task) -> Findings:
    """Top-1 and top-5 over sets of 100 captions; errors over the sets."""
    sets, size = task.count(12, 2), task.count(100, 10)
    renders = Renders(task.on)
    every = [held_out(size, 1000 * task.seed + k) for k in range(sets)]
    pictures = [renders(some, 256, 1000 * task.seed + k) for k, some in enumerate(every)]
    found = Findings({"sets": sets, "captions": size}, sheet=pictures[0], columns=10)
    found.details["prompts"] = [spec.caption for spec in every[0]]
    diagonal = torch.eye(size, dtype=torch.bool)
    for name, clip in task.clip_models.items():
        captions = [[spec.caption for spec in some] for some in every]
        cosines = torch.stack(
            [seen(clip, x) @ clip.encode_texts(texts).T for x, texts in zip(pictures, captions, strict=True)]
        )
        place = torch.stack([statistics.ranks(c, torch.arange(size)) for c in cosines])
        right, wrong = cosines[:, diagonal], cosines[:, ~diagonal]
        areas = [statistics.area_under_curve(a, b) for a, b in zip(right, wrong, strict=True)]
        rows = {f"top-{k} of {size}": (place < k).double().mean(1) for k in (1, 5)}
        rows |= {"cosine of right captions": right.mean(1), "cosine of wrong captions": wrong.mean(1)}
        for measured, by_set in (rows | {"area under the curve": torch.tensor(areas)}).items():
            found.add(measured, "real", name, statistics.mean_error(by_set), sets * size)
        found.details[f"cosines of {name}"] = {
            "right": statistics.distribution(right.flatten()),
            "wrong": statistics.distribution(wrong.flatten()),
            "overlap": statistics.overlap(right, wrong),
            "missed": [captions[0][k] for k in place[0].nonzero().flatten().tolist()],
        }
    return found
