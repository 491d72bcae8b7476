"""The pipeline classes that synoptic loads: their components and what recipes use by default. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Defaults:
    """What a recipe uses where nothing was asked: steps, guidance scale, window stride in the model's own pixels.

    `together` is the guidance scale where several prompts share one picture (None: the same).
    """

    steps: int
    guidance: float
    stride: int
    together: float | None = None


@dataclass(frozen=True)
class Family:
    """A pipeline class: its components, each with its class, and its defaults.

    `noising` is an upscaler's second scheduler, which noises the small picture; None where prompts are all it takes.
    """

    parts: dict[str, str]
    defaults: Defaults
    noising: str | None = None

    @property
    def weights(self) -> list[str]:
        """The components that have weights."""
        return [part for part in self.parts if not part.startswith("tokenizer")]


CLIP_TOWER = {"tokenizer": "CLIPTokenizer", "text_encoder": "CLIPTextModel"}
SECOND_TOWER = {"tokenizer_2": "CLIPTokenizer", "text_encoder_2": "CLIPTextModelWithProjection"}
T5_TOWER = {"tokenizer": "T5Tokenizer", "text_encoder": "T5EncoderModel"}
PIXEL_UNET = {"unet": "UNet2DConditionModel"}
LATENT_UNET = {"unet": "UNet2DConditionModel", "vae": "AutoencoderKL"}

FAMILIES: dict[str, Family] = {
    "StableDiffusionPipeline": Family(LATENT_UNET | CLIP_TOWER, Defaults(50, 7.5, 8)),
    "StableDiffusionXLPipeline": Family(LATENT_UNET | CLIP_TOWER | SECOND_TOWER, Defaults(50, 5.0, 16)),
    "StableDiffusionUpscalePipeline": Family(LATENT_UNET | CLIP_TOWER, Defaults(50, 7.5, 16), "low_res_scheduler"),
    "IFPipeline": Family(PIXEL_UNET | T5_TOWER, Defaults(50, 7.0, 16)),
    "IFSuperResolutionPipeline": Family(PIXEL_UNET | T5_TOWER, Defaults(50, 4.0, 64), "image_noising_scheduler"),
}
