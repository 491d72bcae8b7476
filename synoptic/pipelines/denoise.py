"""The noise laboratory: a picture noised, and what classical and learned denoisers make of it (CS180, project 5A)."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import torch
from PIL import Image
from torch import Tensor

from synoptic.diffusion.ddpm_schedule import DDPMSchedule
from synoptic.diffusion.equations import add_noise, randn
from synoptic.diffusion.flow_schedule import FlowMatchingSchedule
from synoptic.diffusion.solvers import get_solver
from synoptic.io import image_grid, to_pil
from synoptic.metrics.fidelity import psnr
from synoptic.options.base import Item
from synoptic.options.denoise import DenoiseOptions
from synoptic.pipelines.base import rngs_of
from synoptic.pipelines.input_image import InputImagePipeline
from synoptic.pipelines.outputs import Comparison, Output
from synoptic.sampling.baselines import best_gaussian_denoise, gaussian_denoise, strided_pairs
from synoptic.sampling.single import sample
from synoptic.sampling.step import Step


class DenoisePipeline(InputImagePipeline[DenoiseOptions]):
    """Noise the picture to a time t per item, and denoise it by every method."""

    metric = ""
    max_items = 1

    @property
    def num_steps(self) -> int:
        """How many steps the iterative denoiser takes from the noisiest time."""
        o = self.options
        end = (FlowMatchingSchedule if self.model.checkpoint.is_flow else DDPMSchedule).final_time
        return len(strided_pairs(max(o.t), o.stride, end)) if "iterative" in o.method else 0

    def sample(self, items: Sequence[Item]) -> Generator[Step, None, list[Output]]:
        outputs = []
        for item in items:
            output = yield from self._denoise(item, self.options.t[self.options.items().index(item)])
            outputs.append(output)
        return outputs

    def _denoise(self, item: Item, t: int) -> Generator[Step, None, Output]:
        """Yield the iterative denoiser's Steps; return a row of what every method makes, and each one's PSNR in dB."""
        o, s, original = self.options, self.model.schedule, self.picture.image
        predict = self.joint_predict(self.model, [o.prompt], o.guidance_scale, o.negative_prompt, o.clip)
        clean, rngs = self.picture.encode(self.model), rngs_of([item])
        noisy = add_noise(s, clean, randn(clean.shape[1:], rngs, clean), t)
        made: dict[str, Tensor] = {"noisy": noisy}
        if "gaussian" in o.method:
            made["blur 5 sigma 2"] = gaussian_denoise(noisy)
            best, sigma = best_gaussian_denoise(noisy, clean)
            made[f"best blur sigma {sigma:.2f}"] = best
        if "onestep" in o.method:
            with torch.no_grad():
                made["onestep"] = predict(noisy, t).x0
        if "iterative" in o.method:
            pairs = strided_pairs(t, o.stride, s.final_time)
            steps = sample(predict, s, noisy, steps=pairs, solver=get_solver(o.sampler), rngs=rngs)
            step = yield from self.pass_on(steps)
            made["iterative"] = step.x
        images = {name: to_pil(self.decode(x))[0] for name, x in made.items()}
        figures = {name: psnr(image, original) for name, image in images.items()}
        labels = ["original", *(f"t = {t}, {name}: {figure:.1f} dB" for name, figure in figures.items())]
        row = image_grid([original, *images.values()], labels, len(labels))
        files = {f"t{t}_{name.replace(' ', '_')}.png": image for name, image in images.items()}
        return Output(row, {"original.png": original} | files, figures)

    def compare(self, items: Sequence[Item], outputs: Sequence[Output]) -> Comparison:
        """Return the rows of all times, and PSNR by time and method."""
        rows: list[tuple[str | float | None, ...]] = [
            (t, name, f"{figure:.2f}")
            for t, output in zip(self.options.t, outputs, strict=True)
            for name, figure in output.figures.items()
        ]
        return Comparison(stacked([output.image for output in outputs]), ("t", "method", "PSNR"), rows)


def stacked(rows: Sequence[Image.Image]) -> Image.Image:
    """Return pictures of one width, one below the other."""
    sheet = Image.new("RGB", (rows[0].width, sum(row.height for row in rows)))
    top = 0
    for row in rows:
        sheet.paste(row, (0, top))
        top += row.height
    return sheet
