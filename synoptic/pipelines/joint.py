"""N prompts, one picture: painted through every stage, and seeds searched for. What anagrams and hybrids share."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from synoptic.models.registry import Checkpoint
from synoptic.options.joint import in_pixels
from synoptic.runs.manifest import BETWEEN, Result, Run, pictures_of

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image
    from torch import Tensor

    from synoptic.diffusion.equations import Step
    from synoptic.models.base import Denoiser
    from synoptic.models.upscaler import Upscaler
    from synoptic.sampling.multistage import JointSampler
    from synoptic.views.base import Projection

    Build = Callable[[tuple[int, int, int]], Projection]  # the views of a canvas (C, H, W)
    Seen = Callable[[Image], list[Image]]  # a picture as each prompt means it

SEARCHED_BY = "bundled-shape"  # so that the judge which reports never chose


def views_of(run: Run, source: Checkpoint, model: Denoiser, build: Build) -> Projection:
    """What is painted together at first: views of the model's own canvas, or of a latent model's pictures."""
    from synoptic.views.pixel_space import PixelSpace

    if in_pixels(source, run.settings):
        inner = build((3, source.native_size, source.native_size))
        return PixelSpace(inner, model.encode, model.decode, residual=run.settings["residual"])
    return build(model.shape)


def pixels_of(run: Run, source: Checkpoint, model: Denoiser, z: Tensor) -> Tensor:
    """Pictures (B, 3, H, W) of the first canvas."""
    return z if in_pixels(source, run.settings) else model.decode(z)


def how(settings: dict[str, Any], texts: Sequence[str]) -> JointSampler:
    from synoptic.sampling.multistage import JointSampler

    same = {name: settings[name] for name in ("sync", "space", "sampler", "eta", "clip")}
    return JointSampler(
        texts,
        settings["steps"],
        settings["guidance"],
        settings["negative"],
        init=settings["start"],
        equalize_guidance=settings["balance"],
        **same,
    )


def paint(
    run: Run,
    source: Checkpoint,
    larger: Sequence[Checkpoint],
    together: JointSampler,
    build: Build,
    seen: Seen,
    texts: Sequence[str],
    trace: bool = False,
) -> Result:
    """Every picture of the run through all stages, scored by how well its worst view fits its prompt (`seen`: its views).

    `build` gives the views of a canvas. What an upscaler was given is kept beside what it made of it: NAME.64.png.
    """
    from dataclasses import replace
    from functools import cache

    from synoptic import io
    from synoptic.metrics.concealment import alignment
    from synoptic.pipelines.upscaling import load_stage
    from synoptic.runs.execute import Measure, execute

    settings, files = run.settings, {picture.seed: run.folder / picture.file for picture in run.pictures}
    load = cache(lambda up, model: load_stage(up, source, model, settings))
    given = {"noise_level": settings["level"], "noise_augmentation": settings["augment"]}
    of_side: dict[int, Upscaler] = {}  # whose latents have it

    def keep(z: Tensor, rngs: Sequence[torch.Generator]) -> None:
        for rng, image in zip(rngs, io.to_pil(z), strict=True):
            file = files[rng.initial_seed()]
            io.save_image(file.with_suffix(f".{image.width}.png"), image, {"of": file.name})

    def stages(model: Denoiser, _: Any, rngs: Sequence[torch.Generator]) -> Iterator[Step]:
        step = yield from passed(together.sample(model, views_of(run, source, model, build), rngs))
        z, looks = step.x, build((3, source.native_size, source.native_size))
        for i, up in enumerate(larger):
            z = z if i else pixels_of(run, source, model, z)
            keep(z, rngs)
            stage, upscaler = (
                replace(together, num_steps=up.defaults.steps, guidance_scale=up.defaults.guidance_scale),
                load(up, model),
            )
            of_side[z.shape[-1] * upscaler.scale_factor // upscaler.factor] = upscaler
            z = (yield from passed(stage.upscale(upscaler, looks, z, rngs, **given))).x
            looks = looks.scaled(upscaler.scale_factor)

    def decode(model: Denoiser, x: Tensor) -> Tensor:
        """Pictures of any stage's canvas or views."""
        return x if x.shape[1] == 3 else of_side.get(x.shape[-1], model).decode(x)

    def fits(judge: Any, image: Image, _: Any) -> float:
        return alignment(judge(seen(image), list(texts))).item()

    steps = settings["steps"] + sum(up.defaults.steps for up in larger)
    return execute(
        run, source, stages, decode, views=len(texts), steps=steps, measure=Measure("alignment", fits), trace=trace
    )


def search(
    run: Run,
    source: Checkpoint,
    together: JointSampler,
    build: Build,
    seen: Seen,
    texts: Sequence[str],
) -> None:
    """Make the best seeds of --search the run's pictures: by the worst view's cosine. Kept in `search.json`.

    The judge that searches is blind to colour; the one that reports never chose.
    """
    from synoptic.io import atomic_write, to_pil
    from synoptic.metrics.clip import Clip
    from synoptic.metrics.concealment import alignment
    from synoptic.runs.execute import opened
    from synoptic.sampling.seed_search import SCREENING_STEPS, seed_search

    settings, file = run.settings, run.folder / "search.json"
    if not file.exists():
        import torch

        from synoptic.runs.progress import bar

        (model, _), judge = opened(run, source), Clip(SEARCHED_BY)
        views = views_of(run, source, model, build)

        def score(z: Tensor) -> Tensor:
            pictures = to_pil(pixels_of(run, source, model, z))
            return torch.stack([alignment(judge(seen(picture), list(texts))) for picture in pictures])

        seeds = range(settings["seed"], settings["seed"] + settings["search"])
        rounds = []
        with bar("search", 2 if together.num_steps > SCREENING_STEPS else 1) as tick:
            for found in seed_search(together, model, views, seeds, score, keep=settings["count"]):
                rounds.append(found._asdict())
                tick()
        text = json.dumps({"judge": judge.name, "rounds": rounds}, indent=1) + "\n"
        atomic_write(file, lambda f: f.write(text.encode()))
    best = json.loads(file.read_text())["rounds"][-1]["seeds"][: settings["count"]]
    run.pictures = pictures_of([BETWEEN.join(settings["prompt"])], best)


def passed(steps: Iterator[Step]) -> Generator[Step, None, Step]:
    """The steps, passed on; returns the last."""
    step = next(steps)
    yield step
    for step in steps:
        yield step
    return step
