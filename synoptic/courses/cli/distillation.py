"""`python main.py --prompt "…" --loss_type sds`: score distillation, and the course's files."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from synoptic.courses.cli.argparse_compat import Parser, at_least
from synoptic.courses.cli.synchronization import model_of
from synoptic.errors import InputError, user_path
from synoptic.models.registry import resolve
from synoptic.options.base import Options
from synoptic.options.distill import DistillOptions

OPTION_NAMES: dict[str, str] = {  # what our messages name, as the course calls it
    "--device auto or cpu": "--device 0",
    "--guidance-scale": "--guidance_scale",
    "--model": "--sd_path",
    "--out": "--save_dir",
    "--steps": "--step",
}


def options(p: Parser) -> None:
    p.add_argument("--prompt", required=True)
    p.add_argument("--negative_prompt", default="low quality")
    p.add_argument("--edit_prompt", help="what an edit (pds) makes of the picture")
    p.add_argument("--src_img_path", help="the picture that pds edits; --prompt says what it shows")
    p.add_argument("--save_dir", default="./outputs")
    p.add_argument("--loss_type", choices=("sds", "pds", "vsd"), default="sds")
    p.add_argument("--stride", type=at_least(1), default=1, help="of pds, from t to t': the course's page; official: 2")
    p.add_argument("--guidance_scale", type=at_least(0, float), default=7.5)
    p.add_argument("--step", type=at_least(1), default=500)
    p.add_argument(
        "--lr", type=at_least(0, float), default=0.1, help="the rate that the course's script takes whatever is given"
    )
    p.add_argument("--log_step", type=at_least(1), default=25, help="a picture every so many steps, in results/")
    p.add_argument("--precision", choices=("fp32", "fp16"), default="fp32", help="fp16: the half that the device is fast at")
    p.add_argument("--device", type=at_least(0), default=0, help="which GPU; without any the CPU paints")
    p.add_argument("--seed", type=at_least(0), default=1, help="the course's script sets none")
    p.add_argument("--sd_path", help="other weights: an alias, a directory or a hub id (default: bundled)")


def prepare(args: argparse.Namespace) -> tuple[Options, Path]:
    """Return the prepared options, and the folder of the course's files. Raises InputError."""
    model, edit = model_of(argparse.Namespace(model="sd"), args.sd_path), {}
    if args.loss_type == "pds":
        edit = edit_of(args)
    prompt = args.edit_prompt if edit else args.prompt
    asked: dict[str, object] = {
        "loss": args.loss_type,
        "guidance_scale": args.guidance_scale,
        "negative_prompt": args.negative_prompt,
        "steps": args.step,
        "lr": args.lr,
        "horizon": 1.5,
        "warm_up": min(100, int(1.5 * args.step) - 1),
        "seed": args.seed,
        "model": model,
        "device": f"cuda:{args.device}" if args.device else "auto",
        "dtype": "float32" if args.precision == "fp32" else "auto",
    }
    asked |= edit | ({"size": resolve(model).native_size} if edit else {})
    folder = user_path(args.save_dir)
    prepared = DistillOptions.from_arguments(prompt, **asked, save_every=args.log_step).prepare()
    return prepared, folder


def edit_of(args: argparse.Namespace) -> dict[str, str | int]:
    """Return what is needed to edit a picture. Raises InputError where it was not given."""
    if args.edit_prompt is None or args.src_img_path is None:
        raise InputError(
            "--loss_type pds edits a picture, which was not given: add --edit_prompt and --src_img_path", rule="pds-picture"
        )
    source = user_path(os.path.expandvars(args.src_img_path))
    if not source.is_file():
        raise InputError(f"--src_img_path must name a picture, {source} is no file: check the path", rule="picture-missing")
    return {"source": str(source), "source_prompt": args.prompt, "stride": args.stride}
