"""CLIP score: the cosine of a picture and a text (Hessel et al. 2021, unscaled), as the courses define it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TypeVar

import torch
from PIL import Image
from torch import Tensor

from synoptic.io import from_pil
from synoptic.metrics.base import Metric, mean_by_prompt
from synoptic.models.checkpoint import Checkpoint
from synoptic.models.components import load_network, load_tokenizer
from synoptic.models.device import choose_device
from synoptic.models.emphasis import without_emphasis
from synoptic.models.memory import in_halves
from synoptic.models.registry import CLIP_CLASSES, resolve_clip
from synoptic.models.text import tokenize

T = TypeVar("T")


class Clip:
    """A CLIPModel or SiglipModel, as a measure. N pictures and M texts give their cosines, (N, M) in [-1, 1].

    SigLIP (Zhai et al. 2023): no class token, no projections, texts in lower case, padding that is seen.
    """

    def __init__(self, name: str | Checkpoint = "bundled", device: str = "auto") -> None:
        source = resolve_clip(name) if isinstance(name, str) else name
        self.name = f"bundled {Path(source.path_or_repo).name}" if source.is_bundled else source.name
        self.device = choose_device(device)
        kind: str = source.config("")["model_type"]
        self.is_siglip = kind == "siglip"
        model = load_network(CLIP_CLASSES[kind], source, "", self.device, torch.float32)
        self.model = model.eval().requires_grad_(False)
        self.tokenizer = load_tokenizer("AutoTokenizer" if self.is_siglip else "CLIPTokenizer", source)
        self.preprocessor = source.processor_config()

    @torch.no_grad()
    def __call__(self, images: Sequence[Image.Image], texts: Sequence[str]) -> Tensor:
        return self.encode_images(images) @ self.encode_texts(texts).T

    @torch.no_grad()
    def encode_images(self, images: Sequence[Image.Image], batch: int = 64) -> Tensor:
        """Return the unit features (N, D) of N pictures."""

        def encode(some: Sequence[Image.Image]) -> Tensor:
            features = self.model.vision_model(self.pixels(some)).pooler_output
            return features if self.is_siglip else self.model.visual_projection(features)

        return torch.nn.functional.normalize(encoded(encode, images, batch), dim=-1).cpu()

    @torch.no_grad()
    def patch_features(self, images: Sequence[Image.Image], batch: int = 16) -> Tensor:
        """Return the features of N pictures' patches after every block, each of unit length: (N, blocks, patches, D)."""

        def encode(some: Sequence[Image.Image]) -> Tensor:
            states = self.model.vision_model(self.pixels(some), output_hidden_states=True).hidden_states
            return torch.stack(states[1:], 1)[:, :, self.class_tokens :].cpu()  # without the embedding

        return torch.nn.functional.normalize(encoded(encode, images, batch), dim=-1)

    def pixels(self, images: Sequence[Image.Image]) -> Tensor:
        """Return what the model is given of pictures, (N, 3, h, w), on its device."""
        return torch.cat([self.preprocess(image) for image in images]).to(self.device)

    @property
    def class_tokens(self) -> int:
        """How many tokens stand before those of the patches."""
        return 0 if self.is_siglip else 1

    @property
    def temperature(self) -> float:
        """τ of the softmax that the CLIP was trained with, 0.01 for OpenAI's: cosines / τ are its logits."""
        return 1 / self.model.logit_scale.exp().item()

    def preprocess(self, image: Image.Image) -> Tensor:
        """Return the model's own preparation, (1, 3, h, w), normalized. PIL everywhere.

        OpenAI's: the short side to s, center crop. SigLIP's: both sides, whatever the picture's shape.
        """
        size = self.preprocessor["size"]  # OpenAI's own configs give a number here
        resample = Image.Resampling(self.preprocessor.get("resample", Image.Resampling.BICUBIC))
        picture = image.convert("RGB")
        if isinstance(size, dict) and "height" in size:
            small = picture.resize((size["width"], size["height"]), resample)
        else:
            s = size if isinstance(size, int) else size["shortest_edge"]
            scale = s / min(image.size)
            w, h = (max(s, int(side * scale)) for side in image.size)
            left, top = (w - s) // 2, (h - s) // 2
            small = picture.resize((w, h), resample).crop((left, top, left + s, top + s))
        mean, std = (
            torch.tensor(self.preprocessor[f"image_{key}"], dtype=torch.float32).view(1, 3, 1, 1) for key in ("mean", "std")
        )
        return ((from_pil(small) + 1) / 2 - mean) / std

    @torch.no_grad()
    def encode_texts(self, texts: Sequence[str], batch: int = 256) -> Tensor:
        """Return the unit features (M, D) of M texts; the emphasis of prompts is left out."""
        length = self.model.config.text_config.max_position_embeddings

        def encode(some: Sequence[str]) -> Tensor:
            plain = [without_emphasis(text) for text in some]
            plain = [text.lower() for text in plain] if self.is_siglip else plain
            q = tokenize(self.tokenizer, plain, length).to(self.device)
            if self.is_siglip:
                return self.model.text_model(input_ids=q.input_ids).pooler_output
            states = self.model.text_model(input_ids=q.input_ids, attention_mask=q.attention_mask)
            return self.model.text_projection(states.pooler_output)

        return torch.nn.functional.normalize(encoded(encode, texts, batch), dim=-1).cpu()


@cache
def reference_clip() -> Clip:
    """Load the bundled reference CLIP, once for all runs of this process."""
    return Clip("bundled")


def encoded(encode: Callable[[Sequence[T]], Tensor], items: Sequence[T], batch: int) -> Tensor:
    """Return the features of items, as many at once as a batch, or fewer where memory runs out."""
    batches = (items[i : i + batch] for i in range(0, len(items), batch))
    return torch.cat([part for some in batches for part in in_halves(encode, some)])


def clip_scores(clip_model: Clip, images: Sequence[Image.Image], prompts: Sequence[str]) -> Metric:
    """Measure the clip_score of every picture with its own prompt, by prompt: pictures of one prompt are averaged first."""
    scores = [clip_score(clip_model, image, prompt) for image, prompt in zip(images, prompts, strict=True)]
    return Metric("CLIP score", mean_by_prompt(prompts, scores), clip_model.name)


def clip_score(clip_model: Clip, image: Image.Image, prompt: str) -> float:
    """Return the mean cosine of the picture's square crops with its prompt: a square picture's own CLIP score."""
    return clip_model(square_crops(image), [prompt]).mean().item()


def square_crops(image: Image.Image) -> list[Image.Image]:
    """Cut squares of the picture's short side, evenly spaced along the long one so that they cover it."""
    w, h = image.size
    side, long = min(w, h), max(w, h)
    n = math.ceil(long / side)
    at = [round(i * (long - side) / max(1, n - 1)) for i in range(n)]
    return [image.crop((p, 0, p + side, side) if w >= h else (0, p, side, p + side)) for p in at]
