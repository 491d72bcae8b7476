"""The file that keeps a batch's jobs: a hash of what they were planned from, then one job a line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256

import synoptic
from synoptic.errors import InputError
from synoptic.jobs.files import Entry
from synoptic.jobs.planning import Job


def digest_of(entries: Sequence[Entry]) -> str:
    """Return a hash of what was written, "" where any of it is no job."""
    if any(isinstance(entry.job, InputError) for entry in entries):
        return ""
    found = sha256(synoptic.__version__.encode())
    for line, job in entries:
        found.update(json.dumps([line, type(job).__name__, job], default=str).encode())
    return found.hexdigest()


def plan_text(jobs: Sequence[Job], digest: str, threads: int | None = None) -> str:
    """Return jobs as jobs.jsonl keeps them: the hash of what they were planned from, a worker's threads, then one a line."""
    head = {"from": digest, "threads": threads}
    return "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in (head, *jobs))


def parse_plan(text: str) -> tuple[str, list[Job]]:
    """Return the hash and the jobs of jobs.jsonl; ("", []) where it cannot be read."""
    try:
        head, *rest = text.splitlines()
        jobs = [Job(line, name, options, path, (m, s, a)) for line, name, options, path, (m, s, a) in map(json.loads, rest)]
        return json.loads(head)["from"], jobs
    except (ValueError, TypeError, KeyError):
        return "", []


def threads_of(text: str) -> int | None:
    """Return the threads of a worker that jobs.jsonl names; None where it names none."""
    try:
        threads = json.loads(text.partition("\n")[0]).get("threads")
    except (ValueError, AttributeError):
        return None
    return threads if isinstance(threads, int) and threads > 0 else None
