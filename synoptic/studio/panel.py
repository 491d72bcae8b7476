"""The panel that shows a job as it is painted: how far it is, previews, then its pictures and their viewer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from html import escape
from typing import Any, Literal

import gradio as gr
from gradio.blocks import Block

from synoptic.studio import results
from synoptic.studio.access import Access
from synoptic.studio.jobs import Job
from synoptic.studio.larger import ENLARGED
from synoptic.studio.onward import Onward
from synoptic.studio.snippets import python_call
from synoptic.studio.viewers import viewer

WATCH_SECONDS, UPDATE_SECONDS = 0.1, 0.3  # between two looks at a job, and two updates of how far it is
BLANK = """<div class="blank"><p>Pictures appear here as they are painted.</p>
<p>Say what to show, then <b>Paint</b>. Or click an example.</p></div>"""


def code(language: Literal["shell", "python", "json"], label: str, id: str) -> gr.Code:
    """Build what shows a text of a language, as high as the text is, its long lines broken."""
    return gr.Code("", language=language, label=label, interactive=False, elem_id=id, lines=1, wrap_lines=True)


class Panel:
    """The components that show a job."""

    def __init__(self) -> None:
        with gr.Row(elem_classes="progress"):
            self.status = gr.HTML(BLANK, elem_id="status")
            self.stop = gr.Button("Stop", elem_id="stop", visible=False, scale=0, min_width=90)
        self.preview = gr.Image(
            label="as it is denoised", interactive=False, visible=False, elem_id="preview", buttons=[], container=False
        )
        self.viewer = gr.HTML("", elem_id="viewer", visible=False)
        look: dict[str, Any] = {"object_fit": "contain", "height": "auto", "buttons": ["download", "fullscreen"]}
        self.gallery = gr.Gallery(
            label="pictures", show_label=False, elem_id="pictures", visible=False, format="png", **look
        )
        self.mesh = gr.File(label="the mesh, with its texture", interactive=False, visible=False, elem_id="mesh")
        self.onward = Onward("result")
        with gr.Accordion("The same on the command line, and in Python", open=False, visible=False) as self.code:
            self.command = code("shell", "command", "command")
            self.python = code("python", "Python", "python")

    @property
    def progress(self) -> list[Block]:
        """The components that `watch` updates, few: gradio builds every one anew at each update, the unchanged too."""
        return [self.status, self.stop, self.preview]

    @property
    def result(self) -> list[Block]:
        """The components that `show_result` updates."""
        shown = [self.status, self.viewer, self.gallery, self.mesh, self.onward.row, self.onward.larger]
        return [*shown, self.code, self.command, self.python]

    async def watch(self, access: Access, owner: str, id: str) -> AsyncIterator[dict[Block, object]]:
        """Show how far a job is until it ends: its place in the queue, its progress, previews."""
        job = access.own(owner, id)
        last: object = ()
        shown, due = None, 0.0
        while job is not None and job.active:
            preview = job.preview
            now = (job.state, job.steps, id_of(preview), access.jobs.position(job))
            if now != last and time.monotonic() >= due:
                last, due = now, time.monotonic() + UPDATE_SECONDS
                stop = gr.update(visible=True, interactive=not job.stop.is_set())
                news: dict[Block, object] = {self.status: status_line(job, now[3]), self.stop: stop}
                if preview is not None and preview is not shown:  # once, as each is written as a file
                    shown, news[self.preview] = preview, gr.update(value=preview, visible=True)
                yield news
            await asyncio.sleep(WATCH_SECONDS)
        yield {self.preview: gr.update(value=None, visible=False), self.stop: gr.update(visible=False)}

    async def show_result(self, access: Access, owner: str, id: str) -> AsyncIterator[dict[Block, object]]:
        """Show how a job is given again, then, when it has ended, its pictures."""
        job = access.own(owner, id)
        if job is None:
            yield {self.status: BLANK}
            return
        hidden = gr.update(value=None, visible=False)
        yield {
            self.command: job.options.command(),
            self.python: python_call(job.application, job.options.to_json()),
            self.code: gr.update(visible=True),
            self.onward.row: gr.update(visible=False),
            self.viewer: hidden,
            self.gallery: gr.update(visible=False),
            self.mesh: hidden,
        }
        while job.active:
            await asyncio.sleep(WATCH_SECONDS)
        yield self.finished(access, job)

    def finished(self, access: Access, job: Job) -> dict[Block, object]:
        """Return the updates that show what a job that has ended came to."""
        pictures = [(access.publish(file), text) for file, text in results.captioned(job.folder)]
        meshes = [access.publish(file) for file in results.meshes(job.folder)[:1]]
        view = viewer(job.application, job.folder, results.pictures(job.folder))
        return {
            self.status: status_line(job, 0),
            self.viewer: gr.update(value=view, visible=bool(view)),
            self.gallery: gr.update(value=pictures, visible=bool(pictures), columns=min(3, max(1, len(pictures)))),
            self.mesh: gr.update(value=meshes[0] if meshes else None, visible=bool(meshes)),
            self.onward.row: gr.update(visible=bool(pictures)),
            self.onward.larger: gr.update(visible=job.application in ENLARGED),
        }


def status_line(job: Job, position: int) -> str:
    """Return how far a job is, as HTML."""
    taken, total = job.steps
    share = 1.0 if job.state == "done" else taken / total if total else 0.0
    value = f'value="{share:.3f}"' if total or not job.active else ""  # without one it moves to and fro
    text, more = escape(job.message), ""
    if job.state == "queued":
        text = f"waiting, {position} before it" if position else "about to begin"
    elif job.state == "running":
        left = job.seconds_left
        text = f"step {taken} of {total}" + (f", {duration(left)} left" if left is not None else "") if total else "loading"
        text = "stopping" if job.stop.is_set() else text
    elif job.state == "done":
        score, more = results.score(job.folder)
        facts = [f"in {duration(job.ended - job.started)}" if job.started else "", escape(score), text]
        text = "; ".join(fact for fact in facts if fact)
    return (
        f'<div class="status" role="status"><progress {value} max="1" aria-label="progress"></progress>'
        f"<div><b>{job.state}</b> {text}</div><small>{escape(more)}</small></div>"
    )


def duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def id_of(preview: object) -> int:
    return id(preview)
