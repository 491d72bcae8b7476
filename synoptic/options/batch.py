"""The options of `batch`: many runs from a file of jobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, Self

from synoptic.errors import InputError, check_installed, install_command
from synoptic.options.base import Options
from synoptic.options.option import UNSET, Option


@dataclass(frozen=True, kw_only=True)
class BatchOptions(Options):
    """Carry out a file of jobs, each a run in a folder of its own, by a pool of processes or on a Ray cluster.

    A job is an application and its options: a line of JSON, a row of CSV or an entry of a YAML list; its `grid` stands for
    every combination of values. Started again after a stop it resumes; what is finished is kept. The folder has a table,
    batch.tsv, and a page that filters and sorts, index.html.

    synoptic batch jobs.jsonl --workers 2
    synoptic batch --status outputs/batch
    """

    jobs: Annotated[str | None, Option("a file of jobs: .jsonl, .csv or .yaml", positional=True)] = None
    engine: Annotated[Literal["local", "ray"], Option("processes of this machine, or actors of a Ray cluster")] = "local"
    address: Annotated[
        str | None, Option("of the Ray cluster: auto, or HOST:PORT (default: one is started on this machine)")
    ] = None
    workers: Annotated[
        int, Option("jobs at once (default: one a GPU; without GPUs one a core, as far as memory reaches)", at_least=1)
    ] = UNSET
    out: Annotated[str, Option("folder of the batch; for fsspec a URL, such as s3://bucket/batch")] = "outputs/batch"
    status: Annotated[str | None, Option("say how the batch in this folder stands, and do nothing")] = None
    exact: Annotated[
        bool,
        Option("no two jobs share a call of the network: pictures are bitwise those of single runs (default: to rounding)"),
    ] = False
    retry_failed: Annotated[bool, Option("carry out again what failed before")] = False

    def prepare(self) -> Self:
        if (self.jobs is None) == (self.status is None):
            raise InputError(
                "a batch needs a file of jobs, or --status and the folder of one: give one of them", rule="batch-jobs"
            )
        if self.status is not None:
            names = ("engine", "address", "workers", "out", "exact", "retry_failed")
            self.check_heeded(*names, where="of a batch that is carried out, --status only says how one stands")
        if self.engine == "ray":
            check_installed("ray", "--engine ray needs Ray", install_command("ray"))
        if self.engine == "ray" and self.out.startswith("memory:"):
            raise InputError(
                f"--engine ray needs a place that every node sees, {self.out} is the memory of one process: give a folder,"
                " or s3://…, or use --engine local",
                rule="out-memory",
            )
        if self.address is not None and self.engine != "ray":
            raise InputError("--address is that of a Ray cluster: add --engine ray, or omit it", rule="batch-address")
        return self
