"""Write the figures of README and docs/ from the JSON of docs/benchmarks/, so that none is stale.

python -m benchmarks.figures         fills in what stands between `<!-- figures: NAME -->` and `<!-- end -->`, and
                                     the seconds of commands below their blocks (page_durations.py)
python -m benchmarks.figures --check ends with 1 where a page says something else (tests/test_figures.py does the same)
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from benchmarks import page_durations
from benchmarks.quality_figures import QUALITY
from benchmarks.study_figures import STUDIES
from benchmarks.tables import BENCHMARKS as BENCHMARKS
from benchmarks.tables import ROOT, markdown, read

MARKED = re.compile(r"(<!-- figures: ([\w-]+) -->)(.*?)(<!-- end -->)", re.DOTALL)


def pages() -> Iterator[Path]:
    """Yield the pages that figures may stand on."""
    yield ROOT / "README.md"
    yield from sorted((ROOT / "docs").rglob("*.md"))


def wide_on_cpu() -> str:
    """Return how many times as fast as diffusers a wide picture is on the CPU of the table."""
    found = read("table-cpu")
    rows = [row for row in found["rows"] if row["what"].startswith("wide")]
    _, best, *ours = rows
    fast, plain = ours[-1], ours[-2]
    size = plain["what"].removeprefix("wide, ")
    dtype = plain["side"].split(", ")[1]
    return (
        f"{plain['times as fast']:.1f} times as fast in {dtype}, {ours[0]['times as fast']:.1f} in float32 (its best batch"
        f" is {best['times as fast']:.1f} times as fast as its default), with"
        f" `--fast` {fast['times as fast']:.1f} times ({size})"
    )


def wide_on_gpu() -> str:
    """Return how many times as fast as diffusers a wide picture is at full size."""
    ours = read("full-size-h200")["speed"]["synoptic"]
    best, default = ours["of best"], ours["of default"]
    return f"{best:.1f} times as fast as diffusers' best setting, {default:.0f} times as fast as its default"


def table() -> str:
    """Return the whole table of a CPU."""
    found = read("table-cpu")
    rows = [
        [r["what"], r["side"], f"{r['CPU s']:.3g}", f"**{r['times as fast']:.2f}**", f"{r['times its best']:.2f}"]
        for r in found["rows"]
    ]
    return markdown(["what", "side", "CPU s", "× the peer's default", "× its best"], rows)


def machine() -> str:
    """Return what the table was measured on."""
    found = read("table-cpu")
    at, versions = found["machine"], found["versions"]
    threads = "one thread" if at["threads"] == 1 else f"{at['threads']} threads"
    how = "`make bench QUICK=1`" if found["quick"] else "`make bench`"
    libraries = ", ".join(f"{name} {versions[name]}" for name in ("torch", "diffusers") if name in versions)
    processor = at["processor"].replace("(R)", "")
    return f"{how}; {threads} of an {processor}, {at['cores']} cores, load {at['load']:.1f}; {libraries}"


def few_evaluations(study: str) -> str:
    """Return a study's ways: score, its loss, CPU seconds, times as fast."""
    rows = []
    for row in read("few-evaluations-cpu")["tables"][study]:
        score, lost = (
            f"{mean:.{digits}f} ± {error:.{digits}f}" for (mean, error), digits in ((row["score"], 3), (row["lost, %"], 1))
        )
        rows.append([row["way"], score, lost, f"{row['seconds']:.2f}", f"{row['times']:.2f}"])
    return markdown(["way", "score", "score lost, %", "CPU s", "times as fast"], rows)


def studio_startup() -> str:
    """Return how long a person waits for the studio's page, for its first picture and for later ones."""
    found = read("studio-startup-cpu")
    page, first, later = (between(found[name]) for name in ("page", "first picture", "later pictures"))
    return f"the page is there after {page} s, the first picture {first} s after the click, later ones {later} s after it"


def between(seconds: Sequence[float]) -> str:
    """Return the least and the most of several seconds."""
    least, most = (f"{one:.1f}" for one in (min(seconds), max(seconds)))
    return least if least == most else f"{least} to {most}"


FIGURES: dict[str, Callable[[], str]] = {
    "wide-on-cpu": wide_on_cpu,
    "wide-on-gpu": wide_on_gpu,
    "table": table,
    "machine": machine,
    "studio-startup": studio_startup,
    **QUALITY,
    **STUDIES,
    **{
        f"few-{study}": partial(few_evaluations, study)
        for study in ("generate", "wide", "anagram", "anagram-latent", "hybrid-latent", "upscaling", "upscaling-few")
    },
}


def filled(text: str) -> str:
    """Return a page with the figures of today's JSON."""
    return page_durations.filled(MARKED.sub(lambda match: match[1] + FIGURES[match[2]]() + match[4], text))


def stale() -> list[Path]:
    """Return the pages that say something else than the JSON."""
    return [page for page in pages() if filled(text := page.read_text()) != text]


def write() -> None:
    """Fill in every page."""
    for page in stale():
        page.write_text(filled(page.read_text()))
        print(page.relative_to(ROOT))


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit("\n".join(map(str, stale())) or 0)
    write()
