"""A model each view of which follows a map of its own, drawn for that view: depth along its axis, for example."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from synoptic.diffusion.equations import Pred, Rows, Time
from synoptic.models.base import Conditioning
from synoptic.models.controlnet import ControlledDenoiser
from synoptic.utils.arguments import typed


class ViewControlledDenoiser(ControlledDenoiser):
    """A `ControlledDenoiser` whose maps are (N, 3, H, W), one a view: row b*N + n of x follows the n-th."""

    def embed(self, prompts: Sequence[str]) -> Conditioning:
        """Return one row per prompt; its maps come with its views."""
        return self.model.embed(prompts)

    @typed
    def predict(self, x: Rows, t: Time, cond: Conditioning) -> Pred:
        if cond.branch_rows is None:
            raise ValueError("which map a row follows depends on its place: predict by guidance.predict_branches")
        maps = torch.cat([c.control_image for c in self.controls], 1)
        shown = maps[cond.branch_rows[:, 1].to(maps.device) % len(maps)]
        return super().predict(x, t, replace(cond, control_images=shown.to(x)))
