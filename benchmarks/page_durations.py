"""How long the commands of the guides take: CPU seconds of one thread, into docs/benchmarks/page-durations-cpu.json.

PYTHONPATH=. OMP_NUM_THREADS=1 python -m benchmarks.page_durations [PAGE …] [--most SECONDS]

A block of commands that is followed by a line with `<!-- durations --><!-- end -->` gets their seconds there by
`python -m benchmarks.figures`. Of its commands those without a figure are run, each in a process of its own that is forked
after the imports, which are left out, and ended after --most seconds. What differs from commands of the gallery in prompts,
seed and file alone takes the median of theirs.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import re
import resource
import shlex
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import pairwise
from multiprocessing.connection import Connection
from pathlib import Path
from time import process_time

import torch

import synoptic.runs.execute as execute  # what is forked has imported it
from benchmarks.tables import BENCHMARKS, ROOT, read
from synoptic import cli
from tests.page_files import make_files

NAME = "page-durations-cpu"
BLOCK = r"^```\w*\n(?P<block>(?:(?!```).*\n)+)```\n"
DURATIONS = re.compile(rf"(?P<before>{BLOCK}[^\n]*<!-- durations -->)(?P<said>.*?)(?P<after><!-- end -->)", re.M)
FORK = multiprocessing.get_context("fork")
Shape = tuple[str, int, frozenset[str]]


def block_commands(block: str) -> list[str]:
    """Return the commands of a block as they are typed, without remarks."""
    lines = block.replace("\\\n", " ").splitlines()
    return [shlex.join(shlex.split(line, comments=True)) for line in lines if line.startswith(("synoptic ", "python "))]


def said(block: str) -> str:
    """Return the seconds of a block's commands in words."""
    found = read(NAME)["seconds"]
    each = [in_words(found.get(command)) for command in block_commands(block)]
    return f"{each[0]} each" if len(each) > 1 and len(set(each)) == 1 else ", ".join(each)


def in_words(seconds: float | None) -> str:
    """Return seconds to two digits."""
    return "not measured" if seconds is None else f"{max(1, float(f'{seconds:.2g}')):.0f} s"


def filled(text: str) -> str:
    """Return a page with the seconds below its blocks."""
    return DURATIONS.sub(lambda m: m["before"] + said(m["block"]) + m["after"], text)


def shape(command: str) -> Shape:
    """Return what decides how long a command takes: not its prompts, seed and files, but how many there are."""
    words = shlex.split(command)
    flags = [k for k, word in enumerate(words) if word.startswith("--")] + [len(words)]
    options = {" ".join(words[a:b]) for a, b in pairwise(flags)}
    kept = frozenset(one for one in options if not one.startswith(("--seed ", "--source-prompt ")))
    return words[1], flags[0], kept


def of_the_gallery(command: str) -> float | None:
    """Return the median of the gallery's pictures by a command of the same shape, if there are any."""
    rows = json.loads((ROOT / "examples" / "gallery.json").read_text()).values()
    alike = [row["seconds"] for row in rows if shape(row["command"]) == shape(command)]
    return statistics.median(alike) if alike else None


def measured(command: str, most: int) -> float | None:
    """Return the CPU seconds of a command, run in this folder; None where it failed or took more."""
    ours, theirs = FORK.Pipe(duplex=False)
    process = FORK.Process(target=run, args=(shlex.split(command), most, theirs))
    process.start()
    theirs.close()
    process.join()
    return ours.recv() if process.exitcode == 0 else None


def run(words: Sequence[str], most: int, to: Connection) -> None:
    """Run a command in this process, and send its seconds."""
    resource.setrlimit(resource.RLIMIT_CPU, (most, most + 5))
    assert execute and words[0] == "synoptic"
    begin = process_time()
    sys.argv = list(words)
    try:
        cli.main()
    except SystemExit as e:
        if e.code:
            raise
    to.send(process_time() - begin)


def wanted(pages: Sequence[Path]) -> Iterator[str]:
    """Yield the commands of the marked blocks of pages, each once."""
    blocks = (m["block"] for page in pages for m in DURATIONS.finditer(page.read_text()))
    yield from dict.fromkeys(command for block in blocks for command in block_commands(block))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", nargs="*", type=Path, default=sorted((ROOT / "docs").rglob("*.md")))
    parser.add_argument("--most", type=int, default=60)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    file = BENCHMARKS / f"{NAME}.json"
    found = read(NAME) if file.exists() else {"threads": 1, "torch": torch.__version__, "seconds": {}}
    commands = list(wanted(asked.page))
    with tempfile.TemporaryDirectory() as folder:
        make_files(Path(folder))
        os.chdir(folder)
        for command in commands:
            if command in found["seconds"]:
                continue
            seconds = of_the_gallery(command) or measured(command, asked.most)
            print(f"{command}: {seconds}", file=sys.stderr, flush=True)
            if seconds is not None:
                found["seconds"][command] = round(seconds, 1)
                file.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
