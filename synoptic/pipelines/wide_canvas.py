"""A wide picture at one size: its windows, and how they are painted together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from synoptic.models.registry import Checkpoint
from synoptic.options.regions import Region

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from synoptic.diffusion.equations import Step
    from synoptic.models.base import Denoiser
    from synoptic.views.base import Projection
    from synoptic.views.regions import WindowRegion
    from synoptic.views.window_schedule import WindowSchedule
    from synoptic.views.windows import Windows


@dataclass(frozen=True)
class Canvas:
    """`size` is (H, W) in the model's own pixels; `settings` are those of the recipe `wide`, checked.

    `follow` makes of the model one that follows maps.
    """

    source: Checkpoint
    settings: dict[str, Any]
    size: tuple[int, int]
    regions: Sequence[Region] = ()
    follow: Callable[[Denoiser], Denoiser] | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        return (self.source.unet_config["in_channels"], *self.size)

    @property
    def window(self) -> tuple[int, int]:
        return (self.source.unet_config["sample_size"],) * 2

    @cached_property
    def views(self) -> Projection | Callable[[int], Projection]:
        """The windows, or those of each step, with the regions' own."""
        from synoptic.views.regions import WindowsWithRegions
        from synoptic.views.windows import Windows

        ground, patches = self.ground, self.patches
        if not patches:
            return ground
        return (
            WindowsWithRegions(ground, patches)
            if isinstance(ground, Windows)
            else lambda i: WindowsWithRegions(ground(i), patches)
        )

    @cached_property
    def most(self) -> int:
        """How many views a step has at most."""
        return len(self.ground) + sum(len(patch.windows) for patch in self.patches)

    @cached_property
    def ground(self) -> Windows | WindowSchedule:
        import torch

        from synoptic.views.window_schedule import WindowSchedule, growing_strides, tiled_strides
        from synoptic.views.windows import Windows

        how, side, n = self.settings, self.window[0], self.settings["steps"]
        if how["windows"] in ("dense", "collage"):
            stride = (how["stride"],) * 2
            return Windows(self.shape, self.window, stride, circular=how["loop"], weights=how["weights"])
        strides = tiled_strides(side, n) if how["windows"] == "shifted" else growing_strides(how["stride"], side, n)
        return WindowSchedule(self.shape, self.window, strides, torch.Generator().manual_seed(0), weights=how["weights"])

    @cached_property
    def patches(self) -> list[WindowRegion]:
        from synoptic.views.regions import feather_mask, make_region

        C, (side, _), stride = self.shape[0], self.window, min(self.settings["stride"], self.window[0] // 2)
        shares = [feather_mask(region.covers(*self.size), side // 8) for region in self.regions]
        return [make_region(share, C, self.window, (stride, stride)) for share in shares]

    def start(self, m: Denoiser, rngs: Sequence[torch.Generator]) -> Tensor:
        from synoptic.diffusion.equations import randn

        return randn(self.shape, rngs).to(m.device)

    def paint(
        self, m: Denoiser, prompts: Sequence[str], rngs: Sequence[torch.Generator], z: Tensor, first: int = 0
    ) -> Iterator[Step]:
        """From the canvas z (B, C, H, W) as it is before step `first` to the end; Steps as --space says."""
        from synoptic.diffusion import solvers
        from synoptic.pipelines.wide_guidance import nudging, reusing, told
        from synoptic.sampling.diffcollage import diffcollage_predict
        from synoptic.sampling.joint import canonical, instance
        from synoptic.sampling.single import sample
        from synoptic.views.sharded import shard

        s, how, views = m.schedule, self.settings, shard(self.views)
        common: dict[str, Any] = {
            "steps": solvers.timestep_pairs(how["sampler"], s, how["steps"]),
            "solver": solvers.get_solver(how["sampler"], how["eta"]),
            "rngs": rngs,
            "start": first,
        }
        m = reusing(how, m, common["steps"], first)
        m = self.follow(m) if self.follow else m
        predict = told(self, m, prompts, common["steps"])
        if how["windows"] == "collage":
            graph = diffcollage_predict(predict, s, self.shape, self.window, (how["stride"],) * 2, how["loop"])
            return sample(graph, s, z, **common)
        if how["space"] == "canonical":
            nudge = nudging(how, m, predict, common["steps"]) if how["coherence"] else None
            return canonical(predict, s, views, z, sync=how["sync"], view_update=nudge, **common)
        return instance(predict, s, self.still, self.still.project(z), sync=how["sync"], **common)

    @property
    def still(self) -> Projection:
        """The windows, where they are the same at every step."""
        if callable(self.views):
            raise ValueError("windows that move have their state on the canvas, not in views: use --space canonical")
        return self.views

    def decode(self, m: Denoiser, x: Tensor) -> Tensor:
        """The pictures (B, 3, H, W) of a Step's x; a loop is decoded with its ends continued, so that they meet in RGB."""
        import torch

        z = x if self.settings["space"] == "canonical" else self.still.unproject(x)
        if not self.settings["loop"]:
            return m.decode(z)
        f, pad = self.source.factor, self.window[1] // 4
        return m.decode(torch.cat([z[..., -pad:], z, z[..., :pad]], -1))[..., pad * f : -pad * f]

    def small(self) -> Canvas:
        """The same picture with a short side of the model's own size."""
        side, short = self.window[0], min(self.size)
        H, W = (max(side, round(length * side / short)) for length in self.size)
        return replace(self, size=(H, W))

    def enlarged(self, m: Denoiser, z: Tensor, rngs: Sequence[torch.Generator], first: int) -> Tensor:
        """A small canvas's latents z in this one's size, noised to the time of step `first` (Du et al. 2024, DemoFusion)."""
        import torch
        from torch.nn.functional import interpolate

        from synoptic.diffusion import solvers
        from synoptic.diffusion.equations import add_noise, randn

        with torch.no_grad():
            size = [length * self.source.factor for length in self.size]
            x0 = m.encode(interpolate(self.small().decode(m, z), size, mode="bicubic").clamp(-1, 1))
        steps = solvers.timestep_pairs(self.settings["sampler"], m.schedule, self.settings["steps"])
        return add_noise(m.schedule, x0, randn(self.shape, rngs, x0), steps[first][0])
