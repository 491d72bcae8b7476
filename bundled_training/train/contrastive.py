"""The three CLIPs: sd's conditioner and the two reference CLIPs, which never condition anything (Radford et al. 2021).

Each has its own seed, architecture, tokenizer and augmentations. clip-grayscale is blind to color by its weights: the
patch embedding sees luminance only, whoever loads it.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import CLIPModel, CLIPTokenizer

from bundled_training.networks import CONDITIONER, REFERENCE, REFERENCE_GRAYSCALE, Contrast
from bundled_training.render.bank import halved
from bundled_training.render.noise import fbm
from bundled_training.render.styles import blur, displace
from bundled_training.train.loop import Stage, Words, stage, train
from bundled_training.train.save import half, save_clip

LUMINANCE = (0.299, 0.587, 0.114)
OPENAI = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
PLAIN = [0.5] * 3, [0.25] * 3
SIDE = 256  # pixels of a render, of which half the side is kept


@dataclass(frozen=True)
class Recipe:
    """What one of the three is made of; `augment` sees pictures (B, 3, S, S) in [0, 1] after flip and crop."""

    network: Contrast
    tokenizer: str
    seed: int
    margin: int
    prepare: tuple[list[float], list[float]]
    augment: Callable[[Tensor], Tensor]


def as_they_are(x: Tensor) -> Tensor:
    return x


def some(x: Tensor, other: Tensor, rate: float) -> Tensor:
    """`other` instead of x for a share of the pictures."""
    return torch.where(torch.rand(len(x), 1, 1, 1, device=x.device) < rate, other, x)


def spoiled(x: Tensor) -> Tensor:
    """Blurred, noisy, paler or stronger: what generated pictures are and renders are not."""
    x = some(x, F.avg_pool2d(F.pad(x, (1,) * 4, mode="reflect"), 3, 1), 0.3)
    contrast, light = (torch.empty(len(x), 1, 1, 1, device=x.device).uniform_(-1, 1) for _ in range(2))
    x = (x - 0.5) * (1 + 0.25 * contrast) + 0.5 + 0.1 * light
    return some(x, x + 0.04 * torch.randn_like(x), 0.4).clamp(0, 1)


def grey(x: Tensor) -> Tensor:
    weights = torch.tensor(LUMINANCE, device=x.device).view(1, 3, 1, 1)
    return spoiled((x * weights).sum(1, keepdim=True).expand_as(x))


def ruined(x: Tensor) -> Tensor:
    """What a picture with the right colors and the wrong shapes looks like: melted, smeared, or a blob."""
    melted = displace(x, float(torch.empty(()).uniform_(0.03, 0.07)), int(torch.randint(4, 9, ())))
    soft = blur(melted, 2 * int(torch.randint(2, 7, ())) + 1)
    patches = fbm(len(x), x.shape[-2], x.shape[-1], x.device, cells=5, octaves=2)
    return torch.where(patches > torch.rand(len(x), 1, 1, 1, device=x.device) * 0.7, soft, melted).clamp(0, 1)


RECIPES = {
    "conditioner": Recipe(CONDITIONER, "clip", 1, 10, OPENAI, as_they_are),
    "clip": Recipe(REFERENCE, "reference", 2, 18, OPENAI, spoiled),
    "clip-grayscale": Recipe(REFERENCE_GRAYSCALE, "reference", 3, 24, PLAIN, grey),
}


def colour_blind(model: Any) -> Any:
    """The same network on gray pictures, whose patch embedding turns any colors into their luminance by itself."""
    model = copy.deepcopy(model)
    w = model.vision_model.embeddings.patch_embedding.weight
    w.data = w.data.sum(1, keepdim=True) * torch.tensor(LUMINANCE, device=w.device).view(1, 3, 1, 1)
    return model


def contrast(texts: Tensor, images: Tensor, scale: Tensor, same: Tensor) -> Tensor:
    """The symmetric InfoNCE of features (B, D); pictures with the same caption (B, B) are each other's positives.

    Images after the first B are nobody's: no text may prefer them to its own picture.
    """
    logits = scale * F.normalize(images.float(), dim=-1) @ F.normalize(texts.float(), dim=-1).T
    target, right = same / same.sum(1, keepdim=True), len(same)
    of_text = logits.T.log_softmax(1)[:, :right]
    return -0.5 * (target * (logits[:right].log_softmax(1) + of_text)).sum(1).mean()


def main(name: str) -> None:
    s = stage(name, minutes=2.5, count=300_000, batch=2048, about=f"Train {name}, a CLIPModel.")
    recipe = RECIPES[name]
    torch.manual_seed(100 * recipe.seed + s.seed + 7919 * s.rank)
    tokenizer = CLIPTokenizer.from_pretrained(s.work / "tokenizers" / recipe.tokenizer)
    pictures, captions = halved(s.count, SIDE, s.device, seed=100 * recipe.seed + s.seed + 7919 * s.rank)
    words = Words(tokenizer, captions, s.device)
    model = s.begin(recipe.network.build(tokenizer))
    hard = recipe.augment is not as_they_are
    loss = contrastive_loss(s, recipe, model, words, pictures, s.batch // 4 if hard else 0)
    train(
        s, model, loss, lambda m: finish(s, recipe, m, tokenizer), lr=8e-4, weight_decay=0.1, betas=(0.9, 0.98), decay=0.998
    )


def contrastive_loss(s: Stage, recipe: Recipe, model: Any, words: Words, pictures: Tensor, hard: int = 0) -> Any:
    """The loss of a batch and of `hard` of its pictures once more, ruined, which must not pass for the whole ones."""
    side, (mean, std) = recipe.network.pixels, recipe.prepare
    mean, std = (torch.tensor(v, device=s.device).view(1, 3, 1, 1) for v in (mean, std))

    def features(tokens: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
        text = model.text_projection(model.text_model(input_ids=tokens).pooler_output)
        return text, model.visual_projection(model.vision_model(pixel_values=pixels).pooler_output)

    def loss(progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        k = torch.randint(len(pictures), (s.batch,), device=s.device)
        x = crop(pictures[k].float() / 255, recipe.margin)
        x = F.interpolate(some(x, x.flip(3), 0.5), (side, side), mode="bilinear", antialias=True).clamp(0, 1)
        whole = recipe.augment(x)
        if hard:
            whole = torch.cat([whole, recipe.augment(ruined(x[:hard]))])
        x = (whole - mean) / std
        with s.autocast():
            text, image = features(words[k], x)
        ids = words.ids[k]
        same = (ids[:, None] == ids[None]).float()
        return contrast(text, image, model.logit_scale.exp().clamp(max=100), same), {"scale": model.logit_scale.exp()}

    return loss


def crop(x: Tensor, margin: int) -> Tensor:
    """A random window, up to `margin` pixels smaller, the same for the whole batch."""
    m = int(torch.randint(margin + 1, ()))
    top, left = (int(torch.randint(m + 1, ())) for _ in range(2))
    return x[:, :, top : x.shape[2] - m + top, left : x.shape[3] - m + left]


def conditioner(s: Stage) -> Any:
    """The finished conditioner, frozen."""
    clip: Any = CLIPModel.from_pretrained(s.work / "conditioner")
    return clip.to(s.device).eval().requires_grad_(False)


def finish(s: Stage, recipe: Recipe, model: nn.Module, tokenizer: Any) -> None:
    if recipe.prepare is PLAIN:
        model = colour_blind(model)
    root = s.work / "conditioner" if s.name == "conditioner" else s.family / s.name
    save_clip(half(model), tokenizer, *recipe.prepare, root)


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in RECIPES:
        sys.exit(f"python -m bundled_training.train.contrastive {{{','.join(RECIPES)}}} [options]")
    main(sys.argv.pop(1))
