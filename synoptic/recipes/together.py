"""What anagrams and hybrids share: N prompts, one picture, painted through every stage; seeds searched for."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from synoptic.check import BadInput, at_least, one_of
from synoptic.models.source import Source
from synoptic.runs.manifest import BETWEEN, Result, Run, pictures_of

if TYPE_CHECKING:
    from PIL.Image import Image

    from synoptic.diffusion import Step
    from synoptic.models.base import Denoiser
    from synoptic.stages import Together
    from synoptic.views.base import Views

Style = Annotated[str, "words before every prompt, for example: an oil painting of"]
Balance = Annotated[bool, "bring the views' guidance to one strength, so that no prompt swallows the others"]
Sync = Annotated[Literal["x0", "eps", "xt", "none"], "what the views agree on at each step; none paints them apart"]
Space = Annotated[Literal["auto", "instance", "canonical"], "where the state lives: per view, or on the canvas"]
Start = Annotated[Literal["auto", "shared", "independent"], "one noise that every view sees, or each its own"]
Canvas = Annotated[
    Literal["pixels", "latents"], "of latent models: views of the picture, or, quicker and worse, of its latents"
]
Residual = Annotated[bool, "of latent models: give back what the autoencoder loses at each step"]
Augment = Annotated[bool, "noise the small pictures that upscalers are given, up to --level"]
Search = Annotated[int, "begin so many seeds, keep the --count best, by the judge that is blind to colour; 0: no search"]
Model = Annotated[str, "bundled-if, if, … (pixels), bundled, sd1.5, … (latents), a hub id or a directory: synoptic models"]

SEARCHED_BY = "bundled-shape"  # so that the judge which reports never chose


def place(source: Source, settings: dict[str, Any]) -> None:
    """Fill in where the state lives and what noise it starts from, and check them. Raises BadInput on a broken rule."""
    one_of("--sync", settings["sync"], ("x0", "eps", "xt", "none"))
    one_of("--space", settings["space"], ("auto", "instance", "canonical"))
    one_of("--start", settings["start"], ("auto", "shared", "independent"))
    one_of("--canvas", settings["canvas"], ("pixels", "latents"))
    pixels = in_pixels(source, settings)
    rules = {"sync": "x0", "space": "instance", "start": "independent"}
    for name, only in rules.items() if pixels else ():
        if settings[name] not in ("auto", only):
            raise BadInput(
                f"views of a latent model's pictures have no noise in common: --{name} must be {only}, {settings[name]} was"
                " given; use it, or --canvas latents"
            )
    if pixels and (settings["eta"] or settings["sampler"] == "ddpm"):
        raise BadInput("views of a latent model's pictures share no noise: use --sampler ddim or dpm++ with --eta 0")
    if settings["start"] == "auto":
        settings["start"] = "independent" if pixels else "shared"
    if settings["space"] == "auto":
        apart = settings["start"] == "independent" or settings["sync"] == "none"
        settings["space"] = "instance" if apart else "canonical"
    if settings["space"] == "canonical" and settings["start"] == "independent":
        raise BadInput(
            "one canvas has one noise: --start independent needs --space instance, canonical was given: change it"
        )
    if settings["space"] == "canonical" and settings["sync"] == "none":
        raise BadInput("--sync none keeps a state per view, --space canonical has only one: use --space auto")


def in_pixels(source: Source, settings: dict[str, Any]) -> bool:
    """Whether a latent model's views are of its pictures."""
    return source.factor > 1 and settings["canvas"] == "pixels"


def views_of(source: Source, settings: dict[str, Any], build: Callable[[tuple[int, int, int]], Views]) -> Any:
    """(model) -> its Views: of the model's own canvas, or of a latent model's pictures."""
    if not in_pixels(source, settings):
        return lambda model: build(model.shape)

    from synoptic.views.in_pixels import InPixels

    inner = build((3, source.native, source.native))
    return lambda model: InPixels(inner, model.encode, model.decode, residual=settings["residual"])


def how(settings: dict[str, Any], texts: Sequence[str]) -> Together:
    from synoptic.stages import Together

    names = ("steps", "guidance", "negative", "sync", "space", "start", "sampler", "eta", "clip", "balance")
    return Together(texts, **{name: settings[name] for name in names})


def paint(
    run: Run,
    source: Source,
    larger: Sequence[Source],
    together: Together,
    views: Callable[[Denoiser], Views],
    seen: Callable[[Image], list[Image]],
    texts: Sequence[str],
) -> Result:
    """Every picture of the run through all stages, scored by how well its worst view fits its prompt (`seen`: its views)."""
    from dataclasses import replace
    from functools import cache

    from synoptic.evaluate.anagrams import alignment
    from synoptic.models.load import load_upscaler
    from synoptic.runs.execute import Measure, execute

    settings = run.settings
    load = cache(lambda up: load_upscaler(up, device=settings["device"], dtype=settings["dtype"]))

    def stages(model: Denoiser, _: Any, rngs: Any) -> Iterator[Any]:
        looks = views(model)
        step = yield from passed(together.paint(model, looks, rngs))
        for up in larger:
            stage = replace(together, steps=up.defaults.steps, guidance=up.defaults.guidance)
            level, augment = settings["level"], settings["augment"]
            step = yield from passed(stage.enlarge(load(up), looks, step.x, rngs, level=level, augment=augment))
            looks = looks.at(load(up).times)

    def decode(model: Denoiser, x: Any) -> Any:
        return model.decode(x) if source.factor > 1 and settings["canvas"] == "latents" else x

    def fits(judge: Any, image: Image, _: Any) -> float:
        return alignment(judge(seen(image), list(texts))).item()

    steps = settings["steps"] + sum(up.defaults.steps for up in larger)
    return execute(run, source, stages, decode, views=len(texts), steps=steps, measure=Measure("alignment", fits))


def search(
    run: Run,
    source: Source,
    together: Together,
    views: Callable[[Denoiser], Views],
    seen: Callable[[Image], list[Image]],
    texts: Sequence[str],
) -> None:
    """Make the best seeds of --search the run's pictures: by the worst view's cosine. Kept in `search.json`.

    The judge that searches is blind to colour; the one that reports never chose.
    """
    from synoptic.evaluate.anagrams import alignment
    from synoptic.evaluate.clip import Clip
    from synoptic.images import atomically, to_pil
    from synoptic.models.load import load
    from synoptic.search import halving

    settings, file = run.settings, run.folder / "search.json"
    if not file.exists():
        import torch

        from synoptic.runs.progress import bar

        model, judge = load(source, device=settings["device"], dtype=settings["dtype"]), Clip(SEARCHED_BY)
        latents = source.factor > 1 and settings["canvas"] == "latents"

        def score(z: Any) -> Any:
            pictures = to_pil(model.decode(z) if latents else z)
            return torch.stack([alignment(judge(seen(picture), list(texts))) for picture in pictures])

        seeds = range(settings["seed"], settings["seed"] + settings["search"])
        rounds = []
        with bar("search", 4) as tick:
            for found in halving(together, model, views(model), seeds, score, keep=settings["count"]):
                rounds.append(found._asdict())
                tick()
        text = json.dumps({"judge": judge.name, "rounds": rounds}, indent=1) + "\n"
        atomically(file, lambda f: f.write(text.encode()))
    best = json.loads(file.read_text())["rounds"][-1]["seeds"][: settings["count"]]
    run.pictures = pictures_of([BETWEEN.join(texts)], best)


def passed(steps: Iterator[Step]) -> Generator[Step, None, Step]:
    """The steps, passed on; returns the last."""
    step = next(steps)
    yield step
    for step in steps:
        yield step
    return step


def check_search(settings: dict[str, Any]) -> None:
    """Raises BadInput where there are fewer seeds to search than pictures to keep."""
    at_least("--search", settings["search"], 0)
    if settings["search"] and settings["search"] < settings["count"]:
        raise BadInput(f"--search must be at least --count, {settings['count']}; {settings['search']} was given: raise it")
