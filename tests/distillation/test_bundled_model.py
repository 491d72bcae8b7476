"""On the bundled model: from noise, SDS makes what the judge takes for the prompt, and DDS turns a picture into another."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from synoptic.diffusion.equations import randn
from synoptic.distillation.edit_losses import dds
from synoptic.distillation.image_scene import LatentImage
from synoptic.distillation.losses import sds
from synoptic.distillation.optimize import optimize, warmup_cosine
from synoptic.guidance.batching import predict_branches
from synoptic.guidance.cfg import cfg
from synoptic.io import to_pil
from synoptic.metrics.clip import Clip
from synoptic.sampling.single import sample
from tests.exact import generators

DOG, RED, BLUE = "a photo of a dog", "a photo of a red car", "a photo of a blue car"


@pytest.fixture(scope="module")
def clip_model() -> Clip:
    return Clip("bundled", "cpu")


def end(loss, x, rngs) -> torch.Tensor:
    scene: Any = LatentImage(x)
    for _ in optimize(scene, loss, lambda image: image, steps=12, lr=warmup_cosine(0.2, 12, 2), rngs=rngs):
        pass
    return scene.x.detach()


@torch.no_grad()
def cosine(clip_model, model, x, prompt) -> float:
    return clip_model(to_pil(model.decode(x)), [prompt]).item()


@pytest.mark.slow
def test_sds_finds_its_prompt_in_noise(sd32, clip_model):
    rngs = generators(1)
    x = randn(sd32.shape, rngs)
    every = predict_branches(sd32, {"cond": sd32.embed([DOG]), "null": sd32.embed([""])})
    assert cosine(clip_model, sd32, end(sds(every, sd32.schedule), x, rngs), DOG) > cosine(clip_model, sd32, x, DOG) + 0.1


@pytest.mark.slow
def test_dds_turns_a_picture_to_its_target_and_stays_near(sd32, clip_model):
    rngs, s = generators(1), sd32.schedule
    *_, painted = sample(cfg(sd32, [RED], 5.0), s, randn(sd32.shape, rngs), steps=s.steps(10))
    x = painted.x
    edited = end(dds(cfg(sd32, [BLUE, RED], 7.5), s, x), x, rngs)
    margins = [cosine(clip_model, sd32, picture, BLUE) - cosine(clip_model, sd32, picture, RED) for picture in (x, edited)]
    assert margins[1] > margins[0]
    assert 0.01 < (edited - x).square().mean() < 0.5 * x.square().mean()
