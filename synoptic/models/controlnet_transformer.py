"""ControlNets of transformers: Stable Diffusion 3 and FLUX.1, unions among them, which see a map as the VAE encodes it."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import torch
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor

from synoptic.diffusion.equations import Time
from synoptic.models.base import Conditioning
from synoptic.models.transformer import TransformerDenoiser
from synoptic.models.transformer_networks import packed, places_of

Added = tuple[Sequence[Tensor] | None, Sequence[Tensor] | None]  # behind the blocks, and behind FLUX.1's single ones
KEPT_MAPS = 64  # encoded ones, of as many views: a map is the same at every step
UNION_MODES = {"canny": 0, "depth": 2}  # of FLUX.1's unions, which number the conditions they know


class TransformerControlNet(ABC):
    """A ControlNet as a `ControlNetwork`: what a transformer adds behind its blocks.

    `encode` is the model's. `mode` is the number of the condition, where the network is a union of several.
    """

    def __init__(self, net: ModelMixin, encode: Callable[[Tensor], Tensor], mode: int | None = None) -> None:
        self.net, self.encode, self.mode = net.eval().requires_grad_(False), encode, mode
        self.device, self.dtype = net.device, net.dtype
        self._kept: dict[bytes, Tensor] = {}

    def additions(
        self, x: Tensor, t: Time, cond: Conditioning, control_image: Tensor, strength: float | Tensor
    ) -> Mapping[str, Sequence[Tensor]]:
        """Return those of the blocks, and of FLUX.1's single ones."""
        t = t.to(x.device) if isinstance(t, Tensor) else torch.full((), t, dtype=torch.float32, device=x.device)
        seen = torch.stack([self._encoded(row) for row in control_image]).to(x.device, self.dtype)
        cond = replace(cond.text_only(), guidance=cond.guidance).to(dtype=self.dtype)
        added = self.forward(x.to(self.dtype), t.expand(len(x)), cond, seen)
        weight = strength.to(self.dtype).view(-1, 1, 1) if isinstance(strength, Tensor) else strength
        doubles, singles = ([weight * each for each in some or ()] for some in added)
        return {"control_residuals": doubles, "control_single_residuals": singles}

    @abstractmethod
    def forward(self, x: Tensor, t: Tensor, cond: Conditioning, seen: Tensor) -> Added:
        """Call the network: x and the encoded map `seen` (N, C, h, w) in its own dtype, t (N,) from T to 0."""

    def _encoded(self, control_image: Tensor) -> Tensor:
        """Return the latents (C, h, w) of a map (3, H, W) in [0, 1]."""
        key = hashlib.sha256(control_image.cpu().float().numpy().tobytes()).digest()
        if key not in self._kept:
            if len(self._kept) >= KEPT_MAPS:
                self._kept.clear()
            self._kept[key] = self.encode(2 * control_image[None].float() - 1)[0]
        return self._kept[key]


class Sd3ControlNet(TransformerControlNet):
    """Of Stable Diffusion 3, whose maps have no shift, nor pooled text, where its config says so (InstantX's)."""

    def forward(self, x: Tensor, t: Tensor, cond: Conditioning, seen: Tensor) -> Added:
        assert cond.text_embeds is not None
        config = self.net.config
        pooled = torch.zeros_like(cond.text_embeds) if config.force_zeros_for_pooled_projection else cond.text_embeds
        added = self.net(
            hidden_states=x,
            timestep=t,
            encoder_hidden_states=cond.text,
            pooled_projections=pooled,
            controlnet_cond=seen,
            return_dict=False,
        )[0]
        return added, None


class FluxControlNet(TransformerControlNet):
    """Of FLUX.1, whose maps are tokens beside the picture's; it may take the guidance scale that the model takes."""

    def forward(self, x: Tensor, t: Tensor, cond: Conditioning, seen: Tensor) -> Added:
        mode = None if self.mode is None else torch.full((len(x), 1), self.mode, device=x.device)
        return self.net(
            hidden_states=packed(x, 2),
            controlnet_cond=packed(seen, 2),
            controlnet_mode=mode,
            timestep=t / 1000,
            guidance=cond.guidance if self.net.config.guidance_embeds else None,
            pooled_projections=cond.text_embeds,
            encoder_hidden_states=cond.text,
            txt_ids=torch.zeros(cond.text.shape[1], 3, dtype=torch.float32, device=x.device),
            img_ids=places_of(x, 2),
            return_dict=False,
        )


def controlnet_of(net: ModelMixin, model: TransformerDenoiser, kind: str) -> TransformerControlNet:
    """Return the ControlNet of a network of diffusers for a model, for maps of a kind of condition."""
    if type(net).__name__ == "FluxControlNetModel":
        return FluxControlNet(net, model.encode, UNION_MODES[kind] if net.union else None)
    if not net.config.force_zeros_for_pooled_projection:
        return Sd3ControlNet(net, model.encode)
    scale = model.vae.config.scaling_factor
    return Sd3ControlNet(net, lambda image: scale * model.codec.denormalize(model.encode(image)))
