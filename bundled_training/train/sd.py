"""sd: a latent U-Net, conditioned on the conditioner's frozen text tower; writes the StableDiffusionPipeline."""

from __future__ import annotations

from typing import Any

import torch
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from bundled_training import networks
from bundled_training.render.bank import bank
from bundled_training.train import vae
from bundled_training.train.contrastive import conditioner
from bundled_training.train.denoise import PROMPTS, Noising, samples
from bundled_training.train.loop import Words, sheet, stage, train
from bundled_training.train.save import half, save_pipeline


def main() -> None:
    s = stage("sd", minutes=20, count=400_000, batch=256, about="Train sd's U-Net, after vae and contrastive conditioner.")
    clip = conditioner(s)
    words, z, auto = latent_bank(s, CLIPTokenizer.from_pretrained(s.work / "conditioner"))
    text = clip.text_model
    unet = s.begin(networks.latent_unet())
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
            states, empty = text(input_ids=words.rows(PROMPTS))[0], text(input_ids=words.empty)[0]
            steps = 2 if s.tiny else 25
            x = samples(lambda *a: module(*a).sample, noising, states, empty, tuple(z.shape[1:]), steps=steps)
        sheet(vae.decoded(auto, x, auto.config.scaling_factor), s.work / "previews" / "sd.png")
        save_pipeline(pipeline(module, auto, clip, words.tokenizer), s.family / "sd")

    train(s, unet, loss, finish, lr=7e-4, decay=0.9993)


def latent_bank(s: Any, tokenizer: CLIPTokenizer) -> tuple[Words, Tensor, Any]:
    """The captions' words, scaled latents of the pictures and of their mirror images (2N, 4, 32, 32), and the VAE."""
    pictures, captions, _ = bank(s.count, 128, s.device, seed=1000 + s.seed + 7919 * s.rank)
    auto = vae.loaded(s)
    scale = auto.config.scaling_factor
    z = torch.cat([vae.latents(auto, pictures, scale), vae.latents(auto, pictures.flip(3), scale)])
    return Words(tokenizer, captions, s.device), z, auto


def pipeline(unet: Any, auto: Any, clip: Any, tokenizer: CLIPTokenizer) -> Any:
    text = CLIPTextModel(clip.config.text_config)
    prefix = "text_model." if any(k.startswith("text_model.") for k in text.state_dict()) else ""
    text.load_state_dict({prefix + k: v for k, v in clip.text_model.state_dict().items()})
    build: Any = StableDiffusionPipeline
    return build(
        vae=half(auto), text_encoder=half(text), tokenizer=tokenizer, unet=half(unet), scheduler=networks.latent_scheduler(),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip


if __name__ == "__main__":
    main()
