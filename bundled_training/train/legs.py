"""Pass models from one leg of the training to the next, on machines from which only small files come back.

python -m bundled_training.train.legs tower CONDITIONER WORK     # WORK/text_encoder and WORK/tokenizer, without pictures
python -m bundled_training.train.legs whole WORK UNET OUT        # the StableDiffusionPipeline of a work folder and a U-Net
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from transformers import CLIPModel, CLIPTextModel, CLIPTokenizer

from bundled_training.train.save import half, loads_as_float32, save_pipeline
from bundled_training.train.sd import pipeline, standing_alone


def tower(conditioner: Path, work: Path) -> None:
    """Write the text half of a conditioner."""
    clip: Any = CLIPModel.from_pretrained(conditioner)
    tokenizer = CLIPTokenizer.from_pretrained(conditioner)
    half(standing_alone(clip.text_model)).save_pretrained(work / "text_encoder")
    tokenizer.save_pretrained(work / "tokenizer")
    loads_as_float32(work)


def whole(work: Path, unet: Path, out: Path) -> None:
    """Write the pipeline that everybody loads."""
    auto: Any = AutoencoderKL.from_pretrained(work / "vae")
    text: Any = CLIPTextModel.from_pretrained(work / "text_encoder")
    tokenizer = CLIPTokenizer.from_pretrained(work / "tokenizer")
    network: Any = UNet2DConditionModel.from_pretrained(unet)
    save_pipeline(pipeline(network, auto, text, tokenizer), out)


if __name__ == "__main__":
    {"tower": tower, "whole": whole}[sys.argv[1]](*map(Path, sys.argv[2:]))
