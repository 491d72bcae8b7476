"""How long the commands of the guides take: CPU seconds of one thread, into docs/benchmarks/page-durations-cpu.json.

PYTHONPATH=. OMP_NUM_THREADS=1 python -m benchmarks.page_durations [PAGE[#HEADING] …] [--most SECONDS] [--total SECONDS]

A block of commands that is followed by the lines `<!-- durations -->` and `<!-- end -->` gets a sentence with their
seconds between them by `python -m benchmarks.figures`, once all of them have a figure. So does the number in a row
`| what | command | seconds | …` of a table; without a figure it stays as it is. Of these commands those without one are run,
each in a process of its own that is forked after the imports, which are left out, and ended after --most seconds; none
begins after --total seconds. What differs from commands of the gallery in prompts, seed and file alone takes the median
of theirs, and is all that --most 0 fills in. What a processor without instructions for bfloat16 ran in float32 says so: it
takes about twice as long. The file is written after every command; --to names another one, to try this out.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import re
import resource
import runpy
import shlex
import statistics
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from multiprocessing.connection import Connection
from pathlib import Path
from time import monotonic, process_time

import torch

import synoptic.runs.execute as execute  # what is forked has imported it
from benchmarks.tables import BENCHMARKS, ROOT, read
from synoptic import cli
from synoptic.models.device import cpu_is_fast_at_bf16
from synoptic.utils.json_objects import JsonObject
from tests.page_files import make_files
from tests.processes import renew_threads

NAME = "page-durations-cpu"
IN_FLOAT32 = " in float32"  # by a processor that is not fast at bfloat16, the default of the others
BLOCK = r"^```\w*\n(?P<block>(?:(?!```).*\n)+)```\n"
DURATIONS = re.compile(rf"(?P<before>{BLOCK}<!-- durations -->\n)(?P<said>(?:.+\n)?)(?P<after><!-- end -->)", re.M)
HEADING = re.compile(r"^#+ +(?P<title>.+)\n", re.M)
COLUMNS = r"\| [^|\n]+ \| `(?P<command>synoptic [^`|\n]+)` \| "
ROW = re.compile(rf"^(?P<before>{COLUMNS})(?P<seconds>[0-9]+(?:{IN_FLOAT32})?)(?P<after> \|)", re.M)
KINDS = {"block": DURATIONS, "command": ROW}
FORK = multiprocessing.get_context("fork")
Shape = tuple[str, int, frozenset[str]]


def block_commands(block: str) -> list[str]:
    """Return the commands of a block as they are typed, without remarks."""
    lines = block.replace("\\\n", " ").splitlines()
    return [shlex.join(shlex.split(line, comments=True)) for line in lines if line.startswith(("synoptic ", "python "))]


def said(block: str) -> str:
    """Return the sentence with the seconds of a block's commands; none where one has no figure."""
    found = read(NAME)
    commands = block_commands(block)
    if not found["seconds"].keys() >= {*commands}:
        return ""
    each = [f"{in_digits(found['seconds'][command])} s{precision(found, command)}" for command in commands]
    words = f"{each[0]} each" if len(each) > 1 and len(set(each)) == 1 else ", ".join(each)
    return f"*Time on [one core](start.md#the-first-pictures): {words}.*\n"


def precision(found: JsonObject, command: str) -> str:
    """Return what follows the seconds of a command that ran in float32 for want of instructions for bfloat16."""
    return IN_FLOAT32 if command in found.get("in_float32", ()) else ""


def in_digits(seconds: float) -> str:
    """Return seconds to two digits, one at least."""
    return f"{max(1, float(f'{seconds:.2g}')):.0f}"


def filled(text: str) -> str:
    """Return a page with the seconds below its blocks and in its tables."""
    found = read(NAME)

    def cell(row: re.Match[str]) -> str:
        (command,) = block_commands(row["command"])
        if command not in found["seconds"]:
            return row[0]
        return row["before"] + in_digits(found["seconds"][command]) + precision(found, command) + row["after"]

    return ROW.sub(cell, DURATIONS.sub(lambda m: m["before"] + said(m["block"]) + m["after"], text))


def shape(command: str) -> Shape:
    """Return what decides how long a command takes: not its prompts, seed and files, but how many there are."""
    words = shlex.split(command)
    flags = [k for k, word in enumerate(words) if word.startswith("--")] + [len(words)]
    options = {" ".join(words[a:b]) for a, b in pairwise(flags)}
    kept = frozenset(one for one in options if not one.startswith(("--seed ", "--source-prompt ", "--out ")))
    return words[1], flags[0], kept


def of_the_gallery(command: str) -> float | None:
    """Return the median of the gallery's pictures by a command of the same shape, if there are any."""
    rows = json.loads((ROOT / "examples" / "gallery.json").read_text()).values()
    alike = [row["seconds"] for row in rows if shape(row["command"]) == shape(command)]
    return statistics.median(alike) if alike else None


def measured(command: str, most: int) -> float | None:
    """Return the CPU seconds of a command, run in this folder; None where it failed or took more."""
    if most < 1:
        return None
    ours, theirs = FORK.Pipe(duplex=False)
    process = FORK.Process(target=run, args=(shlex.split(command), most, theirs))
    process.start()
    theirs.close()
    process.join()
    return ours.recv() if process.exitcode == 0 else None


def run(words: Sequence[str], most: int, to: Connection) -> None:
    """Run a command in this process, and send its seconds."""
    resource.setrlimit(resource.RLIMIT_CPU, (most, most + 5))
    os.environ["BROWSER"] = "true"  # of --open: a program that does nothing
    script = ROOT / words[1] if words[0] == "python" else None
    sys.argv = [*words[script is not None :]]
    renew_threads()
    begin = process_time()
    try:
        if script:
            runpy.run_path(str(script), run_name="__main__")
        else:
            assert execute and words[0] == "synoptic"
            cli.main()
    except SystemExit as e:
        if e.code:
            raise
    to.send(process_time() - begin)


def part(asked: str) -> str:
    """Return the text of a page, or of one section of it: PAGE#HEADING, the heading as links have it."""
    page, _, anchor = asked.partition("#")
    text = Path(page).read_text()
    if not anchor:
        return text
    begins = {re.sub(r"[^\w-]", "", m["title"].lower().replace(" ", "-")): m.start() for m in HEADING.finditer(text)}
    later = [start for start in begins.values() if start > begins[anchor]]
    return text[begins[anchor] : min(later, default=None)]


def wanted(texts: Iterable[str]) -> Iterator[str]:
    """Yield the commands of the marked blocks and tables of texts, each once."""
    blocks = (match[name] for text in texts for name, of in KINDS.items() for match in of.finditer(text))
    yield from dict.fromkeys(command for block in blocks for command in block_commands(block))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    parser.add_argument("page", nargs="*", default=[*map(str, pages)])
    parser.add_argument("--most", type=int, default=60)
    parser.add_argument("--total", type=int, default=3600)
    parser.add_argument("--to", type=Path, default=BENCHMARKS / f"{NAME}.json")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    to = asked.to.absolute()
    found = json.loads(to.read_text()) if to.exists() else {"threads": 1, "torch": torch.__version__, "seconds": {}}
    commands = list(wanted(map(part, asked.page)))
    end = monotonic() + asked.total
    with tempfile.TemporaryDirectory() as folder:
        make_files(Path(folder))
        os.chdir(folder)
        for command in commands:
            if command in found["seconds"]:
                continue
            known = of_the_gallery(command)
            seconds = known or measured(command, min(asked.most, int(end - monotonic())))
            print(f"{command}: {seconds}", file=sys.stderr, flush=True)
            if seconds is not None:
                found["seconds"][command] = round(seconds, 1)
                if not (known or "--dtype" in command or cpu_is_fast_at_bf16()):
                    found.setdefault("in_float32", []).append(command)
                to.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
