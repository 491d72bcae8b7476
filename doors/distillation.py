"""`python main.py --prompt "…" --loss_type sds`: score distillation, which is still to come."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import NoReturn

import synoptic
from doors.line import Parser, least
from synoptic.check import BadInput

THEIRS: dict[str, str] = {}


def options(p: Parser) -> None:
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


def paint(args: argparse.Namespace) -> NoReturn:
    if args.loss_type == "pds":
        if args.edit_prompt is None or args.src_img_path is None:
            raise BadInput("--loss_type pds edits a picture, which was not given: add --edit_prompt and --src_img_path")
        source = Path(os.path.expandvars(args.src_img_path)).expanduser()
        if not source.is_file():
            raise BadInput(f"--src_img_path must name a picture, {source} is no file: check the path")
    raise BadInput(
        f"--loss_type {args.loss_type} needs the distillation recipe, which synoptic {synoptic.__version__} does not have"
        " yet: use --app wide_image or ambiguous_image"
    )
