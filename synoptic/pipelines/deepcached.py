"""A model whose network runs whole at some of the steps only, as --deepcache asks."""

from __future__ import annotations

from synoptic.diffusion.solvers import timestep_pairs
from synoptic.guidance.cfg import guided_steps
from synoptic.models.base import PretrainedModel
from synoptic.models.latent import LatentDenoiser
from synoptic.models.pixel import PixelDenoiser
from synoptic.models.unet import with_deepcache
from synoptic.options.speed import SpeedOptions


def deepcached(model: PretrainedModel, options: SpeedOptions, first: int = 0) -> PretrainedModel:
    """Return the model whose network runs whole at every n-th step from `first`, and where guidance begins."""
    if options.deepcache == 1:
        return model
    assert isinstance(model, LatentDenoiser | PixelDenoiser)
    steps = timestep_pairs(options.sampler, model.schedule, options.steps)
    begin = guided_steps(options.guidance_interval, len(steps))[0] if options.guidance_interval else first
    return with_deepcache(model, {t for t, _ in (*steps[first :: options.deepcache], steps[begin])})
