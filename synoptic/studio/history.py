"""The history: what was painted, its settings, and an archive of its run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.blocks import Block

from synoptic.io import read_settings
from synoptic.studio.access import Access
from synoptic.studio.larger import ENLARGED
from synoptic.studio.onward import Onward
from synoptic.studio.panel import code
from synoptic.studio.snippets import python_call

EMPTY = "Nothing was painted yet."
CHOOSE = "The newest first. Choose one: below are its settings, the command that gives it again, and an archive of its run."


class History:
    """The components of the history."""

    def __init__(self) -> None:
        self.paths = gr.State([])
        self.note = gr.Markdown(EMPTY)
        look: dict[str, Any] = {"object_fit": "cover", "height": "auto", "buttons": ["download", "fullscreen"]}
        self.past = gr.Gallery(
            label="the newest first", show_label=False, columns=6, elem_id="history", visible=False, **look
        )
        with gr.Row(visible=False) as self.buttons:
            self.restore = gr.Button("Use these settings", variant="primary", elem_id="restore")
            self.zip = gr.DownloadButton("Download all of this run")
        self.onward = Onward("past")
        with gr.Column(visible=False) as self.code:
            self.command = code("shell", "on the command line", "past-command")
            self.python = code("python", "in Python", "past-python")
            self.about = code("json", "settings", "settings")

    @property
    def chosen(self) -> list[Block]:
        """The components that `choose` updates."""
        return [
            self.command,
            self.python,
            self.about,
            self.zip,
            self.code,
            self.buttons,
            self.onward.row,
            self.onward.larger,
        ]

    @property
    def shown(self) -> list[Block]:
        """The components that `list_pictures` updates."""
        return [self.past, self.paths, self.note]

    def list_pictures(self, access: Access, owner: str) -> tuple[object, list[str], str]:
        """Return the newest pictures that this browser may see, and their files."""
        files = access.past(owner)
        pictures = [(access.publish(file), file.stem.replace("_", " ")) for file in files]
        return gr.update(value=pictures, visible=bool(files)), [str(file) for file in files], CHOOSE if files else EMPTY

    def choose(self, access: Access, paths: list[str], event: gr.SelectData) -> tuple[object, ...]:
        """Return the chosen picture, its command and call, its settings, and the run as an archive."""
        file = Path(paths[event.index])
        found = read_settings(file)
        application, options = found.get("application"), found.get("options")
        python = python_call(application, options) if isinstance(application, str) and isinstance(options, dict) else ""
        settings = json.dumps(found, indent=1, ensure_ascii=False)
        archive, shown = gr.update(value=access.archive(file.parent)), gr.update(visible=True)
        enlarged = gr.update(visible=application in ENLARGED)
        return str(file), str(found.get("command", "")), python, settings, archive, shown, shown, shown, enlarged
