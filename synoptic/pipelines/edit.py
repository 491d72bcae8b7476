"""Editing a picture by a prompt: noised part of the way and denoised (SDEdit, Meng et al. 2022)."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from synoptic.diffusion.solvers import get_solver, timestep_pairs
from synoptic.io import image_grid
from synoptic.metrics.fidelity import psnr
from synoptic.options.base import Item
from synoptic.options.edit import EditOptions
from synoptic.pipelines.base import rngs_of
from synoptic.pipelines.control_guidance import with_controlnets
from synoptic.pipelines.input_image import InputImagePipeline
from synoptic.pipelines.outputs import Comparison, Output
from synoptic.sampling.sdedit import sdedit, start_index
from synoptic.sampling.step import Step


class EditPipeline(InputImagePipeline[EditOptions]):
    """Noise the picture to the time of the first step, and denoise it to the prompt."""

    @property
    def start(self) -> int:
        """The step to start from."""
        return self.options.start[0] if self.options.start else start_index(self.options.strength, self.options.steps)

    @property
    def num_steps(self) -> int:
        return self.options.steps - self.start

    def sample(self, items: Sequence[Item]) -> Generator[Step, None, list[Output]]:
        o, rngs, s, picture = self.options, rngs_of(items), self.model.schedule, self.picture
        model, maps = with_controlnets(self.model, o.controlnets(), picture)
        prompts = [item.title for item in items]
        predict = self.joint_predict(model, prompts, o.cfg_scale, o.negative_prompt, o.clip)
        x0 = picture.encode(self.model).expand(len(rngs), -1, -1, -1)
        pairs, solver = timestep_pairs(o.sampler, s, o.steps), get_solver(o.sampler, o.eta)
        steps = sdedit(predict, s, x0, steps=pairs, start=self.start, solver=solver, rngs=rngs)
        step = yield from self.pass_on(steps)
        return self.outputs(step.images(), maps)

    def compare(self, items: Sequence[Item], outputs: Sequence[Output]) -> Comparison | None:
        """Return every start of a seed in one row, the original at its end; PSNR is to the original."""
        starts, count, original = self.options.start, self.options.count, self.picture.image
        if len(starts) < 2:
            return None
        rows, shown, labels = [], [], []
        for k in range(count):
            for start, item, output in zip(starts, items[k::count], outputs[k::count], strict=True):
                rows.append((start, item.seed, f"{psnr(output.image, original):.2f}", output.figures.get("score")))
                shown.append(output.image)
                labels.append(f"start {start}")
            shown.append(original)
            labels.append("original")
        return Comparison(image_grid(shown, labels, len(starts) + 1), ("start", "seed", "PSNR", "score"), rows)
