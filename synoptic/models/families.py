"""The pipeline classes that synoptic loads: their components and what recipes use by default. Imports nothing heavy."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Defaults:
    """What a recipe uses where nothing was asked: steps, guidance scale, window stride in the model's own pixels.

    `joint_guidance_scale` is the guidance scale where several prompts share one picture (None: the same).
    """

    steps: int
    guidance_scale: float
    stride: int
    joint_guidance_scale: float | None = None


@dataclass(frozen=True)
class Family:
    """A pipeline class: its components, each with its class, and its defaults.

    `low_res_scheduler` is an upscaler's second scheduler, which noises the small picture; None where prompts are all it
    takes.
    """

    components: dict[str, str]
    defaults: Defaults
    low_res_scheduler: str | None = None

    @property
    def weighted_components(self) -> list[str]:
        """The components that have weights."""
        return [part for part in self.components if not part.startswith("tokenizer")]


def few_step_defaults(name: str, usual: Defaults) -> Defaults | None:
    """What models distilled to a few steps take, by their names (Turbo, Lightning, Hyper, LCM); None for other names."""
    known = re.search(r"(?<![a-z])(turbo|lightning|hyper|lcm|latent[-_]?consistency)(?![a-z])", name.lower())
    return few_steps(usual) if known else None


def few_steps(usual: Defaults) -> Defaults:
    """A family's defaults for a model that is distilled to a few steps: guidance is built in."""
    return replace(usual, steps=FEW_STEPS, guidance_scale=1.0, joint_guidance_scale=None)


FEW_STEPS = 4  # of a model distilled to a few
CLIP_TEXT_ENCODER = {"tokenizer": "CLIPTokenizer", "text_encoder": "CLIPTextModel"}
SECOND_TEXT_ENCODER = {"tokenizer_2": "CLIPTokenizer", "text_encoder_2": "CLIPTextModelWithProjection"}
T5_TEXT_ENCODER = {"tokenizer": "T5Tokenizer", "text_encoder": "T5EncoderModel"}
PIXEL_UNET = {"unet": "UNet2DConditionModel"}
LATENT_UNET = {"unet": "UNet2DConditionModel", "vae": "AutoencoderKL"}

FAMILIES: dict[str, Family] = {
    "StableDiffusionPipeline": Family(LATENT_UNET | CLIP_TEXT_ENCODER, Defaults(50, 7.5, 8)),
    "StableDiffusionXLPipeline": Family(LATENT_UNET | CLIP_TEXT_ENCODER | SECOND_TEXT_ENCODER, Defaults(50, 5.0, 16)),
    "StableDiffusionUpscalePipeline": Family(LATENT_UNET | CLIP_TEXT_ENCODER, Defaults(50, 7.5, 16), "low_res_scheduler"),
    "IFPipeline": Family(PIXEL_UNET | T5_TEXT_ENCODER, Defaults(50, 7.0, 16)),
    "IFSuperResolutionPipeline": Family(PIXEL_UNET | T5_TEXT_ENCODER, Defaults(50, 4.0, 64), "image_noising_scheduler"),
}

SAME_PARTS: dict[str, tuple[str, ...]] = {  # pipeline classes with the components of a family, which load as that family
    "StableDiffusionPipeline": (
        "StableDiffusionImg2ImgPipeline",
        "StableDiffusionInpaintPipeline",
        "StableDiffusionInpaintPipelineLegacy",
        "StableDiffusionControlNetPipeline",
        "StableDiffusionControlNetImg2ImgPipeline",
        "StableDiffusionControlNetInpaintPipeline",
        "StableDiffusionPanoramaPipeline",
        "StableDiffusionDepth2ImgPipeline",
        "StableDiffusionInstructPix2PixPipeline",
        "LatentConsistencyModelPipeline",
        "LatentConsistencyModelImg2ImgPipeline",
    ),
    "StableDiffusionXLPipeline": (
        "StableDiffusionXLImg2ImgPipeline",
        "StableDiffusionXLInpaintPipeline",
        "StableDiffusionXLControlNetPipeline",
        "StableDiffusionXLControlNetImg2ImgPipeline",
        "StableDiffusionXLControlNetInpaintPipeline",
        "StableDiffusionXLInstructPix2PixPipeline",
    ),
    "IFPipeline": ("IFImg2ImgPipeline", "IFInpaintingPipeline"),
}
BASE_CLASSES = {kind: base for base, kinds in SAME_PARTS.items() for kind in kinds}
