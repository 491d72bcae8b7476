"""The connection of a driver to a Ray cluster. Imports nothing of torch: it is made while the driver reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import ray  # pyright: ignore[reportMissingImports]

from synoptic.errors import InputError
from synoptic.jobs.planning import Job
from synoptic.options.batch import BatchOptions


@contextmanager
def ahead(options: BatchOptions, jobs: Sequence[Job]) -> Iterator[Future[None]]:
    """Connect to a batch's cluster in a thread, unless this process is connected; end with the context what was begun."""
    if ray.is_initialized():
        connected: Future[None] = Future()
        connected.set_result(None)
        yield connected
        return
    with ThreadPoolExecutor(1) as thread:
        try:
            yield thread.submit(connect, options.address)
        finally:
            thread.shutdown()
            ray.shutdown()


def connect(address: str | None) -> None:
    """Connect to a cluster, or start one on this machine. Raises InputError where there is none."""
    try:
        ray.init(address=address or "local", log_to_driver=False, logging_level="error")
    except (ConnectionError, RuntimeError, ValueError) as e:
        raise InputError(
            f"--address must be that of a Ray cluster, {address} is not ({str(e)[:200]}): begin one with `ray start --head`",
            rule="batch-address",
        ) from None
