"""Inpainting: part of a picture made anew, the rest of it kept to the last bit (RePaint, Lugmayr et al. 2022)."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from functools import cached_property

from torch import Tensor

from synoptic.diffusion.equations import randn
from synoptic.diffusion.solvers import get_solver, timestep_pairs
from synoptic.io import from_pil, image_grid, to_pil
from synoptic.io.blending import REACH, composite, downsample_mask
from synoptic.options.base import Item
from synoptic.options.inpaint import InpaintOptions
from synoptic.pipelines.base import rngs_of
from synoptic.pipelines.input_image import InputImagePipeline
from synoptic.pipelines.outputs import Comparison, Output
from synoptic.sampling.inpaint import inpaint, repaint_schedule
from synoptic.sampling.step import Step


class InpaintPipeline(InputImagePipeline[InpaintOptions]):
    """Denoise from noise, and put the known part back at every step."""

    @cached_property
    def mask(self) -> Tensor:
        """The mask (1, 1, H, W) in [0, 1], 1 where the picture is made anew."""
        return (from_pil(self.options.read_mask(self.picture.size))[:, :1] + 1) / 2

    @property
    def num_steps(self) -> int:
        o = self.options
        return len(repaint_schedule([(t, t - 1) for t in range(o.steps)], o.jump, o.resample))

    def decode(self, z: Tensor) -> Tensor:
        """Return the pictures (B, 3, H, W) of canvases, the known part itself; of a smaller preview without it."""
        images = super().decode(z)
        whole = z.shape[1:] == self.picture.windows.canvas
        return composite(images.cpu(), self.picture.pixels, self.mask) if whole else images

    def sample(self, items: Sequence[Item]) -> Generator[Step, None, list[Output]]:
        o, rngs, model, picture = self.options, rngs_of(items), self.model, self.picture
        s, prompts = model.schedule, [item.title for item in items]
        predict = self.joint_predict(model, prompts, o.cfg_scale, o.negative_prompt, o.clip)
        known, x = picture.encode(model), randn(picture.windows.canvas, rngs).to(model.device)
        mask = downsample_mask(picture.padded(self.mask), model.factor).to(model.device)
        steps = inpaint(
            predict,
            s,
            x,
            known.expand_as(x),
            mask,
            steps=timestep_pairs(o.sampler, s, o.steps),
            solver=get_solver(o.sampler, o.eta),
            rngs=rngs,
            resample=o.resample,
            jump=o.jump,
            reach=REACH,
        )
        step = yield from self.pass_on(steps)
        return self.outputs(step.images())

    def compare(self, items: Sequence[Item], outputs: Sequence[Output]) -> Comparison:
        """Return the original, what is left of it, and every seed's picture in one row."""
        masked = to_pil((1 - self.mask) * self.picture.pixels)
        shown = [self.picture.image, *masked, *(output.image for output in outputs)]
        labels = ["original", "masked: gray", *(f"seed {item.seed}" for item in items)]
        rows = [(item.seed, output.figures.get("score")) for item, output in zip(items, outputs, strict=True)]
        return Comparison(image_grid(shown, labels, len(shown)), ("seed", "score"), rows)
