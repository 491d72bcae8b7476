"""One table of all that can be measured on this machine: peers and ours in one process, seconds, and how many times as fast.

make bench                       or: python -m benchmarks [--quick] [--only NAME …] [--out FILE] [--write]
--quick: fewer steps and smaller pictures, five minutes on two cores; without it half an hour
--write: as docs/benchmarks/table-cpu.json (of a GPU table-NAME.json), and its figures into README and the pages of docs/

Every side is warmed up, then run in turn; the minimum of the repeats counts. On a CPU "times as fast" is of seconds of the
CPU, which other programs change little, on a GPU of the clock. `synoptic bench` times the wide picture alone.
The other scripts here measure quality, memory or one lever alone, and say how they are run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psutil
import torch

from benchmarks import figures, sides
from benchmarks.gpu_sides import gpu_rows
from synoptic.commands.bench_contenders import fastest_batch
from synoptic.runs.manifest import versions

Row = dict[str, object]
COLUMNS = ("what", "side", "CPU s", "s", "times as fast", "times its best")
REPEATS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", nargs="+", choices=CPU_ROWS, help="some of the CPU's comparisons")
    parser.add_argument("--out", type=Path, default=Path("outputs/benchmarks/table.json"))
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    print("\t".join(COLUMNS))
    if torch.cuda.is_available():
        name = torch.cuda.get_device_name().replace(" ", "-").lower()
        rows = printed(gpu_rows(args.quick))
    else:
        name, rows = "cpu", printed(cpu_rows(args.quick, args.only or list(CPU_ROWS)))
    found = {"quick": args.quick, "machine": machine(), "versions": versions(), "rows": rows}
    file = figures.BENCHMARKS / f"table-{name}.json" if args.write else args.out
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(found, indent=1) + "\n")
    print(f"# {found['machine']}\n# {file}")
    if args.write:
        figures.write()


def printed(rows: Iterator[Row]) -> list[Row]:
    """Print rows as they come, and return them."""
    found = []
    for row in rows:
        print("\t".join(f"{v:.3g}" if isinstance(v, float) else str(v) for v in map(row.get, COLUMNS)), flush=True)
        found.append(row)
    return found


def machine() -> dict[str, object]:
    """Return what a figure depends on beside the code."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor())
    found: dict[str, object] = {"processor": model or platform.machine(), "cores": os.cpu_count()}
    found |= {"threads": torch.get_num_threads(), "bfloat16": len(sides.dtypes()) > 1, "load": os.getloadavg()[0]}
    return found | ({"gpu": torch.cuda.get_device_name()} if torch.cuda.is_available() else {})


def cpu_seconds() -> float:
    """Return those of this process, of its children, and of those that ended."""
    ended, living = os.times(), [child.cpu_times() for child in psutil.Process().children(recursive=True)]
    return time.process_time() + ended.children_user + ended.children_system + sum(t.user + t.system for t in living)


def timed(side: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds of the CPU and of the clock that a call takes."""
    begin = cpu_seconds(), time.perf_counter()
    side()
    return cpu_seconds() - begin[0], time.perf_counter() - begin[1]


def compared(what: str, sides: Mapping[str, Callable[[], object]], repeats: int) -> Iterator[Row]:
    """Yield a row a side: each is warmed up, then they are run in turn."""
    for side in sides.values():
        side()
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    for _ in range(repeats):
        for name, side in sides.items():
            times[name].append(timed(side))
    yield from rows_of(what, {name: (min(c for c, _ in pairs), min(s for _, s in pairs)) for name, pairs in times.items()})


def rows_of(what: str, seconds: Mapping[str, tuple[float, float]]) -> Iterator[Row]:
    """Yield rows with ratios: to the first side, and to the fastest of the peers."""
    first, *_ = seconds.values()
    best = min(cpu for name, (cpu, _) in seconds.items() if not name.startswith("synoptic"))
    for name, (cpu, clock) in seconds.items():
        ratios = {"times as fast": first[0] / cpu, "times its best": best / cpu}
        yield {"what": what, "side": name, "CPU s": cpu, "s": clock, **ratios}


def wide_rows(quick: bool) -> Iterator[Row]:
    width, steps = (512, 6) if quick else (1536, 25)
    best = fastest_batch("float32", width)
    yield from compared(f"wide, 256x{width}, {steps} steps", sides.wide(width, steps, best), 1 if quick else 2)


def start_rows(quick: bool) -> Iterator[Row]:
    """Yield the CPU seconds of fresh processes: minima, the first of each left out, which reads the files from the disk."""
    seconds = {name: min([start() for _ in range(2 if quick else 6)][1:]) for name, start in sides.starts().items()}
    yield from rows_of("start of the process to the first step", {name: (cpu, cpu) for name, cpu in seconds.items()})


CPU_ROWS: dict[str, Callable[[bool], Iterator[Row]]] = {
    "network": lambda quick: compared("a call of the network, 16 rows", sides.network(16), 2 if quick else 5),
    "generate": lambda quick: compared("generate, 25 steps", sides.generate(1, 25), 1 if quick else REPEATS),
    "four": lambda quick: compared("generate, 4 pictures, 10 steps", sides.generate(4, 10), 1 if quick else REPEATS),
    "wide": wide_rows,
    "anagram": lambda quick: compared("anagram, 64x64, 25 steps", sides.anagram(25), 1 if quick else REPEATS),
    "start": start_rows,
    "batch": lambda quick: compared("8 jobs, 10 steps", sides.jobs(8, 10), 1 if quick else REPEATS),
}


def cpu_rows(quick: bool, names: list[str]) -> Iterator[Row]:
    for name in names:
        yield from CPU_ROWS[name](quick)


if __name__ == "__main__":
    main()
