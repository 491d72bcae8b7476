"""Progress: a listener is called at every step, and a notebook without widgets shows a bar and no warning."""

from __future__ import annotations

import errno
import io
import sys

import pytest

from synoptic.io.progress import listening, progress_bar
from synoptic.runs.text_to_3d import log


def test_a_listener_is_called_at_every_step_and_may_end_the_work():
    seen: list[tuple[int, int]] = []

    def stop_at_two(taken: int, total: int) -> None:
        seen.append((taken, total))
        if taken == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError), listening(stop_at_two), progress_bar("test", 5, show=False) as tick:
        for _ in range(5):
            tick()
    with progress_bar("test", 5, show=False) as tick:  # outside nobody listens
        tick()
    assert seen == [(1, 5), (2, 5)]


class Full(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, "full")

    def flush(self) -> None:
        raise OSError(errno.ENOSPC, "full")


def test_an_error_stream_that_takes_nothing_ends_no_work(monkeypatch):
    for stream in (Full(), None):  # a program without a console has none
        monkeypatch.setattr(sys, "stderr", stream)
        with progress_bar("test", 2) as tick:
            tick()
            log("a line above the bar")
            tick()


@pytest.mark.slow
def test_a_notebook_shows_a_bar_and_no_warning():
    import nbformat
    from nbclient import NotebookClient

    source = "from synoptic.io.progress import progress_bar\nwith progress_bar('steps', 2) as tick:\n    tick(), tick()"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    NotebookClient(notebook, kernel_name="python3").execute()
    shown = "".join(output.get("text", "") for output in notebook.cells[0].outputs)
    assert "Warning" not in shown and "steps: 100%" in shown
