"""Time a command from the start of its process to its first step, part by part.

    python benchmarks/startup.py --count 5

Minima of several processes, in seconds of CPU and of the clock; parts: the command line's own imports, those of what carries
the command out, the model, the first step (the prompt's embedding in it). Modules are compiled once, by the first process.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

PARTS = ("command line", "imports", "model", "first step")
CHILD = """
import json, sys, time
from synoptic import cli
from synoptic.commands import call

def reached(part):
    times[part] = (time.process_time(), time.time() - started)

def import_module(name):
    module = importing(name)
    if name == "synoptic.runs.execute":
        reached("imports")
        opening = module.open_model
        def open_model(*values):
            model = opening(*values)
            reached("model")
            return model
        def show_step(step):
            reached("first step")
            print(json.dumps(times))
            sys.exit()
        module.open_model, module.show_step = open_model, show_step
    return module

times, started = {}, float(sys.argv[1])
importing, call.import_module = call.import_module, import_module
reached("command line")
sys.argv = ["synoptic", *sys.argv[2:]]
cli.main()
"""


def output_of(code: str, *words: str) -> str:
    """Return what a fresh process prints last, which keeps the modules that it compiles, whatever the environment says.

    Without them (PYTHONDONTWRITEBYTECODE) each start would compile all libraries, longer than everything else takes.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", code, *words]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout.splitlines()[-1]


def one_start(words: list[str]) -> dict[str, tuple[float, float]]:
    """Return the seconds of CPU and clock at which a fresh process has done each part of a command."""
    with tempfile.TemporaryDirectory() as folder:
        return json.loads(output_of(CHILD, str(time.time()), *words, "--out", folder))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=5, help="processes, of which the minimum counts")
    parser.add_argument("words", nargs="*", default=["generate", "a photo of a coral reef"], help="the command")
    args = parser.parse_args()
    one_start(args.words)  # the first reads the files from the disk
    starts = [one_start(args.words) for _ in range(args.count)]
    print("| until | CPU s | clock s |\n|---|---|---|")
    for part in PARTS:
        cpu, clock = (min(start[part][k] for start in starts) for k in range(2))
        print(f"| {part} | {cpu:.2f} | {clock:.2f} |")


if __name__ == "__main__":
    main()
