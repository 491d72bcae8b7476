"""Where a finished picture goes on to: another application, as its input, or larger."""

from __future__ import annotations

import gradio as gr

SENT_TO = {"edit": "image", "inpaint": "image", "control": "image", "hybrid": "photo", "wide": "control"}  # their inputs


class Onward:
    """A row of buttons below pictures; `place` tells it from the others of the page."""

    def __init__(self, place: str) -> None:
        with gr.Row(visible=False, elem_classes="sends", elem_id=f"onward-{place}") as self.row:
            self.larger = gr.Button("Paint it larger", size="sm", min_width=140, elem_id=f"larger-{place}", visible=False)
            gr.HTML("Send it on to")
            self.sends = {name: gr.Button(f"→ {name}", size="sm", min_width=80) for name in SENT_TO}
