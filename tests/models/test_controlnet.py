"""ControlNets: they equal diffusers' own pipeline, are off where they should be, and windows see their part of the map."""

from __future__ import annotations

import importlib
import itertools
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from synoptic.diffusion.equations import randn
from synoptic.diffusion.flow_schedule import FlowMatchingSchedule
from synoptic.guidance.batching import predict_branches
from synoptic.guidance.cfg import cfg
from synoptic.models.base import Conditioning
from synoptic.models.checkpoint import BUNDLED_DIR
from synoptic.models.controlnet import Control, ControlledDenoiser
from synoptic.models.load import load_controlnet
from synoptic.sampling.single import sample
from synoptic.views.anagram import Anagram
from synoptic.views.registry import get_view
from synoptic.views.windows import Windows

diffusers: Any = importlib.import_module("diffusers")  # its lazy names and annotations are not for type checkers
PROMPTS = ["a photo of snowy mountains at sunset", "an oil painting of a horse"]
NEGATIVE = "a pencil sketch"
STEPS, SCALE = 5, 2.5


@pytest.fixture(scope="module")
def dirs(tmp_path_factory) -> list[Path]:
    """Two random ControlNets for the bundled model, with attention, whose zero convolutions are not zero."""
    config = diffusers.UNet2DConditionModel.load_config(BUNDLED_DIR / "sd/unet")
    keys = (
        "in_channels",
        "block_out_channels",
        "down_block_types",
        "layers_per_block",
        "cross_attention_dim",
        "attention_head_dim",
    )
    folders = []
    for seed in range(2):
        torch.manual_seed(seed)
        net = diffusers.ControlNetModel(**{key: config[key] for key in keys}, conditioning_embedding_out_channels=(8,) * 4)
        for conv in [*net.controlnet_down_blocks, net.controlnet_mid_block, net.controlnet_cond_embedding.conv_out]:
            torch.nn.init.normal_(conv.weight, std=0.02)
        folders.append(tmp_path_factory.mktemp("control"))
        net.save_pretrained(folders[-1])
    return folders


@pytest.fixture(scope="module")
def nets(dirs):
    return [load_controlnet(str(folder), device="cpu", dtype="float32") for folder in dirs]


def maps(n: int, side: int = 256) -> Tensor:
    coarse = torch.rand(n, 3, 8, 8, generator=torch.Generator().manual_seed(5))
    return (torch.nn.functional.interpolate(coarse, (side, side)) > 0.5).float()


def ours(model, controls: list[Control]) -> Tensor:
    noise = [torch.Generator().manual_seed(seed) for seed in range(len(PROMPTS))]
    s, predict = model.schedule, cfg(ControlledDenoiser(model, controls), PROMPTS, SCALE, NEGATIVE)
    return list(sample(predict, s, randn(model.shape, noise).to(model.dtype), steps=s.steps(STEPS)))[-1].x


@pytest.mark.slow
@pytest.mark.parametrize(
    ("strengths", "begin", "end"),
    [([1.0], [0.0], [1.0]), ([0.6], [0.2], [0.6]), ([0.9], [0.3], [0.8]), ([1.0, 0.5], [0.0, 0.3], [0.6, 1.0])],
    ids=["one", "part of the way", "between steps", "two"],
)
def test_sd_equals_the_controlnet_pipeline(sd64, dirs, strengths, begin, end):
    """Both in float64: what float32 rounds is as large as this bound, and another on each kind of CPU."""
    precise = {"torch_dtype": torch.float64}
    own = [diffusers.ControlNetModel.from_pretrained(folder, **precise) for folder in dirs[: len(strengths)]]
    nets = [load_controlnet(str(folder), device="cpu", dtype="float64") for folder in dirs]
    pipe = diffusers.StableDiffusionControlNetPipeline.from_pretrained(
        BUNDLED_DIR / "sd", controlnet=own if len(own) > 1 else own[0], safety_checker=None, local_files_only=True, **precise
    )
    pipe.set_progress_bar_config(disable=True)
    seen = [maps(2)[k : k + 1] for k in range(len(own))]
    one = len(own) == 1
    theirs = pipe(
        PROMPTS,
        seen[0] if one else [m.expand(2, -1, -1, -1) for m in seen],
        num_inference_steps=STEPS,
        guidance_scale=SCALE,
        negative_prompt=[NEGATIVE] * 2,
        latents=randn(sd64.shape, [torch.Generator().manual_seed(seed) for seed in range(2)]).double(),
        controlnet_conditioning_scale=strengths[0] if one else strengths,
        control_guidance_start=begin,
        control_guidance_end=end,
        output_type="latent",
    ).images
    controls = [Control(*rest) for rest in zip(nets, seen, strengths, begin, end, strict=False)]
    x = ours(sd64, controls)
    assert theirs.std() > 0.1 and x.dtype == theirs.dtype == torch.float64
    torch.testing.assert_close(x, theirs, atol=1e-5, rtol=0)


def test_a_control_that_does_not_act_changes_nothing(sd32, nets):
    x, t = torch.randn(2, 8, 32, 32), 700
    alone = sd32.predict(x, t, sd32.embed(PROMPTS))
    for control in (Control(nets[0], maps(1), strength=0.0), Control(nets[0], maps(1), start=0.5)):
        model = ControlledDenoiser(sd32, [control])
        assert torch.equal(model.predict(x, t, model.embed(PROMPTS)).x0, alone.x0)
    model = ControlledDenoiser(sd32, [Control(nets[0], maps(1))])
    assert (model.predict(x, t, model.embed(PROMPTS)).x0 - alone.x0).abs().max() > 0.01  # the random net does say something


def test_each_row_has_its_own_time(sd32, nets):
    model = ControlledDenoiser(sd32, [Control(nets[0], maps(2), 0.8, end=0.5)])
    x, cond = torch.randn(2, 8, 32, 32), model.embed(PROMPTS)
    both = model.predict(x, torch.tensor([700, 300]), cond).x0
    for k, t in enumerate((700, 300)):
        alone = model.predict(x[k : k + 1], t, cond.rows(slice(k, k + 1))).x0
        torch.testing.assert_close(both[k : k + 1], alone, atol=1e-5, rtol=0)


@pytest.mark.slow
@pytest.mark.parametrize("rows", [None, 3])
def test_every_window_sees_its_part_of_the_map(sd32, nets, rows):
    views = Windows((8, 32, 64), (32, 32), (16, 16))
    wide, x = torch.cat([maps(2), maps(2).flip(0)], 3), torch.randn(2 * len(views), 8, 32, 32)
    model = ControlledDenoiser(sd32, [Control(nets[0], wide)])
    every = predict_branches(model, {"cond": model.embed(PROMPTS), "null": model.embed([""] * 2)}, max_rows=rows)
    seen = every(x, 700, views)["cond"].x0.unflatten(0, (2, len(views)))
    for b, k in itertools.product(range(2), range(len(views))):
        crop = wide[b : b + 1, :, :, 128 * k : 128 * k + 256]
        alone = ControlledDenoiser(sd32, [Control(nets[0], crop)])
        expected = alone.predict(x.unflatten(0, (2, -1))[b, k : k + 1], 700, alone.embed(PROMPTS[b : b + 1])).x0
        torch.testing.assert_close(seen[b, k : k + 1], expected, atol=1e-5, rtol=0)


def test_views_with_prompts_of_their_own_see_the_map_their_way(sd32, nets):
    views = Anagram((8, 32, 32), [get_view("identity"), get_view("rotate_180")])
    x, model = torch.randn(2, 8, 32, 32), ControlledDenoiser(sd32, [Control(nets[0], maps(1))])
    seen = cfg(model, PROMPTS)(x, 700, views).x0
    turned = ControlledDenoiser(sd32, [Control(nets[0], torch.cat([maps(1), maps(1).flip(2, 3)]))])
    torch.testing.assert_close(seen, cfg(turned, PROMPTS)(x, 700).x0, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("controls", "words"),
    [
        (lambda net: [], "at least one map"),
        (lambda net: [Control(net, maps(1), start=0.5, end=0.5)], "0 <= begin < end <= 1"),
        (lambda net: [Control(net, maps(1)[:, :1])], r"\(B, 3, H, W\)"),
        (lambda net: [Control(net, maps(1)), Control(net, maps(1, 512))], "of one size"),
    ],
)
def test_bad_controls_are_refused(sd32, nets, controls, words):
    with pytest.raises(ValueError, match=words):
        ControlledDenoiser(sd32, controls(nets[0]))


def test_flow_models_are_refused(sd32, nets, monkeypatch):
    monkeypatch.setattr(sd32, "schedule", FlowMatchingSchedule({}))
    with pytest.raises(ValueError, match="flow"):
        ControlledDenoiser(sd32, [Control(nets[0], maps(1))])


def test_half_precision_runs(dirs):
    net = load_controlnet(str(dirs[0]), device="cpu", dtype="bfloat16")
    full = load_controlnet(str(dirs[0]), device="cpu", dtype="float32")
    x, cond = torch.randn(1, 8, 32, 32), Conditioning(text=torch.randn(1, 32, 256))
    low, high = (n.additions(x, 500, cond, maps(1), 1.0)["control_residuals"][-1].float() for n in (net, full))
    assert (low - high).std() < 0.05 * high.std()
