"""The options of `hybrid`: each prompt makes its own component of one picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, Self

from synoptic.errors import InputError
from synoptic.models.checkpoint import Checkpoint
from synoptic.options.joint import SyncOptions
from synoptic.options.option import Option
from synoptic.utils.picture import PictureSource, read_picture

MAX_SIGMA = 8.0  # the blur reaches over 33 pixels
NUM_PROMPTS = {"pass": 2, "triple": 3, "triple-cascade": 3, "color": 2, "motion": 2, "motion-zeros": 2, "inverse": 1}
OF_PIXELS = ("color", "inverse")


@dataclass(frozen=True, kw_only=True)
class HybridOptions(SyncOptions):
    """Generate one picture that shows one prompt from afar (or in gray, or blurred by motion) and another from near.

    synoptic hybrid "a skull" "a flower meadow" --style "an oil painting of"
    """

    GROUP = "Views"

    prompt: Annotated[
        tuple[str, ...],
        Option(
            "FAR NEAR (MIDDLE): what is seen from afar, from near, from between",
            positional=True,
            separator="",
        ),
    ]
    kind: Annotated[
        Literal["pass", "triple", "triple-cascade", "color", "motion", "motion-zeros", "inverse"],
        Option(
            "pass: low and high frequencies; triple: three bands; color: gray, then color; motion: moving, at rest; inverse:"
            " the far picture is --photo, one prompt makes the rest; as the authors' code has them: triple-cascade, which"
            " blurs twice for the far band, and motion-zeros, black beyond the edges"
        ),
    ] = "pass"
    photo: Annotated[PictureSource | None, Option("of --kind inverse: the picture that is seen from afar", picture=True)] = (
        None
    )
    sigma: Annotated[
        float,
        Option(
            "of pass and inverse: the blur that parts far from near, in pixels at side 64; more gives the near prompt more",
            above=0,
            at_most=MAX_SIGMA,
        ),
    ] = 2.0

    def prompts(self) -> list[str]:
        """Return the prompts from far to near: FAR NEAR MIDDLE as the components come."""
        far, *others = super().prompts()
        return [far, *reversed(others)]

    def resolve(self, checkpoint: Checkpoint) -> Self:
        kind, count = self.kind, len(self.prompt)
        if count != NUM_PROMPTS[kind]:
            raise InputError(
                f"--kind {kind} takes {NUM_PROMPTS[kind]} prompts (FAR NEAR MIDDLE), {count} were given: match them",
                rule="prompts-kind",
            )
        if (kind == "inverse") != (self.photo is not None):
            raise InputError("--kind inverse and --photo go together: give both or neither", rule="photo-kind")
        if self.photo is not None:
            read_picture(self.photo)
        if kind == "inverse" and self.sync != "x0":
            raise InputError(
                f"a photo is clean, so --kind inverse needs --sync x0, {self.sync} was given: omit it", rule="inverse-sync"
            )
        if kind not in ("pass", "inverse"):
            self.check_heeded("sigma", where=f"of --kind pass and inverse, not of {kind}")
        if kind in OF_PIXELS and checkpoint.factor > 1 and self.view_space == "latents":
            raise InputError(
                f"--kind {kind} is about colors of pixels, --view-space latents was given: omit it", rule="kind-latents"
            )
        return super().resolve(checkpoint)
