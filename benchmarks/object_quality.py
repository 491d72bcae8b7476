"""What an object of text-to-3d is worth: one function for studies and for tuning.

    from benchmarks.object_quality import CLIP models, scored
    CLIP models = CLIP models()                                  # loaded once: both bundled CLIP models and all captions
    found = scored(scene, "a red mug", CLIP models)         # a flat dict for JSON; scene: RadianceScene; seconds on one core
    pictures = renders(scene)                          # what was scored, 8 sides: color, textureless, normals, depth

Run from the repository's root with PYTHONPATH=., on the GPU where there is one; `bundled_training` must be there. Prompts
are a color and one of its SOLIDS, with the article: "a red mug". The captions ranked among are those of all SOLIDS in all
DYES; clip-grayscale is blind to color, so it ranks the SOLIDS alone. Ranks count from 0: the five best are below 5.
"""

from __future__ import annotations

from statistics import mean
from typing import Any, NamedTuple

import torch
from PIL import Image

from bundled_training.render.captions import coloured, with_article
from bundled_training.render.objects import SOLIDS
from bundled_training.render.words import DYES
from synoptic.io import to_pil
from synoptic.mesh.shape_metrics import coverage, relief
from synoptic.metrics.clip import Clip
from synoptic.metrics.retrieval import ranks
from synoptic.nerf.cameras import orbit_cameras, turntable_cameras
from synoptic.nerf.diagnostics import CAPTION_TEMPLATE, SIDE_WORDS, view_probabilities
from synoptic.nerf.scene import RadianceScene, RenderedViews
from synoptic.nerf.shading import Light

SIDES, SIDE = 8, 64
ASKED = ("front", "side", "back", "side")  # what every second side is


class ClipModels:
    """Both bundled CLIP models, and the captions that each ranks among."""

    def __init__(self, device: str = "auto") -> None:
        self.colour, self.shape = Clip("bundled", device), Clip("bundled-grayscale", device)
        self.captions = [CAPTION_TEMPLATE.format(coloured(c, s)) for s in SOLIDS for c in DYES]
        self.things = [CAPTION_TEMPLATE.format(with_article(s)) for s in SOLIDS]
        self.read, self.read_things = self.colour.encode_texts(self.captions), self.shape.encode_texts(self.things)


class Renders(NamedTuple):
    """Of SIDES sides over white, the first in front: colors, white clay in the light, normals, depth; and the numbers."""

    colour: list[Image.Image]
    clay: list[Image.Image]
    normal: list[Image.Image]
    depth: list[Image.Image]
    seen: RenderedViews


def renders(scene: RadianceScene, side: int = SIDE) -> Renders:
    camera = turntable_cameras(SIDES)
    over = orbit_cameras(camera.azimuth - 0.5, camera.elevation + 0.5, 2.5, 1.0).eye  # over the left shoulder of who looks
    light = Light(over, torch.full((SIDES,), 0.5), torch.ones(SIDES))
    seen, clay = scene.render_views(camera, side), scene.render_views(camera, side, light)
    white = 1 - seen.opacity
    solid = (seen.depth > 0).float()
    near = (1 - (seen.depth - 2.3) / 2) * solid
    pictures = (seen.color + white, 0.9 * clay.color + white, seen.normal / 2 + seen.opacity / 2 + white)
    colour, clay, normal, depth = (to_pil(2 * p - 1) for p in (*pictures, near.expand(-1, 3, -1, -1)))
    return Renders(colour, clay, normal, depth, seen)


def scored(scene: RadianceScene, prompt: str, clip_models: ClipModels) -> dict[str, Any]:
    """Ranks by side of both CLIP models, in color and as clay; the CLIP models' view words; how solid it is.

    `pass` is the issue's: five best from at least 6 of 8 sides; `words_right` of front, right, back, left by the CLIP model.
    """
    shown, caption = renders(scene), CAPTION_TEMPLATE.format(prompt)
    thing = next(k for k, name in enumerate(SOLIDS) if prompt.split()[-1] == name)
    right, of_thing = torch.full((SIDES,), clip_models.captions.index(caption)), torch.full((SIDES,), thing)
    found: dict[str, Any] = {"prompt": prompt}
    for name, pictures in (("colour", shown.colour), ("clay", shown.clay)):
        features, shape = clip_models.colour.encode_images(pictures), clip_models.shape.encode_images(pictures)
        found[f"{name}_rank"] = ranks(features @ clip_models.read.T, right).tolist()
        found[f"{name}_score"] = float((features @ clip_models.read[right[0]]).mean())
        found[f"{name}_shape_rank"] = ranks(shape @ clip_models.read_things.T, of_thing).tolist()
        found[f"{name}_shape_score"] = float((shape @ clip_models.read_things[thing]).mean())
        sure = view_probabilities(clip_models.colour, features[::2], prompt)
        found[f"{name}_words"] = [SIDE_WORDS[k] for k in sure.argmax(1).tolist()]
        found[f"{name}_words_right"] = [w == r for w, r in zip(found[f"{name}_words"], ASKED, strict=True)]
        found[f"{name}_front_from_back"] = float(sure[2, 0])
    first_five = sum(r < 5 for r in found["colour_rank"])
    deep, cover = relief(shown.seen, turntable_cameras(SIDES)), coverage(shown.seen)
    return found | {
        "first_five": first_five,
        "pass": first_five >= 6,
        "mean_rank": mean(found["colour_rank"]),
        "relief": deep.tolist(),
        "relief_least": float(deep.min()),
        "coverage": cover.tolist(),
        "opacity": float(shown.seen.opacity.mean()),
    }
