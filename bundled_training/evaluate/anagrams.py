"""Anagram readiness: how often does x0 averaging alone, without any search, show both prompts of a pair?"""

from __future__ import annotations

from random import Random

import torch
from torch import Tensor

from bundled_training.evaluate import statistics
from bundled_training.evaluate.renders import Renders
from bundled_training.evaluate.samples import GUIDANCE, Sampler, generators, last, seen
from bundled_training.evaluate.task import Findings, Task
from bundled_training.render.captions import NAMES, Spec, with_article
from bundled_training.render.words import SCENES, STYLES
from synoptic.diffusion.equations import randn
from synoptic.diffusion.schedules import get_clip
from synoptic.guidance.cfg import cfg
from synoptic.sampling.joint import canonical
from synoptic.views.anagram import Anagram
from synoptic.views.registry import get_view

STEPS, CHOICES = 30, 100


def contents(count: int, rng: Random) -> list[tuple[str, str]]:
    """Things and, every sixth, scenes: ("one", its name) or ("scene", its key)."""
    scenes = rng.sample(tuple(SCENES), count // 6)
    return [("one", name) for name in rng.sample(NAMES, count - len(scenes))] + [("scene", key) for key in scenes]


def spec(style: str, kind: str, name: str) -> Spec:
    prefix = STYLES[style][1][0]
    if kind == "scene":
        return Spec(prefix + SCENES[name].nouns[0], style, kind, scene=name, time=SCENES[name].times.split()[0])
    return Spec(prefix + with_article(name), style, kind, (name,), "one", background="white")


def measure(task: Task) -> Findings:
    """60 pairs, each of one style and two of 100 contents; the same 100 in that style are what CLIP models choose from."""
    rng = Random(task.seed)
    choices, count, steps = contents(task.count(CHOICES, 10), rng), task.count(60, 2), task.count(STEPS, 2)
    pairs = [(rng.choice(tuple(STYLES)), *rng.sample(range(len(choices)), 2)) for _ in range(count)]
    every = [spec(style, *choices[k]) for style, a, b in pairs for k in (a, b)]
    prompts = [s.caption for s in every]
    found = Findings({"pairs": count, "steps": steps, "guidance": GUIDANCE, "sync": "x0", "eta": 0, "choices": len(choices)})
    found.details["prompts"] = [prompts[i : i + 2] for i in range(0, len(prompts), 2)]
    seeds = range(1_000_000 * task.seed, 1_000_000 * task.seed + len(prompts))
    pictures = {}
    for kind, place in task.models("if").items():
        sampler = Sampler(place, task.device)
        pictures["real"] = Renders(task.on)(every, sampler.size, task.seed)
        pictures[f"{kind}, plain"] = sampler(prompts, seeds, steps=steps, guidance=GUIDANCE)
        pictures[f"{kind}, anagrams"] = anagrams(sampler, prompts, seeds, steps)
    for name, clip in task.clip_models.items():
        texts = {style: clip.encode_texts([spec(style, *choice).caption for choice in choices]) for style in STYLES}
        for kind, x in pictures.items():
            cosines = torch.stack([f @ texts[s.style].T for f, s in zip(seen(clip, x), every, strict=True)])
            right = torch.tensor([k for _, a, b in pairs for k in (a, b)])
            place = statistics.ranks(cosines, right).view(count, 2)
            for k in (1, 5):
                both = (place < k).all(1).double()
                found.add(f"both in the first {k} of {len(choices)}", kind, name, statistics.mean_error(both), count)
            first = (place < 5).double().mean(1)
            found.add(f"one in the first 5 of {len(choices)}", kind, name, statistics.mean_error(first), 2 * count)
            found.details[f"ranks, {kind}, {name}"] = place.tolist()
    found.sheet, found.columns = pictures["family, anagrams"], 12
    found.details["sheet"] = "pairs side by side: as it is, then turned clockwise"
    return found


def anagrams(sampler: Sampler, prompts: list[str], seeds: range, steps: int) -> Tensor:
    """One canvas for every two prompts, as its two views: (len(prompts), 3, S, S) in [0, 1]."""
    model, s = sampler.model, sampler.model.schedule
    views, parts = Anagram(model.shape, [get_view("identity"), get_view("rotate_cw")]), []
    for start in range(0, len(prompts), sampler.batch):
        part = slice(start, start + sampler.batch)
        predict = cfg(model, prompts[part], GUIDANCE, clip=get_clip("auto", s))
        z = randn(model.shape, generators(seeds[part][::2])).to(model.device)
        z = last(canonical(predict, s, views, z, steps=s.steps(steps), sync="x0"))
        parts.append(views.project(sampler.decoded(z)))
    return torch.cat(parts)
