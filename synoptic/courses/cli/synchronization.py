"""The synchronization course: the options that its two apps share, and where their pictures go."""

from __future__ import annotations

import argparse
import os
from datetime import datetime
from pathlib import Path

from synoptic.courses.cli.argparse_compat import Parser, at_least, print_notice
from synoptic.errors import user_path

BUNDLED = {"sd": "bundled", "deepfloyd": "bundled-if"}  # the course's kind of model, and ours of that kind
MOVED = {  # hub ids that are gone: the aliases that know where they went
    "stabilityai/stable-diffusion-2-base": "sd2",
    "stabilityai/stable-diffusion-2-1-base": "sd2.1",
    "runwayml/stable-diffusion-v1-5": "sd1.5",
}


def synchronization(p: Parser, tag: str | None, steps: int, guidance: float, kind: str) -> None:
    """Add the options that both apps of the synchronization course have."""
    p.add_argument("--seed", type=at_least(0), default=1)
    p.add_argument("--gpu", type=at_least(0), default=0, help="which one; without any the CPU paints")
    p.add_argument("--sampling_method", choices=("ddim", "ddpm"), default="ddim", help="ddpm: DDIM with eta 1")
    p.add_argument("--save_top_dir", default="./outputs")
    p.add_argument("--tag", default=tag, required=tag is None, help="the folder below --save_top_dir")
    p.add_argument("--save_dir_now", action="store_true", help="a folder mm-dd-HHMMSS below that")
    p.add_argument("--num_inference_steps", type=at_least(1), default=steps)
    p.add_argument("--guidance_scale", type=at_least(0, float), default=guidance)
    p.add_argument("--model", choices=("sd", "deepfloyd"), default=kind, help="the kind of the bundled model")
    p.add_argument("--case", choices=("none", "eps", "x0", "xt"), default="x0", help="what the views agree on")


def model_of(args: argparse.Namespace, path: str | None) -> str:
    """Return the model that a path option names, or the bundled one of --model's kind. Says so where a hub id is gone."""
    name = path or BUNDLED[args.model]
    if name in MOVED:
        print_notice(f"{name} is gone from the hub: taking {MOVED[name]} (see: synoptic models)")
    return MOVED.get(name, name)


def shared_options(args: argparse.Namespace) -> dict[str, object]:
    """Return the options of both apps, by our names. The course's steps clip no x0, whatever a scheduler's config says."""
    return {
        "steps": args.num_inference_steps,
        "guidance_scale": args.guidance_scale,
        "sync": args.case,
        "clip": "none",
        "eta": 1.0 if args.sampling_method == "ddpm" else 0.0,
        "seed": args.seed,
        "device": f"cuda:{args.gpu}" if args.gpu else "auto",
    }


def folder_of(args: argparse.Namespace) -> Path:
    """Return where the course puts its files. Says so where it is there already, where its own script ends silently."""
    folder = user_path(args.save_top_dir) / args.tag
    if args.save_dir_now:
        folder /= datetime.now().strftime("%m-%d-%H%M%S")
    if os.path.exists(folder):  # where pathlib raises on a name that is too long, this says no
        print_notice(f"{folder} is there already: this picture joins it, or takes the place of the one of the same prompt")
    return folder
