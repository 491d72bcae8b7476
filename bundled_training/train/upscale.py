"""if-ii: 64x64 to 256x256 given the enlarged picture, noised to a known level; writes the IFSuperResolutionPipeline."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from diffusers.pipelines.deepfloyd_if.pipeline_if_superresolution import IFSuperResolutionPipeline
from torch import Tensor

from bundled_training import networks
from bundled_training.render.bank import bank
from bundled_training.train import t5
from bundled_training.train.denoise import Noising, row, samples
from bundled_training.train.loop import Words, sheet, stage, train
from bundled_training.train.save import half, save_pipeline

LEVELS = 400  # training noise levels; the pipeline asks for 250
CROP, WHOLE = 128, 0.6  # pixels; from this share of the time on whole pictures, a quarter as many a step


def main() -> None:
    s = stage("if-ii", minutes=20, count=150_000, batch=256, about="Train if's super-resolution U-Net, after t5.")
    text, tokenizer = t5.loaded(s)
    size = CROP if s.tiny else 256
    pictures, captions, _ = bank(s.count, size, s.device, seed=3000 + s.seed + 7919 * s.rank, chunk=4096)
    words = Words(tokenizer, captions, s.device)
    unet = s.begin(networks.upscaling_unet())
    noising = Noising(networks.upscaling_scheduler(), s.device)
    levels = Levels(s.device)
    step = s.compiled(lambda x, t, states, level: unet(x, t, states, class_labels=level).sample)

    def loss(progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        n, side = (s.batch // 4, size) if progress > WHOLE else (s.batch, CROP)
        k = torch.randint(len(pictures), (n,), device=s.device)
        top, left = (4 * int(torch.randint((size - side) // 4 + 1, ())) for _ in range(2))
        x0 = pictures[k, :, top : top + side, left : left + side].float() / 127.5 - 1
        x0 = torch.where(torch.rand(n, 1, 1, 1, device=s.device) < 0.5, x0.flip(3), x0)
        level = torch.randint(LEVELS, (n,), device=s.device)
        xt, t, v = noising(x0)
        x = torch.cat([xt, levels(enlarged(x0), level)], 1).contiguous(memory_format=torch.channels_last)
        with s.autocast():
            output = step(x, t, t5.states(text, words.dropped(k)), level)
        return noising.loss(output, v, x0, xt, t)

    def finish(module: torch.nn.Module) -> None:
        n = 2 if s.tiny else 16
        x0 = pictures[:n].float() / 127.5 - 1
        low, level = enlarged(x0), torch.full((n,), 100, device=s.device)
        given = levels(low, level)

        def predict(x: Tensor, t: Tensor, states: Tensor) -> Tensor:
            both = torch.cat([x, given.repeat(2, 1, 1, 1)], 1)
            return module(both, t, states, class_labels=level.repeat(2)).sample

        with torch.no_grad(), s.autocast():
            states, empty = t5.states(text, words.tokens[words.ids[:n]]), t5.states(text, words.empty)
            shape = tuple(pictures.shape[1:])
            y = samples(predict, noising, states, empty, shape, steps=2 if s.tiny else 20, guidance=2.0, bounded=True)
        psnr = [float(10 * (4 / (a - x0).square().mean()).log10()) for a in (y, low)]
        s.log(samples_psnr=psnr[0], enlarged_psnr=psnr[1])
        sheet(torch.stack([low, y, x0], 1).flatten(0, 1) / 2 + 0.5, s.work / "previews" / "if-ii.png", 6)
        save_pipeline(pipeline(module, text, tokenizer), s.family / "if-ii")

    train(s, unet, loss, finish, lr=8e-4)


def enlarged(x0: Tensor) -> Tensor:
    """What stage II is given: the picture at a quarter of its side, brought back as IFSuperResolutionPipeline does."""
    small = F.interpolate(x0, scale_factor=0.25, mode="area")
    return F.interpolate(small, x0.shape[-2:], mode="bilinear", align_corners=True)


class Levels:
    """Noise a picture to a level, each row to its own."""

    def __init__(self, device: torch.device) -> None:
        abar = networks.noising_scheduler().alphas_cumprod.to(device).float()
        self.alpha, self.sigma = abar.sqrt(), (1 - abar).sqrt()

    def __call__(self, x: Tensor, level: Tensor) -> Tensor:
        return row(self.alpha[level]) * x + row(self.sigma[level]) * torch.randn_like(x)


def pipeline(unet: Any, text: Any, tokenizer: Any) -> Any:
    build: Any = IFSuperResolutionPipeline
    return build(
        tokenizer=tokenizer, text_encoder=half(text), unet=half(unet), scheduler=networks.upscaling_scheduler(),
        image_noising_scheduler=networks.noising_scheduler(), safety_checker=None, feature_extractor=None,
        watermarker=None, requires_safety_checker=False,
    )  # fmt: skip


if __name__ == "__main__":
    main()
