"""A wide picture at one size: its windows, what each is told, and how they are painted together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import ceil
from typing import TYPE_CHECKING, Any

from synoptic.models.source import Source
from synoptic.recipes.region import Region

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from synoptic.diffusion import Step
    from synoptic.guidance import Predict
    from synoptic.models.base import Denoiser
    from synoptic.synchronize import Nudge
    from synoptic.views.base import Views
    from synoptic.views.moving import Moving
    from synoptic.views.patchwork import Patch
    from synoptic.views.windows import Windows


@dataclass(frozen=True)
class Canvas:
    """`size` is (H, W) in the model's own pixels; `settings` are those of the recipe `wide`, checked."""

    source: Source
    settings: dict[str, Any]
    size: tuple[int, int]
    regions: Sequence[Region] = ()

    @property
    def shape(self) -> tuple[int, int, int]:
        return (self.source.unet["in_channels"], *self.size)

    @property
    def window(self) -> tuple[int, int]:
        return (self.source.unet["sample_size"],) * 2

    @cached_property
    def views(self) -> Views | Callable[[int], Views]:
        """The windows, or those of each step, with the regions' own."""
        from synoptic.views.patchwork import Patchwork
        from synoptic.views.windows import Windows

        ground, patches = self.ground, self.patches
        if not patches:
            return ground
        return Patchwork(ground, patches) if isinstance(ground, Windows) else lambda i: Patchwork(ground(i), patches)

    @cached_property
    def most(self) -> int:
        """How many views a step has at most."""
        return len(self.ground) + sum(len(patch.windows) for patch in self.patches)

    @cached_property
    def ground(self) -> Windows | Moving:
        import torch

        from synoptic.views.moving import Moving, shifted, thinning
        from synoptic.views.windows import Windows

        how, side, n = self.settings, self.window[0], self.settings["steps"]
        if how["windows"] in ("dense", "collage"):
            stride = (how["stride"],) * 2
            return Windows(self.shape, self.window, stride, wrap=how["loop"], weights=how["weights"])
        strides = shifted(side, n) if how["windows"] == "shifted" else thinning(how["stride"], side, n)
        return Moving(self.shape, self.window, strides, torch.Generator().manual_seed(0), weights=how["weights"])

    @cached_property
    def patches(self) -> list[Patch]:
        from synoptic.views.patchwork import feathered, patch

        C, (side, _), stride = self.shape[0], self.window, min(self.settings["stride"], self.window[0] // 2)
        shares = [feathered(region.covers(*self.size), side // 8) for region in self.regions]
        return [patch(share, C, self.window, (stride, stride)) for share in shares]

    def start(self, m: Denoiser, rngs: Sequence[torch.Generator]) -> Tensor:
        from synoptic.diffusion import randn

        return randn(self.shape, rngs).to(m.device)

    def paint(
        self, m: Denoiser, prompts: Sequence[str], rngs: Sequence[torch.Generator], z: Tensor, first: int = 0
    ) -> Iterator[Step]:
        """From the canvas z (B, C, H, W) as it is before step `first` to the end; Steps as --space says."""
        from synoptic import solvers
        from synoptic.sample import sample
        from synoptic.steer.collage import collage
        from synoptic.synchronize import canonical, instance
        from synoptic.views.shared import share

        s, how, views = m.schedule, self.settings, share(self.views)
        common: dict[str, Any] = {
            "steps": solvers.steps_of(how["sampler"], s, how["steps"]),
            "solve": solvers.sampler(how["sampler"], how["eta"]),
            "rngs": rngs,
            "start": first,
        }
        predict = self.predict(m, prompts, common["steps"])
        if how["windows"] == "collage":
            graph = collage(predict, s, self.shape, self.window, (how["stride"],) * 2, how["loop"])
            return sample(graph, s, z, **common)
        if how["space"] == "canonical":
            nudge = self.nudge(m, predict, common["steps"]) if how["coherence"] else None
            return canonical(predict, s, views, z, sync=how["sync"], nudge=nudge, **common)
        return instance(predict, s, self.still, self.still.project(z), sync=how["sync"], **common)

    @property
    def still(self) -> Views:
        """The windows, where they are the same at every step."""
        if callable(self.views):
            raise ValueError("windows that move have their state on the canvas, not in views: use --space canonical")
        return self.views

    def predict(self, m: Denoiser, prompts: Sequence[str], steps: Sequence) -> Predict:
        """Guided at every step, or in a part of them."""
        from synoptic.guidance import between

        how, guided = self.settings, self.guided(m, prompts)
        if not how.get("guidance_interval"):
            return guided
        begin, end = (share * len(steps) for share in how["guidance_interval"])
        quiet = replace(self, settings=how | {"guidance": 1.0}, regions=[replace(r, guidance=1.0) for r in self.regions])
        return between(guided, quiet.guided(m, prompts), steps[int(begin)][0], steps[ceil(end) - 1][0])

    def guided(self, m: Denoiser, prompts: Sequence[str]) -> Predict:
        """By one prompt a picture, or by what each view is told."""
        import torch

        from synoptic.guidance import cfg
        from synoptic.schedule import clipping
        from synoptic.steer.voices import Voice, apart, travel, voices

        how, clip = self.settings, clipping(self.settings["clip"], m.schedule)
        if not how["travel"] and not self.regions:
            return cfg(m, prompts, how["guidance"], how["negative"], clip=clip)
        pictures = len(prompts)
        stops = [[stop] * pictures for stop in how["prompt"]] if how["travel"] else [list(prompts)]
        every = [Voice(stop, how["negative"], how["guidance"]) for stop in stops]
        every += [Voice([r.prompt] * pictures, r.negative, r.guidance) for r in self.regions]
        mix = travel(len(stops), self.shape, how["loop"]) if how["travel"] else lambda views: torch.ones(len(views), 1)
        return voices(m, every, apart(mix) if self.regions else mix, clip=clip)

    def nudge(self, m: Denoiser, predict: Predict, steps: Sequence) -> Nudge:
        """SyncDiffusion's."""
        from synoptic.evaluate.clip import Clip
        from synoptic.guidance import fitting_rows
        from synoptic.steer import eyes
        from synoptic.steer.coherence import Coherence, decaying

        how = self.settings
        weights = decaying(steps, how["coherence"], DECAY, how["coherence_steps"], how["coherence_every"])
        if how["coherence_by"] == "lpips":
            features, distance = (lambda x: x), eyes.lpips(m.device)
        else:
            features, distance = eyes.Eyes(Clip("bundled-shape", str(m.device))), eyes.unlike
        rows = 4 if m.device.type == "cpu" else max(1, fitting_rows(m, m.device) // GRADIENTS)
        return Coherence(predict, m.decode, features, distance, weights, how["anchor"], rows)

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

        from synoptic import solvers
        from synoptic.diffusion import add_noise, randn

        with torch.no_grad():
            size = [length * self.source.factor for length in self.size]
            x0 = m.encode(interpolate(self.small().decode(m, z), size, mode="bicubic").clamp(-1, 1))
        steps = solvers.steps_of(self.settings["sampler"], m.schedule, self.settings["steps"])
        return add_noise(m.schedule, x0, randn(self.shape, rngs, x0), steps[first][0])


DECAY = 0.95  # the paper's
GRADIENTS = 64  # times the memory of a row: network and decoder keep what the way back needs
