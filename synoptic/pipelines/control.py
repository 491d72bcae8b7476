"""Pictures with the structure of a given one: its edges, strokes or depth are followed (ControlNet, Zhang et al. 2023)."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from synoptic.diffusion.schedules import get_clip
from synoptic.guidance.cfg import Predict, cfg
from synoptic.models.base import Denoiser
from synoptic.options.base import Item
from synoptic.options.control import ControlOptions
from synoptic.pipelines.base import rngs_of
from synoptic.pipelines.control_guidance import with_controlnets
from synoptic.pipelines.input_image import InputImagePipeline
from synoptic.pipelines.outputs import Output
from synoptic.sampling.joint_sampler import JointSampler
from synoptic.sampling.step import Step


class ControlPipeline(InputImagePipeline[ControlOptions]):
    """Denoise from noise with ControlNets, in windows where the picture is larger than the model."""

    @property
    def num_steps(self) -> int:
        return self.options.steps

    def sample(self, items: Sequence[Item]) -> Generator[Step, None, list[Output]]:
        o, prompts = self.options, [item.title for item in items]

        def predict_for(model: Denoiser) -> Predict:
            return cfg(model, prompts, o.cfg_scale, o.negative_prompt, clip=get_clip(o.clip, model.schedule))

        model, maps = with_controlnets(self.model, o.controlnets(), self.picture)
        sampler = JointSampler(predict_for, o.steps, sampler=o.sampler, eta=o.eta)
        step = yield from self.pass_on(sampler.sample(model, self.picture.windows, rngs_of(items)))
        return self.outputs(step.images(), maps)
