"""What `synoptic distill` is asked for: its options, what each loss usually takes, and the rules at the door."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from synoptic.errors import InputError, check_at_least, check_at_most, check_choice, prompt_list
from synoptic.models.registry import Checkpoint, resolve

Loss = Annotated[
    Literal["auto", "sds", "vsd", "csd", "nfsd", "sdi", "ism", "pds", "dds"],
    "what is followed: pds and dds edit --source, the others make a picture (auto: sds, or pds with --source)",
]
Edited = Annotated[str | None, "the picture to edit: a PNG, JPEG, WebP, … file"]
Told = Annotated[str, "what --source shows, in words"]
Guidance = Annotated[float | None, "guidance scale (default: the loss's: 25 sds, 1 csd, 7.5 others; bundled: tuned)"]
Steps = Annotated[int, "steps of the optimisation"]
Rate = Annotated[float | None, "AdamW's rate at its peak (default: 0.1 of latents, 0.03 of pixels; bundled: tuned)"]
StudentRate = Annotated[float | None, "of vsd: the rate that the student learns at (default: 1e-4; bundled: tuned)"]
StudentSteps = Annotated[int | None, "of vsd: the student's steps to each of the picture's (default: 1)"]
WarmUp = Annotated[int | None, "steps from rate 0 to the peak, then a cosine (default: a fifth of the steps)"]
Horizon = Annotated[float | None, "the cosine ends at rate 0 after so many times the steps (default: 1.5; 1: with them)"]
Weight = Annotated[
    Literal["auto", "one", "variance", "fantasia"], "w(t) of sds, vsd, csd, nfsd: one 1, variance 1-ᾱ, fantasia √ᾱ(1-ᾱ)"
]
First = Annotated[int | None, "the least noisy time asked about, 1 to 999 (default: 20; sdi 250, dds 50)"]
Last = Annotated[int | None, "the noisiest time asked about (default: 980; dds 949)"]
Anneal = Annotated[
    Literal["auto", "none", "narrow", "linear", "sqrt"],
    "times: none: drawn from all; narrow: below an end that falls to 500; linear, sqrt: not drawn, they fall to the least",
]
Stride = Annotated[int, "of pds, from t to t': the larger, the more of the source is kept; 1 keeps nothing on purpose"]
Init = Annotated[
    str, "auto (noise, or --source), noise, sketch (the prompt in 10 steps, from --source if given), or a picture's file"
]
Negative = Annotated[str, "what not to paint: in the null branch's place; csd and nfsd have a branch of its own for it"]
PerpNeg = Annotated[bool, "take from the guidance only what --negative does not share with the prompt"]
Side = Annotated[int | None, "pixels, at least the model's own (default: its own); larger canvases are seen in windows"]
Space = Annotated[Literal["auto", "latent", "pixels"], "what is optimised; pixels of a latent model pass its encoder"]
Trace = Annotated[bool, "film it: NAME.trace.mp4, .gif and .html with the gradient's norm and the score (needs PyAV)"]
Every = Annotated[int, "also keep the pictures after every so many steps: steps/NAME/25.png, …; 0: none"]
Dtype = Annotated[
    Literal["auto", "float32", "bfloat16", "float16", "float64"],
    "the network's numbers; auto: what is fast, and float32 where gradients pass through it (vsd, pixels)",
]

STEPS = 500
EDITS = ("pds", "dds")
MADE = ("auto", "noise", "sketch")  # beginnings that are no file
WEIGHED = ("sds", "vsd", "csd", "nfsd")
LEAST = {"steps": 1, "lr": 0, "student_lr": 0, "student_steps": 1, "horizon": 1, "guidance": 0, "count": 1, "seed": 0}
LEAST |= {"stride": 1, "warm_up": 0}


@dataclass(frozen=True)
class Usual:
    """What a loss takes where nothing was asked. `first` and `last` are times."""

    guidance: float
    lr: float = 0.1
    first: int = 20
    last: int = 980
    anneal: str = "none"
    weight: str = "one"
    student_lr: float = 1e-4
    student_steps: int = 1
    horizon: float = 1.5
    init: str = "noise"


LATENTS = {
    "sds": Usual(25.0),
    "csd": Usual(1.0),
    "nfsd": Usual(7.5),
    "vsd": Usual(7.5, anneal="narrow", weight="variance"),
    "sdi": Usual(7.5, first=250, anneal="linear"),
    "ism": Usual(7.5, anneal="narrow"),
    "pds": Usual(7.5),
    "dds": Usual(7.5, first=50, last=949),
}
PIXELS = {name: replace(usual, lr=0.03) for name, usual in LATENTS.items()}
OWN: dict[str, dict[str, Usual]] = {  # of the bundled models, where others measured better
    "sd": {
        "sds": Usual(7.5),
        "nfsd": Usual(4.0),
        "vsd": replace(LATENTS["vsd"], guidance=1.5, student_lr=3e-3, horizon=1.0),
    },
    "if": {name: replace(usual, lr=0.1) for name, usual in LATENTS.items()}
    | {
        "sds": Usual(7.5, lr=0.05),
        "nfsd": Usual(4.0),
        "vsd": replace(LATENTS["vsd"], guidance=2.0, student_lr=1e-3, horizon=1.0),
    },
}


def usual(source: Checkpoint, loss: str, space: str) -> Usual:
    """What a loss takes on this model in this space."""
    table = LATENTS if space == "latent" else PIXELS
    native = "latent" if source.factor > 1 else "pixels"
    return (table | OWN[Path(source.path_or_repo).name] if source.is_bundled and space == native else table)[loss]


def settle(given: dict[str, Any]) -> tuple[Checkpoint, dict[str, Any]]:
    """The recipe's arguments -> the model's source and the settings, filled in. Raises InputError on a broken rule."""
    source = resolve(given["model"])
    settings: dict[str, Any] = {k: v for k, v in given.items() if k not in ("out", "trace", "every")}
    settings["prompt"] = prompt_list(given["prompt"])
    check_loss(settings)
    native = "latent" if source.factor > 1 else "pixels"
    check_choice("--space", settings["space"], ("auto", "latent", "pixels"))
    if settings["space"] == "latent" and native == "pixels":
        raise InputError(
            f"--space latent needs a latent model, {source.name} paints pixels: leave it, or use --model bundled"
        )
    settings["space"] = native if settings["space"] == "auto" else settings["space"]
    fill(settings, usual(source, settings["loss"], settings["space"]))
    canvas(source, settings)
    if settings["dtype"] == "auto" and (settings["loss"] == "vsd" or settings["space"] != native):
        settings["dtype"] = "float32"
    check_at_least("--every", given["every"], 0)
    for name, least in LEAST.items():
        check_at_least(f"--{name.replace('_', '-')}", settings[name], least)
    check_at_most("--horizon", settings["horizon"], 1000)
    T = source.read_json("scheduler/scheduler_config.json").get("num_train_timesteps", 1000)
    check_at_least("--t-min", settings["t_min"], 1)
    check_at_most("--t-max", settings["t_max"], T - 1)
    check_at_most("--t-min", settings["t_min"], settings["t_max"])
    most = max(0, int(settings["horizon"] * settings["steps"]) - 1)
    check_at_most("--warm-up, of so many --steps,", settings["warm_up"], most)
    return source, settings


def check_loss(settings: dict[str, Any]) -> None:
    """Fill in the loss; check what goes with it. Raises InputError on a broken rule."""
    edits = settings["source"] is not None
    if settings["loss"] == "auto":
        settings["loss"] = "pds" if edits else "sds"
    loss = settings["loss"]
    check_choice("--loss", loss, tuple(LATENTS))
    if edits != (loss in EDITS):
        cure = "leave it away, or use --loss pds or dds" if edits else "name the picture to edit with --source"
        raise InputError(f"--source is what {' and '.join(EDITS)} edit, --loss {loss} was given: {cure}")
    if edits and not settings["source_prompt"]:
        raise InputError(f"an edit by {loss} needs what --source shows, none was given: say it with --source-prompt")
    if not edits and (settings["source_prompt"] or settings["size"] is not None):
        raise InputError(f"--source-prompt and --size are of a picture to edit, --loss {loss} has none: leave them away")
    if edits and (settings["width"] is not None or settings["height"] is not None):
        raise InputError("an edit is as large as its --source: leave --width and --height away, or give --size")
    if loss not in WEIGHED and settings["weight"] != "auto":
        raise InputError(f"--weight is of {', '.join(WEIGHED)}, --loss {loss} has its own: leave it away")
    if settings["perp_neg"] and (loss in EDITS or not settings["negative"]):
        lacks = "compares a picture with its source" if loss in EDITS else "has no --negative"
        raise InputError(f"--perp-neg weighs a --negative against the prompt, --loss {loss} {lacks}: leave it, or add one")
    if settings["init"] not in MADE and not Path(settings["init"]).expanduser().is_file():
        raise InputError(f"--init must be noise, sketch or a picture's file, {settings['init']} is none: check the path")


def fill(settings: dict[str, Any], usual: Usual) -> None:
    """Put the loss's own numbers where nothing was asked."""
    check_choice("--weight", settings["weight"], ("auto", "one", "variance", "fantasia"))
    check_choice("--anneal", settings["anneal"], ("auto", "none", "narrow", "linear", "sqrt"))
    own = asdict(usual)
    numbers = {name: name for name in ("guidance", "lr", "student_lr", "student_steps", "horizon")}
    for name, field in (numbers | {"t_min": "first", "t_max": "last"}).items():
        settings[name] = own[field] if settings[name] is None else settings[name]
    for name in ("anneal", "weight") if settings["loss"] in WEIGHED else ("anneal",):
        settings[name] = own[name] if settings[name] == "auto" else settings[name]
    if settings["init"] == "auto" and settings["source"] is None:
        settings["init"] = own["init"]
    if settings["warm_up"] is None:
        settings["warm_up"] = settings["steps"] // 5


def canvas(source: Checkpoint, settings: dict[str, Any]) -> None:
    """Fill in width and height of what is no edit. Raises InputError where the model's windows cannot cover them."""
    if settings["source"] is not None:
        return
    for side in ("width", "height"):
        settings[side] = settings[side] or source.native_size
        check_at_least(f"--{side} (the model's own)", settings[side], source.native_size)
        if settings[side] % source.factor:
            raise InputError(
                f"--{side} must be a multiple of {source.factor}, the size of a latent, {settings[side]} is none"
            )
