"""if's text tower: a tiny T5, taught to say what the conditioner's two towers say (then frozen)."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import CLIPTokenizer, T5EncoderModel, T5Tokenizer

from bundled_training import networks
from bundled_training.render.bank import halved
from bundled_training.train.contrastive import OPENAI, conditioner, contrast
from bundled_training.train.loop import Stage, Words, own, stage, train
from bundled_training.train.save import half, normalize_configs


class Aligned(nn.Module):
    """The T5, its mean over the words, and a projection into the conditioner's space that is not kept."""

    def __init__(self, words: int, projection: int) -> None:
        super().__init__()
        self.t5 = networks.t5(words)
        self.project = nn.Linear(self.t5.config.d_model, projection)
        self.scale = nn.Parameter(torch.tensor(3.0))

    def forward(self, tokens: Tensor) -> Tensor:
        mask = tokens != 0
        states = self.t5(input_ids=tokens, attention_mask=mask.long())[0]
        return self.project((states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True))


def main() -> None:
    more = own(side=128)
    s = stage("t5", minutes=1.5, count=150_000, batch=2048, about="Align the T5 with the conditioner, after it.")
    clip = conditioner(s)
    tokenizer = T5Tokenizer.from_pretrained(s.work / "tokenizers" / "t5")
    pictures, captions = halved(s.count, more.side, s.device, seed=70 + s.seed + 7919 * s.rank, size=64)
    words = Words(tokenizer, captions, s.device)
    theirs = Words(CLIPTokenizer.from_pretrained(s.work / "conditioner"), captions, s.device)
    images = seen(s, clip, pictures)
    model = Aligned(len(tokenizer), clip.config.projection_dim).to(s.device).train()

    def loss(progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        k = torch.randint(len(pictures), (s.batch,), device=s.device)
        ids = words.ids[k]
        with s.autocast():
            text = model(words[k])
            with torch.no_grad():
                said = clip.text_projection(clip.text_model(input_ids=theirs[k]).pooler_output)
        same = (ids[:, None] == ids[None]).float()
        cosine = F.cosine_similarity(text.float(), said.float()).mean()
        return contrast(text, images[k], model.scale.exp().clamp(max=100), same) + (1 - cosine), {"cosine": cosine}

    def finish(module: nn.Module) -> None:
        assert isinstance(module, Aligned)
        half(module.t5).save_pretrained(s.work / "t5")
        tokenizer.save_pretrained(s.work / "t5")
        normalize_configs(s.work / "t5")

    train(s, model, loss, finish, lr=1.5e-3, weight_decay=0.05, betas=(0.9, 0.98), decay=0.998)


@torch.no_grad()
def seen(s: Stage, clip: Any, pictures: Tensor) -> Tensor:
    """The conditioner's image features (N, D)."""
    mean, std = (torch.tensor(v, device=s.device).view(1, 3, 1, 1) for v in OPENAI)
    side, rows = clip.config.vision_config.image_size, []
    for part in pictures.split(2048):
        x = F.interpolate(part.float() / 255, (side, side), mode="bilinear", antialias=True)
        with s.autocast():
            rows.append(clip.visual_projection(clip.vision_model(pixel_values=(x - mean) / std).pooler_output))
    return torch.cat(rows)


def loaded(s: Stage) -> tuple[Any, Any]:
    model: Any = T5EncoderModel.from_pretrained(s.work / "t5")
    return model.to(s.device).eval().requires_grad_(False), T5Tokenizer.from_pretrained(s.work / "t5")


@torch.no_grad()
def states(model: Any, tokens: Tensor) -> Tensor:
    """(N, L) -> (N, L, 256), as IFPipeline asks for them."""
    return model(input_ids=tokens, attention_mask=(tokens != 0).long())[0]


if __name__ == "__main__":
    main()
