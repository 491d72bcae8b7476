"""Who a browser is, which jobs are its own, and copies of finished pictures where it may fetch them."""

from __future__ import annotations

import re
import secrets
import shutil
from hashlib import sha256
from pathlib import Path

from synoptic.runs.folders import MANIFEST
from synoptic.studio import results
from synoptic.studio.jobs import Job, Jobs

SHOWN = 60  # pictures of the history


class Access:
    """What browsers may see of a studio; `served` is the folder that they fetch from."""

    def __init__(self, jobs: Jobs, served: Path, secret: str) -> None:
        self.jobs, self.served, self.secret = jobs, served, secret

    def recognize(self, owner: object) -> str:
        """Return who this browser is: what it was called before, or a new name that nobody can guess."""
        return owner if isinstance(owner, str) and re.fullmatch(r"[\w-]{22}", owner) else secrets.token_urlsafe(16)

    @property
    def sees_all(self) -> bool:
        options = self.jobs.permissions.options
        return not options.listen or options.shared_history

    def own(self, owner: object, id: object) -> Job | None:
        """Return a job, if it is this browser's."""
        job = self.jobs.get(id)
        return job if job is not None and (job.owner == owner or self.sees_all) else None

    def finished(self, owner: object, id: object) -> list[Path]:
        """Return what a job of this browser shows, in its order."""
        job = self.own(owner, id)
        return [file for file, _ in results.captioned(job.folder)] if job else []

    def past(self, owner: object) -> list[Path]:
        """Return the newest pictures that this browser may see."""
        if self.sees_all:
            manifests = sorted(self.jobs.folder.rglob(MANIFEST), key=lambda f: f.stat().st_mtime, reverse=True)
            folders = [file.parent for file in manifests]
        else:
            folders = list(dict.fromkeys(job.folder for job in self.jobs.of(str(owner))))
        files = dict.fromkeys(
            file for folder in folders[:SHOWN] for file in results.pictures(folder)
        )  # a study lists its runs'
        return list(files)[:SHOWN]

    def sees_upload(self, owner: str, name: str) -> bool:
        """Return whether this browser may see an upload: one of its jobs began with it."""
        return self.sees_all or any(name in job.files() for job in self.jobs.of(owner))

    def publish(self, file: Path) -> str:
        """Return a copy of a file where the page may fetch it, under a name that nobody can guess."""
        copy = self.place(file) / file.name
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
        return str(copy)

    def archive(self, folder: Path) -> str:
        """Return a zip of a run's folder where the page may fetch it."""
        target = self.place(folder) / folder.name
        target.parent.mkdir(parents=True, exist_ok=True)
        return shutil.make_archive(str(target), "zip", folder)

    def place(self, file: Path) -> Path:
        """Return the folder of what is served of a file or folder as it is now."""
        return self.served / sha256(f"{self.secret} {file} {file.stat().st_mtime_ns}".encode()).hexdigest()
