"""A wide picture at one size: its windows, its regions, and from latents to pixels and back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from synoptic import io
from synoptic.diffusion.solvers import timestep_pairs
from synoptic.guidance.cfg import Predict
from synoptic.guidance.syncdiffusion import SyncDiffusion, exponential_decay
from synoptic.io.circular import wrap_ends
from synoptic.metrics import perceptual
from synoptic.metrics.clip import Clip
from synoptic.models.base import Denoiser
from synoptic.models.checkpoint import Checkpoint
from synoptic.models.memory import max_batch_rows
from synoptic.options.regions import Region
from synoptic.options.wide import WideOptions
from synoptic.sampling.joint import Views, ViewUpdate
from synoptic.utils.picture import read_mask
from synoptic.views.regions import WindowRegion, WindowsWithRegions, feather_mask, make_region
from synoptic.views.window_schedule import WindowSchedule, growing_strides, tiled_strides
from synoptic.views.windows import Windows

SYNCDIFFUSION_DECAY = 0.95  # the authors' own
GRADIENT_ROWS = 64  # times the memory of a row: network and decoder keep what the backward pass needs


@dataclass(frozen=True)
class WideCanvas:
    """The windows over a canvas of `size` (H, W), in the model's own pixels, as the options say."""

    checkpoint: Checkpoint
    options: WideOptions
    size: tuple[int, int]

    @property
    def shape(self) -> tuple[int, int, int]:
        return (self.checkpoint.channels, *self.size)

    @property
    def window(self) -> tuple[int, int]:
        return self.checkpoint.side, self.checkpoint.side

    @cached_property
    def views(self) -> Views:
        """The windows, or those of each step, with the regions' own."""
        base, regions = self.base, self.regions
        if not regions:
            return base
        if isinstance(base, Windows):
            return WindowsWithRegions(base, regions)
        return lambda i: WindowsWithRegions(base(i), regions)

    @cached_property
    def max_views(self) -> int:
        """How many views a step has at most."""
        return len(self.base) + sum(len(region.windows) for region in self.regions)

    @cached_property
    def base(self) -> Windows | WindowSchedule:
        o, side = self.options, self.checkpoint.side
        if o.windows in ("dense", "collage"):
            return Windows(self.shape, self.window, (o.stride, o.stride), circular=o.circular, weights=o.weights)
        strides = tiled_strides(side, o.steps) if o.windows == "shifted" else growing_strides(o.stride, side, o.steps)
        return WindowSchedule(self.shape, self.window, strides, torch.Generator().manual_seed(0), weights=o.weights)

    @cached_property
    def regions(self) -> list[WindowRegion]:
        o, side, ring = self.options, self.checkpoint.side, self.options.circular
        stride = min(o.stride, side // 2)
        masks = [feather_mask(coverage(region, *self.size), side // 8, ring) for region in o.regions()]
        return [make_region(mask, self.shape[0], self.window, (stride, stride), ring) for mask in masks]

    def small(self) -> WideCanvas:
        """Return the same picture with a short side of the model's own size."""
        side, short = self.checkpoint.side, min(self.size)
        H, W = (max(side, round(length * side / short)) for length in self.size)
        return replace(self, size=(H, W))

    def decode(self, z: Tensor, model: Denoiser) -> Tensor:
        """Return the pictures (B, 3, H, W) of canvases; a circular one's ends are continued, so that they meet in RGB."""
        if not self.options.circular:
            return model.decode(z)
        pad = round(z.shape[-1] * (self.checkpoint.side // 4) / self.shape[2])  # z may be a smaller preview
        f = model.factor
        return model.decode(wrap_ends(z, pad))[..., pad * f : -pad * f]

    def enlarge(self, pictures: Tensor, model: Denoiser) -> Tensor:
        """Return the canvases (B, C, H, W) of smaller pictures (B, 3, h, w); a circular one's ends meet."""
        f, (H, W), ring = model.factor, self.size, self.options.circular
        beside = pictures.shape[-1] if ring else 0  # as wide as it is itself, so that the scale stays what it is
        larger = interpolate(wrap_ends(pictures, beside), (H * f, W * f * (3 if ring else 1)), mode="bicubic").clamp(-1, 1)
        if not ring:
            return model.encode(larger)
        pad = self.checkpoint.side // 4
        return model.encode(larger[..., (W - pad) * f : (2 * W + pad) * f])[..., pad : pad + W]

    def view_update(self, predict: Predict, model: Denoiser) -> ViewUpdate | None:
        """Return SyncDiffusion's gradient step on the windows, where it is asked for."""
        o = self.options
        if not o.syncdiffusion_weight:
            return None
        steps = timestep_pairs(o.sampler, model.schedule, o.steps)
        weights = exponential_decay(
            steps, o.syncdiffusion_weight, SYNCDIFFUSION_DECAY, o.syncdiffusion_steps, o.syncdiffusion_every
        )
        if o.syncdiffusion_metric == "lpips":
            features, distance = (lambda x: x), perceptual.lpips(model.device)
        else:
            features = perceptual.CLIPPatchFeatures(Clip("bundled-grayscale", str(model.device)))
            distance = perceptual.feature_distance
        rows = 4 if model.device.type == "cpu" else max(1, max_batch_rows(model, model.device) // GRADIENT_ROWS)
        return SyncDiffusion(predict, model.decode, features, distance, weights, o.syncdiffusion_anchor, rows)


def coverage(region: Region, height: int, width: int) -> Tensor:
    """Return where a region lies on a canvas of any size, (H, W) in [0, 1]: a pixel at its edge may be in between."""
    if region.box is None:
        mask = (io.from_pil(read_mask(region.mask))[:, :1] + 1) / 2
        return interpolate(mask, (height, width), mode="area")[0, 0]
    x0, y0, x1, y1 = region.box
    rows, columns = (torch.zeros(n, dtype=torch.float32) for n in (height, width))
    rows[round(y0 * height) : round(y1 * height)] = 1
    columns[round(x0 * width) : round(x1 * width)] = 1
    return rows[:, None] * columns
