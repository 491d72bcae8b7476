"""The courses' command lines: `python main.py --app wide_image --prompt "…"`. Options, outputs, traps: docs/courses.md.

A module of `synoptic/courses/cli/` reads the options as the courses write them, checks them before anything heavy is
imported, and runs the application.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from synoptic.courses.cli import ambiguous, distillation, wide
from synoptic.courses.cli.argparse_compat import Parser, exit_code, in_the_courses_words, print_notice, two_dashes
from synoptic.errors import check_writable

COMMAND_LINES = {"wide_image": wide, "ambiguous_image": ambiguous, None: distillation}


def main(argv: Sequence[str] | None = None) -> int:
    return exit_code("main.py", lambda: run(two_dashes(sys.argv[1:] if argv is None else argv)))


def run(argv: Sequence[str]) -> list[str]:
    """Carry out a command line; return the lines to print."""
    first = Parser("main.py", add_help=False)
    first.add_argument("--app", choices=("wide_image", "ambiguous_image"))
    app = first.parse_known_args(argv)[0].app
    parser = Parser(f"main.py --app {app}" if app else "main.py", epilog="Other help: main.py [--app APP] --help")
    parser.add_argument("--app", choices=("wide_image", "ambiguous_image"), help="without it: score distillation")
    command_line = COMMAND_LINES[app]
    command_line.options(parser)
    args = parser.parse_args(argv)
    if ignored := [f"--{name}" for name in parser.ignored if name in vars(args)]:
        print_notice(f"without effect: {', '.join(ignored)} (docs/courses.md says why)")
    with in_the_courses_words(command_line.OPTION_NAMES):
        prepared, folder = command_line.prepare(args)
        check_writable(folder)

        from synoptic.courses import outputs

        return getattr(outputs, command_line.__name__.rpartition(".")[2])(args, prepared, folder)


if __name__ == "__main__":
    sys.exit(main())
