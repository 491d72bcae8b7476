"""The history: what was painted, its settings, and an archive of its run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gradio as gr

from synoptic.io import read_settings
from synoptic.studio.access import Access
from synoptic.studio.snippets import python_call


class History:
    """The components of the history."""

    def __init__(self) -> None:
        self.paths = gr.State([])
        look: dict[str, Any] = {"object_fit": "cover", "height": "auto", "buttons": ["download", "fullscreen"]}
        self.past = gr.Gallery(label="the newest first", columns=6, elem_id="history", **look)
        with gr.Row():
            self.restore = gr.Button("Use these settings", variant="primary", elem_id="restore")
            self.zip = gr.DownloadButton("Download all of this run")
        self.command = gr.Code("", language="shell", label="on the command line", interactive=False)
        self.python = gr.Code("", language="python", label="in Python", interactive=False)
        self.about = gr.Code("", language="json", label="settings", interactive=False, elem_id="settings")

    @property
    def shown(self) -> list[gr.blocks.Block]:
        """The components that `choose` updates."""
        return [self.command, self.python, self.about, self.zip]

    def list_pictures(self, access: Access, owner: str) -> tuple[list[tuple[str, str]], list[str]]:
        """Return the newest pictures that this browser may see, and their files."""
        files = access.past(owner)
        return [(access.publish(file), file.stem.replace("_", " ")) for file in files], [str(file) for file in files]

    def choose(self, access: Access, paths: list[str], event: gr.SelectData) -> tuple[str, str, str, str, object]:
        """Return the chosen picture, its command and call, its settings, and the run as an archive."""
        file = Path(paths[event.index])
        found = read_settings(file)
        application, options = found.get("application"), found.get("options")
        python = python_call(application, options) if isinstance(application, str) and isinstance(options, dict) else ""
        settings = json.dumps(found, indent=1, ensure_ascii=False)
        return str(file), str(found.get("command", "")), python, settings, gr.update(value=access.archive(file.parent))
