"""The page: a tab for every application, made from its options; one panel that shows a job as it is painted; a history."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import shutil
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
from gradio.components import Component

import synoptic
from synoptic.commands.help import USUAL, description
from synoptic.errors import InputError
from synoptic.io import read_settings
from synoptic.models.vocabulary import vocabulary
from synoptic.options import options_class
from synoptic.runs.folders import MANIFEST
from synoptic.studio import before, results
from synoptic.studio.examples import EXAMPLES
from synoptic.studio.fields import Field, MaskedPicture, fields_of, values_of
from synoptic.studio.jobs import Job, Jobs
from synoptic.studio.viewers import viewer

WATCH_SECONDS = 0.3  # between two looks at a job
SHOWN = 60  # pictures of the history
SENT_TO = {"edit": "image", "inpaint": "image", "control": "image", "hybrid": "photo", "wide": "control"}  # their inputs
OPENED = {"control": "ControlNet"}  # options that are not folded, though not the usual ones
CSS = """.status progress{width:100%;height:.6rem} .status{min-height:3.2rem} footer{display:none!important}
.gradio-container{max-width:1500px!important} .dark{--color-accent:var(--primary-400)}"""


@dataclass
class Tab:
    """An application on the page: its name, its fields, and the component that is the tab."""

    application: str
    fields: list[Field | MaskedPicture] = field(default_factory=list)
    paint: gr.Button | None = None
    nine: gr.Button | None = None
    boxes: gr.HTML | None = None
    maps: gr.Gallery | None = None
    note: gr.HTML | None = None  # why there are no maps

    @property
    def components(self) -> list[Component]:
        return [one.component for one in self.fields]

    def named(self, *names: str) -> list[Component]:
        """Return the components of the options that are so named."""
        return [one.component for one in self.fields if isinstance(one, Field) and one.spec.name in names]


class Panel(NamedTuple):
    """The components that show a job."""

    status: gr.HTML
    preview: gr.Image
    gallery: gr.Gallery
    viewer: gr.HTML
    mesh: gr.File
    command: gr.Code
    stop: gr.Button


class Page:
    """The page of one studio."""

    def __init__(self, jobs: Jobs, served: Path, secret: str) -> None:
        self.jobs, self.served, self.secret = jobs, served, secret
        self.tabs = [Tab(name) for name in synoptic.APPLICATIONS]
        self.models = ["bundled", "bundled-if", *jobs.permissions.offered]

    def build(self) -> gr.Blocks:
        """Build the page."""
        with gr.Blocks(title="synoptic studio", analytics_enabled=False, delete_cache=(3600, 7 * 86400)) as page:
            self.owner = gr.BrowserState("", storage_key="synoptic-owner", secret=self.secret)
            self.job = gr.BrowserState("", storage_key="synoptic-job", secret=self.secret)
            self.chosen = gr.State("")  # the picture that was chosen in a gallery
            gr.Markdown("# synoptic studio\nPictures that a pretrained model was never trained for.")
            with gr.Tabs() as self.top:
                with gr.Tab("Make", id="make"), gr.Row():
                    with gr.Column(scale=5, min_width=340):
                        self.build_applications()
                    with gr.Column(scale=6, min_width=340):
                        self.panel = self.build_panel()
                with gr.Tab("History", id="history") as history:
                    self.build_history(history)
            self.connect(page)
        return page

    def build_applications(self) -> None:
        with gr.Tabs() as self.inner:
            for tab in self.tabs:
                options = options_class(tab.application)
                with gr.Tab(tab.application.replace("_", " "), id=tab.application):
                    gr.Markdown(description(options.__doc__ or ""))
                    fields = fields_of(options, self.models)
                    tab.fields = [one for some in fields.values() for one in some]
                    self.place(tab, fields.pop("Input"))
                    with gr.Row():
                        tab.paint = gr.Button("Paint", variant="primary", elem_id=f"paint-{tab.application}")
                        tab.nine = gr.Button("Nine seeds", elem_id=f"nine-{tab.application}")
                    with gr.Row():
                        for example in EXAMPLES.get(tab.application, ()):
                            self.build_example(tab, example)
                    for heading, some in fields.items():
                        opened = OPENED.get(tab.application) == heading
                        with gr.Column() if heading == USUAL else gr.Accordion(heading, open=opened):
                            self.place(tab, some, beside=heading == USUAL)
        with gr.Accordion("Words that the bundled models know", open=False):
            for kind, known in vocabulary()["prompts"].items():
                gr.Markdown(f"**{kind}**: {', '.join(known)}")
        self.dropped = gr.File(label="Drop a PNG made by synoptic: its settings come back", file_types=[".png"], height=110)

    def place(self, tab: Tab, fields: Sequence[Field | MaskedPicture], beside: bool = False) -> None:
        """Place built fields, below or `beside` each other, and what shows their meaning: boxes, maps."""
        with gr.Row() if beside else nullcontext():
            for one in fields:
                one.component.render()
        names = {one.spec.name for one in fields if isinstance(one, Field)}
        if "region" in names:
            tab.boxes = before.boxes(tab.application)
        if tab.named("condition") and names & {"image", "control"}:
            look: dict[str, Any] = {"object_fit": "contain", "height": 300, "buttons": [], "visible": False}
            title, id = "what is followed of it", f"maps-{tab.application}"
            tab.maps = gr.Gallery(label=title, columns=3, elem_id=id, format="png", **look)
            tab.note = gr.HTML("", elem_id=f"note-{tab.application}")

    def build_example(self, tab: Tab, example: Mapping[str, object]) -> None:
        title = " · ".join(
            str(v) for v in (example["prompt"] if isinstance(example["prompt"], list) else [example["prompt"]])
        )
        button = gr.Button(title, size="sm")
        button.click(lambda: self.entered(tab, example), None, tab.components, api_visibility="private", queue=False)

    def build_panel(self) -> Panel:
        status = gr.HTML(status_line(None, 0), elem_id="status")
        preview = gr.Image(label="as it is denoised", interactive=False, visible=False, elem_id="preview", buttons=[])
        look: dict[str, Any] = {
            "object_fit": "contain",
            "height": "auto",
            "buttons": ["download", "fullscreen"],
            "format": "png",
        }
        gallery = gr.Gallery(label="pictures", elem_id="pictures", visible=False, **look)
        view = gr.HTML("", elem_id="viewer")
        mesh = gr.File(label="the mesh, with its texture", interactive=False, visible=False, elem_id="mesh")
        with gr.Row():
            stop = gr.Button("Stop", interactive=False, elem_id="stop")
            self.sends = {name: gr.Button(f"→ {name}", size="sm") for name in SENT_TO}
        command = gr.Code("", language="shell", label="the same on the command line", interactive=False, elem_id="command")
        return Panel(status, preview, gallery, view, mesh, command, stop)

    def build_history(self, tab: gr.Tab) -> None:
        self.paths = gr.State([])
        self.past = gr.Gallery(
            label="the newest first", columns=6, elem_id="history", height="auto", buttons=["download", "fullscreen"]
        )
        with gr.Row():
            self.restore = gr.Button("Use these settings", variant="primary", elem_id="restore")
            self.zip = gr.DownloadButton("Download all of this run")
        self.about = gr.Code("", language="json", label="settings", interactive=False, elem_id="settings")
        tab.select(self.list_history, [self.owner], [self.past, self.paths], api_visibility="private")

    def connect(self, page: gr.Blocks) -> None:
        """Say what every button does."""
        private: dict[str, Any] = {"api_visibility": "private"}
        shown = list(self.panel)
        for tab in self.tabs:
            for button, count in ((tab.paint, None), (tab.nine, 9)):
                assert button is not None  # the page is built
                button.click(
                    self.painter(tab, count), [self.owner, *tab.components], [self.job], concurrency_limit=None, **private
                ).success(self.watch, [self.owner, self.job], shown, concurrency_limit=None, **private)
            self.connect_before(tab)
        page.load(self.recognize, [self.owner], [self.owner], **private).then(
            self.watch, [self.owner, self.job], shown, concurrency_limit=None, **private
        )
        self.panel.stop.click(self.stop, [self.owner, self.job], None, queue=False, **private)
        every = [self.inner, *(component for tab in self.tabs for component in tab.components)]
        self.panel.gallery.select(self.choose_result, [self.owner, self.job], [self.chosen], **private)
        self.past.select(self.choose_past, [self.paths], [self.chosen, self.about, self.zip], **private)
        self.restore.click(self.use_settings, [self.chosen], [self.top, *every], **private)
        self.dropped.upload(self.use_dropped, [self.dropped], every, **private)
        for name, button in self.sends.items():
            button.click(self.sender(name), [self.owner, self.job, self.chosen], every, **private)

    def connect_before(self, tab: Tab) -> None:
        """Say what shows what will be painted: maps as soon as there is a picture, boxes and their lines as the same."""
        private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        shown = [one for one in (tab.boxes, tab.maps, tab.note) if one is not None]
        if shown:
            watched = tab.named(*before.DECIDING)
            events = [getattr(one, "blur" if isinstance(one, gr.Textbox) else "change") for one in watched]
            gr.on(events, self.foresee(tab), tab.components, shown, trigger_mode="always_last", **private)
        if tab.boxes is not None:
            (lines,) = tab.named("region")
            tab.boxes.change(None, [tab.boxes], [lines], js="text => text", **private)
            assert isinstance(lines, gr.Textbox)
            lines.change(None, [lines], [tab.boxes], js="text => text", **private)

    def foresee(self, tab: Tab) -> Callable[..., list[Any]]:
        """Return what shows the maps that will be followed, and the shape of what boxes are drawn on."""

        def look(*entered: object) -> list[Any]:
            note, drawn, shape = "", {}, gr.skip()
            try:
                found = values_of(tab.fields, entered, self.jobs.permissions.keep_upload)
                if found.keys() & {"image", "control"} or tab.boxes is not None:
                    options = self.jobs.permissions.prepared(tab.application, {"prompt": before.ANYTHING} | found)
                    shape = gr.update(**before.canvas(options)) if tab.boxes is not None else shape
                    drawn = before.maps(options)
            except InputError as e:
                note = escape(str(e.in_python()))
            pictures = gr.update(value=[(one, kind) for kind, one in drawn.items()], visible=bool(drawn))
            return [shape] * (tab.boxes is not None) + [pictures, note] * (tab.maps is not None)

        return look

    def recognize(self, owner: object) -> str:
        """Return who this browser is: what it was called before, or a new name that nobody can guess."""
        return owner if isinstance(owner, str) and re.fullmatch(r"[\w-]{22}", owner) else secrets.token_urlsafe(16)

    def painter(self, tab: Tab, count: int | None) -> Callable[..., str]:
        """Return what queues the job that was entered in a tab."""

        def paint(owner: str, *entered: object) -> str:
            try:
                found = values_of(tab.fields, entered, self.jobs.permissions.keep_upload)
                more = (
                    {"count": count}
                    if count and "count" in {f.spec.name for f in tab.fields if isinstance(f, Field)}
                    else {}
                )
                return self.jobs.submit(tab.application, found | more, self.recognize(owner)).id
            except InputError as e:
                raise gr.Error(escape(str(e.in_python())), title="Not painted", duration=12) from None

        return paint

    def own(self, owner: object, id: object) -> Job | None:
        """Return a job, if it is this browser's."""
        job = self.jobs.get(id)
        return job if job is not None and (job.owner == owner or self.sees_all) else None

    @property
    def sees_all(self) -> bool:
        options = self.jobs.permissions.options
        return not options.listen or options.shared_history

    def stop(self, owner: str, id: str) -> None:
        if job := self.own(owner, id):
            self.jobs.stop(job)

    async def watch(self, owner: str, id: str) -> AsyncIterator[tuple[object, ...]]:
        """Show a job until it ends: its place in the queue, its progress, previews, then its pictures."""
        job = self.own(owner, id)
        if job is None:
            yield (status_line(None, 0), *[gr.skip()] * (len(self.panel) - 1))
            return
        command, hidden = job.options.command(), gr.update(value=None, visible=False)
        last: object = ()
        while job.active:
            now = (job.state, job.steps, id_of(job.preview), self.jobs.position(job))
            if now != last:
                last = now
                preview = gr.update(value=job.preview, visible=True) if job.preview is not None else gr.skip()
                stop = gr.update(interactive=not job.stop.is_set())
                yield status_line(job, now[3]), preview, gr.update(visible=False), "", hidden, command, stop
            await asyncio.sleep(WATCH_SECONDS)
        found = results.captioned(job.folder)
        shown = viewer(job.application, job.folder, results.pictures(job.folder))
        pictures = [(self.publish(file), text) for file, text in found]
        gallery = gr.update(value=pictures, visible=bool(pictures), columns=min(3, max(1, len(pictures))))
        found_meshes = results.meshes(job.folder)[:1]
        mesh = gr.update(value=self.publish(found_meshes[0]), visible=True) if found_meshes else hidden
        yield status_line(job, 0), hidden, gallery, shown, mesh, command, gr.update(interactive=False)

    def publish(self, file: Path) -> str:
        """Return a copy of a file where the page may fetch it, under a name that nobody can guess."""
        key = sha256(f"{self.secret} {file} {file.stat().st_mtime_ns}".encode()).hexdigest()
        copy = self.served / key / file.name
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
        return str(copy)

    def list_history(self, owner: str) -> tuple[list[tuple[str, str]], list[str]]:
        """Return the newest pictures that this browser may see."""
        if self.sees_all:
            manifests = sorted(self.jobs.folder.rglob(MANIFEST), key=lambda f: f.stat().st_mtime, reverse=True)
            folders = [file.parent for file in manifests]
        else:
            folders = list(dict.fromkeys(job.folder for job in self.jobs.of(owner)))
        files = [file for folder in folders[:SHOWN] for file in results.pictures(folder)][:SHOWN]
        return [(self.publish(file), file.stem.replace("_", " ")) for file in files], [str(file) for file in files]

    def choose_result(self, owner: str, id: str, event: gr.SelectData) -> str:
        job = self.own(owner, id)
        files = [file for file, _ in results.captioned(job.folder)] if job else []
        return str(files[event.index]) if isinstance(event.index, int) and event.index < len(files) else ""

    def choose_past(self, paths: list[str], event: gr.SelectData) -> tuple[str, str, object]:
        """Return the chosen picture, its settings, and the run as an archive."""
        file = Path(paths[event.index])
        settings = json.dumps(read_settings(file), indent=1, ensure_ascii=False)
        return str(file), settings, gr.update(value=self.archive(file.parent))

    def archive(self, folder: Path) -> str:
        """Return a zip of a run's folder where the page may fetch it."""
        key = sha256(f"{self.secret} {folder} {folder.stat().st_mtime_ns}".encode()).hexdigest()
        target = self.served / key / folder.name
        target.parent.mkdir(parents=True, exist_ok=True)
        return shutil.make_archive(str(target), "zip", folder)

    def use_settings(self, chosen: str) -> tuple[object, ...]:
        """Return the updates that bring back the settings of a chosen picture."""
        if not chosen:
            raise gr.Error("choose a picture first", title="Nothing chosen", duration=6)
        return gr.update(selected="make"), *self.restored(Path(chosen))

    def use_dropped(self, file: str | None) -> tuple[object, ...]:
        if file is None:
            return tuple(self.unchanged())
        return tuple(self.restored(Path(file)))

    def unchanged(self) -> list[object]:
        return [gr.skip() for _ in range(1 + sum(len(tab.fields) for tab in self.tabs))]

    def restored(self, file: Path) -> list[object]:
        """Return the updates of all fields for the settings inside a picture."""
        try:
            found = read_settings(file)
        except OSError:
            found = {}
        tab = next((tab for tab in self.tabs if tab.application == found.get("application")), None)
        options = found.get("options")
        if tab is None or not isinstance(options, dict):
            raise gr.Error("this picture carries no settings of synoptic", title="Nothing restored", duration=8)
        try:
            cls = options_class(tab.application)
            names = {spec.name for spec in cls.specs() if not spec.option.picture}
            given = {name: value for name, value in options.items() if name in names and value is not None}
            for spec in cls.specs():  # what a file says must be valid before it is shown
                if spec.name in given:
                    spec.checked(tuple(given[spec.name]) if isinstance(given[spec.name], list) else given[spec.name])
        except (InputError, TypeError) as e:
            raise gr.Error(escape(str(e)), title="Nothing restored", duration=8) from None
        return self.updates(tab, given)

    def entered(self, tab: Tab, options: Mapping[str, object]) -> list[object]:
        """Return what is entered in a tab's fields for these options."""
        return [one.entry(options) for one in tab.fields]

    def updates(self, tab: Tab, options: Mapping[str, object]) -> list[object]:
        """Return the updates of all fields of all tabs: of this tab for these options, of the others none."""
        found: list[object] = [gr.update(selected=tab.application)]
        for other in self.tabs:
            found += self.entered(tab, options) if other is tab else [gr.skip()] * len(other.fields)
        return found

    def sender(self, application: str) -> Callable[..., tuple[object, ...]]:
        """Return what puts the chosen picture, or the first, into another application."""

        def send(owner: str, id: str, chosen: str) -> tuple[object, ...]:
            job = self.own(owner, id)
            files = [file for file, _ in results.captioned(job.folder)] if job else []
            file = next((file for file in files if str(file) == chosen), files[0] if files else None)
            if file is None:
                raise gr.Error("paint a picture first, then send it on", title="Nothing to send", duration=6)
            picture = self.publish(file)
            found: list[object] = [gr.update(selected=application)]
            for tab in self.tabs:
                for one in tab.fields:
                    own = tab.application == application
                    if own and isinstance(one, MaskedPicture):
                        found.append({"background": picture, "layers": [], "composite": picture})
                    else:
                        wanted = own and isinstance(one, Field) and one.spec.name == SENT_TO[application]
                        found.append(picture if wanted else gr.skip())
            return tuple(found)

        return send


def status_line(job: Job | None, position: int) -> str:
    """Return how far a job is, as HTML."""
    if job is None:
        return '<div class="status" role="status">Say what to show, then <b>Paint</b>.</div>'
    taken, total = job.steps
    share = taken / total if total else 0.0
    text = escape(job.message)
    if job.state == "queued":
        text = f"waiting, {position} before it" if position else "about to begin"
    elif job.state == "running":
        left = job.seconds_left
        text = f"step {taken} of {total}" + (f", {duration(left)} left" if left is not None else "") if total else "loading"
        text = "stopping" if job.stop.is_set() else text
    elif job.state == "done":
        facts = [f"in {duration(job.ended - job.started)}" if job.started else "", escape(results.score(job.folder)), text]
        text = "; ".join(fact for fact in facts if fact)
        share = 1.0
    return (
        f'<div class="status" role="status"><progress value="{share:.3f}" max="1" aria-label="progress"></progress>'
        f"<div><b>{job.state}</b> {text}</div></div>"
    )


def duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def id_of(preview: object) -> int:
    return id(preview)
