"""The options that applications share: prompts, sampling, the model, the output."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from itertools import count as numbers
from pathlib import Path
from typing import Annotated, Literal, Self

from synoptic.errors import InputError, check_at_most, install_command, user_path
from synoptic.models.checkpoint import Checkpoint
from synoptic.models.clip_options import check_clip_skip, check_prompts_fit
from synoptic.models.embeddings import check_embeddings
from synoptic.models.families import Defaults, few_step_defaults
from synoptic.models.lora import read_loras
from synoptic.models.placement_names import Offload, Quantize, check_names
from synoptic.models.registry import resolve, resolve_vae
from synoptic.models.textual_inversion import read_textual_inversion, read_textual_inversions, unused_words
from synoptic.options.base import UNSET, Item, Option, Options
from synoptic.options.seeds import RANDOM, drawn_seed

MAX_SEED = 2**63 - 1

ModelName = Annotated[
    str,
    Option(
        "bundled, bundled-if, sd1.5, sdxl, sd3.5, flux-dev, if, …: see `synoptic models`; or a hub id, a directory,"
        " FILE.safetensors"
    ),
]
Lora = Annotated[
    tuple[str, ...],
    Option("LoRAs that are added to the model: FILE.safetensors or a hub id, each with :SCALE where it is not 1"),
]
Vae = Annotated[str | None, Option("an AutoencoderKL in place of the model's own: a hub id, a directory, FILE.safetensors")]
TextualInversions = Annotated[
    tuple[str, ...],
    Option("new words for the prompt: FILE.safetensors or a hub id, each with :WORD where that is not the file's own"),
]
ClipSkip = Annotated[
    int, Option("last layers of CLIP's text encoder that are left out (one less than AUTOMATIC1111 counts)", at_least=0)
]
LongPrompt = Annotated[bool, Option("read prompts of more than 75 tokens as a whole, 75 at a time")]
FewStep = Annotated[
    bool, Option("the model is distilled to a few steps: 4 without guidance by default (known by name: Turbo, LCM, …)")
]
Device = Annotated[str, Option("auto, cpu, cuda, mps, …")]
Dtype = Annotated[
    Literal["auto", "float32", "bfloat16", "float16", "float64"], Option("precision of the network; auto: what is fast")
]
Out = Annotated[
    str | None,
    Option("folder of the pictures and run.json (default: outputs/COMMAND/…, named after the options)", recorded=False),
]
Seed = Annotated[
    int,
    Option("seed of the first picture; picture k of --count has seed + k; -1: random", at_least=RANDOM, at_most=MAX_SEED),
]
Count = Annotated[int, Option("pictures per prompt", at_least=1)]
Steps = Annotated[int, Option("denoising steps (default: the model's; 25 bundled, 50 others)", at_least=1)]
Sampler = Annotated[
    Literal["ddim", "ddpm", "dpm++", "lcm", "tcd"],
    Option("how a step is taken: ddpm is ancestral, dpm++ of second order, lcm and tcd for models distilled to a few steps"),
]
Clip = Annotated[
    Literal["auto", "none", "static", "dynamic"], Option("keep x0 in range; auto: as the model's scheduler does")
]
GuidanceScale = Annotated[
    float,
    Option(
        "classifier-free guidance scale; 0 to 1 is off (default: the model's; 3 bundled, 7.5 SD); FLUX.1-dev: the scale that"
        " its network takes",
        at_least=0,
    ),
]
NegativePrompt = Annotated[str, Option("what not to show")]


@dataclass(frozen=True, kw_only=True)
class ModelOptions(Options):
    """Which model, and where and how precisely it runs."""

    GROUP = "Model"

    model: ModelName = "bundled"
    embeddings: Annotated[str | None, Option("a file by `synoptic embed`, used in place of the model's text encoder")] = None
    lora: Lora = ()
    vae: Vae = None
    textual_inversion: TextualInversions = ()
    clip_skip: ClipSkip = 0
    long_prompt: LongPrompt = False
    few_step: FewStep = False
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
        Quantize, Option("bits of the network's weights: fp8 halves them, int8 needs torchao, nf4 bitsandbytes")
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
        return self.resolve(resolve(self.model))

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


@dataclass(frozen=True, kw_only=True)
class OutputOptions(Options):
    """Where the pictures go."""

    GROUP = "Output"

    trace: Annotated[
        bool, Option("film each picture as it is made: NAME.trace.mp4, .gif and .html (needs PyAV)", recorded=False)
    ] = False
    out: Out = None

    def resolve(self, checkpoint: Checkpoint) -> Self:
        if self.trace and find_spec("av") is None:
            raise InputError(
                f"--trace needs PyAV, which is not installed: {install_command('video')}", rule="missing-package"
            )
        return super().resolve(checkpoint)


@dataclass(frozen=True, kw_only=True)
class SamplingOptions(ModelOptions, OutputOptions):
    """What every sampling loop takes."""

    GROUP = "Sampling"

    steps: Steps = UNSET
    guidance_scale: GuidanceScale = UNSET
    true_cfg_scale: Annotated[
        float,
        Option(
            "classifier-free guidance scale where the network takes --guidance-scale (FLUX.1-dev); above 1 a step takes"
            " twice as long (default: 1, off)",
            at_least=0,
        ),
    ] = UNSET
    negative_prompt: NegativePrompt = ""
    sampler: Sampler = "ddim"
    eta: Annotated[
        float, Option("DDIM's noise per step: 0 (deterministic) to 1 (the ancestral sampler's)", at_least=0, at_most=1)
    ] = 0.0
    clip: Clip = "auto"
    seed: Seed = 0
    count: Count = 1

    def resolve(self, checkpoint: Checkpoint) -> Self:
        usual = self.usual(checkpoint)
        self = replace(self.with_guidance(checkpoint), steps=usual.steps if self.steps is None else self.steps)
        check_at_most("--steps", self.steps, checkpoint.most_steps(self.sampler))
        if self.guidance_scale > 1 and checkpoint.has_embedded_guidance:
            raise InputError(
                f"--guidance-scale must be 1 where a network has guidance built in, as that of {checkpoint.name},"
                f" {self.guidance_scale:g} was given: omit it",
                rule="guidance-embedded",
            )
        if self.eta and self.sampler != "ddim":
            raise InputError(
                f"--eta is the noise of ddim's steps, {self.sampler} has its own; {self.eta} was given: omit it",
                rule="eta-sampler",
            )
        if self.seed + self.count - 1 > MAX_SEED:
            raise InputError(
                f"--seed + --count must stay within 64 bits, {self.seed} was given: lower it", rule="seed-count"
            )
        return super().resolve(checkpoint)

    @property
    def cfg_scale(self) -> float:
        """The scale of classifier-free guidance, once resolved; 1 is off."""
        return self.guidance_scale if self.true_cfg_scale is None else self.true_cfg_scale

    def embedded_guidance_scale(self, checkpoint: Checkpoint) -> float:
        return self.guidance_scale

    def with_guidance(self, checkpoint: Checkpoint) -> Self:
        """Return the options with their guidance scales. Raises InputError where the model would not heed one of them."""
        scale = self.default_guidance(checkpoint) if self.guidance_scale is None else self.guidance_scale
        if checkpoint.takes_guidance_scale:
            true_scale = 1.0 if self.true_cfg_scale is None else max(self.true_cfg_scale, 1.0)
            resolved, cure = replace(self, guidance_scale=scale, true_cfg_scale=true_scale), "--true-cfg-scale"
        elif self.true_cfg_scale is not None:
            raise InputError(
                f"--true-cfg-scale is of networks that take --guidance-scale, that of {checkpoint.name} takes none,"
                f" {self.true_cfg_scale:g} was given: use --guidance-scale",
                rule="true-cfg-scale",
            )
        else:
            resolved, cure = replace(self, guidance_scale=max(scale, 1.0)), "--guidance-scale"
        if resolved.negative_prompt and resolved.cfg_scale == 1 and not checkpoint.has_unet:
            raise InputError(
                f"--negative-prompt is seen by classifier-free guidance alone, {checkpoint.name} has none at"
                f" {cure} 1: raise that, or omit the negative prompt",
                rule="negative-ignored",
            )
        return resolved

    def default_guidance(self, checkpoint: Checkpoint) -> float:
        return self.usual(checkpoint).guidance_scale

    def item_seeds(self) -> Sequence[int]:
        return range(self.seed, self.seed + self.count)

    def texts(self) -> list[str]:
        prompts = dict.fromkeys(prompt for item in self.items() for prompt in item.prompts)
        return [*prompts, self.negative_prompt]


@dataclass(frozen=True, kw_only=True)
class PromptOptions(Options):
    """What to show."""

    prompt: Annotated[
        tuple[str, ...],
        Option("what to show, in words; several prompts give several pictures", positional=True, separator=""),
    ]

    def __post_init__(self) -> None:
        super().__post_init__()
        check_prompts(self.prompt)

    def warnings(self) -> list[str]:
        words = self.prompt if len(self.prompt) > 2 and not any(" " in prompt.strip() for prompt in self.prompt) else ()
        says = f"{' '.join(words)}: these are {len(words)} prompts; one of several words is put in quotation marks"
        return [*super().warnings(), *([says] if words else [])]

    def items(self) -> list[Item]:
        return one_picture_per_prompt(self.prompt, self.item_seeds())


def check_prompts(prompts: Sequence[str]) -> None:
    """Raise InputError on no prompt at all."""
    if not prompts:
        raise InputError(
            'at least one prompt is needed, none was given: say what to show, for example "a photo of a horse"',
            rule="prompt-missing",
        )


def one_picture_per_prompt(prompts: Sequence[str], seeds: Sequence[int]) -> list[Item]:
    """Return an item per distinct prompt and seed, each with a file name of its own, whatever the prompts."""
    return named([((prompt,), seed) for prompt in dict.fromkeys(prompts) for seed in seeds])


def one_picture_of_all(prompts: Sequence[str], seeds: Sequence[int]) -> list[Item]:
    """Return an item per seed, each of which shows all prompts."""
    return named([(tuple(prompts), seed) for seed in seeds])


def named(pictures: Sequence[tuple[tuple[str, ...], int]]) -> list[Item]:
    """Return the items of (prompts, seed): stems are distinct after case folding and Unicode normalization."""
    taken: dict[str, tuple[str, ...]] = {}
    items = []
    for prompts, seed in pictures:
        words = slug(" | ".join(prompts))
        candidates = (f"{words}_{seed}" if n == 1 else f"{words}-{n}_{seed}" for n in numbers(1))
        stem = next(
            name
            for name in candidates
            if taken.setdefault(unicodedata.normalize("NFKC", name).casefold(), prompts) == prompts
        )
        items.append(Item(prompts, seed, stem))
    return items


RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)  # names that Windows keeps for devices


def slug(prompt: str) -> str:
    """Return the courses' file name of a prompt: spaces to underscores, legal everywhere, 100 bytes at most."""
    name = re.sub(r'[\s/\\:*?"<>|\x00-\x1f]+', "_", prompt.strip()).strip("._")
    name = name.encode(errors="replace")[:100].decode(errors="ignore").rstrip("._ ") or "picture"
    return f"_{name}" if RESERVED.match(name) else name
