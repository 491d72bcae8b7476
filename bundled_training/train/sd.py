"""sd: a latent U-Net, conditioned on the conditioner's frozen text tower; writes the StableDiffusionPipeline.

It takes the autoencoder and the tower of the work folder: vae/, and conditioner/ or text_encoder/ with tokenizer/. It is
trained in legs, on machines from which only small files come back:
`--shards DIR` also writes the averaged U-Net there, in float16 files of at most 14 MB, with samples to look at; the next
leg starts from them (`--init DIR`). `--rate` and `--end`: the learning rate, and the share of it at the end of the leg.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from bundled_training import networks
from bundled_training.render.bank import rendered
from bundled_training.train import vae
from bundled_training.train.contrastive import conditioner
from bundled_training.train.denoise import PROMPTS, Noising, samples
from bundled_training.train.loop import Stage, Words, own, sheet, stage, train
from bundled_training.train.save import half, save_pipeline, ship

SD_PROMPTS = (
    *PROMPTS, "a photo of a dog and a cat", "a photo of an elephant", "a photo of a lion", "a photo of a bicycle",
    "a photo of a yellow house", "a photo of a sailboat on the ocean", "an oil painting of a dog",
    "a photo of a watering can", "a photo of an astronaut", "a pencil sketch of a castle", "a photo of a strawberry",
    "a watercolor of a fox", "overhead view of a wheat field", "a photo of a beach, overhead view",
    "a photo of an overhead view of a forest", "an oil painting of a city, overhead view", "overhead view of green grass",
    "a photo of the sky", "a photo of the sky at sunset", "a photo of the night sky full of stars",
)  # fmt: skip


def main() -> None:
    more = own(rate=7e-4, end=0.01, shards="")
    s = stage("sd", minutes=20, count=400_000, batch=256, about="Train sd's U-Net, after vae and contrastive conditioner.")
    text, tokenizer = tower(s)
    words, z, auto = latent_bank(s, tokenizer)
    unet = s.begin(networks.latent_unet(z.shape[1]))
    noising = Noising(networks.latent_scheduler(), s.device)
    step = s.compiled(lambda x, t, states: unet(x, t, states).sample)

    def loss(progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        k = torch.randint(len(z), (s.batch,), device=s.device)
        x0 = z[k].float()
        xt, t, v = noising(x0)
        with s.autocast():
            with torch.no_grad():
                states = text(input_ids=words.dropped(k % len(words.ids)))[0]
            output = step(xt.contiguous(memory_format=torch.channels_last), t, states)
        return noising.loss(output, v, x0, xt, t)

    def finish(module: torch.nn.Module) -> None:
        with torch.no_grad(), s.autocast():
            states, empty = text(input_ids=words.rows(SD_PROMPTS))[0], text(input_ids=words.empty)[0]
            steps = 2 if s.tiny else 25
            x = samples(lambda *a: module(*a).sample, noising, states, empty, tuple(z.shape[1:]), steps=steps, guidance=3.0)
        preview = s.work / "previews" / "sd.jpg"
        sheet(vae.decoded(auto, x, auto.config.scaling_factor), preview, 8)
        save_pipeline(pipeline(module, auto, text, tokenizer), s.family / "sd")
        if more.shards:
            ship(module, Path(more.shards))
            shutil.copy(preview, more.shards)

    train(s, unet, loss, finish, lr=more.rate, decay=0.9993, end=more.end)


def tower(s: Stage) -> tuple[Any, CLIPTokenizer]:
    """The frozen text tower and its tokenizer: the conditioner's, or a tower that stands alone."""
    if (s.work / "conditioner").exists():
        return conditioner(s).text_model, CLIPTokenizer.from_pretrained(s.work / "conditioner")
    alone: Any = CLIPTextModel.from_pretrained(s.work / "text_encoder")
    return alone.to(s.device).eval().requires_grad_(False), CLIPTokenizer.from_pretrained(s.work / "tokenizer")


def latent_bank(s: Any, tokenizer: CLIPTokenizer) -> tuple[Words, Tensor, Any]:
    """The captions' words, scaled latents of the pictures and of their mirror images (2N, C, 32, 32), and the VAE.

    The pictures are encoded chunk by chunk and not kept.
    """
    auto = vae.loaded(s)
    scale = auto.config.scaling_factor
    z = torch.empty(2 * s.count, auto.config.latent_channels, 32, 32, dtype=torch.float16, device=s.device)
    captions: list[str] = []
    for pictures, _, texts in rendered(s.count, vae.SIDE, s.device, seed=1000 + s.seed + 7919 * s.rank):
        for start, seen in ((0, pictures), (s.count, pictures.flip(3))):
            place = start + len(captions)
            z[place : place + len(texts)] = vae.latents(auto, seen, scale)
        captions += texts
    return Words(tokenizer, captions, s.device), z, auto


def standing_alone(tower: Any) -> Any:
    """Take the text tower of a CLIPModel, or one that stands alone already, as a CLIPTextModel."""
    text = CLIPTextModel(tower.config)
    plain = {key.removeprefix("text_model."): value for key, value in tower.state_dict().items()}
    prefix = "text_model." if any(k.startswith("text_model.") for k in text.state_dict()) else ""
    text.load_state_dict({prefix + key: value for key, value in plain.items()})
    return text


def pipeline(unet: Any, auto: Any, tower: Any, tokenizer: CLIPTokenizer) -> Any:
    build: Any = StableDiffusionPipeline
    return build(
        vae=half(auto), text_encoder=half(standing_alone(tower)), tokenizer=tokenizer, unet=half(unet),
        scheduler=networks.latent_scheduler(), safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip


if __name__ == "__main__":
    main()
