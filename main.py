"""The courses' command lines: `python main.py --app wide_image --prompt "…"`. Options, outputs, traps: docs/courses.md.

A door (`synoptic/courses/cli/`) reads the options as the courses write them, checks them before anything heavy is imported,
and hands over to a recipe.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from synoptic.courses.cli import ambiguous, distillation, wide
from synoptic.courses.cli.argparse_compat import Parser, answer, dashes, notice, renamed

DOORS = {"wide_image": wide, "ambiguous_image": ambiguous, None: distillation}


def main(argv: Sequence[str] | None = None) -> int:
    return answer("main.py", lambda: run(dashes(sys.argv[1:] if argv is None else argv)))


def run(argv: Sequence[str]) -> None:
    first = Parser("main.py", add_help=False)
    first.add_argument("--app", choices=("wide_image", "ambiguous_image"))
    app = first.parse_known_args(argv)[0].app
    parser = Parser(f"main.py --app {app}" if app else "main.py", epilog="Other help: main.py [--app APP] --help")
    parser.add_argument("--app", choices=("wide_image", "ambiguous_image"), help="without it: score distillation")
    door = DOORS[app]
    door.options(parser)
    args = parser.parse_args(argv)
    if idle := [f"--{name}" for name in parser.idle if name in vars(args)]:
        notice(f"without effect: {', '.join(idle)} (docs/courses.md says why)")
    with renamed(door.THEIRS):
        door.paint(args)


if __name__ == "__main__":
    sys.exit(main())
