"""One run in several processes, a GPU each, as torchrun starts them. Imports nothing heavy."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def is_distributed() -> bool:
    """Return whether this process is one of several that run together, as torchrun starts them."""
    return int(os.environ.get("WORLD_SIZE", 1)) > 1


def is_main_process() -> bool:
    """Return whether this process is the one that writes files and prints."""
    return int(os.environ.get("RANK", 0)) == 0


def init_process_group() -> None:
    """Join the process group, once."""
    import torch.distributed as dist

    if not dist.is_initialized():
        dist.init_process_group()


def broadcast_from_main(tensor: Tensor) -> Tensor:
    """Return the main process's tensor, in all of them: on the CPU, of one shape everywhere."""
    if is_distributed():
        import torch.distributed as dist

        init_process_group()
        dist.broadcast(tensor, 0)
    return tensor
