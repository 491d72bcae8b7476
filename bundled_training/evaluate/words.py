"""sd: are two things both there, and does a picture look like the style that its caption names? By CLIPs, beside renders."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import torch
from torch import Tensor

from bundled_training.evaluate import statistics
from bundled_training.evaluate.plain import repeated
from bundled_training.evaluate.renders import Renders, held_out
from bundled_training.evaluate.samples import STEPS, Sampler, seen
from bundled_training.evaluate.task import Findings, Task
from bundled_training.render.captions import Spec, with_article
from bundled_training.render.words import STYLES

PART, OTHERS = "sd", 8
BETWEEN = (" and ", " next to ", " above ", " on top of ")


def measure(task: Task) -> Findings:
    """100 held-out pairs and 25 held-out captions a style, 6 pictures of each; errors over the captions."""
    each = task.count(6, 2)
    found = Findings({"pictures a caption": each, "steps": task.count(STEPS, 2), "other pairs": OTHERS})
    pairs = held_out(task.count(100, 12), task.seed, lambda spec: spec.kind == "two")
    styled = [spec for style in STYLES for spec in of_style(style, task.count(25, 2), task.seed)]
    samplers = {name: Sampler(place, task.device) for name, place in task.models(PART).items()}
    sheets = []
    for about, every, choices in (
        ("two things", pairs, {"two things, both right": two_things(pairs, task.seed)}),
        ("style", styled, {"style first": styles(styled)}),
    ):
        again = [spec for spec in every for _ in range(each)]
        pictures = {"real": Renders(task.on)(again, samplers["family"].size, task.seed)}
        for name, sampler in samplers.items():
            pictures[name] = repeated(sampler, every, each, task.seed, task.count(STEPS, 2))
        if every is pairs:
            choices["two things, above pairs that share one"] = sharing(pairs, task.seed)
        for what, texts in choices.items():
            judge(found, task, what, texts, pictures)
        found.details[f"prompts, {about}"] = [spec.caption for spec in every]
        sheets.append(torch.cat([x.unflatten(0, (len(every), each))[:, :2] for x in pictures.values()], 1)[:48])
    found.sheet, found.columns = torch.cat(sheets).flatten(0, 1), 4 * len(sheets[0][0])
    found.details["sheet"] = f"two each of {', '.join(('real', *samplers))}, prompt after prompt: two things, then styles"
    return found


def judge(found: Findings, task: Task, what: str, choices: Sequence[Sequence[str]], pictures: dict[str, Tensor]) -> None:
    """Add how often the first of each caption's choices is the best, by each CLIP and by both at once."""
    right: dict[str, list[Tensor]] = {kind: [] for kind in pictures}
    for name, clip in task.clip_models.items():
        for kind, x in pictures.items():
            texts = torch.stack([clip.encode_texts(some) for some in choices])
            hits = firsts(seen(clip, x).unflatten(0, (len(choices), -1)), texts)
            right[kind].append(hits)
            found.add(what, kind, name, statistics.mean_error(hits.double().mean(1)), hits.numel())
            found.details[f"{what}, {kind}, {name}"] = hits.double().mean(1).tolist()
    for kind, hits in right.items():
        both = torch.stack(hits).all(0)
        found.add(what, kind, "both", statistics.mean_error(both.double().mean(1)), both.numel())


def firsts(features: Tensor, texts: Tensor) -> Tensor:
    """Return whether pictures (captions, N, D) fit the first of their texts (captions, M, D) best: (captions, N)."""
    cosines = features @ texts.mT
    return (cosines[..., :1] > cosines[..., 1:]).all(-1)


def parts(spec: Spec) -> tuple[str, str]:
    """Return what stands before two things, and between them."""
    first, second = map(with_article, spec.names)
    for between in BETWEEN:
        if spec.caption.endswith(text := first + between + second):
            return spec.caption.removesuffix(text), between
    raise ValueError(f"{spec.caption!r} does not name {spec.names}")


def two_things(pairs: Sequence[Spec], seed: int) -> list[list[str]]:
    """Return each caption, those of each thing alone, and those of eight other pairs in the same words."""
    rng, found = Random(seed), []
    for spec in pairs:
        (before, between), named = parts(spec), set(spec.names)
        others = [other.names for other in pairs if not named & set(other.names)]
        texts = [before + between.join(map(with_article, names)) for names in rng.sample(others, OTHERS)]
        found.append([spec.caption, *(before + with_article(name) for name in spec.names), *texts])
    return found


def sharing(pairs: Sequence[Spec], seed: int) -> list[list[str]]:
    """Return each caption, and eight in the same words that keep one of its things: half of them the first."""
    rng, found = Random(seed + 1), []
    for spec in pairs:
        (before, between), (first, second) = parts(spec), spec.names
        new = sorted({name for other in pairs for name in other.names} - {first, second})
        some = rng.sample(new, OTHERS)
        names = [(first, name) for name in some[: OTHERS // 2]] + [(name, second) for name in some[OTHERS // 2 :]]
        found.append([spec.caption, *(before + between.join(map(with_article, pair)) for pair in names)])
    return found


def of_style(style: str, count: int, seed: int) -> list[Spec]:
    """Return held-out specs of a style whose captions begin with its usual words, but no solids: those say what they are."""
    usual = STYLES[style][1][0]
    return held_out(
        count, seed, lambda s: s.style == style and s.kind != "solid" and s.caption.startswith(usual)
    )  # fmt: skip


def styles(every: Sequence[Spec]) -> list[list[str]]:
    """Return each caption, and the same in the usual words of every other style."""
    usual = {style: prefixes[0] for style, (_, prefixes) in STYLES.items()}
    return [
        [s.caption, *(words + s.caption.removeprefix(usual[s.style]) for style, words in usual.items() if style != s.style)]
        for s in every
    ]
