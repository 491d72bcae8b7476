"""What a batch has come to: batch.tsv, the page that filters and sorts, and the lines at the end."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from synoptic.errors import printable
from synoptic.io.batch_page import BatchRow, batch_page
from synoptic.jobs.planning import PAGE, TABLE, Job
from synoptic.jobs.records import Record
from synoptic.jobs.store import Store

SHOWN = 20  # failed jobs in the lines at the end
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
        """Write the table and the page, each whole or not at all."""
        store.write(TABLE, self.table())
        store.write(PAGE, self.page())

    def table(self) -> str:
        """Return a row per job, with every option that is given in any."""
        lines = [
            "\t".join(
                ["line", "application", "state", "score", "seconds", "device", "shared_by", "path", *self.names, "message"]
            )
        ]
        for job in self.jobs:
            r = self.records[job.path]
            cells = [job.line, job.application, r.state, r.score, r.seconds, r.device, r.shared_by, job.path]
            cells += [cell(job.options.get(name)) for name in self.names]
            lines.append("\t".join("" if c is None else printable(c) for c in (*cells, r.message)))
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
        lines = [f"{len(self.jobs)} jobs: {counts}"]
        lines += [f"mean score {sum(scores) / len(scores):.3f} of {len(scores)}"] if scores else []
        failed = list(self.failed.items())
        lines += [printable(f"{path}: {message}") for path, message in failed[:SHOWN]]
        lines += [f"and {len(failed) - SHOWN} more: see {TABLE}"] if len(failed) > SHOWN else []
        lines += ["--retry-failed carries out again what failed"] if failed else []
        top = self.out.rstrip("/")
        return "\n".join([*lines, f"{top}/{TABLE}", f"open {top}/{PAGE}"])


def cell(value: object) -> str:
    """Return an option's value as text: of a list each value, one after another."""
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return " | ".join(map(cell, value))
    return value if isinstance(value, str) else json.dumps(value, default=str)
