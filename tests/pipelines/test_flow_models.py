"""Every application on flow transformers: what has to be equal is, on random weights, whose pictures show nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import synoptic
from synoptic.diffusion.equations import randn
from synoptic.guidance.cfg import cfg
from synoptic.io import from_pil, to_pil
from synoptic.models.load import load
from synoptic.runs.plan import make_plan
from synoptic.sampling.joint import canonical, instance
from synoptic.views.windows import Windows
from tests.labels import label
from tests.quick import quick_ones, slow_ones

A, B = "a lion", "an oil painting of a horse in the snow"
NAMES = ["sd3", "flux-dev", "z-image", "pixart", "qwen-image", "klein"]
ONE = quick_ones(NAMES, ["sd3"])  # that every family paints, test_a_wide_picture_of_one_window_is_a_generated_one shows
HOW: dict[str, dict[str, Any]] = {
    "sd3": {"steps": 3, "guidance_scale": 4.0},
    "pixart": {"steps": 3, "guidance_scale": 4.0},
    "z-image": {"steps": 3, "guidance_scale": 4.0},
    "qwen-image": {"steps": 3, "guidance_scale": 4.0},
    "klein": {"steps": 3, "guidance_scale": 4.0},
    "flux-dev": {"steps": 3, "guidance_scale": 2.5, "true_cfg_scale": 2.0},
}


def last(steps: Any) -> Tensor:
    *_, step = steps
    return step.canvas


def close(a: Tensor, b: Tensor, share: float = 1e-5) -> None:
    assert a.shape == b.shape and b.std() > 0.1
    assert (a - b).abs().max() <= share * b.abs().max()


@pytest.mark.parametrize("name", NAMES)
def test_a_wide_picture_of_one_window_is_a_generated_one(name, flow_model):
    model, how = flow_model(name), HOW[name]
    plain = last(synoptic.generate.steps(model, A, upscalers="none", **how))
    close(last(synoptic.wide.steps(model, A, width=128, **how)), plain)
    close(last(synoptic.wide.steps(model, A, width=128, sync="eps", **how)), plain)
    other = last(synoptic.generate.steps(model, A, upscalers="none", **how | {"guidance_scale": 1.5}))
    assert (other - plain).abs().max() > 1e-3 * plain.abs().max(), "the guidance scale reaches the network"


@pytest.mark.parametrize("name", ONE)
def test_a_region_that_is_everything_is_the_picture(name, flow_model):
    model, how = flow_model(name), HOW[name] | {"width": 192, "stride": 8}
    whole = last(synoptic.wide.steps(model, B, **how))
    close(last(synoptic.wide.steps(model, A, region=f"0,0,1,1: {B}", **how)), whole, 1e-4)
    two = last(synoptic.wide.steps(model, A, B, prompt_travel=True, **how))
    assert (two - whole).abs().max() > 0.01


WAYS: list[dict[str, Any]] = [
    {"fast": True},
    {"circular": True},
    {"windows": "collage"},
    {"windows": "shifted"},
    {"progressive": 0.5, "height": 192},
    {"syncdiffusion_weight": 1.0, "syncdiffusion_steps": 1},
    {"guidance_interval": (0.2, 0.8)},
    {"width": 200, "sampler": "dpm++"},
    {"eta": 1.0, "sync": "xt"},
]


def wide(model: Any, **how: Any) -> Tensor:
    return last(synoptic.wide.steps(model, A, **{"steps": 6, "width": 256} | how))


@pytest.fixture(scope="module")
def plain(flow_model) -> Tensor:
    return wide(flow_model("sd3"))


@pytest.mark.parametrize("how", WAYS, ids=label)
def test_every_way_to_a_wide_picture_is_another_picture(how, plain, flow_model):
    """Odd widths, gradients through the network, solvers with a memory, steps from pure noise."""
    other = wide(flow_model("sd3"), **how)
    assert other.isfinite().all() and 0.3 * plain.std() < other.std() < 3 * plain.std()
    assert other.shape != plain.shape or (other - plain).abs().max() > 0.01


@pytest.mark.parametrize("name", ONE)
@pytest.mark.parametrize("view_space", ["latents", "pixels"])
def test_an_anagram_of_one_prompt_seen_alike_is_a_generated_picture(name, view_space, flow_model):
    """In latents bitwise but for batches; in pixels with the autoencoder's residual added back."""
    model, how = flow_model(name), HOW[name] | {"upscalers": "none", "view_space": view_space}
    alike = synoptic.anagram(model, A, A, views=["identity", "identity"], **how).images[0]
    turned = synoptic.anagram(model, A, B, views=["identity", "flip"], **how).images[0]
    assert np.abs(np.asarray(alike, float) - np.asarray(turned, float)).max() > 3
    if view_space == "latents":
        plain = synoptic.generate(model, A, upscalers="none", **HOW[name]).images[0]
        assert np.abs(np.asarray(alike, int) - np.asarray(plain, int)).max() <= 1


@pytest.mark.parametrize("name", ONE)
def test_a_hybrid_of_one_prompt_is_a_generated_picture(name, flow_model):
    model, how = flow_model(name), HOW[name]
    plain = last(synoptic.generate.steps(model, A, upscalers="none", **how))
    views = {"view_space": "latents", "upscalers": "none"}
    close(last(synoptic.hybrid.steps(model, A, A, **views, **how)), plain, 1e-4)
    assert (last(synoptic.hybrid.steps(model, A, B, **views, **how)) - plain).abs().max() > 0.01


@pytest.mark.parametrize(("name", "steps"), quick_ones([("sd3", 8), ("flux-dev", 8), ("z-image", 50)], [("sd3", 8)]))
def test_a_picture_comes_back_from_its_noise(name, steps, flow_model, blobs):
    """The steeper a random network, the more steps until each is a contraction."""
    output = synoptic.invert(flow_model(name), blobs[0].resize((128, 128)), A, steps=steps, refine=12).outputs[0]
    assert output.figures["psnr_autoencoder"] > 60
    assert output.files["noise.safetensors"]["noise"].shape == (1, 16, 16, 16)


@pytest.mark.parametrize("name", ONE)
def test_what_is_known_is_kept_and_the_hole_is_painted(name, flow_model, blobs, tmp_path):
    picture, mask = blobs[0].resize((128, 128)), np.zeros((128, 128), dtype=np.uint8)
    mask[32:96, 32:96] = 255
    to_pil(torch.from_numpy(mask / 127.5 - 1).expand(1, 3, -1, -1))[0].save(tmp_path / "mask.png")
    image = synoptic.inpaint(flow_model(name), picture, str(tmp_path / "mask.png"), A, **HOW[name]).images[0]
    before, after = np.asarray(picture.convert("RGB"), int), np.asarray(image, int)
    assert (before == after)[mask == 0].all() and np.abs(before - after)[48:80, 48:80].max() > 10


@pytest.mark.parametrize("name", ONE)
def test_an_edit_by_a_little_is_the_picture_and_by_all_is_another(name, flow_model, blobs):
    model, picture = flow_model(name), blobs[0].resize((128, 128))
    steps = 50 if name == "klein" else 20  # the last of 20 begins at sigma 0.25, of klein's own 50 at 0.09
    encoded, how = model.encode(from_pil(picture)), HOW[name] | {"steps": steps}
    little, much = (last(synoptic.edit.steps(model, picture, A, strength=k, **how)) - encoded for k in (0.05, 1.0))
    assert 0 < 5 * little.std() < much.std()


@pytest.mark.parametrize("loss", quick_ones(["sds", "csd", "nfsd", "sdi", "ism"], ["sds", "ism"]))
def test_distillation_lowers_the_velocitys_error(loss, flow_model):
    """What the network says of noised pictures, less the way from the noise to them, RFDS's own error, is less after it."""
    model = flow_model("sd3")
    how = {"loss": loss, "guidance_scale": 1.0, "steps": 12, "lr": 0.05, "seed": 1}
    steps = list(synoptic.distill.steps(model, A, **how))
    assert all(step.x.isfinite().all() for step in steps)
    assert (steps[-1].x - steps[0].x).abs().max() > 0.01
    if loss == "sds":
        predict, t, eps = cfg(model, [A]), 500.0, randn(model.shape, [torch.Generator().manual_seed(9)])

        def error(x: Tensor) -> float:
            p = predict(0.5 * x + 0.5 * eps, t)
            return ((p.eps - p.x0) - (eps - x)).square().mean().item()

        assert error(steps[-1].x) < 0.9 * error(steps[0].x)


@pytest.mark.parametrize(("loss", "name"), slow_ones([("pds", "sd3"), ("dds", "flux-dev")], [("pds", "sd3")]))
def test_an_edit_by_a_loss_to_the_same_prompt_stays(loss, name, flow_model, blobs):
    picture = blobs[1].resize((128, 128))
    how = {"source": picture, "loss": loss, "steps": 4, "source_prompt": A} | ({"stride": 1} if loss == "pds" else {})
    same, other = (list(synoptic.distill.steps(flow_model(name), prompt, **how)) for prompt in (A, B))
    encoded = flow_model(name).encode(from_pil(picture))
    assert (same[-1].x - encoded).abs().max() < 1e-3 < (other[-1].x - encoded).abs().max()


def test_the_rules_are_one_algorithm_on_a_real_network(flow_folder):
    """Windows of an SD3 in float64, from pure noise: what views agree on changes nothing."""
    model = load(str(flow_folder("sd3")), device="cpu", dtype="float64")
    s, views = model.schedule, Windows((16, 16, 24), (16, 16), (8, 8))
    z = randn(views.canvas, [torch.Generator().manual_seed(0)]).double()
    predict, ends = cfg(model, [A], 3.0, B), []
    for sync in ("eps", "x0", "xt"):
        *_, rows = instance(predict, s, views, views.project(z), steps=s.steps(3), sync=sync)
        *_, canvas = canonical(predict, s, views, z, steps=s.steps(3), sync=sync)
        ends += [views.unproject(rows.x), canvas.x]
    assert ends[0].std() > 0.1
    for end in ends:
        torch.testing.assert_close(end, ends[0], rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    "name",
    slow_ones(["sd3", "flux-dev", "flux-schnell", "z-image", "pixart"], ["flux-dev", "flux-schnell", "z-image", "pixart"]),
)
def test_a_plan_counts_its_rows(name, flow_folder):
    kind = synoptic.wide.options_class
    one = kind.from_arguments(A, model=str(flow_folder(name)), width=256, device="cpu", dtype="float32").prepare()
    plan = make_plan(one)
    (stage,) = plan.stages.values()
    twice, steps = 1 if name.startswith("flux") else 2, {"flux-schnell": 4, "z-image": 50, "pixart": 20}
    assert stage.work.rows() == 3 * twice * one.steps and stage.row.flops > 1e6 and stage.row.bytes > 1e5
    assert stage.work.steps == one.steps == steps.get(name, 28)
    network = load(str(flow_folder(name)), device="cpu", dtype="float32").network
    assert plan.weights["transformer"] == sum(x.nbytes for x in network.state_dict().values())
