"""N prompts, one picture: denoised together through every stage. What anagrams and hybrids share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Generator, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor

from synoptic import io
from synoptic.diffusion.solvers import timestep_pairs
from synoptic.guidance.cfg import Predict, within_interval
from synoptic.metrics.clip import Clip
from synoptic.metrics.concealment import alignment
from synoptic.models.base import Denoiser
from synoptic.options.base import Item
from synoptic.options.joint import SyncOptions
from synoptic.pipelines.base import Output, decoded, pass_on, rngs_of
from synoptic.pipelines.deepcached import deepcached
from synoptic.pipelines.upscaling import UpscalingPipeline
from synoptic.sampling.joint import JointSampler, PredictFor, prompts_per_view
from synoptic.sampling.multistage import upscale
from synoptic.sampling.seed_search import SearchRound, seed_search
from synoptic.sampling.step import Step
from synoptic.views.base import Projection
from synoptic.views.pixel_space import PixelSpace

if TYPE_CHECKING:
    from PIL.Image import Image

    from synoptic.pipelines.base import Content

S = TypeVar("S", bound=SyncOptions)
SEARCHED_BY = "bundled-grayscale"  # so that the CLIP which reports never chose


class JointPipeline(UpscalingPipeline[S]):
    """Denoise the views of a canvas together, at the model's own size and then stage by stage."""

    metric = "alignment"

    @abstractmethod
    def projection(self, canvas: tuple[int, int, int]) -> Projection:
        """Return the views of a canvas (C, H, W)."""

    @abstractmethod
    def seen(self, image: Image) -> list[Image]:
        """Return a picture as each prompt means it."""

    @property
    def views_per_item(self) -> int:
        return len(self.options.prompt)

    def labels(self) -> list[str]:
        """Return what is written under each view."""
        return self.options.prompts()

    def files(self, image: Image) -> dict[str, Content]:
        """Return what is saved beside a picture."""
        seen = self.seen(image)
        return {".views.png": io.image_grid(seen, self.labels(), len(seen), cell=256)}

    def sample(self, items: Sequence[Item]) -> Generator[Step, None, list[Output]]:
        o, rngs, side = self.options, rngs_of(items), self.model.checkpoint.native_size
        model = deepcached(self.model, o, timestep_pairs(o.sampler, self.model.schedule, o.steps))
        step = yield from pass_on(self.first_sampler().sample(model, self.views(), rngs))
        views, small = self.projection((3, side, side)), []
        for up, steps in zip(self.upscalers, self.upscaler_steps, strict=True):
            z, stage = decoded(step), self.load_upscaler(up)
            small.append(io.to_pil(z))
            sampler = self.sampler(steps, up.defaults.guidance_scale)
            augment = {"noise_level": o.noise_level, "noise_augmentation": o.noise_augmentation}
            step = yield from pass_on(upscale(sampler, stage, views, z, rngs, **augment))
            views = views.scaled(stage.scale_factor)
        inputs = [{f".{pictures[k].width}.png": pictures[k] for pictures in small} for k in range(len(items))]
        return [Output(image, files | self.files(image)) for image, files in zip(step.images(), inputs, strict=True)]

    def first_sampler(self) -> JointSampler:
        """Return how the first stage's views are denoised together."""
        return self.sampler(self.options.steps, self.options.cfg_scale)

    def predict_for(self, prompts: Sequence[str], guidance_scale: float, steps: int) -> PredictFor:
        """Return the prediction of views, each with its prompt, guided at every step or in the guidance interval."""
        o = self.options
        guided = prompts_per_view(
            prompts, guidance_scale, o.negative_prompt, clip=o.clip, equalize_guidance=o.equalize_guidance
        )
        if o.guidance_interval is None or guidance_scale == 1:
            return guided
        share, unguided = o.guidance_interval, prompts_per_view(prompts, clip=o.clip)

        def predict_for(model: Denoiser) -> Predict:
            pairs = timestep_pairs(o.sampler, model.schedule, steps)
            return within_interval(share, pairs, guided(model), unguided(model))

        return predict_for

    def sampler(self, steps: int, guidance_scale: float) -> JointSampler:
        """Return how a stage's views are denoised together."""
        o = self.options
        predict_for = self.predict_for(o.prompts(), guidance_scale, steps)
        space = "instance" if o.space == "instance" else "canonical"
        init = "independent" if o.init_noise == "independent" else "shared"
        return JointSampler(predict_for, steps, o.sync, space, init, o.sampler, o.eta)

    def views(self) -> Projection:
        """Return the views of the first stage: of the model's own canvas, or of a latent model's pictures."""
        model, side = self.model, self.model.checkpoint.native_size
        if self.options.has_views_in_pixels(model.checkpoint):
            return self.in_pixels(self.projection((3, side, side)))
        return self.projection(model.shape)

    def in_pixels(self, views: Projection) -> PixelSpace:
        """Return views of a latent model's pictures."""
        return PixelSpace(views, self.model.encode, self.model.decode, residual=self.options.vae_residual)

    def score(self, clip: Clip, image: Image, item: Item) -> float:
        """Return the alignment: how well the worst view fits its prompt."""
        return alignment(clip(self.seen(image), self.options.prompts())).item()

    def seed_search(self) -> Iterator[SearchRound] | None:
        """Return the rounds of a search for the seeds whose worst view fits best, by a CLIP that sees no color."""
        o = self.options
        if not o.seed_search:
            return None
        sampler, clip = self.first_sampler(), Clip(SEARCHED_BY)

        def score(step: Step) -> Tensor:
            return self.search_scores(clip, io.to_pil(decoded(step)))

        seeds = range(o.seed, o.seed + o.seed_search)
        return seed_search(sampler, self.model, self.views(), seeds, score, keep=o.count)

    def search_scores(self, clip: Clip, pictures: Sequence[Image]) -> Tensor:
        """Return how well the worst view of each picture fits its prompt, which a search of seeds goes by: (B,)."""
        return torch.stack([alignment(clip(self.seen(picture), self.options.prompts())) for picture in pictures])
