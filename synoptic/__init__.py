"""Synoptic, *seen together*: make a pretrained image diffusion model produce what it was never trained for.

    import synoptic as syn
    model = syn.load("bundled")
    result = syn.wide(model, "a photo of desert dunes at sunset", width=1536, seed=3)
    result.images[0].show()
    syn.run("wide", prompt="a photo of desert dunes at sunset", out="outputs")

Every application is a function of a loaded model, or its name, and options; `syn.wide.steps(...)` yields each denoising
step; `syn.run` writes a folder with a manifest, as the command line does. Conventions: NCHW; images in [-1, 1] inside, 8
bits when saved; times as the network takes them; one random generator per picture.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from synoptic.errors import InputError, raising_in_python

if TYPE_CHECKING:
    from synoptic.distillation.edit_losses import dds as dds
    from synoptic.distillation.edit_losses import pds as pds
    from synoptic.distillation.inversion_losses import ism as ism
    from synoptic.distillation.inversion_losses import sdi as sdi
    from synoptic.distillation.losses import csd as csd
    from synoptic.distillation.losses import nfsd as nfsd
    from synoptic.distillation.losses import sds as sds
    from synoptic.distillation.losses import vsd as vsd
    from synoptic.distillation.optimize import optimize as optimize
    from synoptic.guidance.cfg import cfg as cfg
    from synoptic.jobs.batch import batch as batch
    from synoptic.models.load import load as load
    from synoptic.models.load import load_controlnet as load_controlnet
    from synoptic.models.load import load_upscaler as load_upscaler
    from synoptic.runs.errors import OptimizationFailed as OptimizationFailed
    from synoptic.runs.execute import run as run
    from synoptic.runs.grid import grid as grid
    from synoptic.sampling.joint import canonical as canonical
    from synoptic.sampling.joint import instance as instance
    from synoptic.sampling.joint_sampler import JointSampler as JointSampler
    from synoptic.sampling.single import sample as sample
    from synoptic.sampling.step import Step as Step
    from synoptic.views.anagram import Anagram as Anagram
    from synoptic.views.factorized import Factorized as Factorized
    from synoptic.views.registry import get_view as get_view
    from synoptic.views.windows import Windows as Windows

__version__ = "0.1.0"
# by what they do, as --help groups them
FROM_WORDS = ("generate", "wide", "panorama", "anagram", "hybrid", "text_to_3d", "texture")
OF_A_PICTURE = ("edit", "flow_edit", "rf_inversion", "inpaint", "control", "invert")
STUDIES = ("distill", "denoise", "compare_sync")
APPLICATIONS = (*FROM_WORDS, *OF_A_PICTURE, *STUDIES)
TOOLS = ("evaluate", "info", "score", "control_map", "video", "bench")
LOSSES = ("sds", "vsd", "csd", "nfsd")
EDIT_LOSSES = ("pds", "dds")
INVERSION_LOSSES = ("sdi", "ism")
MODULES = {
    "load": "models.load",
    "load_controlnet": "models.load",
    "load_upscaler": "models.load",
    "OptimizationFailed": "runs.errors",
    "run": "runs.execute",
    "grid": "runs.grid",
    "batch": "jobs.batch",
    "cfg": "guidance.cfg",
    "sample": "sampling.single",
    "canonical": "sampling.joint",
    "instance": "sampling.joint",
    "JointSampler": "sampling.joint_sampler",
    "Step": "sampling.step",
    "Windows": "views.windows",
    "Anagram": "views.anagram",
    "Factorized": "views.factorized",
    "get_view": "views.registry",
    "optimize": "distillation.optimize",
    **dict.fromkeys(LOSSES, "distillation.losses"),
    **dict.fromkeys(EDIT_LOSSES, "distillation.edit_losses"),
    **dict.fromkeys(INVERSION_LOSSES, "distillation.inversion_losses"),
}
__all__ = ["InputError", *APPLICATIONS, *TOOLS, *MODULES]


def __getattr__(name: str) -> Any:
    """Import a public name on first use, so that `import synoptic` stays instant."""
    if name in APPLICATIONS:
        found = import_module("synoptic.pipelines.application").Application(name)
    elif name in TOOLS:
        found = import_module("synoptic.commands.base").Tool(name)
    elif name in MODULES:
        found = getattr(import_module(f"synoptic.{MODULES[name]}"), name)
        found = found if isinstance(found, type) else raising_in_python(found)
    else:
        raise AttributeError(f"module 'synoptic' has no attribute {name!r}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
