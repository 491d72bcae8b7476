"""`python main.py --app ambiguous_image --tag …`: an anagram, and the course's files."""

from __future__ import annotations

import argparse
import shlex
from typing import Any

from synoptic.courses.cli.argparse_compat import Parser, at_least
from synoptic.courses.cli.synchronization import folder_of, model_of, run_key, shared_options, synchronization, write_config
from synoptic.errors import InputError
from synoptic.models.registry import resolve
from synoptic.options import options_class
from synoptic.runs.folders import check_folder

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


def generate(args: argparse.Namespace) -> None:
    """Make the anagram, then the course's files: each view under its prompt, and in results/ the small ones too."""
    prompts, views = args.prompts, [view_name(name, args) for name in args.views_names]
    if not prompts or len(prompts) != len(views):
        raise InputError(f"--prompts must be one a view, {len(prompts)} for {len(views)} were given: match --views_names")
    source = resolve(model_of(args, args.stage_1_path))
    asked = shared_options(args) | {
        "views": views,
        "space": "instance",
        "init_noise": "independent",
        "upscalers": args.stage_2_path or "auto",
        "noise_level": args.stage2_noise_level,
        "noise_augmentation": False,
        "model": source.name,
    }
    folder = folder_of(args)
    prepared: Any = options_class("anagram").from_arguments(*prompts, **asked).prepare()
    place = folder / "results" / run_key(prepared)
    check_folder(prepared, place)

    import torch

    from synoptic import io
    from synoptic.courses.files import file_name
    from synoptic.runs.execute import execute
    from synoptic.views.registry import get_view

    made = execute(prepared, place)
    (whole,), file = made.images, made.folder / made.pictures[0].file
    stage_one = file.with_suffix(f".{source.native_size}.png")  # there where it was enlarged
    inside, looks = io.read_settings(file), [get_view(name) for name in views]
    small, large = (
        [look.view(io.from_pil(picture)) for look in looks]
        for picture in (io.load_image(stage_one if stage_one.exists() else file), whole)
    )
    for i, x in enumerate(small):
        io.save_image(folder / f"results/view_{i}.png", io.to_pil(x)[0], inside)
    for prompt, x in zip(prompts, large, strict=True):
        for place in (folder, folder / "results"):
            io.save_image(place / file_name(prompt), io.to_pil(x)[0], inside | {"prompt": prompt})
        print(folder / file_name(prompt))
    io.save_image(folder / "results/final.png", io.to_pil(torch.cat(large, -1))[0], inside)
    write_config(folder / "ambiguous_image_config.yaml", args, made.options.command())
    if made.scores:
        print(f"alignment {made.scores['alignment']:.3f} by {made.scores['clip_model']}")
    print(f"to score the views: python eval.py --fdir1 {shlex.quote(str(folder))} --app ambiguous_images")


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
