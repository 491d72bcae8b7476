"""Wide pictures of the courses' prompts: seams, recognisable crops, suns, and whole sentences against short prompts."""

from __future__ import annotations

from random import Random

import torch
from torch import Tensor

from bundled_training.evaluate import statistics
from bundled_training.evaluate.discs import count_discs
from bundled_training.evaluate.renders import held_out
from bundled_training.evaluate.samples import GUIDANCE, STEPS, Sampler, generators, last, seen
from bundled_training.evaluate.task import Findings, Task
from bundled_training.render.captions import Spec, prompts
from bundled_training.render.scenes import SCENES, SUNLESS
from bundled_training.render.styles import apply
from synoptic.diffusion.equations import randn
from synoptic.diffusion.schedules import get_clip
from synoptic.guidance.cfg import cfg
from synoptic.io import to_pil
from synoptic.metrics.seams import seam
from synoptic.sampling.joint import canonical
from synoptic.views.windows import Windows, window_starts

STRIDE, TIMES = 8, 6  # latents from window to window; how many times as wide as high
SHORT = {  # in the order of the courses' prompts: the scene, the short prompt, the time of day
    "canyon": ("a photo of the grand canyon at sunset", "sunset"),
    "city": ("a photo of a city skyline at night", "night"),
    "underwater": ("a photo of a coral reef", "day"),
    "beach": ("a photo of a beach at sunrise", "sunrise"),
    "dunes": ("a photo of desert dunes", "day"),
    "autumn": ("a photo of an autumn forest", "day"),
    "medieval": ("a photo of a medieval town", "day"),
    "lake": ("a photo of a misty lake", "mist"),
    "wall": ("a photo of the great wall of china", "day"),
    "lavender": ("a photo of a lavender field", "day"),
}


def measure(task: Task) -> Findings:
    """Ten sentences and their short versions, four seeds each, 6:1; errors over pictures or prompts."""
    scenes = task.count(10, 2)
    versions = {"sentence": prompts("wide")[:scenes], "short": [short for short, _ in SHORT.values()][:scenes]}
    others = [spec.caption for spec in held_out(task.count(100, 10), task.seed, lambda spec: not synonym(spec))]
    settings = {
        "stride": STRIDE,
        "steps": task.count(STEPS, 2),
        "guidance": GUIDANCE,
        "sync": "x0",
        "weights": "feather",
    }
    found = Findings(
        settings | {"captions": len(others) + scenes}, details={"prompts": versions, "others": others}, columns=2
    )
    sheet = []
    for kind, place in task.models("sd").items():
        sampler, plain = Sampler(place, task.device), {}
        for version, texts in versions.items():
            strips, plain[version] = one_version(found, task, sampler, f"{kind} {version}", list(texts), others)
            sheet += [strips] if kind == "family" else []
        for name in task.clip_models:
            gain = statistics.mean_error(plain["sentence"][name] - plain["short"][name])
            found.add("plain top-1, sentence - short", kind, name, gain, scenes)
    found.sheet = torch.stack(sheet, 1).flatten(0, 1)
    found.details["sheet"] = "family only; left the sentences', right the short prompts' pictures, seeds below each other"
    check_counter(found, task)
    return found


def synonym(spec: Spec) -> bool:
    """Whether a caption could stand for one of the ten scenes: a hundred others must not."""
    return spec.kind == "scene" and spec.style == "photo" and spec.scene in SHORT


def one_version(
    found: Findings, task: Task, sampler: Sampler, label: str, texts: list[str], others: list[str]
) -> tuple[Tensor, dict[str, Tensor]]:
    """Paint and measure these prompts: the strips, prompt by prompt, and plain pictures' top-1 by CLIP model and prompt."""
    each, crops, steps, scenes = task.count(4, 1), task.count(8, 2), task.count(STEPS, 2), len(texts)
    repeated = [[text for text in texts for _ in range(k)] for k in (each, crops)]
    seeds = [range(1_000_000 * task.seed, 1_000_000 * task.seed + len(every)) for every in repeated]
    strips = wide(sampler, repeated[0], seeds[0], steps)
    plain = sampler(repeated[1], seeds[1], steps=steps)
    compare_seams(found, label, strips, plain, sampler, scenes)
    suns(found, label, strips, scenes)
    return strips, crop_ranks(found, task, label, cut(strips, crops, task.seed), plain, others + texts, scenes)


def wide(sampler: Sampler, texts: list[str], seeds: range, steps: int) -> Tensor:
    """One strip a text and seed, windows synchronised on one canvas: (N, 3, H, 6 H) in [0, 1]."""
    model, s = sampler.model, sampler.model.schedule
    channels, h, w = model.shape
    views = Windows((channels, h, TIMES * w), (h, w), (STRIDE, STRIDE))
    strips, batch = [], max(1, sampler.batch // 8)
    for start in range(0, len(texts), batch):
        part = slice(start, start + batch)
        predict = cfg(model, texts[part], GUIDANCE, clip=get_clip("auto", s))
        z = randn(views.canvas, generators(seeds[part])).to(model.device)
        strips.append(sampler.decoded(last(canonical(predict, s, views, z, steps=s.steps(steps), sync="x0"))))
    return torch.cat(strips)


def cut(strips: Tensor, count: int, seed: int) -> Tensor:
    """`count` random square crops of every strip, strip by strip."""
    rng, side = Random(seed), strips.shape[-2]
    lefts = [[rng.randint(0, strips.shape[-1] - side) for _ in range(count)] for _ in strips]
    return torch.stack([strip[..., x : x + side] for strip, some in zip(strips, lefts, strict=True) for x in some])


def compare_seams(found: Findings, label: str, strips: Tensor, plain: Tensor, sampler: Sampler, scenes: int) -> None:
    """The jump at the columns where windows start, in wide pictures and at the same columns of plain ones."""
    factor, window = sampler.model.factor, sampler.model.shape[-1]
    marks = [factor * k for k in window_starts(TIMES * window, window, STRIDE)][1:]
    jumps = {}
    for name, x in {"seam": strips, "seam, plain pictures": plain}.items():
        at = [mark for mark in marks if mark < x.shape[-1]]
        jumps[name] = torch.tensor([seam(image, at, factor) for image in to_pil(x * 2 - 1)])
        found.add(name, label, "", statistics.mean_error(jumps[name]), len(x))
    above, below = (jump.view(scenes, -1) for jump in jumps.values())
    found.add("seam over plain's", label, "", statistics.ratio_error(above, below), above.numel())


def suns(found: Findings, label: str, strips: Tensor, scenes: int) -> None:
    """Discs in the sky of the strips, prompt by prompt; scenes without a sky are left out."""
    skies = [key not in SUNLESS for key in list(SHORT)[:scenes]]
    number = count_discs(strips).view(scenes, -1)
    found.details[f"suns and moons, {label}"] = number.tolist()
    number = number[torch.tensor(skies)].flatten().double()
    found.add("at most one sun or moon", label, "", statistics.mean_error((number <= 1).double()), len(number))
    found.add("suns and moons", label, "", statistics.mean_error(number), len(number))


def crop_ranks(
    found: Findings, task: Task, label: str, crops: Tensor, plain: Tensor, captions: list[str], scenes: int
) -> dict[str, Tensor]:
    """Top-1 of crops and of plain samples among the captions, whose last ones are right; plain's by prompt (scenes,)."""
    scores = {}
    for name, clip in task.clip_models.items():
        texts, hits = clip.encode_texts(captions), {}
        for pictures, x in {"crops": crops, "plain": plain}.items():
            cosines = seen(clip, x) @ texts.T
            right = (len(captions) - scenes + torch.arange(scenes)).repeat_interleave(len(x) // scenes)
            hits[pictures] = (statistics.ranks(cosines, right) < 1).double().view(scenes, -1).mean(1)
            found.add(f"top-1 of {len(captions)}, {pictures}", label, name, statistics.mean_error(hits[pictures]), len(x))
            cosine = cosines.gather(1, right[:, None]).view(scenes, -1).mean(1)
            found.add(f"cosine, {pictures}", label, name, statistics.mean_error(cosine), len(x))
            found.details[f"top-1 by prompt, {label}, {pictures}, {name}"] = hits[pictures].tolist()
        found.add("top-1, crops over plain", label, name, statistics.ratio_error(hits["crops"], hits["plain"]), len(crops))
        scores[name] = hits["plain"]
    return scores


def check_counter(found: Findings, task: Task) -> None:
    """The counter of suns on real wide renders, with the sun and without."""
    torch.manual_seed(task.seed)
    skies = {key: time for key, (_, time) in SHORT.items() if key not in SUNLESS}
    rows = task.count(8, 2)
    for there, name in ((True, "real with a sun"), (False, "real without")):
        number = []
        for key, time in list(skies.items())[: task.count(10, 1)]:
            image, depth = SCENES[key](rows, 128, TIMES * 128, task.on, time, torch.full((rows,), there, device=task.on))
            number.append(count_discs(apply("photo", image, depth)))
        every = torch.cat(number).double()
        found.add("suns and moons", name, "", statistics.mean_error(every), len(every))
