"""RF-Inversion as an application, on random flow transformers."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import synoptic
from synoptic.errors import InputError
from synoptic.io import from_pil
from synoptic.options.rf_inversion import RfInversionOptions
from tests.quick import slow_ones


def last(steps: Any) -> torch.Tensor:
    *_, step = steps
    return step.canvas


@pytest.mark.parametrize("name", slow_ones(["sd3", "flux-dev"], ["sd3"]))
def test_drawn_all_the_way_it_is_the_picture_and_else_the_prompts(name, flow_model, blobs):
    model, picture = flow_model(name), blobs[0].resize((192, 128))
    encoded, how = model.encode(from_pil(picture)), {"steps": 4, "seed": 3}
    same = last(synoptic.rf_inversion.steps(model, picture, "a lion", picture_share=1, picture_steps=1, **how))
    torch.testing.assert_close(same, encoded, rtol=0, atol=1e-4)
    lion, mug = (last(synoptic.rf_inversion.steps(model, picture, text, **how)) for text in ("a lion", "a red mug"))
    assert (lion - mug).abs().max() > 1e-3 and (lion - encoded).abs().max() > 1e-2


def test_every_seed_has_white_noise_of_its_own(flow_model, blobs):
    how = {"steps": 3, "seed": 1}
    model, picture = flow_model("sd3"), blobs[0].resize((128, 128))
    two = synoptic.rf_inversion(model, picture, "a lion", count=2, **how)
    second = synoptic.rf_inversion(model, picture, "a lion", **how | {"seed": 2})
    one, other, alone = (from_pil(picture) for picture in (*two.images, *second.images))
    assert (one - other).abs().max() > 0.1
    torch.testing.assert_close(other, alone, rtol=0, atol=0.02)


@pytest.mark.parametrize(
    ("name", "more", "rule"),
    [("bundled", {}, "rf-inversion-flow"), ("sd3", {"sampler": "dpm++"}, "rf-inversion-sampler")],
)
def test_what_cannot_be_is_refused(name, more, rule, flow_folder, blobs):
    model = name if name == "bundled" else str(flow_folder(name))
    with pytest.raises(InputError) as error:
        synoptic.rf_inversion(model, blobs[0].resize((128, 128)), "a lion", **more)
    assert error.value.rule == rule


def test_the_model_by_default_is_a_flow_and_the_cure_where_one_is_not_found_is_no_bundled_one():
    assert RfInversionOptions.model == "sd3.5"
    with pytest.raises(InputError, match="local directory of a flow model") as error:
        RfInversionOptions.from_arguments("cat.png", "a lion", model="no such model").prepare()
    assert error.value.rule == "model-unknown" and "bundled or" not in str(error.value)
