"""The courses' score of a folder: `python eval.py --fdir1 DIR --app wide_images`. More in docs/courses.md."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from synoptic.courses.cli.argparse_compat import Parser, exit_code, in_the_courses_words, two_dashes
from synoptic.errors import InputError, check_writable
from synoptic.models.registry import resolve_clip


def main(argv: Sequence[str] | None = None) -> int:
    parser = Parser("eval.py", description="CLIP score of all *.png in a folder, as the courses define it.")
    parser.add_argument("--fdir1", required=True, help="the folder; a file's name is its prompt, a crop's position follows")
    parser.add_argument("--app", choices=("wide_images", "ambiguous_images"), help="accepted; every folder is read alike")
    parser.add_argument(
        "--judge", default="bundled", help="clip-vit-b32 (the courses'), or any CLIPModel (default: bundled)"
    )
    return exit_code("eval.py", lambda: score(parser.parse_args(two_dashes(sys.argv[1:] if argv is None else argv))))


def score(args: argparse.Namespace) -> list[str]:
    """Score a folder and write its eval.json; return the lines to print."""
    folder = Path(args.fdir1).expanduser()
    if not any(folder.glob("*.png")):
        why = "holds no .png" if folder.is_dir() else "is no folder"
        raise InputError(f"--fdir1 must be a folder of pictures, {folder} {why}: check the path", rule="folder-empty")
    with in_the_courses_words({"--clip-model": "--judge", "--model": "--judge", "--out": "--fdir1"}):
        source = resolve_clip(args.judge)
        check_writable(folder)

    from synoptic.courses.files import prompt_of
    from synoptic.courses.folder_scores import score_folder, write_eval
    from synoptic.courses.report import MARKS_CLIP, verdict
    from synoptic.metrics.clip import Clip

    clip = Clip(source)
    scores = score_folder(folder, clip)
    rows = [(value, prompt_of(Path(path))) for path, value in scores.items() if path not in ("source_dir", "score")]
    marks = verdict(scores["score"], Path(source.path_or_repo).name == MARKS_CLIP)
    return [
        "score\tprompt",
        *(f"{value:.4f}\t{text}" for value, text in [*rows, (scores["score"], f"mean by {clip.name}")]),
        *([marks] if marks else []),
        f"written to {write_eval(folder, scores)}",
    ]


if __name__ == "__main__":
    sys.exit(main())
