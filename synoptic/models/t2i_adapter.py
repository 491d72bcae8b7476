"""T2I-Adapters: a small network makes features of a map, which a U-Net adds on its way down (Mou et al. 2024)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor

from synoptic.diffusion.equations import Time
from synoptic.models.base import Conditioning
from synoptic.models.unet import freeze_and_layout

LUMA = (0.299, 0.587, 0.114)  # ITU-R 601, as Pillow's "L"


class T2IAdapter:
    """A diffusers T2IAdapter as a `ControlNetwork`: features of the map alone, one a level. Some want it in gray."""

    def __init__(self, net: ModelMixin) -> None:
        self.net, self.layout = freeze_and_layout(net)
        self.dtype = net.dtype

    def additions(
        self, x: Tensor, t: Time, cond: Conditioning, control_image: Tensor, strength: float | Tensor
    ) -> Mapping[str, Sequence[Tensor]]:
        shown = control_image.to(self.dtype, memory_format=self.layout)
        if self.net.config.in_channels == 1:
            shown = torch.einsum("nchw,c->nhw", shown, torch.tensor(LUMA, dtype=torch.float32).to(shown))[:, None]
        return {"adapter_features": [feature * strength for feature in self.net(shown)]}
