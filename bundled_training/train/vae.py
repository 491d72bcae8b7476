"""sd's autoencoder: reconstruct renders of 256x256 pixels through 32x32 latents of `--channels` channels."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from torch import Tensor

from bundled_training import networks
from bundled_training.render.bank import bank
from bundled_training.train.loop import Stage, autocast, own, sheet, stage, train
from bundled_training.train.save import half, normalize_configs

SIDE, CROP = 256, 128  # pixels of a picture, and of what is seen of it; the last quarter sees whole pictures


def main() -> None:
    more = own(channels=8)
    s = stage("vae", minutes=6, count=50_000, batch=128, about="Train sd's autoencoder.")
    pictures, _, _ = bank(s.count, SIDE, s.device, seed=50 + s.seed + 7919 * s.rank)
    held_out, _, _ = bank(256 if not s.tiny else 4, SIDE, s.device, seed=51, held_out=True)
    vae = s.begin(networks.vae(more.channels))

    def both_ways(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        z = vae.encode(x).latent_dist
        return vae.decode(z.mean + z.std * torch.randn_like(z.mean)).sample, z.mean, z.logvar

    both_ways = s.compiled(both_ways)

    def loss(progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        whole = progress > 0.75
        x = pictures[torch.randint(len(pictures), (s.batch // 3 if whole else s.batch,), device=s.device)]
        if not whole:
            top, left = (int(torch.randint(x.shape[-1] - CROP + 1, ())) for _ in range(2))
            x = x[:, :, top : top + CROP, left : left + CROP]
        x = (x.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)
        with s.autocast():
            y, mean, logvar = both_ways(x)
        d, mean, logvar = y.float() - x, mean.float(), logvar.float()
        edges = d.diff(dim=-1).abs().mean() + d.diff(dim=-2).abs().mean()
        kl = 0.5 * (mean.square() + logvar.exp() - 1 - logvar).mean()
        coarse = F.avg_pool2d(d, 4).abs().mean()
        mse = d.square().mean()
        return d.abs().mean() + mse + 0.5 * edges + coarse + 1e-4 * kl, {"psnr": 10 * (4 / mse).log10(), "kl": kl}

    def finish(module: Any) -> None:
        z = latents(module, pictures[:512], 1.0)
        module.register_to_config(scaling_factor=float(1 / z.std()))
        y = decoded(module, latents(module, held_out, 1.0), 1.0)
        x = held_out.float() / 255
        s.log(held_out_psnr=float(-10 * (y - x).square().mean().log10()), channels=z.std((0, 2, 3)).tolist())
        sheet(torch.stack([x[:24], y[:24]], 1).flatten(0, 1), s.work / "previews" / "vae.png", 16)
        half(module).save_pretrained(s.work / "vae")
        normalize_configs(s.work / "vae")

    train(s, vae, loss, finish, lr=1e-3, weight_decay=0.0, decay=0.998)


@torch.no_grad()
def latents(vae: Any, pictures: Tensor, scale: float) -> Tensor:
    """Mean latents (N, C, S/8, S/8) of uint8 pictures, times `scale`, in float16."""
    rows = []
    for part in pictures.split(512):
        x = (part.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)
        with autocast(x.device):
            rows.append((vae.encode(x).latent_dist.mean * scale).half())
    return torch.cat(rows).contiguous()


@torch.no_grad()
def decoded(vae: Any, z: Tensor, scale: float) -> Tensor:
    """Pictures (N, 3, H, W) in [0, 1] of latents that were multiplied by `scale`."""
    rows = []
    for part in z.split(128):
        with autocast(z.device):
            rows.append((vae.decode(part.float() / scale).sample.float() / 2 + 0.5).clamp(0, 1))
    return torch.cat(rows)


def loaded(s: Stage) -> Any:
    vae: Any = AutoencoderKL.from_pretrained(s.work / "vae")
    return vae.to(s.device, memory_format=torch.channels_last).eval().requires_grad_(False)


if __name__ == "__main__":
    main()
