"""Are grounds and skies of the bundled model's panoramas what they are asked to be, with words that fit the scene?

python -m benchmarks.panorama_poles [--scenes dunes …] [--seeds N] [--out DIR] [--budget SECONDS] [--tiny]

Ten scenes, each with what a person would ask for straight above and straight below. Of the crops of 80 degrees around the
horizon, over the closing edge and at the poles, and of plain pictures of the same words: how often they are recognized, by
a linear classifier on the features of the reference CLIP (whose text tower learned before there were pictures from
above), that learned from renders of each of these words; its share of other renders is in the file. Of what is below also
its levelness (benchmarks/panorama_study.py). Writes panorama_poles.json as it goes, and a JPEG per scene.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from PIL import Image
from torch import Tensor

import synoptic
from benchmarks.panorama_study import AROUND, CROPS, PROMPTS, crops, levelness, looked_at, table
from benchmarks.study import Row, Study, joined, parser
from bundled_training.evaluate.renders import Renders
from bundled_training.render.captions import Spec
from synoptic import io
from synoptic.metrics.clip import Clip

SKY = "a photo of the sky"
RENDERS, TESTED, SIDE = 64, 32, 256  # of each class: learned from, and held out; pixels of both
PENALTY = 0.01  # on the classifier's weights, of the features' mean square


class Place(NamedTuple):
    """A scene's prompt, its words straight above and straight below, and what bundled_training calls its parts."""

    prompt: str
    up: str  # "" where there is no sky
    down: str
    ground: str
    time: str = "day"


PLACES = {
    "dunes": Place(PROMPTS[0], SKY, "overhead view of sand dunes", "dunes"),
    "beach": Place(
        PROMPTS[1], "a photo of the sky at sunset", "a photo of a beach at sunset, overhead view", "beach", "sunset"
    ),
    "autumn": Place(PROMPTS[2], SKY, "overhead view of an autumn forest", "autumn"),
    "snowy": Place(PROMPTS[3], SKY, "overhead view of snow", "snow"),
    "lake": Place(PROMPTS[4], "a photo of the sky in the mist", "overhead view of a lake in the mist", "lake", "mist"),
    "lavender": Place(PROMPTS[5], SKY, "overhead view of a lavender field", "lavender"),
    "city": Place(PROMPTS[6], "a photo of the night sky full of stars", "overhead view of a city at night", "city", "night"),
    "meadow": Place(PROMPTS[7], SKY, "overhead view of a green meadow", "meadow"),
    "underwater": Place(PROMPTS[8], "", "overhead view of a coral reef", "reef"),
    "canyon": Place(PROMPTS[9], SKY, "overhead view of a canyon", "canyon"),
}


def classes() -> dict[str, Spec]:
    """Return what is rendered of every prompt and of every pole's words."""
    found: dict[str, Spec] = {}
    for name, place in PLACES.items():
        found[place.prompt] = Spec(place.prompt, "photo", "scene", scene=name, time=place.time)
        found[place.down] = Spec(place.down, "photo", "pole", scene=f"overhead {place.ground}", time=place.time)
        if place.up:
            sky = "night sky" if place.time == "night" else "sky"
            found[place.up] = Spec(place.up, "photo", "pole", scene=sky, time=place.time)
    return found


class Recognizer:
    """A ridge classifier of the reference CLIP's features; `share`, by class: what it recognizes of other renders."""

    def __init__(self, specs: Mapping[str, Spec], renders: int = RENDERS, tested: int = TESTED) -> None:
        self.clip, self.names = Clip("bundled"), list(specs)
        every = [spec for spec in specs.values() for _ in range(renders + tested)]
        pictures = io.to_pil(2 * Renders(torch.device("cpu"))(every, SIDE, seed=0) - 1)
        features = self.clip.encode_images(pictures).double().unflatten(0, (len(specs), -1))
        self.mean = features[:, :renders].mean((0, 1))
        x = self._with_one(features[:, :renders]).flatten(0, 1)
        right = torch.arange(len(specs))
        gram = x.mT @ x
        penalty = PENALTY * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype)
        self.weights = torch.linalg.solve(
            gram + penalty, x.mT @ torch.eye(len(specs)).double().repeat_interleave(renders, 0)
        )
        found = (self._with_one(features[:, renders:]) @ self.weights).argmax(-1)
        self.share = dict(zip(self.names, (found == right[:, None]).double().mean(1).tolist(), strict=True))

    def _with_one(self, features: Tensor) -> Tensor:
        return torch.cat([features - self.mean, torch.ones_like(features[..., :1])], -1)

    def __call__(self, pictures: Sequence[Image.Image], words: Sequence[str]) -> list[float]:
        """Return 1 for each picture that is recognized as its words, 0 for others."""
        scores = self._with_one(self.clip.encode_images(pictures).double()) @ self.weights
        return [float(self.names[k] == own) for k, own in zip(scores.argmax(1).tolist(), words, strict=True)]


def main(given: Sequence[str] | None = None) -> list[Row]:
    p = parser(__doc__, "outputs/benchmarks/panorama_poles")
    p.add_argument("--scenes", nargs="+", default=list(PLACES), choices=PLACES)
    p.add_argument("--seeds", type=int, default=4)
    a = p.parse_args(given)
    if a.tiny:
        a.scenes, a.seeds, a.steps = a.scenes[:1], 1, 2
    model, study = synoptic.load("bundled"), Study(a.out, "panorama_poles", a.budget)
    recognizer = Recognizer(classes(), *((4, 2) if a.tiny else ()))
    for words, share in recognizer.share.items():
        study.add({"way": "renders", "prompt": words, "recognized": share})
    how = {"count": a.seeds, "seed": 0} | ({"steps": a.steps} if a.steps else {})
    longest = 0.0
    for name in a.scenes:
        place, before = PLACES[name], study.seconds()
        if study.over(longest):
            break
        for part, words in (("ring", place.prompt), ("up", place.up), ("down", place.down)):
            pictures = synoptic.generate(model, words, **how).images if words else []
            for k, found in enumerate(recognizer(pictures, [words] * len(pictures)) if pictures else []):
                row: Row = {"way": "plain", "prompt": place.prompt, "seed": k, f"recognized {part}": found}
                study.add(row | ({"levelness down": levelness(pictures[k])} if part == "down" else {}))
        shown = []
        poles = {name: text for name, text in (("prompt_up", place.up), ("prompt_down", place.down)) if text}
        for k, output in enumerate(synoptic.panorama(model, place.prompt, **how, **poles).outputs):
            image, figures = output.image, output.figures
            views = crops(image, model.checkpoint.native_size)
            every = [place.prompt] * (AROUND + 1) + [place.up or place.prompt, place.down]
            found = dict(zip(CROPS, recognizer(views, every), strict=True))
            ring = sum(found[f"ring {n}"] for n in range(AROUND)) / AROUND
            row = {"way": "panorama", "prompt": place.prompt, "seed": k, **figures, "recognized ring": ring}
            row |= {f"recognized {part}": found[part] for part in ("seam", "down", *(["up"] if place.up else []))}
            study.add(row | {"levelness down": levelness(views[-1])})
            shown.append(looked_at("own words", image, study.rows[-1]))
        joined(shown, down=True).save(a.out / f"{name}.jpg", quality=80)
        longest = max(longest, study.seconds() - before)
        print(f"# {place.prompt}, {study.seconds() - before:.0f} s", flush=True)
    print(table(study.rows))
    return study.rows


if __name__ == "__main__":
    main()
