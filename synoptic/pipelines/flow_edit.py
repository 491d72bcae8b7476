"""Editing a picture from one prompt to another, along the difference of their velocities (FlowEdit, Kulikov et al. 2025)."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import torch

from synoptic.diffusion.schedules import get_clip
from synoptic.diffusion.solvers import timestep_pairs
from synoptic.guidance.cfg import Predict, cfg_from_conditions
from synoptic.models.base import Conditioning
from synoptic.models.transformer import with_guidance_scale
from synoptic.options.base import Item
from synoptic.options.flow_edit import FlowEditOptions
from synoptic.pipelines.base import rngs_of
from synoptic.pipelines.input_image import InputImagePipeline
from synoptic.pipelines.outputs import Output
from synoptic.sampling.flow_edit import flow_edit
from synoptic.sampling.joint import joint_predict
from synoptic.sampling.sdedit import start_index
from synoptic.sampling.step import Step


class FlowEditPipeline(InputImagePipeline[FlowEditOptions]):
    """Move the picture's canvas, no noise in it, by what the target's prompt would do otherwise than its own."""

    @property
    def num_steps(self) -> int:
        return self.options.steps - self.start

    @property
    def start(self) -> int:
        """The step to start from."""
        return start_index(self.options.strength, self.options.steps)

    @property
    def views_per_item(self) -> int:
        return 2 * super().views_per_item

    def sample(self, items: Sequence[Item]) -> Generator[Step, None, list[Output]]:
        o, rngs, s, picture = self.options, rngs_of(items), self.model.schedule, self.picture
        source = picture.encode(self.model).expand(len(rngs), -1, -1, -1)
        predict = joint_predict(self.predict_both([item.title for item in items]), s, picture.windows)
        steps = flow_edit(predict, s, source, steps=timestep_pairs("ddim", s, o.steps), start=self.start, rngs=rngs)
        step = yield from self.pass_on(steps)
        return self.outputs(step.images())

    def predict_both(self, prompts: Sequence[str]) -> Predict:
        """Return the guided prediction of 2B canvases: of the source's prompt, then of B prompts, each by its own scale."""
        o, views = self.options, len(self.picture.windows)
        models = with_guidance_scale(self.model, o.source_guidance_scale), self.model
        texts, scales = ([o.source_prompt] * len(prompts), prompts), (o.source_cfg_scale, o.cfg_scale)
        conds = {"cond": Conditioning.cat([model.embed(some) for model, some in zip(models, texts, strict=True)])}
        if max(scales) > 1:
            negative = [o.negative_prompt] * len(prompts)
            conds["null"] = Conditioning.cat([model.embed(negative) for model in models])
        scale = (
            torch.tensor(scales, dtype=torch.float32)
            .repeat_interleave(len(prompts) * views)
            .view(-1, 1, 1, 1)
            .to(self.model.device)
        )
        return cfg_from_conditions(self.model, conds, scale, clip=get_clip(o.clip, self.model.schedule))
