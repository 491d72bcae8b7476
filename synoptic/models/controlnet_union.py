"""ControlNet unions: one network for maps of several kinds, conditioned on the kind (xinsir's ControlNet++)."""

from __future__ import annotations

import torch
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor

from synoptic.diffusion.equations import Time
from synoptic.models.base import Conditioning
from synoptic.models.controlnet import ControlNet


class ControlNetUnion(ControlNet):
    """A diffusers ControlNetUnionModel as a `ControlNetwork`, of maps of one kind: an index below its num_control_type."""

    def __init__(self, net: ModelMixin, kind: int) -> None:
        super().__init__(net)
        self.kind = kind

    def __call__(
        self, x: Tensor, t: Time, cond: Conditioning, control_image: Tensor, strength: float | Tensor
    ) -> list[Tensor]:
        inside, shown = (v.to(self.dtype, memory_format=self.layout) for v in (x, control_image))
        text = cond.text_only().to(dtype=self.dtype)
        kinds = torch.zeros(len(x), self.net.config.num_control_type).to(inside)
        kinds[:, self.kind] = 1
        downs, mid = self.net(
            inside,
            t,
            text.text,
            [shown],
            control_type=kinds,
            control_type_idx=[self.kind],
            conditioning_scale=[strength],
            added_cond_kwargs=text.added_cond_kwargs or None,
            return_dict=False,
        )
        return [*downs, mid]
