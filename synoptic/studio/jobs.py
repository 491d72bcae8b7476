"""The studio's queue: jobs are runs, carried out one after another by one thread, and found again after a restart."""

from __future__ import annotations

import json
import queue
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from PIL.Image import Image

from synoptic.errors import InputError
from synoptic.io import write_whole
from synoptic.options import options_class
from synoptic.options.pretrained_model import ModelOptions
from synoptic.runs.errors import RunFailed, reason
from synoptic.runs.folders import default_folder
from synoptic.runs.watch import watching
from synoptic.studio.heavy import import_heavy
from synoptic.studio.permissions import Permissions
from synoptic.studio.results import pictures
from synoptic.utils.json_objects import JsonObject

if TYPE_CHECKING:
    from synoptic.sampling.step import Step

State = Literal["queued", "running", "done", "failed", "stopped"]
PREVIEW_SECONDS, PREVIEW_SHARE = 0.5, 12  # until the first and between two at least, and so many times what one took
WAITING = 100  # jobs in the queue at most
OWN_WAITING = 20  # of one browser
PROGRAMS = "programs"  # who asks by HTTP; whoever knows the id of such a job may see it


class JobStopped(Exception):
    """Whoever asked for a job has stopped it."""


@dataclass(eq=False)
class Job:
    """A run that was asked for: by whom, in which state, how far; `preview` is x0 of a recent step."""

    id: str
    owner: str
    options: ModelOptions
    created: float
    state: State = "queued"
    message: str = ""
    preview: Image | None = None
    steps: tuple[int, int] = (0, 0)  # taken, of how many
    started: float = 0.0
    ended: float = 0.0
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def application(self) -> str:
        return self.options.application()

    @property
    def folder(self) -> Path:
        return Path(str(getattr(self.options, "out", "")))

    @property
    def active(self) -> bool:
        return self.state in ("queued", "running")

    @property
    def seconds_left(self) -> float | None:
        """Return what is left of the steps at the pace so far; None before there is one."""
        taken, total = self.steps
        return (time.time() - self.started) / taken * (total - taken) if taken and self.state == "running" else None

    def pictures(self) -> list[Path]:
        """Return the finished pictures."""
        return pictures(self.folder)

    def files(self) -> set[str]:
        """Return the names of the files that it was given."""
        values = (getattr(self.options, spec.name) for spec in self.options.specs())
        return {Path(value).name for value in values if isinstance(value, str)}

    def to_json(self) -> JsonObject:
        own = {"id": self.id, "owner": self.owner, "state": self.state, "message": self.message, "created": self.created}
        return own | {"application": self.application, "out": str(self.folder), "options": self.options.to_json()}


class Jobs:
    """All jobs of a studio, in `folder`/.studio; from `begin` on a thread carries them out in their order."""

    def __init__(self, folder: Path, permissions: Permissions) -> None:
        self.folder, self.permissions = folder, permissions
        self.kept = folder / ".studio" / "jobs"
        self.kept.mkdir(parents=True, exist_ok=True)
        self._queue: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._lock, self._expected = threading.Lock(), threading.Event()
        self._jobs: dict[str, Job] = {}
        for job in sorted(self._found(), key=lambda job: job.created):
            self._jobs[job.id] = job
            if job.active:
                job.state = "queued"
                self._queue.put(job)
                self.expect()

    def begin(self) -> None:
        """Carry out what waits, and what will."""
        threading.Thread(target=self._work, daemon=True, name="jobs").start()

    def expect(self) -> None:
        """Let the worker load what carries out jobs, since one may come soon; it would hold up the first page before."""
        self._expected.set()

    def submit(self, application: str, values: Mapping[str, object], owner: str) -> Job:
        """Add a job to the queue. Raises InputError for options that are wrong or not allowed here."""
        options = self.permissions.prepared(application, values)
        place = self.folder / Path(default_folder(options)).relative_to("outputs")
        job = Job(secrets.token_urlsafe(16), owner, replace(options, out=str(place)), time.time())
        with self._lock:
            waiting = [other for other in self._jobs.values() if other.active]
            own = sum(other.owner == owner for other in waiting)
            if len(waiting) >= WAITING or (owner != PROGRAMS and own >= OWN_WAITING):
                raise InputError(
                    f"the queue is full, {len(waiting)} jobs wait: ask again when some are done", rule="queue-full"
                )
            self._jobs[job.id] = job
        self._keep(job)
        self._queue.put(job)
        self.expect()
        return job

    def get(self, id: object) -> Job | None:
        return self._jobs.get(id) if isinstance(id, str) else None

    def of(self, owner: str | None) -> list[Job]:
        """Return the jobs of one owner, or with None of all, the newest first."""
        with self._lock:
            every = list(self._jobs.values())
        return [job for job in reversed(every) if owner is None or job.owner == owner]

    def position(self, job: Job) -> int:
        """Return how many jobs come before it."""
        return sum(other.active and other.created < job.created for other in self.of(None))

    def stop(self, job: Job) -> None:
        """Stop a job; what it has finished is kept."""
        with self._lock:
            job.stop.set()
            waits = job.state == "queued"
        if waits:
            self._end(job, "stopped", "stopped before it began")

    def _work(self) -> None:
        self._expected.wait()
        import_heavy()
        while True:
            job = self._queue.get()
            if self._take(job):
                self._carry_out(job)

    def _take(self, job: Job) -> bool:
        """Say that a job runs, unless it was stopped while it waited."""
        with self._lock:
            if job.state != "queued" or job.stop.is_set():
                return False
            job.state, job.started = "running", time.time()
        return True

    def _carry_out(self, job: Job) -> None:
        self._keep(job)
        previews = Previews(job)
        try:
            with watching(previews.offer, previews.progress):
                import_heavy().carry_out(job.options)
            self._end(job, "done")
        except JobStopped:
            self._end(job, "stopped", "stopped; finished pictures are kept, the same settings resume from there")
        except RunFailed as e:
            self._end(job, "failed" if not job.pictures() else "done", str(e))
        except Exception as e:  # a job that fails must not end the others
            self._end(job, "failed", reason(e))

    def _end(self, job: Job, state: State, message: str = "") -> None:
        """Keep how a job has ended, and only then say so: whoever waits for its state may read the rest at once."""
        self._keep(job, state=state, message=message)
        job.message, job.ended, job.preview = message, time.time(), None
        job.state = state

    def _keep(self, job: Job, **changed: str) -> None:
        write_whole(self.kept / f"{job.id}.json", json.dumps(job.to_json() | changed, ensure_ascii=False))

    def _found(self) -> Iterator[Job]:
        """Yield the jobs of before; one that cannot be read, or whose upload is gone, is passed over."""
        for file in self.kept.glob("*.json"):
            try:
                found = json.loads(file.read_text("utf-8"))
                cls = options_class(found["application"])
                names = {spec.name for spec in cls.specs()}
                recorded = {name: value for name, value in found["options"].items() if name in names}
                options = cls.from_arguments(**recorded | {"out": found["out"]})
                assert isinstance(options, ModelOptions)
                yield Job(file.stem, found["owner"], options, found["created"], found["state"], found["message"])
            except (OSError, ValueError, KeyError, TypeError, ImportError, AttributeError, AssertionError):
                continue


class Previews:
    """What a running job shows: small pictures of x0, so seldom that they cost little. Raises JobStopped when it is."""

    def __init__(self, job: Job) -> None:
        self.job, self.due = job, time.monotonic() + PREVIEW_SECONDS  # what the first steps predict shows nothing yet

    def progress(self, taken: int, total: int) -> None:
        self.job.steps = taken, total
        if self.job.stop.is_set():
            raise JobStopped

    def offer(self, step: Step) -> None:
        begin = time.monotonic()
        if begin >= self.due and step.decode is not None:
            self.job.preview = step.preview()
            self.due = time.monotonic() + max(PREVIEW_SECONDS, PREVIEW_SHARE * (time.monotonic() - begin))
