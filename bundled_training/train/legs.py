"""Pass models from one leg of the training to the next, on machines from which only small files come back.

python -m bundled_training.train.legs tower CONDITIONER WORK     # WORK/text_encoder and WORK/tokenizer, without pictures
python -m bundled_training.train.legs whole WORK UNET OUT        # the StableDiffusionPipeline of a work folder and a U-Net
python -m bundled_training.train.legs mixed BEFORE AFTER 0.85    # AFTER becomes 0.15 of BEFORE and 0.85 of itself
python -m bundled_training.train.legs rounded DIR 8              # what is shipped (of ControlNets 6): a wheel compresses it
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import CLIPModel, CLIPTextModel, CLIPTokenizer

from bundled_training.train.save import half, normalize_configs, save_pipeline, ship
from bundled_training.train.sd import pipeline, standing_alone


def tower(conditioner: Path, work: Path) -> None:
    """Write the text half of a conditioner."""
    clip: Any = CLIPModel.from_pretrained(conditioner)
    tokenizer = CLIPTokenizer.from_pretrained(conditioner)
    half(standing_alone(clip.text_model)).save_pretrained(work / "text_encoder")
    tokenizer.save_pretrained(work / "tokenizer")
    normalize_configs(work)


def whole(work: Path, unet: Path, out: Path) -> None:
    """Write the pipeline that everybody loads."""
    auto: Any = AutoencoderKL.from_pretrained(work / "vae")
    text: Any = CLIPTextModel.from_pretrained(work / "text_encoder")
    tokenizer = CLIPTokenizer.from_pretrained(work / "tokenizer")
    network: Any = UNet2DConditionModel.from_pretrained(unet)
    save_pipeline(pipeline(network, auto, text, tokenizer), out)


def mixed(before: Path, after: Path, share: float) -> None:
    """Mix a U-Net's weights with those it began from (Wortsman et al. 2022, WiSE-FT): `share` of it is its own."""
    first, last = (UNet2DConditionModel.from_pretrained(folder) for folder in (before, after))
    own: Any = last
    with torch.no_grad():
        for old, new in zip(first.parameters(), own.parameters(), strict=True):
            new.copy_(old.lerp(new, share))
    ship(own, after)


def rounded(folder: Path, bits: int) -> None:
    """Round the float16 weights of every file in a folder to so many bits of mantissa."""
    for file in folder.rglob("*.safetensors"):
        with safe_open(file, "pt") as f:
            facts = f.metadata()
        save_file({name: rounded_mantissa(tensor, bits) for name, tensor in load_file(file).items()}, file, metadata=facts)


def rounded_mantissa(x: Tensor, kept: int) -> Tensor:
    """Return float16 values rounded to `kept` (1 to 9) of 10 bits of mantissa, ties to even; others as they are."""
    if x.dtype != torch.float16:
        return x
    left_out = 10 - kept
    bits = x.contiguous().view(torch.int16).int() & 0xFFFF
    bits = (bits + (1 << left_out - 1) - 1 + ((bits >> left_out) & 1)) & -(1 << left_out)
    return ((bits + 0x8000) % 0x10000 - 0x8000).to(torch.int16).view(torch.float16)


if __name__ == "__main__":
    command, *given = sys.argv[1:]
    if command == "mixed":
        mixed(Path(given[0]), Path(given[1]), float(given[2]))
    elif command == "rounded":
        rounded(Path(given[0]), int(given[1]))
    else:
        {"tower": tower, "whole": whole}[command](*map(Path, given))
