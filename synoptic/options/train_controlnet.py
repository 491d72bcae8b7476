"""The options of `train-controlnet`: a ControlNet for a condition, from pictures with captions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal, Self

from synoptic.controlnet.captions import find_maps, read_captioned_folder
from synoptic.errors import InputError, check_installed, install_command, user_path
from synoptic.models.checkpoint import Checkpoint
from synoptic.models.names import CONTROLNET, DEPTH_MODEL
from synoptic.models.registry import resolve, resolve_controlnet
from synoptic.options.base import Options
from synoptic.options.controlnet import Condition, check_conditions, check_latents, depth_source
from synoptic.options.option import UNSET, Option
from synoptic.options.output import Out
from synoptic.options.pretrained_model import ModelName
from synoptic.options.sampling import MAX_SEED

LR, BUNDLED_LR = 1e-5, 5e-4  # the bundled models are small


@dataclass(frozen=True, kw_only=True)
class TrainControlnetOptions(Options):
    """Train a ControlNet on pictures with captions; a killed training resumes exactly, several GPUs share the rows.

    synoptic train-controlnet --condition canny --images photos --captions captions.json --no-attention
    """

    GROUP = "Training"

    images: Annotated[str, Option("the folder of pictures; each is cut to a square and resized to the model's own size")]
    captions: Annotated[
        str, Option('a JSON object {file name: words}, or lines: name, tab, words; or {"file_name", "text"}')
    ]
    condition: Annotated[Condition, Option("what it learns to follow; map: those in --maps")] = "canny"
    maps: Annotated[
        str | None, Option("for --condition map: the folder of the pictures' maps, each of its picture's name")
    ] = None
    depth: Annotated[
        str | None,
        Option(
            "for depth and normal: transformers' depth model, a hub id or directory (default: bundled, for bundled models)",
            weights=DEPTH_MODEL,
        ),
    ] = None
    model: ModelName = "bundled"
    init: Annotated[
        str | None,
        Option(
            "a ControlNet to start from: bundled-canny, …, a hub id or a directory (default: the U-Net's encoder)",
            weights=CONTROLNET,
        ),
    ] = None
    attention: Annotated[bool, Option("attention layers; without, half as large, and only the map decides")] = True
    steps: Annotated[int, Option("optimizer steps", at_least=1)] = 4000
    batch: Annotated[int, Option("pictures per batch, in each process", at_least=1)] = 4
    accumulate: Annotated[int, Option("batches per step, for large batches in little memory", at_least=1)] = 1
    lr: Annotated[float, Option("AdamW's learning rate (default: 1e-5; bundled 5e-4)", above=0)] = UNSET
    dtype: Annotated[
        Literal["auto", "float32", "bfloat16", "float16"],
        Option("mixed precision: what the networks compute in, weights stay float32; auto: bfloat16 on a GPU"),
    ] = "auto"
    checkpointing: Annotated[bool, Option("compute activations twice: less memory, a third slower")] = False
    caption_dropout: Annotated[
        float, Option("share of rows without a caption, so that the map alone is followed too", at_least=0, at_most=1)
    ] = 0.3
    evaluate_every: Annotated[
        int, Option("measure and save after so many steps, besides the beginning and the end", at_least=1)
    ] = 500
    num_validation: Annotated[int, Option("pictures that are held out: their maps are followed to measure", at_least=2)] = 8
    seed: Annotated[int, Option("seed of the training", at_least=0, at_most=MAX_SEED)] = 1
    device: Annotated[
        Literal["auto", "cpu"], Option("auto: the GPU, if there is one; under torchrun each process has its own")
    ] = "auto"
    out: Out = None

    def title(self) -> str:
        return f"{self.condition} {Path(self.images).name}"

    def read_captions(self) -> dict[str, str]:
        """Return {picture's path inside --images: its caption}. Raises InputError."""
        return read_captioned_folder(self.images, self.captions)

    def find_maps(self) -> dict[str, str] | None:
        """Return {picture: its map's file}; None where maps are drawn. Raises InputError."""
        return find_maps(self.maps, list(self.read_captions())) if self.maps is not None else None

    def prepare(self) -> Self:
        checkpoint = resolve(self.model)
        if not checkpoint.has_unet:
            raise InputError(
                f"a ControlNet is trained beside a U-Net, {checkpoint.name} is a transformer: use --model sd1.5, say",
                rule="controlnet-unet",
            )
        check_latents(checkpoint)
        self.check_init(checkpoint)
        self = replace(self, depth=depth_source(self.depth, (self.condition,), checkpoint))
        self.check_maps()
        count = len(self.read_captions())
        if count <= self.num_validation:
            raise InputError(
                f"some pictures must be left to train on, {count} are there and --num-validation is {self.num_validation}:"
                " lower it, or bring more",
                rule="num-validation-count",
            )
        self.find_maps()
        return self.filled(lr=BUNDLED_LR if checkpoint.is_bundled else LR)

    def check_init(self, checkpoint: Checkpoint) -> None:
        """Raise InputError where --init is no ControlNet of this model, or its attention cannot be chosen."""
        if self.init is None:
            return
        if (kind := resolve_controlnet(self.init, checkpoint).config("")["_class_name"]) != "ControlNetModel":
            raise InputError(
                f"a training begins with a ControlNetModel, --init {self.init} is a {kind}: choose another",
                rule="init-class",
            )
        if not self.attention:
            raise InputError(
                f"--no-attention is for a new ControlNet, --init {self.init} has its layers already: omit one",
                rule="init-attention",
            )

    def check_maps(self) -> None:
        """Raise InputError where the condition's maps cannot be drawn, of every picture."""
        check_installed("skimage", "edges are drawn by scikit-image", install_command("control"))
        if (self.condition == "map") != (self.maps is not None):
            raise InputError(
                f"--maps and --condition map belong together, --condition is {self.condition}: give both or neither",
                rule="maps-condition",
            )
        if self.depth is not None and user_path(self.depth).is_file():
            raise InputError(
                f"--depth must be a model that sees every picture, {self.depth} is a file: name one, or use --maps",
                rule="depth-file",
            )
        check_conditions((self.condition,), self.depth)
