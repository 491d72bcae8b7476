"""Which pretrained model, and where and how precisely it runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal, Self

from synoptic.errors import InputError, user_path
from synoptic.models.checkpoint import Checkpoint
from synoptic.models.clip_options import check_clip_skip, check_prompts_fit
from synoptic.models.embeddings import check_embeddings
from synoptic.models.families import Defaults, few_step_defaults
from synoptic.models.lora import local_lora_files, read_loras
from synoptic.models.names import MODEL, VAE
from synoptic.models.placement_names import Offload, Quantize, check_names
from synoptic.models.registry import resolve, resolve_vae
from synoptic.models.textual_inversion import read_textual_inversion, read_textual_inversions, unused_words
from synoptic.options.base import Options
from synoptic.options.option import Option
from synoptic.options.seeds import RANDOM, drawn_seed

ModelName = Annotated[
    str,
    Option(
        "bundled, bundled-if, sd1.5, sdxl, sd3.5, flux-dev, if, …: see `synoptic models`; or a hub id, a directory,"
        " FILE.safetensors",
        weights=MODEL,
    ),
]
Device = Annotated[str, Option("auto, cpu, cuda, mps, …")]
Dtype = Annotated[
    Literal["auto", "float32", "bfloat16", "float16", "float64"], Option("precision of the network; auto: what is fast")
]


@dataclass(frozen=True, kw_only=True)
class ModelOptions(Options):
    """Which model, and where and how precisely it runs."""

    GROUP = "Model"
    MODEL_KIND = MODEL

    model: ModelName = "bundled"
    embeddings: Annotated[str | None, Option("a file by `synoptic embed`, used in place of the model's text encoder")] = None
    lora: Annotated[
        tuple[str, ...],
        Option("LoRAs that are added to the model: FILE.safetensors or a hub id, each with :SCALE where it is not 1"),
    ] = ()
    vae: Annotated[
        str | None,
        Option("an AutoencoderKL in place of the model's own: a hub id, a directory, FILE.safetensors", weights=VAE),
    ] = None
    textual_inversion: Annotated[
        tuple[str, ...],
        Option("new words for the prompt: FILE.safetensors or a hub id, each with :WORD where that is not the file's own"),
    ] = ()
    clip_skip: Annotated[
        int, Option("last layers of CLIP's text encoder that are omitted (one less than AUTOMATIC1111 counts)", at_least=0)
    ] = 0
    long_prompt: Annotated[bool, Option("read prompts of more than 75 tokens as a whole, 75 at a time")] = False
    few_step: Annotated[
        bool, Option("the model is distilled to a few steps: 4 without guidance by default (known by name: Turbo, LCM, …)")
    ] = False
    device: Device = "auto"
    dtype: Dtype = "auto"
    offload: Annotated[
        Offload,
        Option(
            "what waits in the CPU's memory while a GPU does not need it: the text encoders, or group: the network's layers"
            " too; auto: as little as fits"
        ),
    ] = "auto"
    quantize: Annotated[
        Quantize,
        Option(
            "bits of the network's weights: fp8 halves them, fp8-compute multiplies in fp8 too (faster, with --compile, on"
            " a GPU that can; needs torchao), int8 needs torchao, nf4 bitsandbytes"
        ),
    ] = "none"

    @property
    def has_gradients(self) -> bool:
        """Whether gradients pass through the network, whose weights must then stay where and what they are."""
        return False

    @property
    def weights_stay(self) -> bool:
        """Whether --offload auto leaves the network's layers on the device, whatever they take there."""
        return self.has_gradients

    def prepare(self) -> Self:
        return self.resolve(resolve(self.model, self.MODEL_KIND))

    def texts(self) -> list[str]:
        """Return every text that the model will embed."""
        return []

    def embedded_guidance_scale(self, checkpoint: Checkpoint) -> float:
        """Return the guidance scale that a network is conditioned on, if it takes one."""
        return self.usual(checkpoint).guidance_scale

    def long_texts(self) -> list[str]:
        """Return the texts that the text encoder shall see as a whole, however long they are."""
        return self.texts() if self.long_prompt else []

    def warnings(self) -> list[str]:
        given = {
            "--lora": self.lora,
            "--textual-inversion": self.textual_inversion,
            "--clip-skip": self.clip_skip,
            "--long-prompt": self.long_prompt,
        }
        lost = ", ".join(name for name, value in given.items() if value) if self.embeddings else ""
        unused = unused_words([read_textual_inversion(value) for value in self.textual_inversion], self.texts())
        says = f"--embeddings hold what the model's own text encoder said: what {lost} changes of it is left out"
        return [*super().warnings(), *([says] if lost else []), *unused]

    def usual(self, checkpoint: Checkpoint) -> Defaults:
        """Return what the model takes by default; one of few steps where a LoRA's name, or `few_step`, says so."""
        usual = checkpoint.defaults
        if self.few_step:
            return usual.distilled
        names = (Path(lora.lower()).name for lora in self.lora)
        return next((found for name in names if (found := few_step_defaults(name, usual))), usual)

    def named_files(self) -> dict[str, list[str]]:
        inversions = [place for text in self.textual_inversion for place in (text, text.rpartition(":")[0]) if place]
        return {
            "lora": [str(file) for text in self.lora for file in local_lora_files(text)],
            "textual_inversion": inversions,  # FILE or FILE:WORD
            "embeddings": [self.embeddings] if self.embeddings else [],
        }

    def resolve(self, checkpoint: Checkpoint) -> Self:
        read_loras(self.lora, checkpoint)
        if self.vae is not None:
            resolve_vae(self.vae, checkpoint)
        read_textual_inversions(self.textual_inversion, checkpoint)
        check_clip_skip(self.clip_skip, checkpoint)
        check_prompts_fit(checkpoint, self.long_prompt, self.texts())
        check_names(self.offload, self.quantize, getattr(self, "compile", False))
        if self.has_gradients and (self.offload == "group" or self.quantize != "none"):
            raise InputError(
                "weights that gradients pass through must stay what and where they are, --offload group or --quantize was"
                " given: omit it",
                rule="placement-gradients",
            )
        if self.embeddings:
            check_embeddings(user_path(self.embeddings), checkpoint, ["", *self.texts()])
        if getattr(self, "seed", 0) == RANDOM:
            self = replace(self, seed=drawn_seed())
        return super().resolve(checkpoint)
