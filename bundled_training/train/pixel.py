"""if: a pixel U-Net at 64x64 with learned variance, conditioned on the aligned T5; writes the IFPipeline.

`--side`: pixels of a render, which is then made small.
`--shards`, `--rate`, `--end`: as for sd.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch
from diffusers.pipelines.deepfloyd_if.pipeline_if import IFPipeline
from torch import Tensor

from bundled_training import networks
from bundled_training.render.bank import halved
from bundled_training.train import t5
from bundled_training.train.denoise import PROMPTS, Noising, samples
from bundled_training.train.loop import Words, own, sheet, stage, train
from bundled_training.train.save import half, save_pipeline, ship

SIDE = 64  # of the network's pictures


def main() -> None:
    more = own(side=128, rate=7e-4, end=0.01, shards="")
    s = stage("if", minutes=20, count=800_000, batch=256, about="Train if's U-Net, after t5.")
    text, tokenizer = t5.loaded(s)
    pictures, captions = halved(s.count, more.side, s.device, 2000 + s.seed + 7919 * s.rank, SIDE)
    words = Words(tokenizer, captions, s.device)
    unet = s.begin(networks.pixel_unet())
    noising = Noising(networks.pixel_scheduler(), s.device)
    step = s.compiled(lambda x, t, states: unet(x, t, states).sample)

    def loss(progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        k = torch.randint(len(pictures), (s.batch,), device=s.device)
        x0 = pictures[k].float() / 127.5 - 1
        x0 = torch.where(torch.rand(s.batch, 1, 1, 1, device=s.device) < 0.5, x0.flip(3), x0)
        xt, t, v = noising(x0)
        with s.autocast():
            output = step(xt.contiguous(memory_format=torch.channels_last), t, t5.states(text, words.dropped(k)))
        return noising.loss(output, v, x0, xt, t)

    def finish(module: torch.nn.Module) -> None:
        with torch.no_grad(), s.autocast():
            states, empty = t5.states(text, words.rows(PROMPTS)), t5.states(text, words.empty)
            steps = 2 if s.tiny else 25
            x = samples(
                lambda *a: module(*a).sample, noising, states, empty, tuple(pictures.shape[1:]), steps=steps, bounded=True
            )
        sheet(x / 2 + 0.5, s.work / "previews" / "if.png")
        save_pipeline(pipeline(module, text, tokenizer), s.family / "if")
        if more.shards:
            ship(module, Path(more.shards))
            shutil.copy(s.work / "previews" / "if.png", more.shards)

    train(s, unet, loss, finish, lr=more.rate, decay=0.9993, end=more.end)


def pipeline(unet: Any, text: Any, tokenizer: Any) -> Any:
    build: Any = IFPipeline
    return build(
        tokenizer=tokenizer, text_encoder=half(text), unet=half(unet), scheduler=networks.pixel_scheduler(),
        safety_checker=None, feature_extractor=None, watermarker=None, requires_safety_checker=False,
    )  # fmt: skip


if __name__ == "__main__":
    main()
