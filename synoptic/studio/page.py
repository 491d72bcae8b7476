"""The page: a tab for every application, made from its options; one panel that shows a job as it is painted; a history."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import cache, partial
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.blocks import Block

import synoptic
from synoptic.errors import InputError
from synoptic.io import read_settings
from synoptic.models.vocabulary import vocabulary
from synoptic.studio.access import Access
from synoptic.studio.examples import EXAMPLES, Example
from synoptic.studio.fields import values_of
from synoptic.studio.filling import enlarged, entries, restored, sent, unchanged
from synoptic.studio.history import History
from synoptic.studio.jobs import Jobs
from synoptic.studio.larger import larger, one_to_choose
from synoptic.studio.panel import Panel
from synoptic.studio.style import FIRST
from synoptic.studio.tabs import NINE, Tab

HEAD = "<h1>synoptic studio</h1><p>Pictures that a pretrained model was never trained for.</p>"
TO_PANEL = """() => { if (innerWidth < 800) document.querySelector('#panel').scrollIntoView({behavior: 'smooth'});
  return ''; }"""  # and nothing is said any longer


Pick = Callable[[str, str, str], Path | None]  # (owner, job, what was chosen) -> a picture


def picked(file: Path | None) -> Path:
    """Return a picture, or tell the page that there is none."""
    if file is None:
        raise gr.Error("paint a picture first", title="There is no picture", duration=6)
    return file


class Page:
    """The page of one studio."""

    def __init__(self, jobs: Jobs, served: Path, secret: str) -> None:
        self.jobs, self.access = jobs, Access(jobs, served, secret)
        self.tabs = [Tab(name) for name in synoptic.APPLICATIONS]
        self.models = ["bundled", "bundled-if", *jobs.permissions.offered]

    def build(self) -> gr.Blocks:
        """Build the page."""
        with gr.Blocks(title="synoptic studio", analytics_enabled=False, delete_cache=(3600, 7 * 86400)) as page:
            self.owner = gr.BrowserState("", storage_key="synoptic-owner", secret=self.access.secret)
            self.job = gr.BrowserState("", storage_key="synoptic-job", secret=self.access.secret)
            self.chosen = gr.State("")  # the picture that was chosen in a gallery
            gr.HTML(HEAD, elem_id="head")
            with gr.Tabs(elem_id="top") as self.top:
                with gr.Tab("Make", id="make"), gr.Row(elem_id="make"):
                    with gr.Column(scale=5, min_width=340):
                        self.build_applications()
                    with gr.Column(scale=6, min_width=340, elem_id="panel"):
                        self.panel = Panel()
                with gr.Tab("History", id="history") as self.past:
                    self.history = History()
            self.connect(page)
            blocks = page.default_config  # gradio has it describe itself four times until it is mounted
            blocks.get_config = cache(blocks.get_config)
        return page

    def build_applications(self) -> None:
        self.said = gr.HTML("", elem_id="said")  # of settings that were filled in
        gr.HTML(FIRST, elem_classes="kind")
        with gr.Tabs(overflow_behavior="wrap", elem_id="applications") as self.inner:
            for tab in self.tabs:
                tab.build(self.models)
        with gr.Accordion("Words that the bundled models know", open=False), gr.Column(elem_classes="words"):
            for kind, known in vocabulary()["prompts"].items():
                gr.Markdown(f"**{kind}**: {', '.join(known)}")
        label = "A PNG made by synoptic: its settings come back"
        self.dropped = gr.File(label=label, file_types=[".png"], height=96, elem_id="dropped", elem_classes="drop")

    def connect(self, page: gr.Blocks) -> None:
        """Say what every button does."""
        private: dict[str, Any] = {"api_visibility": "private"}
        at_once: dict[str, Any] = private | {"concurrency_limit": None}
        hidden: dict[str, Any] = at_once | {"show_progress": "hidden"}

        def show_job(after: Callable[..., Any]) -> None:
            after(self.watch, [self.owner, self.job], self.panel.progress, **hidden)
            after(self.show_result, [self.owner, self.job], self.panel.result, **hidden)

        for tab in self.tabs:
            entered = [self.owner, *tab.components]
            for button, count in ((tab.paint, None), (tab.nine, NINE)):
                if button is not None:
                    asked = button.click(self.painter(tab, count), entered, [self.job], **at_once)
                    show_job(asked.success)
                    asked.success(None, None, [self.said], js=TO_PANEL, **private)
            for button, example in zip(tab.examples, EXAMPLES.get(tab.application, ()), strict=True):
                filled = button.click(partial(entries, tab, self.served(example)), None, tab.components, **private)
                asked = filled.then(self.painter(tab, None), entered, [self.job], **at_once)
                show_job(asked.success)
                asked.success(None, None, [self.said], js=TO_PANEL, **private)
            tab.connect(self.jobs.permissions)
        show_job(page.load(self.greet, [self.owner], [self.owner], **private).then)
        self.panel.stop.click(self.stop, [self.owner, self.job], None, queue=False, **private)
        self.panel.gallery.select(self.choose_result, [self.owner, self.job], [self.chosen], **private)
        every = [self.inner, self.said, *(component for tab in self.tabs for component in tab.components)]
        for onward, pick in ((self.panel.onward, self.pick_result), (self.history.onward, self.pick_past)):
            shown = [self.owner, self.job, self.chosen]
            for name, button in onward.sends.items():
                button.click(self.sender(name, pick), shown, [self.top, *every], **private)
            asked = onward.larger.click(self.enlarger(pick), shown, [self.top, self.job, *every], **at_once)
            show_job(asked.success)
            asked.success(None, None, [self.said], js=TO_PANEL, **private)
        self.dropped.upload(self.use_dropped, [self.owner, self.dropped], every, **private)
        history = self.history
        self.past.select(self.list_history, [self.owner], history.shown, **private)
        history.past.select(self.choose_past, [history.paths], [self.chosen, *history.chosen], **private)
        history.restore.click(self.use_settings, [self.owner, self.chosen], [self.top, *every], **private)

    def greet(self, owner: str) -> str:
        """Return who a browser is that shows the page, and expect its jobs."""
        self.jobs.expect()
        return self.access.recognize(owner)

    def painter(self, tab: Tab, count: int | None) -> Callable[..., str]:
        """Return what queues the job that was entered in a tab, with so many pictures to choose from where it is said."""

        def paint(owner: str, *entered: object) -> str:
            try:
                found = values_of(tab.fields, entered, self.jobs.permissions.keep_upload)
                if count is not None:
                    found = one_to_choose(tab.application, found) | {"count": count}
                return self.jobs.submit(tab.application, found, self.access.recognize(owner)).id
            except InputError as e:
                raise gr.Error(escape(str(e.in_python())), title="Not painted", duration=12) from None

        return paint

    def served(self, example: Example) -> dict[str, object]:
        """Return an example's options, its pictures where the page may fetch them."""
        options = example.options.items()
        return {name: Path(self.access.publish(one)) if isinstance(one, Path) else one for name, one in options}

    def stop(self, owner: str, id: str) -> None:
        if job := self.access.own(owner, id):
            self.jobs.stop(job)

    async def watch(self, owner: str, id: str) -> AsyncIterator[dict[Block, object]]:
        async for updates in self.panel.watch(self.access, owner, id):
            yield updates

    async def show_result(self, owner: str, id: str) -> AsyncIterator[dict[Block, object]]:
        async for updates in self.panel.show_result(self.access, owner, id):
            yield updates

    def pick_result(self, owner: str, id: str, chosen: str) -> Path | None:
        """Return the chosen picture of the job that is shown, or its first."""
        files = self.access.finished(owner, id)
        return next((file for file in files if str(file) == chosen), files[0] if files else None)

    def pick_past(self, _owner: str, _id: str, chosen: str) -> Path | None:
        """Return the picture that was chosen in the history."""
        return Path(chosen) if chosen else None

    def sender(self, application: str, pick: Pick) -> Callable[[str, str, str], list[object]]:
        """Return what puts a picture into another application."""

        def send(owner: str, id: str, chosen: str) -> list[object]:
            file = picked(pick(owner, id, chosen))
            return [gr.update(selected="make"), *sent(self.access, self.tabs, application, file)]

        return send

    def enlarger(self, pick: Pick) -> Callable[[str, str, str], list[object]]:
        """Return what queues a picture to be painted larger, and fills in the tab that does so."""

        def enlarge(owner: str, id: str, chosen: str) -> list[object]:
            file = picked(pick(owner, id, chosen))
            try:
                application, options = larger(read_settings(file))
                job = self.jobs.submit(
                    application, self.jobs.permissions.offered_name(options), self.access.recognize(owner)
                )
            except InputError as e:
                raise gr.Error(escape(str(e.in_python())), title="Not painted", duration=12) from None
            return [gr.update(selected="make"), job.id, *enlarged(self.tabs, application, options)]

        return enlarge

    def choose_result(self, owner: str, id: str, event: gr.SelectData) -> str:
        files = self.access.finished(owner, id)
        return str(files[event.index]) if isinstance(event.index, int) and event.index < len(files) else ""

    def list_history(self, owner: str) -> tuple[object, list[str], str]:
        return self.history.list_pictures(self.access, owner)

    def choose_past(self, paths: list[str], event: gr.SelectData) -> tuple[object, ...]:
        return self.history.choose(self.access, paths, event)

    def use_settings(self, owner: str, chosen: str) -> tuple[object, ...]:
        """Return the updates that bring back the settings of a chosen picture."""
        if not chosen:
            raise gr.Error("choose a picture first", title="Nothing chosen", duration=6)
        return gr.update(selected="make"), *restored(self.access, owner, self.tabs, Path(chosen))

    def use_dropped(self, owner: str, file: str | None) -> list[object]:
        return unchanged(self.tabs) if file is None else restored(self.access, owner, self.tabs, Path(file))
