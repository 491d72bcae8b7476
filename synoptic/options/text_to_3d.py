"""What `synoptic dream` is asked for: its options, what each model takes by default, and the rules at the door."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from synoptic.errors import InputError, check_at_least, check_at_most, check_choice, prompt_list
from synoptic.models.registry import Checkpoint, resolve, resolve_clip

if TYPE_CHECKING:
    from synoptic.runs.manifest import Result

Things = Annotated[str | list[str], "what to make, in words: a thing without a place; several prompts, one after another"]
Loss = Annotated[Literal["sds", "vsd", "csd"], "what is followed; vsd learns the scene's own score beside it: half as fast"]
Guidance = Annotated[float | None, "guidance scale (default: the loss's own for the model)"]
Steps = Annotated[int | None, "steps of the optimisation (default: 1200 bundled, 10000 others)"]
Resolution = Annotated[int, "pixels of a render's side at the end; the first quarter of the steps takes half as many"]
Batch = Annotated[int, "views a step"]
Rate = Annotated[float | None, "Adam's rate at its peak (default: the model's)"]
StudentRate = Annotated[float, "of vsd: the rate that the student learns at"]
First = Annotated[int | None, "the least noisy time asked about, 0 to 999 (default: the model's)"]
Last = Annotated[int | None, "the noisiest time asked about (default: the model's)"]
Anneal = Annotated[
    Literal["auto", "none", "narrow", "sqrt"],
    "times: drawn from all; from below an end that falls to 500; or not drawn, falling from the noisiest to the least",
]
Encoding = Annotated[Literal["hash", "waves"], "what places are to the field: a hash grid (fine, fast), or waves (smooth)"]
ViewGuidance = Annotated[
    float | None,
    "how much more the view is guided than the thing where there is most noise; 1: alike (default: the model's)",
]
Between = Annotated[
    Literal["auto", "mixed", "nearest"], "the words of a view between two that have a name: a mixture, or the nearest one's"
]
Negative = Annotated[str, "what not to make: in the null branch's place; csd has a branch of its own for it"]
PerpNeg = Annotated[
    bool | None, "against two faces: what looks like another view is taken from the guidance (default: the model's)"
]
Seeds = Annotated[int, "so many short starts, a fifth of the steps each; the one that the judge likes best goes on"]
Seed = Annotated[int, "how the field is born and where it is looked at from; start k of --seeds has seed + k"]
Every = Annotated[int, "look whether it grows well, and draw preview.png, after every so many steps"]
Frames = Annotated[int, "pictures of the film and of the page to turn it on"]
Judge = Annotated[str, "who watches and chooses: auto (bundled; of other models clip-vit-b32), a hub id or a directory"]

GROUND = " on a white background"
SHARE = 5  # a start is one in so many of the steps


@dataclass(frozen=True)
class Usual:
    """What a model takes where nothing was asked. `first` and `last` are times, elevations degrees.

    The three penalties are on the scale of the loss: they end at these weights.
    """

    guidance: Mapping[str, float]
    lr: float = 1e-2
    steps: int = 10_000
    first: int = 20
    last: int = 980
    anneal: str = "narrow"
    weight: str = "variance"
    perp_neg: bool = True
    view_guidance: float = 1.0
    between: str = "mixed"
    elevation: tuple[float, float] = (-10.0, 60.0)
    opacity: float = 5.0
    entropy: float = 30.0
    orientation: float = 30.0
    plain: float = 0.2  # the share of the steps before there is light
    ambient: float = 0.1


PIXELS = Usual({"sds": 20.0, "vsd": 7.5, "csd": 20.0})
LATENTS = replace(PIXELS, guidance={"sds": 100.0, "vsd": 7.5, "csd": 100.0}, elevation=(-10.0, 45.0))
KNOWING = {  # of the bundled models, which know views from around up to 25 degrees
    "steps": 1200,
    "first": 100,
    "anneal": "sqrt",
    "weight": "one",
    "perp_neg": False,
    "view_guidance": 3.0,
    "between": "nearest",  # they learned each word from all of a quarter turn
    "elevation": (0.0, 25.0),
    "opacity": 10.0,
    "entropy": 100.0,
    "plain": 0.3,
    "ambient": 0.4,
}
OWN = {name: replace(PIXELS, **KNOWING) for name in ("if", "sd")}


class OptimizationFailed(RuntimeError):
    """What was grown is not well: why, and the cure. `result` has all that was finished and saved."""

    def __init__(self, why: str, result: Result) -> None:
        super().__init__(why)
        self.result = result


def usual(source: Checkpoint) -> Usual:
    """What this model takes."""
    return OWN[Path(source.path_or_repo).name] if source.is_bundled else LATENTS if source.factor > 1 else PIXELS


def phrase(source: Checkpoint) -> str:
    """How this model says a thing {0} and a view {1} of it."""
    from synoptic.nerf.diagnostics import VIEW_TEMPLATE

    return VIEW_TEMPLATE + GROUND if source.is_bundled else "{0}, {1} view"


def settle(given: dict[str, Any]) -> tuple[Checkpoint, dict[str, Any]]:
    """The recipe's arguments -> the model's source and the settings, filled in. Raises InputError on a broken rule."""
    source = resolve(given["model"])
    settings: dict[str, Any] = {k: v for k, v in given.items() if k != "out"} | {"prompt": prompt_list(given["prompt"])}
    for prompt in settings["prompt"]:
        if not prompt.strip():
            raise InputError('a thing is needed, an empty prompt was given: name one, for example "a red mug"')
    check_choice("--loss", settings["loss"], ("sds", "vsd", "csd"))
    check_choice("--anneal", settings["anneal"], ("auto", "none", "narrow", "sqrt"))
    check_choice("--between", settings["between"], ("auto", "mixed", "nearest"))
    check_choice("--encoding", settings["encoding"], ("hash", "waves"))
    fill(settings, usual(source))
    least = {
        "steps": 1,
        "lr": 0,
        "student_lr": 0,
        "guidance": 0,
        "view_guidance": 0,
        "batch": 1,
        "seeds": 1,
        "seed": 0,
        "every": 1,
        "t_min": 1,
        "frames": 1,
    }
    for name, low in least.items():
        check_at_least(f"--{name.replace('_', '-')}", settings[name], low)
    check_at_least("--resolution", settings["resolution"], 16)
    check_at_most("--resolution", settings["resolution"], 512)
    T = source.read_json("scheduler/scheduler_config.json").get("num_train_timesteps", 1000)
    check_at_most("--t-max", settings["t_max"], T - 1)
    check_at_most("--t-min", settings["t_min"], settings["t_max"])
    if settings["seeds"] > 1 and settings["steps"] < SHARE:
        raise InputError(f"--seeds begin with a start of one in {SHARE} --steps, {settings['steps']} were given: raise them")
    if settings["judge"] == "auto":
        settings["judge"] = "bundled" if source.is_bundled else "clip-vit-b32"
    resolve_clip(settings["judge"])
    if settings["compile"] and settings["loss"] == "vsd":
        raise InputError("--compile takes a network as it is, --loss vsd trains a second inside it: leave one away")
    if settings["dtype"] == "auto" and settings["loss"] == "vsd":
        settings["dtype"] = "float32"
    return source, settings


def fill(settings: dict[str, Any], usual: Usual) -> None:
    """Put the model's own numbers where nothing was asked."""
    own = {"steps": usual.steps, "lr": usual.lr, "t_min": usual.first, "t_max": usual.last, "perp_neg": usual.perp_neg}
    own |= {"view_guidance": usual.view_guidance}
    own |= {"guidance": usual.guidance[settings["loss"]]}
    for name, value in own.items():
        settings[name] = value if settings[name] is None else settings[name]
    for name in ("anneal", "between"):
        settings[name] = getattr(usual, name) if settings[name] == "auto" else settings[name]
