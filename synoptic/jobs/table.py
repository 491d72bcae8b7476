"""What a batch has come to: batch.tsv, the page that filters and sorts, and the lines at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec

from synoptic.errors import printable
from synoptic.io.batch_page import BatchRow, batch_page
from synoptic.jobs.cells import cell
from synoptic.jobs.planning import PAGE, PARQUET, TABLE, Job
from synoptic.jobs.records import Record
from synoptic.jobs.store import Store
from synoptic.utils.counted import counted

SHOWN = 20  # failed jobs in the lines at the end
FIRST = ("line", "application", "state", "score", "seconds", "device", "shared_by", "path")
LAST = "message"
PICTURES = 8  # of one job on the page


@dataclass
class Batch:
    """The jobs of a batch and, by their paths, what came of each."""

    out: str
    jobs: Sequence[Job]
    records: dict[str, Record]
    only_status: bool = False

    @property
    def failed(self) -> dict[str, str]:
        """Why jobs failed, by their paths."""
        return {path: record.message for path, record in self.records.items() if record.state == "failed"}

    @property
    def exit_code(self) -> int:
        return 1 if self.failed and not self.only_status else 0

    @cached_property
    def names(self) -> list[str]:
        """The options that are given in any job."""
        return list(dict.fromkeys(name for job in self.jobs for name in job.options))

    def write(self, store: Store) -> None:
        """Write the table, where pyarrow is there in Parquet too, and the page, each whole or not at all."""
        store.write(TABLE, self.table())
        if find_spec("pyarrow"):
            columns = dict(zip(self.header, zip(*self.rows(), strict=True), strict=True))
            store.write(PARQUET, import_module("synoptic.jobs.parquet").parquet_of(columns))
        store.write(PAGE, self.page())

    @property
    def header(self) -> list[str]:
        """The table's columns: `option` before the name of an option that is called as another of them."""
        options = [f"option {name}" if name in (*FIRST, LAST) else name for name in self.names]
        return [*FIRST, *options, LAST]

    def rows(self) -> Iterator[list[object]]:
        """Yield the values of every job, with every option that is given in any."""
        for job in self.jobs:
            r = self.records[job.path]
            about = [job.line, job.application, r.state, r.score, r.seconds, r.device, r.shared_by, job.path]
            yield [*about, *(job.options.get(name) for name in self.names), r.message]

    def table(self) -> str:
        """Return a row per job as text between tabs."""
        lines = ["\t".join(self.header), *("\t".join(printable(cell(value)) for value in row) for row in self.rows())]
        return "\n".join(lines) + "\n"

    def page(self) -> str:
        rows = []
        for job in self.jobs:
            r = self.records[job.path]
            options = ", ".join(f"{name} {cell(value)}" for name, value in job.options.items() if name != "prompt")
            pictures = [f"{job.path}/{file}" for file in r.pictures[:PICTURES]]
            title = cell(job.options.get("prompt")) or job.application
            rows.append(
                BatchRow(title, job.application, r.state, r.score, r.seconds, options, job.path, pictures, r.message)
            )
        return batch_page("synoptic: a batch", rows)

    def __str__(self) -> str:
        states = Counter(record.state for record in self.records.values())
        scores = [record.score for record in self.records.values() if record.score is not None]
        counts = ", ".join(f"{states[state]} {state}" for state in ("done", "failed", "waiting") if states[state])
        lines = [f"{counted(len(self.jobs), 'job')}: {counts}"]
        lines += [f"mean score {sum(scores) / len(scores):.3f} of {len(scores)}"] if scores else []
        failed = list(self.failed.items())
        lines += [printable(f"{path}: {message}") for path, message in failed[:SHOWN]]
        lines += [f"and {len(failed) - SHOWN} more: see {TABLE}"] if len(failed) > SHOWN else []
        lines += ["--retry-failed carries out again what failed"] if failed else []
        top = self.out.rstrip("/")
        return "\n".join([*lines, f"{top}/{TABLE}", f"open {top}/{PAGE}"])
