"""A progress bar with the time left, on the error stream, and in notebooks as a bar of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm.autonotebook import tqdm

from synoptic.distributed import is_main_process


@contextmanager
def progress_bar(title: str, total: int) -> Iterator[Callable[[], None]]:
    """Show a bar of so many steps: `with progress_bar(title, total) as tick:` and tick() after each."""
    with tqdm(total=total, desc=title, unit="step", disable=not is_main_process() or not total, dynamic_ncols=True) as shown:

        def tick() -> None:
            shown.update()

        yield tick
        shown.update(total - shown.n)  # of loops that took fewer steps
