"""From a picture to the noise that gives it: DDIM inversion (Song et al. 2021; refined, Pan et al. 2023)."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from synoptic.diffusion.solvers import timestep_pairs
from synoptic.io import image_grid, to_pil
from synoptic.metrics.fidelity import psnr
from synoptic.options.base import Item
from synoptic.options.invert import InvertOptions
from synoptic.pipelines.base import decoded
from synoptic.pipelines.input_image import InputImagePipeline
from synoptic.pipelines.outputs import Output
from synoptic.sampling.invert import invert
from synoptic.sampling.single import sample
from synoptic.sampling.step import Step


class InvertPipeline(InputImagePipeline[InvertOptions]):
    """Take DDIM's steps backward to the noise, then forward to the picture again."""

    metric = ""
    max_items = 1

    @property
    def num_steps(self) -> int:
        return 2 * self.options.steps

    def sample(self, items: Sequence[Item]) -> Generator[Step, None, list[Output]]:
        """Invert each picture and make it again; figures tell how closely.

        These are the PSNR of the reconstruction to the original and to what the autoencoder makes of it, in dB; the noise's
        mean and standard deviation, which of white noise would be 0 and 1.
        """
        o, s, original = self.options, self.model.schedule, self.picture.image
        predict = self.joint_predict(self.model, [o.prompt], 1.0, "", o.clip)
        pairs, z = timestep_pairs("ddim", s, o.steps), self.picture.encode(self.model)
        inverted = yield from self.pass_on(invert(predict, s, z, steps=pairs, refine=o.refine))
        noise = inverted.x
        step = yield from self.pass_on(sample(predict, s, noise, steps=pairs))
        (own,), (back,) = to_pil(self.decode(z)), step.images()
        figures = {"psnr": psnr(back, original), "psnr_autoencoder": psnr(back, own)}
        figures |= {"noise_mean": noise.mean().item(), "noise_std": noise.std().item()}
        shown = [original, own, *to_pil(decoded(inverted)), back]
        labels = ["original", "the autoencoder's own", "the noise, decoded"]
        labels.append(f"sampled from it, {figures['psnr_autoencoder']:.1f} dB")
        files = {"original.png": original, "noise.safetensors": {"noise": noise}, "figure.png": image_grid(shown, labels, 4)}
        return [Output(back, files, figures)]
