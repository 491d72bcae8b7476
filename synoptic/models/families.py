"""The pipeline classes that synoptic loads: their components and what applications use by default. Imports nothing heavy."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, NamedTuple

from synoptic.diffusion.scheduler_classes import Spacing


@dataclass(frozen=True)
class Defaults:
    """What an application uses where nothing was asked: steps, guidance scale, window stride in the model's own pixels.

    `few_steps` are the steps of versions that are distilled to a few; `edit_strength` is the share of the steps that an edit
    takes, None where it is that of the method.
    """

    steps: int
    guidance_scale: float
    stride: int
    few_steps: int = 4
    edit_strength: float | None = None

    @property
    def distilled(self) -> Defaults:
        """What versions take that are distilled to a few steps: no guidance."""
        return replace(self, steps=self.few_steps, guidance_scale=1.0)


class Variant(NamedTuple):
    """A family's checkpoints whose network's config, or index, has this value: their own defaults and length of text."""

    key: str
    value: object
    defaults: Defaults
    text_length: int


@dataclass(frozen=True)
class Family:
    """A pipeline class: its components, each with its class, and its defaults.

    `low_res_scheduler` is an upscaler's second scheduler, which noises the small picture; None where prompts are all it
    takes. What follows them is of transformers.
    """

    components: dict[str, str]
    defaults: Defaults
    low_res_scheduler: str | None = None
    network: Literal["unet", "transformer"] = "unet"  # the component that denoises
    native_side: int = 0  # of x, where the network's config has no sample_size
    token_side: int = 2  # of the square of latents that is one token
    packed: bool = False  # whether the network is given tokens, its in_channels being theirs
    spacing: Spacing | None = None  # of the steps, before they are shifted
    text_length: int = 77  # tokens of the longest text encoder
    half: Literal["float16", "bfloat16"] = "float16"  # the half precision that it is made for
    variant: Variant | None = None

    @property
    def weighted_components(self) -> list[str]:
        """The components that have weights."""
        return [part for part in self.components if not part.startswith("tokenizer")]


def few_step_defaults(name: str, usual: Defaults) -> Defaults | None:
    """Return the defaults of models distilled to a few steps, by name (Turbo, Lightning, Hyper, LCM); None for others."""
    known = re.search(r"(?<![a-z])(turbo|lightning|hyper|lcm|latent[-_]?consistency)(?![a-z])", name.lower())
    return usual.distilled if known else None


CLIP_TEXT_ENCODER = {"tokenizer": "CLIPTokenizer", "text_encoder": "CLIPTextModel"}
SECOND_TEXT_ENCODER = {"tokenizer_2": "CLIPTokenizer", "text_encoder_2": "CLIPTextModelWithProjection"}
T5_TEXT_ENCODER = {"tokenizer": "T5Tokenizer", "text_encoder": "T5EncoderModel"}
PIXEL_UNET = {"unet": "UNet2DConditionModel"}
LATENT_UNET = {"unet": "UNet2DConditionModel", "vae": "AutoencoderKL"}

SD3_TEXT_ENCODERS = {
    "tokenizer": "CLIPTokenizer",
    "text_encoder": "CLIPTextModelWithProjection",
    **SECOND_TEXT_ENCODER,
    "tokenizer_3": "T5Tokenizer",
    "text_encoder_3": "T5EncoderModel",
}
FLUX_TEXT_ENCODERS = CLIP_TEXT_ENCODER | {"tokenizer_2": "T5Tokenizer", "text_encoder_2": "T5EncoderModel"}
QWEN_VL_TEXT_ENCODER = {"tokenizer": "Qwen2Tokenizer", "text_encoder": "Qwen2_5_VLForConditionalGeneration"}
GEMMA_TEXT_ENCODER = {"tokenizer": "GemmaTokenizer", "text_encoder": "Gemma2Model"}
QWEN_TEXT_ENCODER = {"tokenizer": "Qwen2Tokenizer", "text_encoder": "Qwen3Model"}

transformer_family = partial(Family, network="transformer", half="bfloat16")
FAMILIES: dict[str, Family] = {
    "StableDiffusionPipeline": Family(LATENT_UNET | CLIP_TEXT_ENCODER, Defaults(50, 7.5, 8)),
    "StableDiffusionXLPipeline": Family(LATENT_UNET | CLIP_TEXT_ENCODER | SECOND_TEXT_ENCODER, Defaults(50, 5.0, 16)),
    "StableDiffusionUpscalePipeline": Family(LATENT_UNET | CLIP_TEXT_ENCODER, Defaults(50, 7.5, 16), "low_res_scheduler"),
    "IFPipeline": Family(PIXEL_UNET | T5_TEXT_ENCODER, Defaults(50, 7.0, 16)),
    "IFSuperResolutionPipeline": Family(PIXEL_UNET | T5_TEXT_ENCODER, Defaults(50, 4.0, 64), "image_noising_scheduler"),
    "StableDiffusion3Pipeline": transformer_family(
        {"transformer": "SD3Transformer2DModel", "vae": "AutoencoderKL"} | SD3_TEXT_ENCODERS,
        Defaults(28, 7.0, 32),
        spacing="scheduler",
        text_length=256,
        variant=Variant("qk_norm", "rms_norm", Defaults(28, 4.5, 32), 256),  # 3.5
    ),
    "FluxPipeline": transformer_family(
        {"transformer": "FluxTransformer2DModel", "vae": "AutoencoderKL"} | FLUX_TEXT_ENCODERS,
        Defaults(28, 3.5, 32),
        native_side=128,
        packed=True,
        spacing="linspace",
        text_length=512,
        variant=Variant("guidance_embeds", False, Defaults(4, 1.0, 32), 256),  # schnell
    ),
    "ZImagePipeline": transformer_family(
        {"transformer": "ZImageTransformer2DModel", "vae": "AutoencoderKL"} | QWEN_TEXT_ENCODER,
        Defaults(50, 6.0, 32, few_steps=8),  # its own scale counts from 0: 5
        native_side=128,
        spacing="linspace",
        text_length=512,
    ),
    "QwenImagePipeline": transformer_family(
        {"transformer": "QwenImageTransformer2DModel", "vae": "AutoencoderKLQwenImage"} | QWEN_VL_TEXT_ENCODER,
        Defaults(50, 4.0, 32),
        native_side=128,
        packed=True,
        spacing="linspace",
        text_length=512,
    ),
    "SanaPipeline": transformer_family(
        {"transformer": "SanaTransformer2DModel", "vae": "AutoencoderDC"} | GEMMA_TEXT_ENCODER,
        Defaults(20, 4.5, 8),
        token_side=1,
        text_length=300,
    ),
    "Flux2KleinPipeline": transformer_family(
        {"transformer": "Flux2Transformer2DModel", "vae": "AutoencoderKLFlux2", "tokenizer": "Qwen2Tokenizer"}
        | {"text_encoder": "Qwen3ForCausalLM"},
        Defaults(50, 4.0, 32),
        native_side=128,
        packed=True,
        spacing="flux2",
        text_length=512,
        variant=Variant("is_distilled", True, Defaults(4, 1.0, 32), 512),
    ),
    "PixArtSigmaPipeline": transformer_family(
        {"transformer": "PixArtTransformer2DModel", "vae": "AutoencoderKL"} | T5_TEXT_ENCODER,
        Defaults(20, 4.5, 32),
        text_length=300,
    ),
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
    "StableDiffusion3Pipeline": (
        "StableDiffusion3Img2ImgPipeline",
        "StableDiffusion3InpaintPipeline",
        "StableDiffusion3ControlNetPipeline",
        "StableDiffusion3ControlNetInpaintingPipeline",
    ),
    "ZImagePipeline": ("ZImageImg2ImgPipeline", "ZImageInpaintPipeline"),
    "FluxPipeline": (
        "FluxImg2ImgPipeline",
        "FluxInpaintPipeline",
        "FluxControlNetPipeline",
        "FluxControlNetImg2ImgPipeline",
        "FluxControlNetInpaintPipeline",
    ),
}
BASE_CLASSES = {kind: base for base, kinds in SAME_PARTS.items() for kind in kinds}
