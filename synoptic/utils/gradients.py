"""Whether torch keeps what gradients need."""

from __future__ import annotations

import torch

from synoptic.errors import InputError


def check_gradients(what: str) -> None:
    """Raise InputError where nothing of the calling thread can have a gradient, which `what` needs."""
    if torch.is_inference_mode_enabled():
        raise InputError(
            f"{what} needs gradients, torch.inference_mode() keeps what none can come from: call it outside, or in"
            " torch.no_grad()",
            rule="inference-mode",
        )
