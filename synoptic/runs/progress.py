"""A progress bar with the time left, on the terminal's error stream: pipes and logs stay clean."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from synoptic.distributed import is_main_process


@contextmanager
def bar(title: str, total: int) -> Iterator[Callable[[], None]]:
    """`with bar(title, total) as tick:` and tick() once a step."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("steps")
    times = TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn()
    with Progress(*columns, *times, console=Console(stderr=True, quiet=not is_main_process())) as progress:
        task = progress.add_task(title, total=total)
        yield lambda: progress.advance(task)
