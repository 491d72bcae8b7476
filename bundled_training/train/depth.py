"""The depth model: how near every pixel of a render is, for `--condition depth` and `normal` without a map at hand.

`python -m bundled_training.train.depth`, before or after any other stage.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import DPTImageProcessor

from bundled_training import networks
from bundled_training.render.bank import bank
from bundled_training.train.denoise import row
from bundled_training.train.loop import sheet, stage, train
from bundled_training.train.save import half, normalize_configs

SIDE, SEEN = 256, 128  # pixels of a render, and of what the network is given
CHUNK = 1024  # pictures that are drawn at once
SCALES = 4  # of the gradients that are compared
MEAN, STD = 0.5, 0.5  # what the processor makes of pixels in [0, 1]


def main() -> None:
    s = stage("depth", minutes=6, count=100_000, batch=96, about="Train the depth model.")
    pictures, _, depths = bank(s.count, SIDE, s.device, seed=6000 + s.seed + 7919 * s.rank, chunk=CHUNK, depth=True)
    unseen, _, unseen_depths = bank(4 if s.tiny else 128, SIDE, s.device, seed=5999, held_out=True, depth=True)
    net = s.begin(networks.depth_model())
    net.head.head[-1] = nn.Identity()  # in place of its last ReLU, below which nothing would be learned
    estimate = s.compiled(lambda x: net(x).predicted_depth[:, None])

    def loss(progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        k = torch.randint(len(pictures), (s.batch,), device=s.device)
        x, near = varied(*(F.avg_pool2d(part[k].float() / 255, SIDE // SEEN) for part in (pictures, depths)))
        with s.autocast():
            found = estimate(((x - MEAN) / STD).contiguous(memory_format=torch.channels_last))
        error = found.float() - near
        return error.abs().mean() + 0.5 * gradients(error), {"error": error.detach().abs().mean()}

    @torch.no_grad()
    def finish(module: Any) -> None:
        x, near = (F.avg_pool2d(part.float() / 255, SIDE // SEEN) for part in (unseen, unseen_depths))
        near = stretched(near)
        with s.autocast():
            found = torch.cat([module((part - MEAN) / STD).predicted_depth[:, None].float() for part in x.split(32)])
        found = stretched(found.relu())
        s.log(held_out_error=(found - near).abs().mean().item(), correlation=correlation(found, near).mean().item())
        shown = [x[:24], *(part[:24].expand(-1, 3, -1, -1) for part in (near, found))]
        sheet(torch.stack(shown, 1).flatten(0, 1), s.work / "previews" / "depth.png", 12)
        folder = s.family / "depth"
        half(module).save_pretrained(folder)
        size = {"height": SEEN, "width": SEEN}
        processor = DPTImageProcessor(
            size=size, keep_aspect_ratio=True, ensure_multiple_of=32, image_mean=[MEAN] * 3, image_std=[STD] * 3
        )
        processor.save_pretrained(folder)
        normalize_configs(folder)

    train(s, net, loss, finish, lr=2e-3, decay=0.998)


def stretched(near: Tensor) -> Tensor:
    """Lay each map (N, 1, H, W) on [0, 1], its farthest to its nearest: all that one picture tells."""
    low, high = near.amin((1, 2, 3), keepdim=True), near.amax((1, 2, 3), keepdim=True)
    return (near - low) / (high - low).clamp(min=1 / 255)


def varied(x: Tensor, near: Tensor) -> tuple[Tensor, Tensor]:
    """Return pictures in [0, 1] and their stretched maps, half of them mirrored, in other light, with a little noise."""
    mirrored = row(torch.rand(len(x), device=x.device) < 0.5)
    x, near = (torch.where(mirrored, part.flip(3), part) for part in (x, stretched(near)))
    light = 1 + 0.15 * torch.randn(len(x), 3, 1, 1, device=x.device)
    gamma = (0.2 * torch.randn(len(x), 1, 1, 1, device=x.device)).exp()
    noise = 0.04 * torch.rand(len(x), 1, 1, 1, device=x.device) * torch.randn_like(x)
    return ((x * light).clamp(0, 1) ** gamma + noise).clamp(0, 1), near


def gradients(error: Tensor) -> Tensor:
    """Return the mean absolute gradients of an error (N, 1, H, W) over scales (Ranftl et al. 2020, equation 11)."""
    total = error.new_zeros(())
    for k in range(SCALES):
        part = error[:, :, :: 2**k, :: 2**k]
        total = total + part.diff(dim=-1).abs().mean() + part.diff(dim=-2).abs().mean()
    return total


def correlation(a: Tensor, b: Tensor) -> Tensor:
    """Return the correlation (N,) of maps (N, 1, H, W) pair by pair; 0 where one is flat."""
    a, b = (part.flatten(1) - part.flatten(1).mean(1, keepdim=True) for part in (a, b))
    return F.cosine_similarity(a, b, dim=1)


if __name__ == "__main__":
    main()
