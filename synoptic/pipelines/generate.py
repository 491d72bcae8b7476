"""Plain text-to-image, in as many stages as are asked for (DeepFloyd IF: 64, 256 and 1024 pixels)."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from synoptic.diffusion.equations import randn
from synoptic.diffusion.schedules import get_clip
from synoptic.diffusion.solvers import get_solver, timestep_pairs
from synoptic.guidance.cfg import cfg, within_interval
from synoptic.guidance.rules import RULES, by_rule, hold_at_pure_noise
from synoptic.models.base import Denoiser
from synoptic.options.base import Item
from synoptic.options.generate import GenerateOptions
from synoptic.pipelines.base import decoded, pass_on, rngs_of
from synoptic.pipelines.deepcached import deepcached
from synoptic.pipelines.outputs import Output
from synoptic.pipelines.upscaling import UpscalingPipeline
from synoptic.sampling.single import sample
from synoptic.sampling.step import Decode, Step


class GeneratePipeline(UpscalingPipeline[GenerateOptions]):
    """Denoise at the model's own size, then stage by stage, each given the picture of the one before."""

    def sample(self, items: Sequence[Item]) -> Generator[Step, None, list[Output]]:
        o, rngs, prompts = self.options, rngs_of(items), [item.title for item in items]
        x = randn(self.model.shape, rngs).to(self.model.device)
        model = deepcached(self.model, o)
        step = yield from pass_on(self._denoise(model, prompts, x, rngs, o.steps, o.cfg_scale))
        for up, steps in zip(self.upscalers, self.upscaler_steps, strict=True):
            small, stage = decoded(step), self.load_upscaler(up)
            size = [side * stage.scale_factor // stage.factor for side in small.shape[-2:]]
            x, noise = (randn((channels, *size), rngs, small) for channels in (stage.shape[0], small.shape[1]))
            large = stage.denoiser_for(small, o.noise_level, noise)
            step = yield from pass_on(self._denoise(large, prompts, x, rngs, steps, up.defaults.guidance_scale))
        return [Output(image) for image in step.images()]

    def _denoise(
        self,
        model: Denoiser,
        prompts: Sequence[str],
        x: Tensor,
        rngs: Sequence[torch.Generator],
        steps: int,
        guidance_scale: float,
    ) -> Iterator[Step]:
        o, s = self.options, model.schedule
        pairs, solver = timestep_pairs(o.sampler, s, steps), get_solver(o.sampler, o.eta)
        clip, rule = get_clip(o.clip, s), RULES.get(o.guidance_rule)
        predict = cfg(
            model, prompts, guidance_scale, o.negative_prompt, clip=clip, combine=by_rule(rule, s) if rule else None
        )
        if o.guidance_rule == "zero-star":
            predict = hold_at_pure_noise(predict, s)
        if o.guidance_interval:
            predict = within_interval(o.guidance_interval, pairs, predict, cfg(model, prompts, clip=clip))
        for step in sample(predict, s, x, steps=pairs, solver=solver, rngs=rngs):
            yield replace(step, decode=one_by_one(model))


def one_by_one(model: Denoiser) -> Decode:
    """Return the model's decoder, one canvas at a time where they are larger than its own."""

    def decode(z: Tensor) -> Tensor:
        large = z.shape[-1] > model.shape[-1]
        return torch.cat([model.decode(one) for one in z.split(1)]) if large else model.decode(z)

    return decode
