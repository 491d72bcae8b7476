"""The options of `text-to-3d`: an object from words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, Self

from synoptic.distillation.loss_defaults import losses_that_take, scene_defaults
from synoptic.errors import InputError
from synoptic.mesh import require_mesh
from synoptic.models.checkpoint import Checkpoint
from synoptic.models.names import CLIP_MODEL
from synoptic.models.registry import resolve_clip
from synoptic.options.distillation import MOST_STEPS, DistillationOptions
from synoptic.options.option import UNSET, Option
from synoptic.options.output import Out
from synoptic.options.pretrained_model import ModelName, ModelOptions
from synoptic.options.prompts import PromptOptions
from synoptic.options.sampling import Seed
from synoptic.options.speed import Compile

SHORT_FRACTION = 5  # one start of --seeds takes one in so many of the steps


@dataclass(frozen=True, kw_only=True)
class PixelModelOptions(ModelOptions):
    """The model, by default one whose gradients pass through no encoder."""

    GROUP = "Model"

    model: ModelName = "bundled-if"
    compile: Compile = False


@dataclass(frozen=True, kw_only=True)
class TextTo3DOptions(PixelModelOptions, PromptOptions, DistillationOptions):
    """Make an object from words: a radiance field, a film, a page to turn it on, a mesh, and a report of how good they are.

    While it runs, preview.png in the run's folder shows it from all sides. A killed run resumes, on a CPU to the bit. One
    that comes to nothing stops early and says why (exit code 1); all that there is of it is saved.

    synoptic text-to-3d "a red mug" --seeds 3
    synoptic text-to-3d "a corgi made of wood" --model if --steps 10000
    """

    loss: Annotated[
        Literal["sds", "vsd", "csd"],
        Option("what is followed; vsd trains a student on the scene's renders beside it: half as fast"),
    ] = "sds"
    steps: Annotated[
        int, Option("steps of the optimization (default: 1200 bundled, 10000 others)", at_least=1, at_most=MOST_STEPS)
    ] = UNSET
    resolution: Annotated[
        int,
        Option(
            "pixels of a render's side at the end; the first quarter of the steps takes half as many",
            at_least=16,
            at_most=512,
        ),
    ] = 64
    batch: Annotated[int, Option("views per step", at_least=1, at_most=1024)] = 1
    anneal: Annotated[
        Literal["auto", "none", "narrow", "linear", "sqrt", "alternate", "fronts"],
        Option(
            "times: drawn from all; narrow: from below an end that falls to 500; linear, sqrt: not drawn, falling from the"
            " noisiest to the least, evenly or fast at first; alternate: as sqrt, in turn with noisier ones; fronts: that"
            " where the front is seen, whose view is guided more then, and sqrt from elsewhere"
        ),
    ] = "auto"
    encoding: Annotated[
        Literal["hash", "waves"],
        Option("how positions are encoded for the field: a hash grid (fine, fast), or sines and cosines (smooth)"),
    ] = "hash"
    perp_neg: Annotated[
        bool,
        Option("against two faces: what looks like another view is taken from the guidance (default: the model's)"),
    ] = UNSET
    view_guidance: Annotated[
        float,
        Option(
            "how much more the view is guided than the object where there is most noise; 1: alike (default: the model's)",
            at_least=0,
        ),
    ] = UNSET
    view_prompt_mix: Annotated[
        Literal["auto", "mixed", "nearest"],
        Option("the words of a view between two that have a name: a mixture, or the nearest one's"),
    ] = "auto"
    seeds: Annotated[
        int,
        Option("that many short starts, a fifth of the steps each; the one with the best CLIP score continues", at_least=1),
    ] = 1
    seed: Seed = 0
    preview_every: Annotated[int, Option("check the field, and draw preview.png, after every so many steps", at_least=1)] = (
        100
    )
    clip_model: Annotated[
        str,
        Option(
            "CLIP that checks and chooses: auto (bundled; of other models clip-vit-b32), a hub id or a directory",
            weights=CLIP_MODEL,
        ),
    ] = "auto"
    frames: Annotated[int, Option("pictures of the film and of the page to turn it on", at_least=1, at_most=10_000)] = 90
    retexture: Annotated[
        bool, Option("paint the finished mesh anew by the bundled model, as `synoptic texture` does, as painted.glb")
    ] = False
    out: Out = None

    @property
    def short_steps(self) -> int:
        """The steps of each of several starts."""
        return self.steps // SHORT_FRACTION

    def texts(self) -> list[str]:
        return [*self.prompt, self.negative_prompt]

    def item_seeds(self) -> Sequence[int]:
        return [self.seed]

    def check_retexture(self, checkpoint: Checkpoint) -> None:
        """Raise InputError where the mesh could not be painted anew: its packages are missing, or another model made it."""
        if not self.retexture:
            return
        try:
            require_mesh()
        except ImportError as e:
            raise InputError(f"--retexture paints a mesh: {e}", rule="missing-package") from None
        if not checkpoint.is_bundled:
            raise InputError(
                f"--retexture paints what the bundled models know, {checkpoint.name} was given: omit it, and give the run's"
                " mesh.glb to `synoptic texture` with --model and --controlnet",
                rule="retexture-model",
            )

    def resolve(self, checkpoint: Checkpoint) -> Self:
        for prompt in self.prompt:
            if not prompt.strip():
                raise InputError(
                    'an object is needed, an empty prompt was given: name one, for example "a red mug"', rule="prompt-empty"
                )
        self.check_retexture(checkpoint)
        self.check_loss(self.loss)
        self = super().resolve(checkpoint).filled(**scene_defaults(checkpoint).options(self.loss))
        self = self.filled(clip_model="bundled" if checkpoint.is_bundled else "clip-vit-b32")
        resolve_clip(self.clip_model)
        self.check_times(checkpoint)
        if self.seeds > 1 and not self.short_steps:
            raise InputError(
                f"--seeds begin with a start of one in {SHORT_FRACTION} --steps, {self.steps} were given: raise them",
                rule="seeds-steps",
            )
        if self.loss not in losses_that_take("student"):
            return self
        if self.compile:
            raise InputError(
                f"--compile takes a network as it is, --loss {self.loss} trains a student inside it: omit one",
                rule="compile-loss",
            )
        return self.filled(dtype="float32")
