"""A tab for an application: its fields, its examples, and what is seen before painting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from html import escape
from typing import Any

import gradio as gr
from gradio.components import Component

from synoptic.commands.help import USUAL, description
from synoptic.errors import InputError
from synoptic.options import options_class
from synoptic.studio import before
from synoptic.studio.examples import EXAMPLES, STRIPS, Example
from synoptic.studio.fields import Field, MaskedPicture, fields_of, values_of
from synoptic.studio.permissions import Permissions

HEADINGS = {"Options": "More options"}  # that read differently beside others
OPENED = {"control": "ControlNet"}  # options that are not folded, though not the usual ones
NINE = 9


@dataclass
class Tab:
    """An application on the page: its name, its fields, and what is beside them."""

    application: str
    fields: list[Field | MaskedPicture] = field(default_factory=list)
    paint: gr.Button | None = None
    nine: gr.Button | None = None
    examples: list[gr.Button] = field(default_factory=list)
    boxes: gr.HTML | None = None
    maps: gr.Gallery | None = None
    note: gr.HTML | None = None  # why there are no maps

    @property
    def components(self) -> list[Component]:
        return [one.component for one in self.fields]

    def named(self, *names: str) -> list[Component]:
        """Return the components of the options that are so named."""
        return [one.component for one in self.fields if isinstance(one, Field) and one.spec.name in names]

    def build(self, models: Sequence[str]) -> None:
        """Build the tab, where it is to be: what to show, the button, examples, the usual options, the others folded."""
        options = options_class(self.application)
        with gr.Tab(self.application.replace("_", " "), id=self.application):
            gr.Markdown(description(options.__doc__ or ""), elem_classes="about")
            fields = fields_of(options, models)
            self.fields = [one for some in fields.values() for one in some]
            self.place(fields.pop("Input"))
            with gr.Row():
                self.paint = gr.Button("Paint", variant="primary", elem_id=f"paint-{self.application}", scale=3)
                if self.named("count"):
                    self.nine = gr.Button("Nine seeds", elem_id=f"nine-{self.application}", scale=1, min_width=120)
            if examples := EXAMPLES.get(self.application):
                gr.Markdown("Examples: a click paints one like it", elem_classes="caption")
                self.examples = example_buttons(self.application, examples)
            for heading, some in fields.items():
                opened = OPENED.get(self.application) == heading
                with nullcontext() if heading == USUAL else gr.Accordion(HEADINGS.get(heading, heading), open=opened):
                    self.place(some, beside=heading == USUAL)

    def place(self, fields: Sequence[Field | MaskedPicture], beside: bool = False) -> None:
        """Place built fields, below or `beside` each other, and what shows their meaning: boxes, maps."""
        names = {one.spec.name for one in fields if isinstance(one, Field)}
        if "region" in names:
            self.boxes = before.boxes(self.application)
        with gr.Row(elem_classes="usual") if beside else nullcontext():
            for one in fields:
                one.component.render()
        if self.named("condition") and names & {"image", "control"}:
            look: dict[str, Any] = {"object_fit": "contain", "height": "auto", "buttons": [], "fit_columns": False}
            title, id = "maps that will be followed", f"maps-{self.application}"
            self.maps = gr.Gallery(
                label=title, columns=3, elem_id=id, elem_classes="maps", format="png", visible=False, **look
            )
            self.note = gr.HTML("", elem_id=f"note-{self.application}", visible=False)

    def connect(self, permissions: Permissions) -> None:
        """Say what shows what will be painted: maps as soon as there is a picture, boxes and their lines as the same."""
        private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        shown = [one for one in (self.boxes, self.maps, self.note) if one is not None]
        if shown:
            watched = self.named(*before.DECIDING)
            events = [getattr(one, "blur" if isinstance(one, gr.Textbox) else "change") for one in watched]
            gr.on(events, self.foresee(permissions), self.components, shown, trigger_mode="always_last", **private)
        if self.boxes is not None:
            (lines,) = self.named("region")
            self.boxes.change(None, [self.boxes], [lines], js="text => text", **private)
            assert isinstance(lines, gr.Textbox)
            lines.change(None, [lines], [self.boxes], js="text => text", **private)

    def foresee(self, permissions: Permissions) -> Callable[..., list[Any]]:
        """Return what shows the maps that will be followed, and the shape of what boxes are drawn on."""

        def look(*entered: object) -> list[Any]:
            note, drawn, shape = "", {}, gr.skip()
            try:
                found = values_of(self.fields, entered, permissions.keep_upload)
                if found.keys() & {"image", "control"} or self.boxes is not None:
                    options = permissions.prepared(self.application, {"prompt": before.ANYTHING} | found)
                    shape = gr.update(**before.canvas(options)) if self.boxes is not None else shape
                    drawn = before.maps(options)
            except InputError as e:
                note = escape(str(e.in_python()))
            pictures = gr.update(value=[(one, kind) for kind, one in drawn.items()], visible=bool(drawn))
            said = gr.update(value=note, visible=bool(note))
            return [shape] * (self.boxes is not None) + [pictures, said] * (self.maps is not None)

        return look


def example_buttons(application: str, examples: Sequence[Example]) -> list[gr.Button]:
    """Build a button for each example: its picture, and its prompts below."""
    strips = application in STRIPS
    with gr.Row(elem_id=f"examples-{application}", elem_classes=["examples", "strips" if strips else "tiles"]):
        return [gr.Button(one.caption, icon=str(one.picture), min_width=90) for one in examples]
