"""The options of `evaluate`: prompt sets, generated and scored as the courses grade them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal, Self

from synoptic.courses.folders import METHODS, source_of, sources
from synoptic.courses.prompt_sets import PromptSet, read_set
from synoptic.errors import InputError, check_writable, install_command, user_path
from synoptic.models.registry import resolve_clip
from synoptic.options.base import Options
from synoptic.options.generate import GenerateOptions
from synoptic.options.option import UNSET, Option
from synoptic.options.pretrained_model import Device, Dtype
from synoptic.options.sampling import MAX_SEED
from synoptic.options.score import ClipModel

DISTILLED = ("sds", "vsd", "pds")
DISTILL_STEPS = 500


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions(Options):
    """Generate what a prompt set lacks, score it as the courses do, write the folders, the report and the zip they grade.

    synoptic evaluate wide makes the 10 prompts of our own set in outputs/wide_panoramas, cuts 8 crops of each into
    outputs/wide_images, and writes eval.json there, with outputs/report.html and, with fpdf2, report.pdf. synoptic evaluate
    ambiguous makes anagrams that turn by 90 degrees, and keeps both views; evaluate edit edits the set's source pictures by
    PDS. The same command resumes where it was stopped; pictures that are there, named after their prompts, are kept.

    synoptic evaluate wide_image_prompts.json --clip-model clip-vit-b32 --zip KIM_20240001 --code .
    """

    prompts: Annotated[
        str,
        Option(
            "wide, ambiguous or edit: a set of ours; or a .json, .jsonl or .csv file of one of the courses' kinds, or of"
            " prompts",
            positional=True,
        ),
    ]
    out: Annotated[str, Option("the folder of the graded folders, the report and the zip", recorded=False)] = "outputs"
    method: Annotated[
        Literal["auto", "sds", "pds", "vsd", "eps", "x0", "xt", "none"],
        Option(
            "whose pictures: sds, pds or vsd of edit or plain sets (auto: pds for edits); eps, x0, xt or none, a sync rule,"
            " of ambiguous sets, per view and from independent noise as the course has it: x0 in ambiguous_images, the"
            " others in folders of their own, ambiguous_images_eps and so on"
        ),
    ] = "auto"
    clip_model: ClipModel = "bundled"
    steps: Annotated[int, Option("denoising steps (default: the model's; of sds, pds and vsd 500)", at_least=1)] = UNSET
    guidance_scale: Annotated[float, Option("guidance scale (default: the model's, or the loss's)", at_least=0)] = UNSET
    seed: Annotated[int, Option("seed of the first picture of every prompt", at_least=0, at_most=MAX_SEED)] = 0
    model: Annotated[
        str, Option("the model that generates (default: bundled; of ambiguous sets bundled-if): see `synoptic models`")
    ] = UNSET
    device: Device = "auto"
    dtype: Dtype = "auto"
    make_sources: Annotated[
        bool, Option("generate the source pictures that an edit set lacks, from their prompts, in OUT/sources")
    ] = False
    zip: Annotated[
        str | None, Option("NAME_SID: also pack NAME_SID.zip for the hand-in, with everything evaluated in this --out")
    ] = None
    code: Annotated[str | None, Option("with --zip: the folder of your code, to go in as code/")] = None

    @classmethod
    def application(cls) -> str:
        return "evaluate"

    @property
    def top(self) -> Path:
        return user_path(self.out)

    def prompt_set(self) -> PromptSet:
        return read_set(self.prompts)

    @property
    def folder(self) -> Path:
        """The graded folder."""
        return self.top / METHODS[self.prompt_set().kind][self.method]

    def shared(self) -> dict[str, object]:
        """Return what every application that is run for the set is given."""
        names = ("model", "steps", "guidance_scale", "seed", "device", "dtype")
        return {name: getattr(self, name) for name in names}

    def prepare(self) -> Self:
        chosen = self.prompt_set()
        if self.method not in METHODS[chosen.kind]:
            raise InputError(
                f"--method of {chosen.kind} prompts must be one of {', '.join(METHODS[chosen.kind])}, {self.method} was"
                " given: change it",
                rule="method-kind",
            )
        self.check_zip()
        resolve_clip(self.clip_model)
        if self.make_sources and chosen.kind != "edit":
            raise InputError(
                f"--make-sources is for edit sets, {self.prompts} is a {chosen.kind} one: omit it", rule="make-sources-kind"
            )
        model = self.model or ("bundled-if" if chosen.kind == "ambiguous" else "bundled")
        prepared = replace(self, model=model).with_defaults()
        if prepared.folder.name == "pds" and not self.make_sources:
            prepared.check_sources(chosen)
        check_writable(self.top)
        return prepared

    def with_defaults(self) -> Self:
        """Return these options with the steps and the guidance scale of what is run for them."""
        if self.folder.name in DISTILLED:
            return replace(self, steps=DISTILL_STEPS if self.steps is None else self.steps)
        found = GenerateOptions.from_arguments("x", **self.shared()).prepare()
        return replace(self, steps=found.steps, guidance_scale=found.guidance_scale)

    def check_sources(self, chosen: PromptSet) -> None:
        """Raise InputError where there is neither an edit to score nor a source picture to edit."""
        made = sources(chosen, self.top)
        if not any(self.folder.glob("*.png")) and all(source_of(e, made) is None for e in chosen.entries):
            raise InputError(
                f"an edit needs the picture that it edits, none of the set's is there, and {self.folder} holds no edits to"
                " score: put them where the set says, or add --make-sources",
                rule="sources-missing",
            )

    def check_zip(self) -> None:
        """Raise InputError where --zip is no NAME_SID, or --code no folder or without --zip."""
        if self.zip is not None and find_spec("fpdf") is None:
            raise InputError(
                f"--zip packs a PDF report, which needs fpdf2, not installed here: {install_command('courses')}",
                rule="missing-package",
            )
        if self.zip is not None and not re.fullmatch(r"[^\s/\\_][^\s/\\]*_[^\s/\\_]+", self.zip):
            raise InputError(
                f"--zip must be your name and student number, NAME_SID, without blanks; {self.zip!r} is not: KIM_20240001",
                rule="zip-name",
            )
        if self.code is not None and self.zip is None:
            raise InputError(
                f"--code goes into the zip, and no --zip was given with {self.code}: add --zip NAME_SID", rule="code-zip"
            )
        if self.code is not None and not user_path(self.code).is_dir():
            raise InputError(
                f"--code must be the folder of your code, {self.code} is none: check the path", rule="code-folder"
            )
