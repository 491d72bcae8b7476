"""What a model is to the rest of the house: one Denoiser, whatever its family."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from synoptic.diffusion.equations import Pred, Schedule, Time

if TYPE_CHECKING:
    from synoptic.models.registry import Checkpoint

Cond = dict[str, Tensor]  # a network's conditioning, each tensor with a leading batch axis


class Denoiser(Protocol):
    """A pretrained network: latent or pixel space, any prediction type, any native size."""

    schedule: Schedule
    shape: tuple[int, int, int]  # native (C, h, w) of x
    factor: int  # image pixels per pixel of x
    device: torch.device
    dtype: torch.dtype  # the network's own
    row_bytes: int  # working memory of one row in predict, estimated

    def embed(self, prompts: Sequence[str]) -> Cond:
        """One row a prompt."""
        ...

    def predict(self, x: Tensor, t: Time, cond: Cond) -> Pred:
        """(N, C, h, w) -> Pred in the dtype of x; the network's own dtype lives only in here. Differentiable."""
        ...

    def encode(self, image: Tensor) -> Tensor:
        """(N, 3, H, W) in [-1, 1] -> x. Differentiable."""
        ...

    def decode(self, x: Tensor) -> Tensor:
        """x -> (N, 3, H, W) in about [-1, 1]. Differentiable."""
        ...


class PretrainedModel(Denoiser, Protocol):
    """A Denoiser as `load` gives it: it knows the checkpoint that it came from, and its network."""

    checkpoint: Checkpoint

    @property
    def network(self) -> torch.nn.Module:
        """The network itself, for what learns beside it or inside it."""
        ...
