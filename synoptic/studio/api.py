"""The HTTP interface: jobs from any program, with the options of the command line. Its schema is at /openapi.json."""

from __future__ import annotations

from dataclasses import MISSING
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

import synoptic
from synoptic.errors import InputError
from synoptic.options import options_class
from synoptic.studio.jobs import PROGRAMS, Job, Jobs
from synoptic.studio.permissions import NOT_ASKED


class JobRequest(BaseModel):
    """An application and its options, in Python's spelling; pictures and meshes are the ids of uploads."""

    application: str
    options: dict[str, object] = Field(default_factory=dict)


class JobState(BaseModel):
    """Where a job is; `pictures` are the paths of what is finished."""

    id: str
    application: str
    state: str
    message: str
    position: int
    steps: int
    of_steps: int
    seconds_left: float | None
    pictures: list[str]


class OptionSchema(BaseModel):
    """An option: its name, type, help, and default (null where it is required or the model's own)."""

    name: str
    type: str
    help: str
    required: bool
    default: object


class Upload(BaseModel):
    """A picture or mesh that was uploaded; `id` is what options call it."""

    id: str


class Wrong(BaseModel):
    """Where a request does not fit the schema, and why."""

    loc: list[str]
    msg: str


class Refusal(BaseModel):
    """Why a request is refused."""

    detail: str | list[Wrong]


def refusals(**meanings: str) -> dict[int | str, dict[str, Any]]:
    """Return how the schema describes refusals, given as s404="what is not there"."""
    return {int(status[1:]): {"model": Refusal, "description": meaning} for status, meaning in meanings.items()}


WRONG = refusals(s400="the body cannot be parsed", s422="what is asked for is wrong or not allowed")
UNKNOWN = refusals(s404="there is no such job", s422="a path is wrong")


def api(jobs: Jobs) -> APIRouter:
    """Build the routes of a studio's jobs."""
    router = APIRouter(prefix="/api")

    def found(id: str) -> Job:
        job = jobs.get(id)
        if job is None:
            raise HTTPException(404, "there is no such job")
        return job

    def state(job: Job) -> JobState:
        pictures = [f"/api/jobs/{job.id}/pictures/{k}" for k in range(len(job.pictures()))]
        return JobState(
            id=job.id, application=job.application, state=job.state, message=job.message, position=jobs.position(job),
            steps=job.steps[0], of_steps=job.steps[1], seconds_left=job.seconds_left, pictures=pictures,
        )  # fmt: skip

    @router.get("/applications")
    def applications() -> dict[str, list[OptionSchema]]:
        """List every application and its options."""
        return {name: schema(name) for name in synoptic.APPLICATIONS}

    @router.post("/jobs", status_code=201, responses=WRONG | refusals(s429="the queue is full"))
    def submit(request: JobRequest) -> JobState:
        """Add a job to the queue."""
        if request.application not in synoptic.APPLICATIONS:
            raise HTTPException(422, f"an application is one of {', '.join(synoptic.APPLICATIONS)}")
        try:
            return state(jobs.submit(request.application, request.options, PROGRAMS))
        except InputError as e:
            raise HTTPException(429 if e.rule == "queue-full" else 422, str(e.in_python())) from None

    @router.get("/jobs/{id}", responses=UNKNOWN)
    def look(id: str) -> JobState:
        """Look at a job."""
        return state(found(id))

    @router.delete("/jobs/{id}", responses=UNKNOWN)
    def stop(id: str) -> JobState:
        """Stop a job; what it has finished is kept."""
        job = found(id)
        if job.active:
            jobs.stop(job)
        return state(job)

    @router.get(
        "/jobs/{id}/pictures/{k}",
        response_class=FileResponse,
        responses=UNKNOWN | {200: {"description": "the picture", "content": {"image/png": {}}}},
    )
    def picture(id: str, k: int) -> FileResponse:
        """Fetch a finished picture, a PNG with its settings inside."""
        files = found(id).pictures()
        if not 0 <= k < len(files):
            raise HTTPException(404, "there is no such picture")
        return FileResponse(files[k], media_type="image/png")

    @router.post("/uploads", status_code=201, responses=WRONG)
    async def upload(request: Request) -> Upload:
        """Upload a picture or a mesh, a GLB, the body of the request."""
        return await run_in_threadpool(keep, jobs, await request.body())

    return router


def keep(jobs: Jobs, data: bytes) -> Upload:
    """Keep an uploaded picture or GLB. Raises HTTPException for what is neither."""
    with TemporaryDirectory() as folder:  # its own: a mesh may name files beside it
        file = Path(folder) / ("upload.glb" if data.startswith(b"glTF") else "upload")
        file.write_bytes(data)
        try:
            return Upload(id=jobs.permissions.keep_upload(str(file)))
        except InputError:
            raise HTTPException(422, "the body must be a picture, a PNG, JPEG or WebP file, or a mesh, a GLB") from None


def schema(application: str) -> list[OptionSchema]:
    """Return the options of an application."""
    return [
        OptionSchema(
            name=spec.name,
            type=getattr(spec.kind, "__name__", "") or str(spec.kind).replace("typing.", ""),
            help=spec.option.help,
            required=spec.default is MISSING,
            default=None if spec.default is MISSING else spec.default,
        )
        for spec in options_class(application).specs()
        if spec.name not in NOT_ASKED
    ]
