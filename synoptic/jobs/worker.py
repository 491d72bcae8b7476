"""One job, carried out in a worker: the run of the command line, in a folder of its own."""

from __future__ import annotations

import io
import json
import os
import threading
from contextlib import redirect_stderr, suppress

from tqdm import tqdm

from synoptic.jobs.planning import Job
from synoptic.jobs.records import FAILED, Record, read_record
from synoptic.jobs.store import LocalStore, open_store
from synoptic.options import options_class
from synoptic.runs.execute import carry_out_unlisted
from synoptic.runs.failures import reason

LOG = 20_000  # letters that are kept of what a failed run said


def begin(folder: str) -> None:
    """Prepare this process for jobs: work where the batch was started, show no bars."""
    os.environ["TQDM_DISABLE"] = "1"
    tqdm.set_lock(threading.RLock())  # its own is a semaphore of the system, which a killed process leaves behind
    with suppress(OSError):  # on another machine there may be no such folder
        os.chdir(folder)


def carry_out_job(job: Job, out: str) -> Record:
    """Carry out a job below the batch's `out`; return what came of it. One that fails leaves failed.json."""
    said = io.StringIO()
    with open_store(out).folder(job.path) as folder, redirect_stderr(said):
        store = LocalStore(folder)
        try:
            options = options_class(job.application).from_arguments(**job.options, out=str(folder)).prepare()
            carry_out_unlisted(options)
            (folder / FAILED).unlink(missing_ok=True)
        except Exception as e:  # a job that fails must not end the others
            store.write(FAILED, json.dumps({"message": reason(e), "log": said.getvalue()[-LOG:]}, indent=1) + "\n")
        return read_record(store.read)
