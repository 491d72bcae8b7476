"""What pictures look like to a network, differentiably: the distances that views are drawn together by."""

from __future__ import annotations

import importlib
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import interpolate, normalize

from synoptic.metrics.clip import Clip


class CLIPPatchFeatures:
    """A CLIP's features of every patch after every block: pictures (N, 3, H, W) in [-1, 1] -> (N, blocks, patches, D).

    Each of unit length. Drawn together by `feature_distance`, they move what another CLIP sees; the last feature
    alone, which holds less, was measured to be satisfied by changes that no one else sees.
    """

    def __init__(self, clip_model: Clip) -> None:
        self.vision_model, self.class_tokens = clip_model.model.vision_model, clip_model.class_tokens
        size, prepare = clip_model.model.config.vision_config.image_size, clip_model.preprocessor
        self.size = (size, size)
        self.mean, self.std = (
            torch.tensor(prepare[f"image_{k}"], dtype=torch.float32, device=clip_model.device).view(1, 3, 1, 1)
            for k in ("mean", "std")
        )

    def __call__(self, x: Tensor) -> Tensor:
        small = interpolate(x.float(), self.size, mode="bicubic", antialias=True)
        states = self.vision_model(((small + 1) / 2 - self.mean) / self.std, output_hidden_states=True).hidden_states
        return normalize(torch.stack(states[1:], 1)[:, :, self.class_tokens :], dim=-1)  # without the embedding


def feature_distance(a: Tensor, b: Tensor) -> Tensor:
    """Return LPIPS (Zhang et al. 2018, equation 1, w = 1) of features (N, blocks, patches, D): (N,), 0 for equal ones."""
    return (a - b).square().sum(-1).mean(2).sum(1)


def lpips(device: torch.device) -> Callable[[Tensor, Tensor], Tensor]:
    """Return LPIPS on VGG, SyncDiffusion's own distance, of pictures in [-1, 1]: (N,). Needs the package lpips."""
    package = importlib.import_module("lpips")
    net = package.LPIPS(net="vgg", verbose=False).eval().requires_grad_(False).to(device)
    return lambda a, b: net(a.float(), b.float()).flatten()
