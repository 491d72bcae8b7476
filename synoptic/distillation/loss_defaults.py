"""The numbers that a loss takes where nothing was asked, by kind of model: of pictures and of scenes. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal, TypeVar

from synoptic.models.checkpoint import Checkpoint

Space = Literal["latent", "pixels"]
D = TypeVar("D", "LossDefaults", "SceneDefaults")
STUDENT = ("student_lr", "student_steps")  # the options of losses with a student
GUIDANCE_ALONE = ("csd", "pds", "dds")  # whose gradient is 0 at guidance scale 0
NEGATIVE_AT_ANY_SCALE = ("csd", "nfsd", "ism")  # which ask for the negative prompt where nothing is guided, too


@dataclass(frozen=True)
class LossDefaults:
    """What one loss takes for pictures; its fields are named like the options.

    `takes` are the options that are of this loss, and not of every one: weight, student, source.
    """

    guidance_scale: float
    lr: float = 0.1
    t_min: int = 20
    t_max: int = 980
    anneal: str = "none"
    weight: str = "one"
    student_lr: float = 1e-4
    student_steps: int = 1
    horizon: float = 1.5
    takes: tuple[str, ...] = ()

    def options(self) -> Mapping[str, object]:
        """Return the defaults that are options of this loss."""
        others = {"weight": ("weight",), "student": STUDENT}
        foreign = [name for option, names in others.items() if option not in self.takes for name in names]
        return {name: value for name, value in asdict(self).items() if name not in ("takes", *foreign)}


LossName = Literal["sds", "vsd", "csd", "nfsd", "sdi", "ism", "pds", "dds"]
LATENT: dict[str, LossDefaults] = {
    "sds": LossDefaults(25.0, takes=("weight",)),
    "vsd": LossDefaults(7.5, anneal="narrow", weight="variance", takes=("weight", "student")),
    "csd": LossDefaults(1.0, takes=("weight",)),
    "nfsd": LossDefaults(7.5, takes=("weight",)),
    "sdi": LossDefaults(8.5, t_min=250, anneal="linear"),
    "ism": LossDefaults(7.5, anneal="narrow"),
    "pds": LossDefaults(7.5, takes=("source",)),
    "dds": LossDefaults(7.5, t_min=50, t_max=949, takes=("source",)),
}
PIXEL_LR = 0.03


def rfds(usual: D) -> D:
    """Return the defaults with the numbers of RFDS (Yang et al. 2025), those of Stable Diffusion 3."""
    return replace(usual, weight="velocity", t_min=58, t_max=875)


FLOW = LATENT | {name: rfds(LATENT[name]) for name in ("sds", "vsd", "csd", "nfsd")}
BUNDLED: dict[str, Mapping[str, LossDefaults]] = {  # where other numbers measured better
    "sd": LATENT
    | {
        "sds": replace(LATENT["sds"], guidance_scale=7.5),
        "nfsd": replace(LATENT["nfsd"], guidance_scale=4.0),
        "vsd": replace(LATENT["vsd"], guidance_scale=1.5, student_lr=3e-3, horizon=1.0),
    },
    "if": LATENT
    | {
        "sds": replace(LATENT["sds"], guidance_scale=7.5, lr=0.05),
        "nfsd": replace(LATENT["nfsd"], guidance_scale=4.0),
        "vsd": replace(LATENT["vsd"], guidance_scale=2.0, student_lr=1e-3, horizon=1.0),
    },
}


def losses_that_take(option: str) -> list[str]:
    """Return the losses that an option is of."""
    return [name for name, usual in LATENT.items() if option in usual.takes]


def native_space(checkpoint: Checkpoint) -> Space:
    """Return the space of a model's own x."""
    return "latent" if checkpoint.has_latents else "pixels"


def loss_defaults(checkpoint: Checkpoint, loss: str, space: str) -> LossDefaults:
    """Return what a loss takes on this model, for pictures in this space."""
    if checkpoint.is_bundled and space == native_space(checkpoint):
        return BUNDLED[Path(checkpoint.path_or_repo).name][loss]
    usual = FLOW if checkpoint.is_flow else LATENT
    return usual[loss] if space == "latent" else replace(usual[loss], lr=PIXEL_LR)


@dataclass(frozen=True)
class SceneDefaults:
    """What a model takes for text-to-3d. Elevations are degrees; the three penalties, weights that they end at.

    `undecided` is the share of the steps before the penalty on entropy begins to grow, `midpoint` the opacity, in (0, 1),
    that it leads away from, `unlit` the share of the steps before there is a light, `ambient` how much of it comes from
    everywhere, `darkest_ground`, in [0, 1], the least of the colors that are drawn behind the object.
    """

    guidance_scale: Mapping[str, float]  # by loss
    lr: float = 1e-2
    student_lr: float = 1e-4
    steps: int = 10_000
    t_min: int = 20
    t_max: int = 980
    anneal: str = "narrow"
    weight: str = "variance"
    perp_neg: bool = True
    view_guidance: float = 1.0
    view_prompt_mix: str = "mixed"
    elevation: tuple[float, float] = (-10.0, 60.0)
    opacity: float = 5.0
    entropy: float = 30.0
    orientation: float = 30.0
    undecided: float = 0.25
    midpoint: float = 0.5
    unlit: float = 0.2
    ambient: float = 0.1
    darkest_ground: float = 0.0
    template: str = "{0}, {1} view"  # how the model says an object {0} and a view {1} of it
    template_of_others: str = ""  # and an object that it knows no views of; none for models that know any

    def options(self, loss: str) -> Mapping[str, object]:
        """Return the defaults that are options, of this loss."""
        names = ("lr", "steps", "t_min", "t_max", "anneal", "perp_neg", "view_guidance", "view_prompt_mix")
        own = (*names, "student_lr") if loss in losses_that_take("student") else names
        return {name: getattr(self, name) for name in own} | {"guidance_scale": self.guidance_scale[loss]}


PIXEL_SCENE = SceneDefaults({"sds": 20.0, "vsd": 7.5, "csd": 20.0})
LATENT_SCENE = replace(PIXEL_SCENE, guidance_scale={"sds": 100.0, "vsd": 7.5, "csd": 100.0}, elevation=(-10.0, 45.0))
FLOW_SCENE = rfds(LATENT_SCENE)
BUNDLED_SCENE = replace(  # these models know views from around, up to 25 degrees
    PIXEL_SCENE,
    steps=1200,
    t_min=100,
    anneal="sqrt",
    weight="one",
    perp_neg=False,
    view_guidance=3.0,
    view_prompt_mix="nearest",  # they learned each word from all of a quarter turn
    elevation=(0.0, 25.0),
    opacity=10.0,
    entropy=3000.0,
    undecided=0.5,
    midpoint=0.15,  # before pale grounds half of a pink is a pink as well
    unlit=0.3,
    ambient=0.4,
    darkest_ground=0.8,  # they paint grounds white or pale: before others a field fills with white haze
    template="a 3d render of {0}, {1} view on a white background",
    template_of_others="a photo of {0} on a white background",
)


def scene_defaults(checkpoint: Checkpoint) -> SceneDefaults:
    """Return what this model takes for text-to-3d."""
    if checkpoint.is_bundled:
        return BUNDLED_SCENE
    if checkpoint.is_flow:
        return FLOW_SCENE
    return LATENT_SCENE if checkpoint.has_latents else PIXEL_SCENE
