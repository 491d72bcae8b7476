"""`python main.py --app ambiguous_image --tag …`: an anagram, and the course's files."""

from __future__ import annotations

import argparse
from pathlib import Path

from synoptic.courses.cli.argparse_compat import Parser, at_least
from synoptic.courses.cli.synchronization import folder_of, model_of, shared_options, synchronization
from synoptic.errors import InputError
from synoptic.models.registry import resolve
from synoptic.options.anagram import AnagramOptions
from synoptic.options.base import Options
from synoptic.options.upscaling import find_upscalers

VIEWS = (
    *("identity", "flip", "rotate_cw", "negate", "skew", "patch_permute", "pixel_permute", "jigsaw", "square_hinge"),
    "inner_rotate",
)
OPTION_NAMES = {  # what our messages name, as the course calls it
    "--view-space latents": "--model deepfloyd",
    "--device auto or cpu": "--gpu 0",
    "--guidance-scale": "--guidance_scale",
    "--noise-level": "--stage2_noise_level",
    "--model(?! deepfloyd)": "--stage_1_path",
    "--out": "--save_top_dir",
    "--sampler ddim or dpm\\+\\+ with --eta 0": "--sampling_method ddim",
    "--steps": "--num_inference_steps",
    "--sync": "--case",
    "--upscalers": "--stage_2_path",
    "--views": "--views_names",
}


def options(p: Parser) -> None:
    synchronization(p, None, 30, 10.0, "deepfloyd")
    p.add_argument("--prompts", nargs="*", default=["a horse", "a snowy mountain village"], help="one a view")
    p.add_argument("--views_names", nargs="*", choices=VIEWS, default=["identity", "rotate_cw"])
    p.add_argument("--rotate_angle", type=float, default=90.0, help="of inner_rotate, degrees")
    p.add_argument("--stage_1_path", help="other weights: an alias, a directory or a hub id (default: bundled)")
    p.add_argument("--stage_2_path", help="the same of the upscaler")
    p.add_argument("--stage2_noise_level", type=at_least(0), default=50)
    flag = {"action": "store_true"}
    p.without_effect(
        log_step={"type": int},
        sd_model_name={},
        style={},
        scaling_factor={"type": float},
        initialize_xt_from_zt=flag,
        initialize_same_xt=flag,
    )


def prepare(args: argparse.Namespace) -> tuple[Options, Path]:
    """Return the prepared options, and the folder of the course's files. Raises InputError."""
    prompts, views = args.prompts, [view_name(name, args) for name in args.views_names]
    if not prompts or len(prompts) != len(views):
        raise InputError(
            f"--prompts must be one a view, {len(prompts)} for {len(views)} were given: match --views_names",
            rule="prompts-count",
        )
    source, upscalers = resolve(model_of(args, args.stage_1_path)), args.stage_2_path or "auto"
    asked = shared_options(args) | {
        "views": views,
        "space": "instance",
        "init_noise": "independent",
        "upscalers": upscalers,
        "noise_level": args.stage2_noise_level,
        "noise_augmentation": not find_upscalers(source, [upscalers]),
        "model": source.name,
    }
    folder = folder_of(args)
    prepared = AnagramOptions.from_arguments(*prompts, **asked).prepare()
    return prepared, folder


def view_name(view: str, args: argparse.Namespace) -> str:
    """Return a view of the course by our name: inner_rotate has --rotate_angle, what is shuffled --seed."""
    match view:
        case "inner_rotate":
            return f"inner_rotate:{args.rotate_angle:g}"
        case "patch_permute":
            return f"patch_permute:8:{args.seed}"
        case "pixel_permute":
            return f"pixel_permute:{args.seed}"
    return view
