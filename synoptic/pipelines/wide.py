"""Pictures of any size: windows denoised together (MultiDiffusion, Bar-Tal et al. 2023; SyncTweedies, Kim et al. 2024)."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from functools import cached_property, partial

import torch
from PIL.Image import Image
from torch import Tensor

from synoptic.diffusion.equations import add_noise, randn
from synoptic.diffusion.schedules import get_clip
from synoptic.diffusion.solvers import get_solver, timestep_pairs
from synoptic.guidance.cfg import Predict, cfg, within_interval
from synoptic.guidance.regional_prompts import (
    PromptSpec,
    interpolate_prompts,
    one_per_region,
    one_prompt,
    regional_cfg,
)
from synoptic.metrics.clip import Clip, clip_score, square_crops
from synoptic.models.base import Denoiser
from synoptic.options.base import Item
from synoptic.options.regions import Region
from synoptic.options.wide import WideOptions
from synoptic.pipelines.base import Pipeline, pass_on, rngs_of
from synoptic.pipelines.control_guidance import with_wide_control
from synoptic.pipelines.deepcached import deepcached
from synoptic.pipelines.outputs import Output
from synoptic.pipelines.wide_canvas import WideCanvas
from synoptic.sampling.diffcollage import diffcollage_predict
from synoptic.sampling.joint import Space
from synoptic.sampling.joint_sampler import JointSampler
from synoptic.sampling.sdedit import start_index
from synoptic.sampling.single import sample
from synoptic.sampling.step import Step
from synoptic.views.sharded import shard


class WidePipeline(Pipeline[WideOptions]):
    """Denoise the windows of a canvas together; with `progressive` first of a small one, then of the enlarged one."""

    @cached_property
    def canvas(self) -> WideCanvas:
        checkpoint, o = self.model.checkpoint, self.options
        return WideCanvas(checkpoint, o, (o.height // checkpoint.factor, o.width // checkpoint.factor))

    @property
    def first(self) -> int:
        """The step that the large canvas begins with."""
        return start_index(self.options.progressive, self.options.steps) if self.options.progressive else 0

    @property
    def num_steps(self) -> int:
        return self.options.steps * (2 if self.options.progressive else 1) - self.first

    @property
    def views_per_item(self) -> int:
        return self.canvas.max_views * (4 if self.options.syncdiffusion_weight else 1)

    def sample(self, items: Sequence[Item]) -> Generator[Step, None, list[Output]]:
        rngs, canvas = rngs_of(items), self.canvas
        if self.options.progressive:
            small = canvas.small()
            z = randn(small.shape, rngs).to(self.model.device)
            step = yield from pass_on(self._denoise(small, items, z, rngs))
            step = yield from pass_on(self._denoise(canvas, items, self._enlarge(step, rngs), rngs, self.first))
        else:
            z = randn(canvas.shape, rngs).to(self.model.device)
            step = yield from pass_on(self._denoise(canvas, items, z, rngs))
        files = self._controlled[1] if self.options.control is not None else {}
        return [Output(image, files) for image in step.images()]

    def _denoise(
        self, canvas: WideCanvas, items: Sequence[Item], z: Tensor, rngs: Sequence[torch.Generator], first: int = 0
    ) -> Iterator[Step]:
        """Yield the Steps from the canvas z (B, C, H, W), as it is before step `first`, to the end."""
        o = self.options
        model = deepcached(self.model, o, first) if o.control is None else self._controlled[0]
        decode, predict = partial(canvas.decode, model=self.model), self.predict_for(canvas, items, model)
        if o.windows == "collage":
            s, side = model.schedule, canvas.window
            graph = diffcollage_predict(predict, s, canvas.shape, side, (o.stride, o.stride), o.circular)
            pairs, solver = timestep_pairs(o.sampler, s, o.steps), get_solver(o.sampler, o.eta)
            steps = sample(graph, s, z, steps=pairs, solver=solver, rngs=rngs, start=first)
        else:
            sampler = JointSampler(lambda *_: predict, o.steps, o.sync, self.space, sampler=o.sampler, eta=o.eta)
            views, update = canvas.views, canvas.view_update(predict, model)
            if self.space == "canonical":
                steps = sampler.steps(model, shard(views), z, rngs, view_update=update, start=first)
            else:
                assert not callable(views)
                steps = sampler.steps(model, views, views.project(z), rngs, start=first)
        for step in steps:
            yield replace(step, decode=decode)

    def predict_for(self, canvas: WideCanvas, items: Sequence[Item], model: Denoiser) -> Predict:
        """Return the guided prediction of a canvas's windows: at every step, or in the guidance interval."""
        guided = partial(self._guided, canvas, model, items)
        predict = guided(self.options.cfg_scale, self.options.regions())
        if self.options.guidance_interval is None:
            return predict
        unguided = guided(1.0, [replace(region, guidance_scale=1.0) for region in self.options.regions()])
        steps = timestep_pairs(self.options.sampler, model.schedule, self.options.steps)
        return within_interval(self.options.guidance_interval, steps, predict, unguided)

    def _guided(
        self, canvas: WideCanvas, model: Denoiser, items: Sequence[Item], scale: float, regions: Sequence[Region]
    ) -> Predict:
        """Return the prediction by one prompt per picture, or by each window's own mixture of prompts."""
        o, clip, n = self.options, get_clip(self.options.clip, model.schedule), len(items)
        if not o.prompt_travel and not regions:
            return cfg(model, [item.title for item in items], scale, o.negative_prompt, clip=clip)
        stops = o.stops(items)
        specs = [PromptSpec(stop, o.negative_prompt, scale) for stop in stops]
        specs += [PromptSpec([r.prompt] * n, r.negative_prompt, r.guidance_scale) for r in regions]
        weights = interpolate_prompts(len(stops), canvas.shape, o.circular) if o.prompt_travel else one_prompt
        return regional_cfg(model, specs, one_per_region(weights) if regions else weights, clip=clip)

    @property
    def space(self) -> Space:
        assert self.options.space != "auto"  # once resolved
        return self.options.space

    @cached_property
    def _controlled(self) -> tuple[Denoiser, dict[str, Image]]:
        """The model, following --control if there is one, and its files."""
        o = self.options
        return with_wide_control(deepcached(self.model, o), o)

    @torch.no_grad()
    def _enlarge(self, step: Step, rngs: Sequence[torch.Generator]) -> Tensor:
        """Return a small canvas in the large one's size, noised to the first step's time (Du et al. 2024, DemoFusion)."""
        assert step.decode is not None
        o, model = self.options, self.model
        x0 = self.canvas.enlarge(step.decode(step.canvas), model)
        t, _ = timestep_pairs(o.sampler, model.schedule, o.steps)[self.first]
        return add_noise(model.schedule, x0, randn(self.canvas.shape, rngs, x0), t)

    def score(self, clip: Clip, image: Image, item: Item) -> float:
        if not self.options.prompt_travel:
            return clip_score(clip, image, item.title)
        crops, stops = square_crops(image), item.prompts  # of a traveling picture, each square with the nearest prompt
        nearest = [round(k / max(1, len(crops) - 1) * (len(stops) - 1)) for k in range(len(crops))]
        return sum(clip([crop], [stops[k]]).item() for crop, k in zip(crops, nearest, strict=True)) / len(crops)
