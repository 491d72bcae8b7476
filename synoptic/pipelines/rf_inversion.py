"""Editing on a flow by way of the picture's own noise, in both directions under control (RF-Inversion, Rout et al. 2025)."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from synoptic.diffusion.equations import randn
from synoptic.diffusion.solvers import timestep_pairs
from synoptic.io import to_pil
from synoptic.models.transformer import with_guidance_scale
from synoptic.options.base import Item
from synoptic.options.rf_inversion import RfInversionOptions
from synoptic.pipelines.base import rngs_of
from synoptic.pipelines.input_image import InputImagePipeline
from synoptic.pipelines.outputs import Output
from synoptic.sampling.rf_inversion import drawn_to, invert_to_white
from synoptic.sampling.single import sample
from synoptic.sampling.step import Step


class RfInversionPipeline(InputImagePipeline[RfInversionOptions]):
    """Take the picture to noise by the empty prompt, then back by the prompt, drawn to the picture at first."""

    @property
    def num_steps(self) -> int:
        return 2 * self.options.steps

    def sample(self, items: Sequence[Item]) -> Generator[Step, None, list[Output]]:
        o, rngs, s, picture = self.options, rngs_of(items), self.model.schedule, self.picture
        source = picture.encode(self.model).expand(len(rngs), -1, -1, -1)
        pairs, noise = timestep_pairs("ddim", s, o.steps), randn(source.shape[1:], rngs, source)
        plain = self.joint_predict(with_guidance_scale(self.model, 1.0), [""] * len(rngs), 1.0, "", o.clip)
        inversion = invert_to_white(plain, s, source, noise, steps=pairs, share=o.white_share)
        x = (yield from self.pass_on(inversion)).x
        guided = self.joint_predict(self.model, [item.title for item in items], o.cfg_scale, o.negative_prompt, o.clip)
        first = round(o.picture_steps * len(pairs))
        drawn = drawn_to(guided, s, source, o.picture_share)
        if first:
            x = (yield from self.pass_on(sample(drawn, s, x, steps=pairs[:first]))).x
        if first < len(pairs):
            x = (yield from self.pass_on(sample(guided, s, x, steps=pairs[first:]))).x
        return self.outputs(to_pil(self.decode(x)))
