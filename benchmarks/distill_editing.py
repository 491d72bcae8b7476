"""Edits of renders whose object, color or style changes: PDS and DDS against SDEdit, on the bundled latent model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from PIL import Image
from torch import Tensor

from bundled_training.render import Renderer
from bundled_training.render.captions import Spec, coloured, with_article
from bundled_training.render.words import SCENES
from synoptic.distillation.base import Loss
from synoptic.distillation.edit_losses import dds, pds
from synoptic.distillation.image_scene import LatentImage
from synoptic.distillation.loss_defaults import loss_defaults
from synoptic.distillation.optimize import optimize, warmup_cosine
from synoptic.distillation.timesteps import uniform_timesteps
from synoptic.guidance.cfg import cfg
from synoptic.io import image_grid, plot_lines, save_image, to_pil
from synoptic.metrics.base import mean_error
from synoptic.metrics.clip import Clip
from synoptic.metrics.fidelity import perceptual_distance, to_8bit
from synoptic.models.load import load
from synoptic.models.registry import resolve
from synoptic.sampling.sdedit import sdedit

MODEL, STEPS, SIDE = "bundled", 25, 256
STARTS = range(2, 24, 2)  # of SDEdit's 25 steps
START = 22  # the one that is compared: on TUNED, it keeps the background as well as PDS of stride 2
STRIDES = 1, 2, 3, 5, 10, 20
AT = 50, 100, 200, 300, 500  # steps after which DDS is looked at
PLACES = None, "meadow", "snowy", None, "beach", "mountains", None, "dunes", "road", "autumn"


@dataclass(frozen=True)
class Pair:
    """A render's spec, what its prompt becomes, and what changes."""

    spec: Spec
    target: str
    kind: Literal["object", "colour", "style"]


def spec_of(name: str, place: str | None, colour: str | None = None) -> Spec:
    """A photo of one thing, somewhere or on white."""
    words = coloured(colour, name) if colour else with_article(name)
    tail = f" {SCENES[place].around[0]}" if place else " on a white background"
    background = None if place else "white"
    layout = "placed" if place else "one"
    return Spec(f"a photo of {words}{tail}", "photo", "one", (name,), layout, colour, place, background)


def objects(names: str, shift: int = 0) -> list[Pair]:
    found = []
    for k, pair in enumerate(names.split(",")):
        before, after = pair.split(">")
        spec = spec_of(before, PLACES[(k + shift) % len(PLACES)])
        found.append(Pair(spec, spec.caption.replace(with_article(before), with_article(after)), "object"))
    return found


def colours(names: str, shift: int = 0) -> list[Pair]:
    found = []
    for k, text in enumerate(names.split(",")):
        name, before, after = text.split(":")
        spec = spec_of(name, PLACES[(k + shift) % len(PLACES)], before)
        found.append(Pair(spec, spec.caption.replace(coloured(before, name), coloured(after, name)), "colour"))
    return found


def styles(names: str, shift: int = 0) -> list[Pair]:
    found = []
    for k, text in enumerate(names.split(",")):
        name, style = text.split(":")
        spec = spec_of(name, PLACES[(k + shift) % len(PLACES)])
        found.append(Pair(spec, spec.caption.replace("a photo of", style), "style"))
    return found


PAIRS = [
    *objects("horse>cow,dog>cat,lemon>apple,rabbit>fox,duck>swan,lion>tiger,pear>eggplant,owl>parrot,bus>truck,"
             "crown>cake,sheep>pig,penguin>chicken,guitar>violin,castle>church,elephant>rhino,donut>cookie"),
    *colours("car:red:blue,flower:pink:yellow,house:white:red,apple:red:green,shirt:blue:orange,hat:black:purple,"
             "umbrella:red:green,teapot:brown:silver,balloon:yellow:pink,book:green:red,"
             "truck:orange:blue,heart:red:golden", 1),
    *styles("cat:an oil painting of,horse:a watercolor of,skull:a pencil sketch of,owl:a neon sign of,"
            "boat:an oil painting of,tree:a watercolor of,lion:a lithograph of,rose:a pencil sketch of,"
            "bear:an oil painting of,fish:a neon sign of,mushroom:a watercolor of,tiger:a lithograph of", 2),
]  # fmt: skip
TUNED = [
    *objects("goat>wolf,peach>tomato,frog>turtle,drum>bell,panda>koala", 3),
    *colours("dress:blue:red,bicycle:green:orange,cup of coffee:red:blue,tulip:yellow:purple", 4),
    *styles("dog:an oil painting of,pineapple:a watercolor of,deer:a pencil sketch of", 5),
]


def renders(pairs: Sequence[Pair]) -> tuple[Tensor, Tensor]:
    """Pictures (N, 3, S, S) in [-1, 1], and where their object is (N, 1, S, S): what its absence would change."""
    renderer = Renderer("cpu")
    pictures, masks = [], []
    for k, pair in enumerate(pairs):
        torch.manual_seed(k)
        image, depth = renderer.render([pair.spec], SIDE)
        torch.manual_seed(k)
        _, empty = renderer.render([replace(pair.spec, names=(), layout="")], SIDE)
        pictures.append(image * 2 - 1)
        masks.append((depth - empty).abs() > 1e-4)
    return torch.cat(pictures), torch.cat(masks)


class Measures:
    """What an edit gains in the target's score, and what it keeps of the source."""

    def __init__(self, pairs: Sequence[Pair], sources: Tensor, masks: Tensor) -> None:
        self.pairs, self.sources = pairs, to_pil(sources)
        # grown by a few pixels, so that a latent's reach and the paste's soft edge count as the object
        self.outside = ~torch.nn.functional.max_pool2d(masks.float(), 9, 1, 4).bool()
        self.clip_model, self.shape = Clip("bundled"), Clip("bundled-grayscale")
        self.before = self.scores(self.sources)

    def scores(self, pictures: Sequence[Image.Image]) -> Tensor:
        texts = self.clip_model.encode_texts([pair.target for pair in self.pairs])
        return (self.clip_model.encode_images(list(pictures)) * texts).sum(1)

    def row(self, method: str, setting: int, pictures: Sequence[Image.Image]) -> dict[str, Any]:
        gain = self.scores(pictures) - self.before
        far = [perceptual_distance(self.shape, a, b) for a, b in zip(pictures, self.sources, strict=True)]
        kept = [
            background(a, b, m)
            for a, b, m, pair in zip(pictures, self.sources, self.outside, self.pairs, strict=True)
            if pair.kind != "style"  # which changes the background too
        ]
        found: dict[str, Any] = {"method": method, "setting": setting}
        for name, values in {"gain": gain.tolist(), "distance": far, "PSNR outside": kept}.items():
            found[name], found[f"± {name}"] = mean_error(values)
        for kind in ("object", "colour", "style"):
            some = [g for g, pair in zip(gain.tolist(), self.pairs, strict=True) if pair.kind == kind]
            found[f"gain, {kind}"] = sum(some) / len(some)
        return found


def background(a: Image.Image, b: Image.Image, outside: Tensor) -> float:
    """PSNR in dB where there is no object."""
    error = (to_8bit(a) - to_8bit(b))[0][:, outside[0]].square().mean().clamp(min=1e-3)
    return (10 * torch.log10(255**2 / error)).item()


def edited(loss: Loss, x: Tensor, at: Sequence[int], lr: float) -> dict[int, Tensor]:
    """x after so many steps."""
    rngs = [torch.Generator().manual_seed(k) for k in range(len(x))]
    scene, last = LatentImage(x), max(at)
    rate = warmup_cosine(lr, last, last // 5)
    steps = optimize(scene, loss, lambda image: image, steps=last, lr=rate, rngs=rngs)
    return {step.i + 1: scene.x.detach().clone() for step in steps if step.i + 1 in at}


@torch.no_grad()
def measure(out: Path, quick: bool) -> None:
    """The three curves on the study's pairs, and the same on those that tuned them."""
    for name, pairs in {"tuned": TUNED, "editing": PAIRS}.items():
        some = pairs[:: len(pairs) // 6] if quick else pairs
        table = curves(out, name, some, quick)
        (out / f"{name}.json").write_text(json.dumps(table, indent=1) + "\n")
        save_image(out / f"{name}-curves.png", figure(table), {})


def curves(out: Path, name: str, pairs: Sequence[Pair], quick: bool) -> list[dict[str, Any]]:
    m = load(MODEL)
    s, (sources, masks) = m.schedule, renders(pairs)
    measures = Measures(pairs, sources, masks)
    x = m.encode(sources.to(m.device))
    texts = [pair.target for pair in pairs], [pair.spec.caption for pair in pairs]
    guide, table, shown = resolve(MODEL).defaults.guidance_scale, [], {}

    def note(method: str, setting: int, z: Tensor) -> None:
        pictures = to_pil(m.decode(z))
        table.append(measures.row(method, setting, pictures))
        shown[method, setting] = pictures
        print(name, *(f"{v:.3f}" if isinstance(v, float) else v for v in table[-1].values()), sep="\t", flush=True)

    print("set", *measures.row("", 0, measures.sources), sep="\t")
    note("autoencoder", 0, x)
    predict = cfg(m, texts[0], guide)
    for start in [4, 14] if quick else STARTS:
        rngs = [torch.Generator().manual_seed(k) for k in range(len(x))]
        *_, step = sdedit(predict, s, x, start=start, steps=s.steps(STEPS), rngs=rngs)
        note("SDEdit", start, step.x)
    how, both = loss_defaults(resolve(MODEL), "pds", "latent"), [*texts[0], *texts[1]]
    predict, times = cfg(m, both, how.guidance_scale), uniform_timesteps(how.t_min, how.t_max)
    for stride in [2] if quick else STRIDES:
        found = edited(pds(predict, s, x, stride, timesteps=times), x, [4 if quick else 500], how.lr)
        note("PDS", stride, *found.values())
    how = loss_defaults(resolve(MODEL), "dds", "latent")
    loss = dds(cfg(m, both, how.guidance_scale), s, x, timesteps=uniform_timesteps(how.t_min, how.t_max))
    for k, z in edited(loss, x, [2, 4] if quick else AT, how.lr).items():
        note("DDS", k, z)
    rows = [("source", measures.sources)]
    wanted = [("SDEdit", 16), ("SDEdit", START), ("PDS", 2), ("DDS", AT[0])]
    rows += [(f"{method} {setting}", shown[method, setting]) for method, setting in wanted if (method, setting) in shown]
    sheet = [pictures[k] for k in range(len(pairs)) for _, pictures in rows]
    labels = [pair.target[:40] if n == 0 else way for pair in pairs for n, (way, _) in enumerate(rows)]
    save_image(out / f"{name}-edits.png", image_grid(sheet, labels, 2 * len(rows), cell=128), {})
    return table


def figure(table: Sequence[dict[str, Any]]) -> Image.Image:
    """Gain over distance, a line a method, a mark a setting."""
    rows = {way: [r for r in table if r["method"] == way] for way in ("PDS", "SDEdit", "DDS")}
    lines = {way: [(round(r["distance"], 2), r["gain"]) for r in some] for way, some in rows.items()}
    marks = {way: [str(r["setting"]) for r in some] for way, some in rows.items()}
    top = 1.1 * max(gain for line in lines.values() for _, gain in line)
    return plot_lines(lines, "distance to the source, clip-grayscale", "gain of the target's score", top, marks)


if __name__ == "__main__":
    raise SystemExit("python benchmarks/distill.py editing")
