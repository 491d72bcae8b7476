"""The courses' command lines: `python main.py --app wide_image --prompt "…"`. Options, outputs, traps: docs/courses.md.

A door: it reads the options as the courses write them, checks them before anything heavy is imported, and hands over to
a recipe.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

import synoptic
from synoptic.check import BadInput

SIDE, LATENT = 512, 64  # the courses' model: their sizes are in its pixels and latents, and scale with the native size
BUNDLED = {"sd": "bundled", "deepfloyd": "bundled-if"}  # the courses' kind of model, and ours of that kind
MOVED = {  # hub ids that are gone: the aliases that know where they went
    "stabilityai/stable-diffusion-2-base": "sd2",
    "stabilityai/stable-diffusion-2-1-base": "sd2.1",
    "runwayml/stable-diffusion-v1-5": "sd1.5",
}
VIEWS = (
    *("identity", "flip", "rotate_cw", "negate", "skew", "patch_permute", "pixel_permute", "jigsaw", "square_hinge"),
    "inner_rotate",
)
THEIRS = {  # what a recipe's message names, as the courses call it
    "--device auto or cpu": "--gpu 0",
    "--guidance": "--guidance_scale",
    "--model": "--sd_path",
    "--out": "--save_top_dir",
    "--steps": "--num_inference_steps",
    "--stride": "--window_stride",
}


def main(argv: Sequence[str] | None = None) -> int:
    return answer("main.py", lambda: run(dashes(sys.argv[1:] if argv is None else argv)))


def answer(door: str, act: Callable[[], None]) -> int:
    """act()'s exit code: 0, 2 with one line for bad input, 130 on Ctrl-C; anything else is a bug and shows its traceback."""
    try:
        act()
    except BadInput as e:
        print(f"{door}: error: {' '.join(str(e).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{door}: stopped; what was finished is saved, the same command goes on from there", file=sys.stderr)
        return 130
    return 0


def notice(text: str) -> None:
    print(f"main.py: notice: {text}", file=sys.stderr)


def dashes(argv: Sequence[str]) -> list[str]:
    """The slides write `-app` for `--app`: a word behind one dash is an option too."""
    return [re.sub(r"^-(?=[a-z]\w+(=|$))", "--", word) for word in argv]


class Parser(argparse.ArgumentParser):
    """argparse whose errors are BadInput, and with options that only keep a course's command line running."""

    idle: Sequence[str] = ()

    def error(self, message: str) -> NoReturn:
        raise BadInput(f"{message} (see: python {self.prog} --help)")

    def without_effect(self, **options: dict[str, Any]) -> None:
        group = self.add_argument_group("accepted, without effect")
        for name, how in options.items():
            group.add_argument(f"--{name}", default=argparse.SUPPRESS, **how)
        self.idle = tuple(options)


def least(bound: float, kind: Callable[[str], float] = int) -> Callable[[str], float]:
    """An argparse type: a number of `kind`, at least `bound`."""

    def read(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not bound <= value < math.inf:
            raise argparse.ArgumentTypeError(f"a number of at least {bound} is needed, {text!r} was given")
        return value

    return read


def run(argv: Sequence[str]) -> None:
    first = Parser("main.py", add_help=False)
    first.add_argument("--app", choices=("wide_image", "ambiguous_image"))
    app = first.parse_known_args(argv)[0].app
    parser = Parser(f"main.py --app {app}" if app else "main.py", epilog="Other help: main.py [--app APP] --help")
    parser.add_argument("--app", choices=("wide_image", "ambiguous_image"), help="without it: score distillation")
    options, paint = DOORS[app]
    options(parser)
    args = parser.parse_args(argv)
    if idle := [f"--{name}" for name in parser.idle if name in vars(args)]:
        notice(f"without effect: {', '.join(idle)} (docs/courses.md says why)")
    with renamed(THEIRS):
        paint(args)


@contextmanager
def renamed(names: Mapping[str, str]) -> Iterator[None]:
    """Options in the message of a BadInput get the names that the door gives them."""
    try:
        yield
    except BadInput as e:
        message = str(e)
        for ours, theirs in names.items():
            message = re.sub(rf"{ours}\b", theirs, message)
        raise BadInput(message) from None


def synchronization(p: Parser, tag: str | None, steps: int, guidance: float, kind: str) -> None:
    """The options that both apps of the synchronization course have."""
    p.add_argument("--seed", type=least(0), default=1)
    p.add_argument("--gpu", type=least(0), default=0, help="which one; without any the CPU paints")
    p.add_argument("--sampling_method", choices=("ddim", "ddpm"), default="ddim", help="ddpm: DDIM with eta 1")
    p.add_argument("--save_top_dir", default="./outputs")
    p.add_argument("--tag", default=tag, required=tag is None, help="the folder below --save_top_dir")
    p.add_argument("--save_dir_now", action="store_true", help="a folder mm-dd-HHMMSS below that")
    p.add_argument("--num_inference_steps", type=least(1), default=steps)
    p.add_argument("--guidance_scale", type=least(0, float), default=guidance)
    p.add_argument("--model", choices=("sd", "deepfloyd"), default=kind, help="the kind of the bundled model")
    p.add_argument("--case", choices=("none", "eps", "x0", "xt"), default="x0", help="what the views agree on")


def wide_options(p: Parser) -> None:
    synchronization(p, "wide_image", 50, 7.5, "sd")
    p.add_argument("--prompt", required=True)
    p.add_argument("--negative_prompt", default="")
    p.add_argument("--sd_path", help="other weights: an alias, a directory or a hub id (default: bundled)")
    p.add_argument("--window_stride", type=least(1), default=8, help="in latents")
    p.add_argument("--panorama_height", type=least(1), default=SIDE, help="as for a model of 512, as all sizes here")
    p.add_argument("--panorama_width", type=least(1), default=6 * SIDE)
    p.add_argument("--latent_instance_size", type=int, choices=(LATENT,), default=LATENT)
    p.add_argument("--rgb_instance_size", type=int, choices=(SIDE,), default=SIDE)
    p.add_argument("--eval_pos", type=least(0), nargs="*", default=list(range(0, 1024, 128)), help="where crops begin")
    several = {"type": int, "nargs": "+", "action": "extend"}
    p.without_effect(
        log_step={"type": int},
        ref_attention_end={"type": float},
        mvd_end={"type": float},
        eval_w=several,
        eval_h=several,
        initialize_xt_from_zt={"action": "store_true"},
    )


def wide_image(args: argparse.Namespace) -> None:
    """The wide recipe, then the course's files: the picture, its crops at --eval_pos, the options."""
    from synoptic.models.source import resolve
    from synoptic.recipes.wide import wide

    name = args.sd_path or BUNDLED[args.model]
    if name in MOVED:
        notice(f"{name} is gone from the hub: taking {MOVED[name]} (see: synoptic models)")
    source = resolve(MOVED.get(name, name))
    native, unit = source.native, SIDE * source.factor // math.gcd(SIDE * source.factor, source.native)
    for side, pixels in (("height", args.panorama_height), ("width", args.panorama_width)):
        if pixels < SIDE or pixels % unit:
            raise BadInput(f"--panorama_{side} must be a multiple of {unit} from {SIDE} up, {pixels} was given: change it")
    last = args.panorama_width - SIDE
    for p in args.eval_pos:
        if p > last:
            raise BadInput(f"--eval_pos must be at most {last}, where the last crop begins; {p} was given: lower it")
    how: dict[str, Any] = {
        "width": args.panorama_width * native // SIDE,
        "height": args.panorama_height * native // SIDE,
        "steps": args.num_inference_steps,
        "guidance": args.guidance_scale,
        "negative": args.negative_prompt,
        "stride": args.window_stride,
        "sync": args.case,
        "weights": "uniform",
        "eta": 1.0 if args.sampling_method == "ddpm" else 0.0,
        "seed": args.seed,
        "model": source.name,
        "device": f"cuda:{args.gpu}" if args.gpu else "auto",
    }
    folder = folder_of(args)
    key = hashlib.sha256(json.dumps([args.prompt, how]).encode()).hexdigest()[:8]
    (panorama,), painted = wide(args.prompt, out=str(folder / "results" / key), **how)

    from synoptic import images
    from synoptic.evaluate.layout import file_name

    inside = images.settings(painted.folder / painted.pictures[0].file)
    whole = folder / file_name(args.prompt)
    images.save(whole, panorama, inside)
    print(whole)
    for p in args.eval_pos:
        left = round(p * native / SIDE)
        crop = folder / file_name(args.prompt, p)
        images.save(crop, panorama.crop((left, 0, left + native, native)), inside)
        print(crop)
    config = json.dumps(vars(args) | {"synoptic": painted.command}, indent=4, ensure_ascii=False)
    images.atomically(folder / "wide_image_run_config.yaml", lambda f: f.write(config.encode()))
    if painted.scores:
        print(f"CLIP score {painted.scores['clip_score']:.3f}, judge {painted.scores['judge']}")
    print(f"to score the crops: python eval.py --fdir1 {shlex.quote(str(folder))} --app wide_images")


def folder_of(args: argparse.Namespace) -> Path:
    """Where the course puts its files. Says so where it is there already: its own script ends there without a word."""
    folder = Path(args.save_top_dir).expanduser() / args.tag
    if args.save_dir_now:
        folder /= datetime.now().strftime("%m-%d-%H%M%S")
    if os.path.exists(folder):  # where pathlib raises on a name that is too long, this says no
        notice(f"{folder} is there already: this picture joins it, or takes the place of the one of the same prompt")
    return folder


def ambiguous_options(p: Parser) -> None:
    synchronization(p, None, 30, 10.0, "deepfloyd")
    p.add_argument("--prompts", nargs="*", default=["a horse", "a snowy mountain village"], help="one a view")
    p.add_argument("--views_names", nargs="*", choices=VIEWS, default=["identity", "rotate_cw"])
    p.add_argument("--rotate_angle", type=float, default=90.0, help="of inner_rotate, degrees")
    p.add_argument("--stage_1_path", help="other weights: an alias, a directory or a hub id (default: bundled)")
    p.add_argument("--stage_2_path", help="the same of the upscaler")
    p.add_argument("--stage2_noise_level", type=least(0), default=50)
    flag = {"action": "store_true"}
    p.without_effect(
        log_step={"type": int},
        sd_model_name={},
        style={},
        scaling_factor={"type": float},
        initialize_xt_from_zt=flag,
        initialize_same_xt=flag,
    )


def ambiguous_image(args: argparse.Namespace) -> NoReturn:
    prompts, views = args.prompts, args.views_names
    if not prompts or len(prompts) != len(views):
        raise BadInput(f"--prompts must be one a view, {len(prompts)} for {len(views)} were given: match --views_names")
    missing("--app ambiguous_image", "the anagram recipe")


def distillation_options(p: Parser) -> None:
    p.add_argument("--prompt", required=True)
    p.add_argument("--negative_prompt", default="low quality")
    p.add_argument("--edit_prompt", help="what an edit (pds) makes of the picture")
    p.add_argument("--src_img_path", help="the picture that pds edits; --prompt says what it shows")
    p.add_argument("--save_dir", default="./outputs")
    p.add_argument("--loss_type", choices=("sds", "pds", "vsd"), default="sds")
    p.add_argument("--guidance_scale", type=least(0, float), default=7.5)
    p.add_argument("--step", type=least(1), default=500)
    p.add_argument(
        "--lr", type=least(0, float), default=0.1, help="the rate that the course's script takes whatever is given"
    )
    p.add_argument("--log_step", type=least(1), default=25)
    p.add_argument("--precision", choices=("fp32", "fp16"), default="fp32")
    p.add_argument("--device", type=least(0), default=0, help="which GPU; without any the CPU paints")
    p.add_argument("--seed", type=least(0), default=1, help="the course's script sets none")
    p.add_argument("--sd_path", help="other weights: an alias, a directory or a hub id (default: bundled)")


def distillation(args: argparse.Namespace) -> NoReturn:
    if args.loss_type == "pds":
        if args.edit_prompt is None or args.src_img_path is None:
            raise BadInput("--loss_type pds edits a picture, which was not given: add --edit_prompt and --src_img_path")
        source = Path(os.path.expandvars(args.src_img_path)).expanduser()
        if not source.is_file():
            raise BadInput(f"--src_img_path must name a picture, {source} is no file: check the path")
    missing(f"--loss_type {args.loss_type}", "the distillation recipe")


def missing(command: str, recipe: str) -> NoReturn:
    """Nothing is painted, and nobody is told otherwise."""
    raise BadInput(
        f"{command} needs {recipe}, which synoptic {synoptic.__version__} does not have yet: use --app wide_image"
    )


DOORS: dict[str | None, tuple[Callable[[Parser], None], Callable[[argparse.Namespace], None]]] = {
    "wide_image": (wide_options, wide_image),
    "ambiguous_image": (ambiguous_options, ambiguous_image),
    None: (distillation_options, distillation),
}

if __name__ == "__main__":
    sys.exit(main())
