"""Are the bundled model's panoramas whole spheres, and as much what was asked for as its plain pictures?

python -m benchmarks.panorama_study [--prompts "a photo of a canyon" …] [--seeds N] [--ways default plain …]
    [--up WORDS] [--down WORDS] [--out DIR] [--budget SECONDS] [--tiny]

Per prompt and seed: the figures of the run's own report; then crops of 80 degrees around the horizon, over the closing edge
and at the poles, each one's CLIP score, whether a CLIP finds its prompt first among 200, and its low-band contrast: the
deviation of its gray, made 8 times smaller. Of the crop that looks down also its levelness: the largest step over four
pixels of the means of rows, in its middle half, over that of columns; about 1 without a horizon, 1.0 to 4.3 with one. Ways:
  default      `synoptic panorama PROMPT`
  plain        `synoptic generate PROMPT` of the same prompts and seeds
  independent  the default, but each view's start noise its own, in place of integral noise, which views share
  own words    poles with a prompt of their own each, from 0.3 of the steps on
  at once      such poles, from the first step on
  plain words  `synoptic generate` of these two prompts, without a sphere: what the model knows of them; and of the lower
               half of those of the words below, the ground alone, which is what one sees who looks down
Writes panorama_study.json as it goes, and a JPEG per prompt. On the GPU where there is one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

import torch
from PIL import Image
from torch import Tensor

import synoptic
from benchmarks.study import Row, Study, averaged, by, joined, labeled, parser
from synoptic import io
from synoptic.diffusion.equations import randn
from synoptic.metrics.clip import Clip
from synoptic.metrics.retrieval import ranks
from synoptic.models.base import PretrainedModel
from synoptic.models.vocabulary import vocabulary
from synoptic.options.base import Item
from synoptic.options.panorama import PanoramaOptions
from synoptic.pipelines.base import take_steps
from synoptic.pipelines.outputs import Output
from synoptic.pipelines.panorama import CROP_FOV, PanoramaPipeline
from synoptic.views.directions import Direction
from synoptic.views.sphere import perspective

PROMPTS = (
    "a photo of desert dunes", "a photo of a beach at sunset", "a dense forest in autumn with trees in shades of red orange",
    "a photo of snowy mountains", "a tranquil lake surrounded by misty mountains", "a photo of a lavender field",
    "a photo of a city skyline at night", "a photo of a green meadow", "a photo of a coral reef", "a photo of a canyon",
)  # fmt: skip
UP, DOWN = "a photo of outer space", "a photo of a wheat field"
UPS = UP, "a photo of the sky", "a photo of the night sky"
DOWNS = DOWN, "overhead view of a wheat field", "overhead view of green grass", "overhead view of a beach"
CAPTIONS, AROUND, SMALLER = 200, 8, 8
CROPS = {f"ring {k}": Direction(360 * k / AROUND, 0.0) for k in range(AROUND)}
CROPS |= {"seam": Direction(180.0, 0.0), "up": Direction(0.0, 90.0), "down": Direction(0.0, -90.0)}
WAYS = "default", "plain", "independent", "own words", "at once", "plain words"
HORIZON_FIRST = {"own words": 0.3, "at once": 0.0}  # of the ways whose poles have words of their own
WIDTH, LOOK, QUALITY = 1024, 252, 80


Poles = tuple[str, str]  # the words of what is straight above and straight below


class IndependentPanorama(PanoramaPipeline):
    """The panorama's pipeline, whose views begin with white noise of their own each."""

    def begin(self, rngs: Sequence[torch.Generator]) -> Tensor:
        shape = (self.options.num_views, *self.model.shape)
        return randn(shape, rngs, torch.empty(0)).flatten(0, 1).to(self.model.device)


class Retrieval:
    """The reference CLIP, and the captions among which a picture should find its own."""

    def __init__(self, prompts: Sequence[str], poles: Poles) -> None:
        self.clip = Clip("bundled")
        self.captions = [*dict.fromkeys([*prompts, poles[0], DOWN if poles[1] in prompts else poles[1]])]
        kinds, used = vocabulary()["prompts"], {word for text in self.captions for word in text.split() if len(word) > 3}
        others = [f"a photo of {name}" for name in kinds["scenes"] if not used & set(name.split())]
        things = [name for name in kinds["objects"] if not used & set(name.split())]
        things = Random(0).sample(things, CAPTIONS - len(self.captions) - len(others))
        others += [f"a photo of {name if name[:2] in ('a ', 'an') else 'a ' + name}" for name in things]
        self.captions += others
        self.texts = self.clip.encode_texts(self.captions)

    def __call__(self, pictures: Sequence[Image.Image], prompts: Sequence[str]) -> tuple[list[float], list[bool]]:
        """The CLIP score of each picture with its prompt, and whether it finds that first."""
        cosines = self.clip.encode_images(pictures) @ self.texts.T
        own = torch.tensor([self.captions.index(prompt) for prompt in prompts])
        return cosines.gather(1, own[:, None])[:, 0].tolist(), (ranks(cosines, own) == 0).tolist()


def low_contrast(picture: Image.Image) -> float:
    """The deviation of a picture's gray in [-1, 1], made `SMALLER` times smaller by means."""
    gray = io.from_pil(picture.convert("RGB")).mean(1, keepdim=True)
    return torch.nn.functional.avg_pool2d(gray, SMALLER).std().item()


def crops(picture: Image.Image, side: int) -> list[Image.Image]:
    x = io.from_pil(picture)
    return [io.to_pil(perspective(x, direction, CROP_FOV, (side, side)))[0] for direction in CROPS.values()]


def levelness(picture: Image.Image) -> float:
    """How much more a picture's gray steps between its rows than between its columns, in its middle half."""
    gray = io.from_pil(picture.convert("RGB")).mean((0, 1))

    def step(means: Tensor) -> Tensor:
        middle = means[len(means) // 4 : len(means) - len(means) // 4]
        return (middle[4:] - middle[:-4]).abs().amax()

    return (step(gray.mean(1)) / step(gray.mean(0)).clamp(min=1e-4)).item()


def panoramas(model: PretrainedModel, way: str, prompt: str, poles: Poles, **how: int) -> tuple[list[Item], list[Output]]:
    up, down = poles
    words = {"prompt_up": up, "prompt_down": down, "horizon_first": HORIZON_FIRST[way]} if way in HORIZON_FIRST else {}
    given = {"model": model.checkpoint.name, "device": str(model.device), **how, **words}
    options = PanoramaOptions.from_arguments(prompt, **given).resolve(model.checkpoint)
    pipeline = (IndependentPanorama if way == "independent" else PanoramaPipeline)(model, options)
    items = options.items()
    return items, take_steps(pipeline.steps(items))


def measured(retrieve: Retrieval, way: str, item: Item, output: Output, side: int, poles: Poles) -> Row:
    own = poles if way in HORIZON_FIRST else (item.title, item.title)
    prompts = [item.title] * (AROUND + 1) + list(own)
    pictures = crops(output.image, side)
    scores, first = retrieve(pictures, prompts)
    row: Row = {"way": way, "prompt": item.title, "seed": item.seed, **output.figures}
    row |= {"score ring": sum(scores[:AROUND]) / AROUND, "first ring": sum(first[:AROUND]) / AROUND}
    row |= {"low ring": sum(map(low_contrast, pictures[:AROUND])) / AROUND}
    for name, score, found in zip([*CROPS][AROUND:], scores[AROUND:], first[AROUND:], strict=True):
        row |= {f"score {name}": score, f"first {name}": float(found)}
    return row | {"levelness down": levelness(pictures[-1])}


def plain(retrieve: Retrieval, model: PretrainedModel, prompt: str, **how: int) -> Iterator[tuple[Row, Image.Image]]:
    result = synoptic.generate(model, prompt, **how)
    scores, first = retrieve(result.images, [prompt] * len(result.images))
    for item, image, score, found in zip(result.items, result.images, scores, first, strict=True):
        row: Row = {"way": "plain", "prompt": prompt, "seed": item.seed, "score ring": score, "first ring": float(found)}
        yield row | {"low ring": low_contrast(image)}, image


def plain_words(retrieve: Retrieval, model: PretrainedModel, poles: Poles, **how: int) -> Iterator[Row]:
    """Yield how often plain pictures of the poles' words are found, and their ground alone: a row per seed and kind."""
    above, below = (synoptic.generate(model, words, **how) for words in poles)
    grounds = [
        image.crop((image.width // 4, image.height // 2, 3 * image.width // 4, image.height)) for image in below.images
    ]
    for name, result, pictures in (("up", above, above.images), ("down", below, below.images), ("ground", below, grounds)):
        scores, first = retrieve(pictures, [item.title for item in result.items])
        for item, score, found in zip(result.items, scores, first, strict=True):
            row: Row = {"way": "plain words", "prompt": item.title, "seed": item.seed}
            yield row | {f"score {name}": score, f"first {name}": float(found)}


def looked_at(way: str, image: Image.Image, row: Row) -> Image.Image:
    """A panorama beside its poles and what is behind."""
    up, down, back = (crops(image, LOOK)[k] for k in (-2, -1, -3))
    figures = ", ".join(f"{name} {row[name]:.2f}" for name in ("wrap_seam", "pole_pinch", "agreement"))
    small = image.convert("RGB").resize((WIDTH, WIDTH // 2), Image.Resampling.LANCZOS)
    looks = joined([labeled(up, "up"), labeled(down, "down")], down=True)
    return joined([labeled(small, f"{way}: {row['prompt']}, seed {row['seed']}: {figures}"), looks, labeled(back, "behind")])


def table(rows: Sequence[Row]) -> str:
    """Means over prompts, ± their standard errors, a line per way."""
    names = list(dict.fromkeys(name for row in rows for name in row if name not in ("way", "prompt", "seed", "seconds")))
    lines = []
    for way, own in by(rows, "way").items():
        found = [(name, averaged(own, name)) for name in names]
        lines += [f"{way} ({len(own)})\t" + "\t".join(f"{n} {v[0]:.3f} ± {v[1]:.3f}" for n, v in found if v)]
    return "\n".join(lines)


def main(given: Sequence[str] | None = None) -> list[Row]:
    p = parser(__doc__, "outputs/benchmarks/panorama_study")
    p.add_argument("--prompts", nargs="+", default=list(PROMPTS), choices=PROMPTS)
    p.add_argument("--up", default=UP, choices=UPS, help="the words of the pole above")
    p.add_argument("--down", default=DOWN, choices=(*DOWNS, *PROMPTS), help="the words of the pole below")
    p.add_argument("--seeds", type=int, default=4)
    p.add_argument("--ways", nargs="+", default=list(WAYS), choices=WAYS)
    a = p.parse_args(given)
    if a.tiny:
        a.prompts, a.seeds, a.steps = a.prompts[:1], 1, 2
    poles = a.up, a.down
    model, retrieve, study = synoptic.load("bundled"), Retrieval(PROMPTS, poles), Study(a.out, "panorama_study", a.budget)
    how = {"count": a.seeds, "seed": 0} | ({"steps": a.steps} if a.steps else {})
    for way in a.ways:
        sheets: list[Image.Image] = []
        longest = 0.0
        if way == "plain words":
            for row in plain_words(retrieve, model, poles, **how):
                study.add(row)
            continue
        for prompt in a.prompts:
            if study.over(longest):
                break
            before = study.seconds()
            if way == "plain":
                for row, image in plain(retrieve, model, prompt, **how):
                    study.add(row)
                    sheets.append(image.convert("RGB"))
                continue
            items, outputs = panoramas(model, way, prompt, poles, **how)
            took = study.seconds() - before
            shown = []
            for item, output in zip(items, outputs, strict=True):
                row = measured(retrieve, way, item, output, model.checkpoint.native_size, poles)
                study.add(row | {"seconds": took / len(items)})
                shown.append(looked_at(way, output.image, row))
            longest = max(longest, study.seconds() - before)
            kept = shown if way == "default" else shown[:1]
            joined(kept, down=True).save(a.out / f"{way.replace(' ', '-')}-{PROMPTS.index(prompt)}.jpg", quality=QUALITY)
            print(f"# {way}: {prompt}, {study.seconds() - before:.0f} s", flush=True)
        if sheets:
            pictures = [joined(sheets[k : k + a.seeds]) for k in range(0, len(sheets), a.seeds)]
            joined(pictures, down=True).save(a.out / "plain.jpg", quality=QUALITY)
    print(table(study.rows))
    return study.rows


if __name__ == "__main__":
    main()
