"""Synoptic, *seen together*: make a pretrained image diffusion model produce what it was never trained for.

Conventions: NCHW; images in [-1, 1] inside, 8 bits only when saved; times as the network takes them; one random
generator an item; ValueError at the door. `synoptic.wide("a photo of snowy mountains")` is `synoptic wide …` in Python.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from synoptic.commands.bench import bench as bench
    from synoptic.commands.control_map import condition as condition
    from synoptic.commands.score import score as score
    from synoptic.commands.video import video as video
    from synoptic.courses.evaluate import evaluate as evaluate
    from synoptic.models.load import load as load
    from synoptic.models.load import load_controlnet as load_controlnet
    from synoptic.pipelines.anagram import anagram as anagram
    from synoptic.pipelines.control import control as control
    from synoptic.pipelines.denoise import denoise as denoise
    from synoptic.pipelines.distill import distill as distill
    from synoptic.pipelines.edit import edit as edit
    from synoptic.pipelines.generate import generate as generate
    from synoptic.pipelines.hybrid import hybrid as hybrid
    from synoptic.pipelines.inpaint import inpaint as inpaint
    from synoptic.pipelines.invert import invert as invert
    from synoptic.pipelines.text_to_3d import dream as dream
    from synoptic.pipelines.train_controlnet import train_control as train_control
    from synoptic.pipelines.wide import wide as wide

__version__ = "0.1.0"
PUBLIC = {
    "generate": "synoptic.pipelines.generate",
    "wide": "synoptic.pipelines.wide",
    "anagram": "synoptic.pipelines.anagram",
    "hybrid": "synoptic.pipelines.hybrid",
    "edit": "synoptic.pipelines.edit",
    "inpaint": "synoptic.pipelines.inpaint",
    "invert": "synoptic.pipelines.invert",
    "denoise": "synoptic.pipelines.denoise",
    "condition": "synoptic.commands.control_map",
    "control": "synoptic.pipelines.control",
    "distill": "synoptic.pipelines.distill",
    "dream": "synoptic.pipelines.text_to_3d",
    "train_control": "synoptic.pipelines.train_controlnet",
    "bench": "synoptic.commands.bench",
    "score": "synoptic.commands.score",
    "evaluate": "synoptic.courses.evaluate",
    "video": "synoptic.commands.video",
    "load": "synoptic.models.load",
    "load_controlnet": "synoptic.models.load",
}


def __getattr__(name: str):
    """Recipes and `load` on first use, so that `import synoptic` stays instant."""
    if name in PUBLIC:
        return getattr(importlib.import_module(PUBLIC[name]), name)
    raise AttributeError(f"module 'synoptic' has no attribute {name!r}")
