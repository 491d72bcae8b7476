"""Processes of their own for what needs them, forked: what is imported and loaded here need not be again."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch.multiprocessing.spawn import start_processes

from synoptic.utils import timing


def ranks(work: Callable[[int], object], n: int = 2) -> None:
    """`work(rank)` in each of n processes that torchrun might have started; what one of them raises is raised."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    start_processes(_rank, (work, n, port), n, start_method="fork")


def _rank(rank: int, work: Callable[[int], object], n: int, port: int) -> None:
    environment = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": n, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in environment.items()})
    renew_threads()
    work(rank)


def killed(work: Callable[[], object], there: Path) -> None:
    """`work()`, which saves after every step, killed as soon as this file is there."""
    process = multiprocessing.get_context("fork").Process(target=_often, args=(work,), daemon=True)
    process.start()
    while not there.exists():
        assert process.is_alive()
        time.sleep(0.02)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL


def _often(work: Callable[[], object]) -> None:
    timing.EVERY = timing.SHARE = 0
    renew_threads()
    work()


def renew_threads() -> None:
    """Let torch make its pool of threads anew in a forked process, before several threads ask for it at once.

    The first that asks after a fork takes the parent's pool away and makes another; who asks in between finds none
    ("Invalid thread pool!"), as the threads did in which transformers reads weights.
    """
    torch.set_num_threads(torch.get_num_threads())
