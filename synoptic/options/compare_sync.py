"""The options of `compare-sync`: an anagram by every sync rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Self

from synoptic.errors import InputError
from synoptic.models.checkpoint import Checkpoint
from synoptic.options.anagram import AnagramOptions, AnagramViewOptions

SPACES: tuple[Literal["instance", "canonical"], ...] = ("instance", "canonical")
SYNCS: tuple[Literal["eps", "x0", "xt"], ...] = ("eps", "x0", "xt")
RULES = [(space, sync) for space in SPACES for sync in SYNCS]


@dataclass(frozen=True, kw_only=True)
class CompareSyncOptions(AnagramViewOptions):
    """Generate an anagram by every sync rule, per view and on the canvas, and tabulate the scores.

    Per view each starts from noise of its own, as the course does: from one noise the rules are the same. The canvas starts
    from the first view's noise.

    synoptic compare-sync "a lion" "a sunflower" --count 2
    """

    def resolve(self, checkpoint: Checkpoint) -> Self:
        if self.has_views_in_pixels(checkpoint):
            raise InputError(
                "sync rules are compared from noise in common, which views of a latent model's pictures lack: add"
                " --view-space latents",
                rule="views-in-pixels",
            )
        return super().resolve(checkpoint)

    def variants(self) -> Mapping[str, AnagramOptions]:
        shared = {spec.name: getattr(self, spec.name) for spec in self.specs()} | {"out": None}
        return {
            f"{space}-{sync}": AnagramOptions.from_arguments(
                **shared, sync=sync, space=space, init_noise="independent" if space == "instance" else "shared"
            )
            for space, sync in RULES
        }
