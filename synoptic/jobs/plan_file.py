"""The file that keeps a batch's jobs: a line of what was found as it began, then one job a line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import synoptic
from synoptic.errors import InputError
from synoptic.jobs.files import Entry
from synoptic.jobs.planning import Job
from synoptic.models.local_cache import signature


class Need(NamedTuple):
    """What a job takes: its device, and the bytes of its weights, of its device at least and at most."""

    device: str
    weights: int
    least: int
    peak: int


Needs = dict[str, list[Need]]  # by device, model and shape


class Head(NamedTuple):
    """What a batch keeps beside its jobs: the hash of what they were planned from, a worker's threads, what models take.

    `files`: the `signature` of every file that they depend on, by its path.
    """

    digest: str
    threads: int | None
    needs: Needs
    files: Mapping[str, str] = MappingProxyType({})


def digest_of(entries: Sequence[Entry]) -> str:
    """Return a hash of what was written, "" where any of it is no job."""
    if any(isinstance(entry.job, InputError) for entry in entries):
        return ""
    found = sha256(synoptic.__version__.encode())
    for line, job in entries:
        found.update(json.dumps([line, type(job).__name__, job], default=str).encode())
    return found.hexdigest()


def plan_text(jobs: Sequence[Job], head: Head) -> str:
    """Return jobs as jobs.jsonl keeps them: the head, then one a line."""
    first = {"from": head.digest, "threads": head.threads, "needs": head.needs, "files": dict(head.files)}
    return "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in (first, *jobs))


def parse_plan(text: str) -> tuple[str, list[Job]]:
    """Return the hash and the jobs of jobs.jsonl; ("", []) where it cannot be read."""
    try:
        head, *rest = text.rstrip("\n").split("\n")  # U+2028 may stand inside a prompt
        rows = map(json.loads, rest)
        jobs = [Job(line, name, given, path, (m, s, a), inputs) for line, name, given, path, (m, s, a), inputs in rows]
        digest = json.loads(head)["from"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return "", []
    return (digest, jobs) if all(map(is_planned, jobs)) else ("", [])


def is_planned(job: Job) -> bool:
    """Return whether a job is one that was planned, below the batch's folder: people edit files."""
    kinds = ((job.line, int), (job.application, str), (job.options, dict), (job.path, str), (job.inputs, str))
    return (
        all(isinstance(value, kind) for value, kind in (*kinds, *((part, str) for part in job.group)))
        and ".." not in job.path.split("/")
        and not job.path.startswith("/")
        and "\0" not in job.path
    )


def parse_head(text: str) -> Head:
    """Return the head of jobs.jsonl, without what cannot be read of it."""
    try:
        found = json.loads(text.partition("\n")[0])
        digest, threads, needs, files = found["from"], found["threads"], found.get("needs", {}), found.get("files", {})
        needs = {
            name: [Need(str(device), *map(int, sizes)) for device, *sizes in of_model] for name, of_model in needs.items()
        }
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return Head("", None, {})
    files = files if isinstance(files, dict) else {}
    return Head(digest, threads if isinstance(threads, int) and threads > 0 else None, needs, files)


def are_unchanged(files: Mapping[str, object]) -> bool:
    """Return whether files are as their signatures say."""
    try:
        return all(signature(Path(path)) == state for path, state in files.items())
    except (OSError, ValueError):
        return False
