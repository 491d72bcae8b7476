"""Jobs, carried out in a worker: the runs of the command line, each in a folder of its own."""

from __future__ import annotations

import io
import json
import os
import socket
import threading
from collections.abc import Sequence
from contextlib import ExitStack, redirect_stderr, suppress
from pathlib import Path

import torch
from tqdm import tqdm

from synoptic.errors import InputError, user_path
from synoptic.jobs.placing import cores
from synoptic.jobs.planning import Job
from synoptic.jobs.records import FAILED, Record, inputs_key, read_record
from synoptic.jobs.store import LocalStore, is_url, open_store
from synoptic.options import options_class
from synoptic.options.pretrained_model import ModelOptions
from synoptic.runs.errors import reason
from synoptic.runs.execute import carry_out_unlisted
from synoptic.runs.shared_calls import execute_sharing

LOG = 20_000  # letters that are kept of what a failed run said


def begin(folder: str, out: str, threads: int, exact: bool) -> str | None:
    """Prepare this process for jobs: its threads, work where the batch was started.

    Return what is wrong: the folder that jobs go to cannot be seen from this machine, or it has fewer cores than an exact
    batch needs; None where all is well.
    """
    if exact and threads > cores():  # libraries would take fewer, and their sums would be others
        return (
            f"an --exact batch has the threads that it began with, {threads} a worker, {socket.gethostname()} has"
            f" {cores()} cores: begin it there with OMP_NUM_THREADS={cores()} in another --out, or omit --exact"
        )
    torch.set_num_threads(threads)
    tqdm.set_lock(threading.RLock())  # its own is a semaphore of the system, which a killed process leaves behind
    with suppress(OSError):  # on another machine there may be no such folder
        os.chdir(folder)
    if is_url(out) or user_path(out).is_dir():
        return None
    return (
        f"--out must be a folder that every node sees, {out} is none on {socket.gethostname()}: give one on shared storage,"
        " or a URL for fsspec"
    )


def carry_out_jobs(jobs: Sequence[Job], out: str) -> list[Record]:
    """Carry out jobs that share the network's calls; those that this does not finish, each by itself, to say why."""
    records = shared_records(jobs, out) if len(jobs) > 1 else [Record()] * len(jobs)
    return [record if record.state == "done" else carry_out_job(job, out) for job, record in zip(jobs, records, strict=True)]


def shared_records(jobs: Sequence[Job], out: str) -> list[Record]:
    """Carry out jobs that share the network's calls; return what came of each, "waiting" where an error ended them."""
    store = open_store(out)
    try:
        with redirect_stderr(io.StringIO()), ExitStack() as stack:
            folders = [stack.enter_context(store.folder(job.path)) for job in jobs]
            execute_sharing([prepared(job, folder) for job, folder in zip(jobs, folders, strict=True)])
            for folder in folders:  # of a try of before; a job that failed now is carried out again
                (folder / FAILED).unlink(missing_ok=True)
    except Exception:  # each by itself will say which it was
        return [Record()] * len(jobs)
    return [read_record(lambda name, job=job: store.read(f"{job.path}/{name}")) for job in jobs]


def prepared(job: Job, folder: Path) -> ModelOptions:
    """Return a job's options, ready for work. Raises InputError where a file is another than its folder is named after."""
    options = options_class(job.application).from_arguments(**job.options, out=str(folder)).prepare()
    assert isinstance(options, ModelOptions)
    if inputs_key(found := options.input_hashes()) != job.inputs:
        names = ", ".join(name.removesuffix("_sha256") for name in found)
        raise InputError(
            f"files stay as they are while a batch works with them, one was replaced ({names or 'it is gone'}): give the"
            " command of the batch again, with --retry-failed",
            rule="job-inputs",
        )
    return options


def carry_out_job(job: Job, out: str) -> Record:
    """Carry out a job below the batch's `out`; return what came of it. One that fails leaves failed.json."""
    said = io.StringIO()
    with open_store(out).folder(job.path) as folder, redirect_stderr(said):
        store = LocalStore(folder)
        try:
            carry_out_unlisted(prepared(job, folder))
            (folder / FAILED).unlink(missing_ok=True)
        except Exception as e:  # a job that fails must not end the others
            store.write(FAILED, json.dumps({"message": reason(e), "log": said.getvalue()[-LOG:]}, indent=1) + "\n")
        return read_record(store.read)
