"""ControlNets: maps of edges, strokes or depths say where a latent model paints what (Zhang et al. 2023)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol

import torch
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor

from synoptic.diffusion.ddpm_schedule import DDPMSchedule
from synoptic.diffusion.equations import Pred, Rows, Time
from synoptic.models.base import Conditioning, Denoiser
from synoptic.models.unet import freeze_and_layout
from synoptic.utils.arguments import typed

RGB_CHANNELS = 3  # the channels of a map
FLOW_TIMES = 1001  # a flow's times are 1000 … 0, both ends included


class ControlNetwork(Protocol):
    """What says of a map what a network adds to its own features: the fields of the conditioning that take it."""

    net: ModelMixin

    def additions(
        self, x: Tensor, t: Time, cond: Conditioning, control_image: Tensor, strength: float | Tensor
    ) -> Mapping[str, Sequence[Tensor]]:
        """Return {field: one a level} for x (N, C, h, w), maps (N, 3, H, W) in [0, 1], strength a number or (N, 1, 1, 1)."""
        ...


class ControlNet:
    """A diffusers ControlNetModel as a `ControlNetwork`: the additions, its middle last.

    One with `global_pool_conditions` says what is shown, not where: its additions are means over the picture. As in
    diffusers' pipelines it speaks to the first branch of guidance alone, that of the prompt.
    """

    def __init__(self, net: ModelMixin) -> None:
        self.net, self.layout = freeze_and_layout(net)
        self.device, self.dtype = net.device, net.dtype

    def __call__(
        self, x: Tensor, t: Time, cond: Conditioning, control_image: Tensor, strength: float | Tensor
    ) -> list[Tensor]:
        inside, shown = (v.to(self.dtype, memory_format=self.layout) for v in (x, control_image))
        if self.net.config.global_pool_conditions and cond.branch_rows is not None:
            strength = strength * (cond.branch_rows[:, 0] == 0).to(inside).view(-1, 1, 1, 1)
        return controlnet_residuals(self.net, inside, t, cond.text_only().to(dtype=self.dtype), shown, strength)

    def additions(
        self, x: Tensor, t: Time, cond: Conditioning, control_image: Tensor, strength: float | Tensor
    ) -> Mapping[str, Sequence[Tensor]]:
        return {"control_residuals": self(x, t, cond, control_image, strength)}


def controlnet_residuals(
    net: ModelMixin, x: Tensor, t: Time, cond: Conditioning, control_image: Tensor, strength: float | Tensor = 1.0
) -> list[Tensor]:
    """Return what a ControlNetModel adds, frozen or learning; arguments as `ControlNet`, in the net's own dtype."""
    added = cond.text_only().added_cond_kwargs
    downs, mid = net(
        x, t, cond.text, control_image, conditioning_scale=strength, added_cond_kwargs=added or None, return_dict=False
    )
    return [*downs, mid]


class Control(NamedTuple):
    """A map to follow: (1, 3, H, W) in [0, 1], or one a picture (B, …), as large as the picture.

    `strength` 1 is as trained, 0 off; it acts from `start` to `end`, shares of the way from noise (0) to picture (1).
    """

    net: ControlNetwork
    control_image: Tensor
    strength: float = 1.0
    start: float = 0.0
    end: float = 1.0

    def is_active(self, t: Time, T: int) -> bool | Tensor:
        """Return whether it acts at time t of T - 1 … 0: diffusers' control_guidance_start and
        _end, if whole steps meet them.
        """
        way = T - 1 - t
        return (way >= self.start * T - 0.5) & (way < self.end * T - 0.5)


class ControlledDenoiser:
    """A latent Denoiser that follows maps, several at once: what their nets add is summed (diffusers' MultiControlNet).

    Its maps are of whole canvases: `batching.predict_branches` hands every view the part that it sees. Raises ValueError
    without a control, where begin is not below end, where a map is not (B, 3, H, W) or of another size than the first, and
    for a U-Net's ControlNet where the model is a flow.
    """

    def __init__(self, model: Denoiser, controls: Sequence[Control]) -> None:
        if not controls:
            raise ValueError("a controlled model follows at least one map, none was given: give a Control")
        if not isinstance(model.schedule, DDPMSchedule) and any(isinstance(c.net, ControlNet) for c in controls):
            raise ValueError("a ControlNet guides a DDPM's U-Net; this model's schedule is a flow's: choose another model")
        for c in controls:
            if not 0 <= c.start < c.end <= 1:
                raise ValueError(f"a control acts from begin to end, 0 <= begin < end <= 1, not {c.start} to {c.end}")
            if (
                c.control_image.ndim != 4
                or c.control_image.shape[1] != RGB_CHANNELS
                or c.control_image.shape[2:] != controls[0].control_image.shape[2:]
            ):
                raise ValueError(
                    f"maps are (B, 3, H, W), all of one size, not {[tuple(c.control_image.shape) for c in controls]}"
                )
        self.model, self.controls, self.schedule = model, list(controls), model.schedule
        self.num_times = len(self.schedule.alphas_cumprod) if isinstance(self.schedule, DDPMSchedule) else FLOW_TIMES
        self.shape, self.factor = model.shape, model.factor
        self.device, self.dtype, self.row_bytes = model.device, model.dtype, model.row_bytes * (1 + len(controls))
        self.encode, self.decode = model.encode, model.decode

    def embed(self, prompts: Sequence[str]) -> Conditioning:
        """Return one row per prompt, with its maps: the first with the first prompt, and so on, or one for all."""
        maps = [c.control_image.to(self.device).expand(len(prompts), -1, -1, -1) for c in self.controls]
        return replace(self.model.embed(prompts), control_images=torch.cat(maps, 1))

    @typed
    def predict(self, x: Rows, t: Time, cond: Conditioning) -> Pred:
        if cond.control_images is None:
            raise ValueError("a controlled model needs control_images: embed the prompts with it")
        maps = cond.control_images.split(RGB_CHANNELS, 1)
        rows: dict[str, list[Sequence[Tensor]]] = {}
        for control, control_image in zip(self.controls, maps, strict=True):
            acts = control.is_active(t, self.num_times)
            if isinstance(acts, Tensor):
                acts = acts.to(x).view(-1, 1, 1, 1)
            elif not acts:
                continue
            some = control.net.additions(x, self.schedule.network_time(t), cond, control_image, control.strength * acts)
            for name, levels in some.items():
                rows.setdefault(name, []).append(levels)
        added = {name: tuple(torch.stack(level).sum(0) for level in zip(*some, strict=True)) for name, some in rows.items()}
        return self.model.predict(x, t, replace(cond, control_images=None, **added))
