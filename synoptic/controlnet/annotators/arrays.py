"""Pictures for the libraries that draw maps, and their maps back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor


def annotate(picture: Tensor, annotator: Callable[[np.ndarray], np.ndarray]) -> Tensor:
    """Return what `annotator` makes of each picture of (N, 3, H, W) in [-1, 1]: maps (N, 3, H, W) in [0, 1].

    annotator: (H, W, 3) float64 in [0, 1] -> (H, W), or (H, W, 3) in color.
    """
    rows = (picture.double().clamp(-1, 1).permute(0, 2, 3, 1).cpu().numpy() + 1) / 2
    maps = torch.stack([torch.from_numpy(np.ascontiguousarray(annotator(row), dtype=np.float32)) for row in rows])
    return maps[:, None].expand(-1, 3, -1, -1) if maps.ndim == 3 else maps.permute(0, 3, 1, 2)
