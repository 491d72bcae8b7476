"""The panel that shows a job: what a browser is sent while it is painted."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import gradio as gr
import pytest
from gradio.blocks import Block
from PIL import Image

from synoptic.studio import panel
from synoptic.studio.access import Access
from synoptic.studio.jobs import Job
from tests.studio.conftest import QUICK


def value(update: object) -> object:
    assert isinstance(update, dict)
    return update["value"]


def test_a_preview_is_sent_once_and_the_end_as_soon_as_it_comes(studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Each preview that is sent is written as a file for the browser; how far a job is changes far more often."""
    monkeypatch.setattr(panel, "UPDATE_SECONDS", 0.0)
    with gr.Blocks():
        shown = panel.Panel()
    access = Access(studio(), tmp_path / "served", "secret")
    options = access.jobs.permissions.prepared("generate", QUICK)
    previews = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    job = Job("an id", "me", options, time.time(), "running", preview=previews[0], started=time.time())
    monkeypatch.setattr(access, "own", lambda *_: job)

    async def results() -> list[dict[Block, object]]:
        return [news async for news in shown.show_result(access, "me", "an id")]

    async def watched() -> list[dict[Block, object]]:
        sent = []
        async for news in shown.watch(access, "me", "an id"):
            sent.append(news)
            taken = len(sent)
            job.steps, job.preview = (taken, 4), previews[taken > 2]
            if taken == 4:
                job.state, job.preview = "done", None
        return sent

    *while_painted, last = asyncio.run(watched())
    assert [shown.status in news for news in while_painted] == [True] * 4
    values = [value(news[shown.preview]) for news in while_painted if shown.preview in news]
    assert [one is preview for one, preview in zip(values, previews, strict=True)] == [True, True]
    assert value(last[shown.preview]) is None and shown.status not in last
    _, result = asyncio.run(results())
    assert "done" in str(result[shown.status]) and {*result} <= {*shown.result}
    assert all({*news} <= {*shown.progress} for news in (*while_painted, last))
