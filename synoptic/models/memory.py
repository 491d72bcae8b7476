"""What fits into memory: how many rows one call of a model may have."""

from __future__ import annotations

import torch

from synoptic.models.base import Denoiser

MAX_CPU_ROWS = 42  # on two cores a row costs a tenth less than of 16 in half precision, and the same from here to 82


def max_batch_rows(model: Denoiser, device: torch.device) -> int:
    """Rows whose working memory fits into half of what is free; on a CPU no more than its caches profit from."""
    if device.type == "cuda":
        idle = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)  # kept by us for what comes
        return max(1, (torch.cuda.mem_get_info(device)[0] + idle) // 2 // model.row_bytes)
    import psutil

    fits = psutil.virtual_memory().available // 2 // model.row_bytes
    return int(max(1, min(fits, MAX_CPU_ROWS)))
