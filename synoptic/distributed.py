"""One run in several processes, a GPU each, as torchrun starts them. Imports nothing heavy."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def alone() -> bool:
    """Whether this process was started by itself, not as one of several."""
    return int(os.environ.get("WORLD_SIZE", 1)) == 1


def first() -> bool:
    """Whether this process is the one that writes files and speaks."""
    return int(os.environ.get("RANK", 0)) == 0


def join() -> None:
    """Meet the other processes, once."""
    import torch.distributed as dist

    if not dist.is_initialized():
        dist.init_process_group()


def broadcast_from_main(said: Tensor) -> Tensor:
    """What the first process says, in all of them: a tensor on the CPU, of one shape everywhere."""
    if not alone():
        import torch.distributed as dist

        join()
        dist.broadcast(said, 0)
    return said
