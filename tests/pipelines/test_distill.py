"""Distill in memory: what every loss and option makes, that nothing stays on the network, that a stopped one goes on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import synoptic
from synoptic import io
from synoptic.errors import InputError
from synoptic.options.distill import DistillOptions
from synoptic.pipelines.distill import DistillPipeline
from tests.labels import label
from tests.quick import quick_ones
from tests.references import assert_like_reference

DOG = "a photo of a dog"
QUICK: dict[str, Any] = {"steps": 2, "lr": 0.5, "warm_up": 0, "init": "sketch"}
NEGATIVE: dict[str, Any] = {"negative_prompt": "a photo of a cat"}
WAYS: dict[str, dict[str, Any]] = {
    "sds": {"loss": "sds"},
    "vsd": {"loss": "vsd", "student_lr": 1e-2, "student_steps": 2},
    "csd": {"loss": "csd"},
    "csd-negative": {"loss": "csd", **NEGATIVE},
    "nfsd-perp-neg": {"loss": "nfsd", "perp_neg": True, "weight": "variance", **NEGATIVE},
    "sdi": {"loss": "sdi"},
    "ism": {"loss": "ism"},
    "noise": {"init": "noise", "anneal": "sqrt"},
    "wide": {"width": 80},
    "latent": {},
    "latent-pixels": {"space": "pixels"},
}


def test_in_inference_mode_what_needs_gradients_is_refused(pixel32, sd32):
    with torch.inference_mode():
        for call in (
            lambda: synoptic.distill(pixel32, DOG, **QUICK),
            lambda: synoptic.wide(sd32, DOG, width=320, steps=2, syncdiffusion_weight=1),
        ):
            with pytest.raises(InputError) as e:
                call()
            assert e.value.rule == "inference-mode"
        synoptic.generate(pixel32, DOG, steps=1, upscalers="none")
    with torch.no_grad():
        synoptic.distill(pixel32, DOG, **QUICK)


@pytest.fixture(scope="module")
def car() -> Image.Image:
    """A picture of no particular size, larger than the model."""
    coarse = torch.rand(1, 3, 5, 5, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return io.to_pil(torch.nn.functional.interpolate(coarse, size=(64, 76), mode="bicubic"))[0]


@pytest.mark.parametrize("name", quick_ones(WAYS, ["sds", "noise"]))
def test_every_loss_gives_the_picture_it_gave(name, pixel32, sd32):
    result = synoptic.distill(sd32 if name.startswith("latent") else pixel32, DOG, **QUICK | WAYS[name])
    assert_like_reference(f"distill-{name}", result.images[0])


@pytest.mark.slow
@pytest.mark.parametrize("how", [{"loss": "pds", "init": "auto"}, {"loss": "dds"}], ids=label)
def test_an_edit_moves_its_source(how, pixel32, car):
    result = synoptic.distill(pixel32, DOG, source=car, source_prompt="a photo of a car", **QUICK | how)
    assert result.images[0].size == car.size and result.outputs[0].files["original.png"] == car
    assert_like_reference(f"distill-{how['loss']}", result.images[0])
    kept = synoptic.distill(pixel32, DOG, source=car, source_prompt="a photo of a car", steps=1, lr=0.0)
    assert kept.images[0] == car


def test_an_optimization_begins_with_a_picture_that_is_given(sd32, car):
    result = synoptic.distill(sd32, DOG, init=car, space="pixels", steps=1, lr=0.0)
    expected = np.asarray(car.resize((256, 256)), dtype=int)
    assert np.abs(np.asarray(result.images[0], dtype=int) - expected).mean() < 12  # through the autoencoder and back


@pytest.mark.slow
@pytest.mark.parametrize("model", ["pixel32", "sd32"])
def test_a_stopped_one_goes_on_to_the_bit_and_leaves_the_network_alone(model, request):
    m = request.getfixturevalue(model)
    how: dict[str, Any] = {"loss": "vsd", "steps": 4, "lr": 0.3, "student_lr": 1e-2, "model": m.checkpoint.name}
    options = DistillOptions.from_arguments(DOG, "a lemon", **how).resolve(m.checkpoint)
    pipeline, items = DistillPipeline(m, options), options.items()
    x, cond = torch.randn(1, *m.shape, generator=torch.Generator().manual_seed(0)), m.embed([DOG])
    before = m.predict(x, 500, cond).eps
    whole = list(pipeline.steps(items))
    begun = pipeline.steps(items)
    _, step = next(begun), next(begun)
    assert step.state is not None
    state = dict(step.state())
    begun.close()
    assert torch.equal(m.predict(x, 500, cond).eps, before)
    rest = list(pipeline.steps(items, state))
    assert [s.i for s in rest] == [2, 3] and all(s.n == 4 for s in rest)
    for one, other in zip(whole[2:], rest, strict=True):
        assert one.grad_norm is not None and other.grad_norm is not None
        assert torch.equal(one.x, other.x) and torch.equal(one.grad_norm, other.grad_norm)
    assert rest[-1].images()[0].size == (m.checkpoint.native_size,) * 2


def test_pictures_do_not_depend_on_their_batch(pixel32):
    how: dict[str, Any] = {"steps": 1, "lr": 0.5, "warm_up": 0}
    both = synoptic.distill(pixel32, DOG, "a lemon", seed=1, **how).images
    alone = synoptic.distill(pixel32, "a lemon", seed=1, **how).images[0]
    assert np.abs(np.asarray(both[1], dtype=int) - np.asarray(alone, dtype=int)).max() <= 2
