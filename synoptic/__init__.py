"""Synoptic, *seen together*: make a pretrained image diffusion model produce what it was never trained for.

Conventions: NCHW; images in [-1, 1] inside, 8 bits only when saved; times as the network takes them; one random
generator an item; ValueError at the door. `synoptic.wide("a photo of snowy mountains")` is `synoptic wide …` in Python.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from synoptic.models.load import load as load
    from synoptic.models.load import load_control as load_control
    from synoptic.recipes.anagram import anagram as anagram
    from synoptic.recipes.bench import bench as bench
    from synoptic.recipes.condition import condition as condition
    from synoptic.recipes.control import control as control
    from synoptic.recipes.denoise import denoise as denoise
    from synoptic.recipes.distill import distill as distill
    from synoptic.recipes.dream import dream as dream
    from synoptic.recipes.edit import edit as edit
    from synoptic.recipes.evaluate import evaluate as evaluate
    from synoptic.recipes.generate import generate as generate
    from synoptic.recipes.hybrid import hybrid as hybrid
    from synoptic.recipes.inpaint import inpaint as inpaint
    from synoptic.recipes.invert import invert as invert
    from synoptic.recipes.score import score as score
    from synoptic.recipes.train_control import train_control as train_control
    from synoptic.recipes.video import video as video
    from synoptic.recipes.wide import wide as wide

__version__ = "0.1.0"
PUBLIC = {
    "generate": "synoptic.recipes.generate",
    "wide": "synoptic.recipes.wide",
    "anagram": "synoptic.recipes.anagram",
    "hybrid": "synoptic.recipes.hybrid",
    "edit": "synoptic.recipes.edit",
    "inpaint": "synoptic.recipes.inpaint",
    "invert": "synoptic.recipes.invert",
    "denoise": "synoptic.recipes.denoise",
    "condition": "synoptic.recipes.condition",
    "control": "synoptic.recipes.control",
    "distill": "synoptic.recipes.distill",
    "dream": "synoptic.recipes.dream",
    "train_control": "synoptic.recipes.train_control",
    "bench": "synoptic.recipes.bench",
    "score": "synoptic.recipes.score",
    "evaluate": "synoptic.recipes.evaluate",
    "video": "synoptic.recipes.video",
    "load": "synoptic.models.load",
    "load_control": "synoptic.models.load",
}


def __getattr__(name: str):
    """Recipes and `load` on first use, so that `import synoptic` stays instant."""
    if name in PUBLIC:
        return getattr(importlib.import_module(PUBLIC[name]), name)
    raise AttributeError(f"module 'synoptic' has no attribute {name!r}")
