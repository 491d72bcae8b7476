"""N prompts, one picture: its views are denoised together, each by its prompt, at the model's own size and then enlarged.

What anagrams and hybrids share. Each of them says which views a canvas has (`projection`), and how they look (`seen`).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Generator, Iterator, Sequence
from typing import TypeVar

import torch
from PIL.Image import Image
from torch import Tensor

from synoptic import io
from synoptic.diffusion.solvers import timestep_pairs
from synoptic.guidance.cfg import Predict, within_interval
from synoptic.metrics.clip import Clip
from synoptic.metrics.concealment import alignment
from synoptic.models.base import Denoiser
from synoptic.options.base import Item
from synoptic.options.joint import SyncOptions
from synoptic.pipelines.base import decoded, pass_on, rngs_of
from synoptic.pipelines.deepcached import deepcached
from synoptic.pipelines.outputs import Content, Output
from synoptic.pipelines.upscaling import UpscalingPipeline
from synoptic.sampling.joint_sampler import JointSampler, PredictFor, prompts_per_view
from synoptic.sampling.multistage import upscale
from synoptic.sampling.seed_search import SearchRound, seed_search
from synoptic.sampling.step import Step
from synoptic.views.base import Projection
from synoptic.views.pixel_space import PixelSpace

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

    def sample(self, items: Sequence[Item]) -> Generator[Step, None, list[Output]]:
        o, rngs, views = self.options, rngs_of(items), self.picture_views()
        first = self.first_sampler().sample(deepcached(self.model, o), self.first_views(), rngs)
        step, smaller = (yield from pass_on(first)), []
        for up, steps in zip(self.upscalers, self.upscaler_steps, strict=True):
            z, upscaler = decoded(step), self.load_upscaler(up)
            smaller.append(io.to_pil(z))
            sampler = self.sampler(steps, up.defaults.guidance_scale)
            augment = {"noise_level": o.noise_level, "noise_augmentation": o.noise_augmentation}
            step = yield from pass_on(upscale(sampler, upscaler, views, z, rngs, **augment))
            views = views.scaled(upscaler.scale_factor)
        before = [{f".{pictures[k].width}.png": pictures[k] for pictures in smaller} for k in range(len(items))]
        return [Output(image, own | self.files(image)) for image, own in zip(step.images(), before, strict=True)]

    def first_views(self) -> Projection:
        """Return the views of the first stage: of the model's own canvas, or of a latent model's pictures."""
        in_pixels = self.options.has_views_in_pixels(self.model.checkpoint)
        return self.in_pixels(self.picture_views()) if in_pixels else self.projection(self.model.shape)

    def picture_views(self) -> Projection:
        """Return the views of a picture of the model's own size."""
        side = self.model.checkpoint.native_size
        return self.projection((3, side, side))

    def in_pixels(self, views: Projection) -> PixelSpace:
        """Return views of pictures as those of a latent model."""
        return PixelSpace(views, self.model.encode, self.model.decode, residual=self.options.vae_residual)

    def first_sampler(self) -> JointSampler:
        """Return how the first stage's views are denoised together."""
        return self.sampler(self.options.steps, self.options.cfg_scale)

    def sampler(self, steps: int, guidance_scale: float) -> JointSampler:
        """Return how a stage's views are denoised together."""
        o = self.options
        assert o.space != "auto" and o.init_noise != "auto"  # once resolved
        predict_for = self.predict_for(o.prompts(), guidance_scale, steps)
        return JointSampler(predict_for, steps, o.sync, o.space, o.init_noise, o.sampler, o.eta)

    def predict_for(self, prompts: Sequence[str], guidance_scale: float, steps: int) -> PredictFor:
        """Return the prediction of views, each with its prompt, guided at every step or in the guidance interval."""
        o, share = self.options, self.options.guidance_interval
        equal = o.equalize_guidance
        guided = prompts_per_view(prompts, guidance_scale, o.negative_prompt, clip=o.clip, equalize_guidance=equal)
        if share is None or guidance_scale == 1:
            return guided
        unguided = prompts_per_view(prompts, clip=o.clip)

        def predict_for(model: Denoiser) -> Predict:
            pairs = timestep_pairs(o.sampler, model.schedule, steps)
            return within_interval(share, pairs, guided(model), unguided(model))

        return predict_for

    def labels(self) -> list[str]:
        """Return what is written under each view."""
        return self.options.prompts()

    def files(self, image: Image) -> dict[str, Content]:
        """Return what is saved beside a picture."""
        seen = self.seen(image)
        return {".views.png": io.image_grid(seen, self.labels(), len(seen), cell=256)}

    def score(self, clip: Clip, image: Image, item: Item) -> float:
        """Return the alignment: how well the worst view fits its prompt."""
        return self.search_scores(clip, [image]).item()

    def search_scores(self, clip: Clip, pictures: Sequence[Image]) -> Tensor:
        """Return how well the worst view of each picture fits its prompt, which a search of seeds goes by: (B,)."""
        return torch.stack([alignment(clip(self.seen(picture), self.options.prompts())) for picture in pictures])

    def seed_search(self) -> Iterator[SearchRound] | None:
        """Return the rounds of a search for the seeds whose worst view fits best, by a CLIP that sees no color."""
        o = self.options
        if not o.seed_search:
            return None
        clip, seeds = Clip(SEARCHED_BY), range(o.seed, o.seed + o.seed_search)

        def score(step: Step) -> Tensor:
            return self.search_scores(clip, io.to_pil(decoded(step)))

        return seed_search(self.first_sampler(), self.model, self.first_views(), seeds, score, keep=o.count)
