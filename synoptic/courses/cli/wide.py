"""`python main.py --app wide_image --prompt "…"`: a wide picture, and the course's files."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from synoptic.courses.cli.argparse_compat import Parser, at_least
from synoptic.courses.cli.synchronization import folder_of, model_of, shared_options, synchronization
from synoptic.errors import InputError
from synoptic.models.registry import resolve
from synoptic.options.base import Options
from synoptic.options.wide import WideOptions

SIDE, LATENT = 512, 64  # the course's model: its sizes are in its pixels and latents, and scale with the native size
OPTION_NAMES = {  # what our messages name, as the course calls it
    "--device auto or cpu": "--gpu 0",
    "--guidance-scale": "--guidance_scale",
    "--model": "--sd_path",
    "--out": "--save_top_dir",
    "--steps": "--num_inference_steps",
    "--stride": "--window_stride",
}


def options(p: Parser) -> None:
    synchronization(p, "wide_image", 50, 7.5, "sd")
    p.add_argument("--prompt", required=True)
    p.add_argument("--negative_prompt", default="")
    p.add_argument("--sd_path", help="other weights: an alias, a directory or a hub id (default: bundled)")
    p.add_argument("--window_stride", type=at_least(1), default=8, help="in latents")
    p.add_argument("--panorama_height", type=at_least(1), default=SIDE, help="as for a model of 512, as all sizes here")
    p.add_argument("--panorama_width", type=at_least(1), default=6 * SIDE)
    p.add_argument("--latent_instance_size", type=int, choices=(LATENT,), default=LATENT)
    p.add_argument("--rgb_instance_size", type=int, choices=(SIDE,), default=SIDE)
    p.add_argument("--eval_pos", type=at_least(0), nargs="*", default=list(range(0, 1024, 128)), help="where crops begin")
    several = {"type": int, "nargs": "+", "action": "extend"}
    p.without_effect(
        log_step={"type": int},
        ref_attention_end={"type": float},
        mvd_end={"type": float},
        eval_w=several,
        eval_h=several,
        initialize_xt_from_zt={"action": "store_true"},
    )


def prepare(args: argparse.Namespace) -> tuple[Options, Path]:
    """Return the prepared options, and the folder of the course's files. Raises InputError."""
    source = resolve(model_of(args, args.sd_path))
    native, unit = source.native_size, SIDE * source.factor // math.gcd(SIDE * source.factor, source.native_size)
    for side, pixels in (("height", args.panorama_height), ("width", args.panorama_width)):
        if pixels < SIDE or pixels % unit:
            raise InputError(
                f"--panorama_{side} must be a multiple of {unit} from {SIDE} up, {pixels} was given: change it",
                rule="panorama-size",
            )
    last = args.panorama_width - SIDE
    for p in args.eval_pos:
        if p > last:
            raise InputError(
                f"--eval_pos must be at most {last}, where the last crop begins; {p} was given: lower it",
                rule="eval-pos-range",
            )
    asked = shared_options(args) | {
        "width": args.panorama_width * native // SIDE,
        "height": args.panorama_height * native // SIDE,
        "negative_prompt": args.negative_prompt,
        "stride": args.window_stride,
        "weights": "uniform",
        "model": source.name,
    }
    folder = folder_of(args)
    prepared = WideOptions.from_arguments(args.prompt, **asked).prepare()
    return prepared, folder
