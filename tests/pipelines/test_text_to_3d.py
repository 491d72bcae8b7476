"""Text to 3D in memory: every option moves the field, the best start goes on, a stopped one does to the bit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from safetensors.torch import load
from torch import Tensor

import synoptic
from synoptic.models.base import PretrainedModel
from synoptic.nerf.cameras import orbit_cameras, turntable_cameras
from synoptic.nerf.scene import ViewSample
from synoptic.nerf.shading import ambient_light
from synoptic.options.text_to_3d import TextTo3DOptions
from synoptic.pipelines.outputs import Output
from synoptic.pipelines.text_to_3d import SceneStep, TextTo3DPipeline
from synoptic.pipelines.text_to_3d_objective import (
    build_scene,
    encode_render,
    front_guidance,
    learning_rate,
    scene_objective,
    with_other_fronts,
)
from tests.quick import slow_ones

MUG = "a red mug"
QUICK: dict[str, Any] = {"resolution": 16, "frames": 2}
MIXED: dict[str, Any] = {"negative_prompt": "a blurry mug", "view_guidance": 1.0, "view_prompt_mix": "mixed"}
WAYS: dict[str, dict[str, Any]] = {
    "vsd": {"loss": "vsd", "batch": 2, "anneal": "narrow"},
    "csd": {"loss": "csd", "perp_neg": True, "anneal": "none", **MIXED},
    "waves": {"encoding": "waves", "negative_prompt": "a blurry mug", "resolution": 80},
}


def pipeline_of(model: PretrainedModel, **how: Any) -> TextTo3DPipeline:
    own = {"model": model.checkpoint.name, "device": "cpu"}
    return TextTo3DPipeline(model, TextTo3DOptions.from_arguments(MUG, **own, **QUICK | how).resolve(model.checkpoint))


def finished(pipeline: TextTo3DPipeline, state: Mapping[str, Tensor] | None = None) -> tuple[list[SceneStep], Output]:
    """Return every step, and what came of them."""
    going, steps = pipeline.steps(pipeline.options.items(), state), []
    while True:
        try:
            steps.append(next(going))
        except StopIteration as end:
            return steps, end.value[0]


def field_of(output: Output) -> dict[str, Tensor]:
    (field,) = [content for name, content in output.files.items() if name.endswith("field.safetensors")]
    assert isinstance(field, bytes)
    return load(field)


def diagnostics_of(output: Output) -> dict[str, Any]:
    (text,) = [content for name, content in output.files.items() if name.endswith("diagnostics.json")]
    assert isinstance(text, str | bytes)
    return json.loads(text)


def same(a: Output, b: Output) -> bool:
    one, other = field_of(a), field_of(b)
    fields = one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
    return fields and diagnostics_of(a) == diagnostics_of(b) and a.image == b.image


@pytest.mark.parametrize("name", slow_ones(WAYS, ["vsd", "csd"]))
def test_every_option_moves_the_field_and_leaves_the_model_as_it_was(name, pixel32):
    x, cond = torch.randn(1, *pixel32.shape, generator=torch.Generator().manual_seed(0)), pixel32.embed([MUG])
    before, pipeline = pixel32.predict(x, 500, cond).eps, pipeline_of(pixel32, steps=1, **WAYS[name])
    o, views = pipeline.options, turntable_cameras(1)
    scene = build_scene(o, pipeline.defaults, torch.Generator().manual_seed(0))
    drawn = scene.background(torch.ones(1, 1, 3), torch.zeros(1, 4))  # the darkest one, drawn, not learned
    assert (drawn == torch.tensor(0.8)).all()
    blob = scene.render_views(views, 16).color
    (step,), output = finished(pipeline)
    assert step.scene is not None and (step.scene.render_views(views, 16).color - blob).abs().max() > 1e-3
    assert (step.n, len(step.images())) == (1, o.batch) and step.preview().size == (768, 348)
    history = diagnostics_of(output)["history"]
    assert [seen["step"] for seen in history] == [1] and history[0]["finite"] and output.figures["opacity"] > 0
    assert torch.equal(pixel32.predict(x, 500, cond).eps, before)


@pytest.mark.slow
def test_a_latent_model_sees_renders_through_its_encoder(sd32):
    (step,), _ = finished(pipeline_of(sd32, steps=1))
    assert step.x.shape[1:] == sd32.shape
    for side in (32, 200):
        image = torch.zeros(1, 3, side, side)
        assert torch.allclose(encode_render(sd32)(image), sd32.encode(torch.zeros(1, 3, 256, 256)), atol=1e-5)


@pytest.mark.slow
def test_the_best_start_goes_on_as_if_it_had_been_the_only_one(pixel32):
    how: dict[str, Any] = {"steps": 5, "preview_every": 3}
    steps, output = finished(pipeline_of(pixel32, seed=3, seeds=2, **how))
    found = diagnostics_of(output)
    scores = {int(seed): score for seed, score in found["scores"].items()}
    assert scores.keys() == {3, 4} and found["seed"] == max(scores, key=lambda seed: scores[seed])
    assert [s.i for s in steps] == [0, 1, 2, 3, 4, 5] and [seen["step"] for seen in found["history"]] == [1, 3, 5]
    _, alone = finished(pipeline_of(pixel32, seed=found["seed"], **how))
    one, other = field_of(output), field_of(alone)
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.slow
@pytest.mark.parametrize("k", [0, 1, 3])
def test_a_stopped_one_goes_on_to_the_bit(k, pixel32):
    pipeline = pipeline_of(pixel32, seeds=2, steps=5, preview_every=2)
    begun, states = pipeline.steps(pipeline.options.items()), []
    for _ in range(k + 1):
        step = next(begun)
        assert step.state is not None
        states.append(dict(step.state()))
    begun.close()
    rest, output = finished(pipeline, states[k])
    assert [s.i for s in rest] == list(range(k + 1, 6))
    assert same(output, whole(pixel32))


def whole(model: PretrainedModel, found: list[Output] = []) -> Output:  # noqa: B006
    """Return what the run of `test_a_stopped_one` gives if nothing stops it, made once."""
    if not found:
        found.append(finished(pipeline_of(model, seeds=2, steps=5, preview_every=2))[1])
    return found[0]


@pytest.mark.slow
def test_an_optimization_with_a_problem_stops_and_does_not_go_on(pixel32):
    pipeline = pipeline_of(pixel32, steps=9, preview_every=1, lr=1e18)
    steps, output = finished(pipeline)
    assert len(steps) < 9 and diagnostics_of(output)["problem"].startswith("the field ")
    assert steps[-1].state is not None
    rest, again = finished(pipeline, dict(steps[-1].state()))
    assert not rest and diagnostics_of(again) == diagnostics_of(output)


@pytest.mark.parametrize("name", slow_ones(WAYS | {"sds": {}}, ["waves"]))
def test_the_plan_counts_the_rows_that_a_step_asks(name, pixel32):
    seen, pipeline = list[int](), pipeline_of(pixel32, steps=2, **(WAYS | {"sds": {}})[name])
    hook = pixel32.network.register_forward_pre_hook(lambda net, given: seen.append(len(given[0])))
    steps = pipeline.steps(pipeline.options.items())
    next(steps)
    steps.close()
    hook.remove()
    assert seen == [call.rows for call in pipeline.calls_at(0)]


def test_every_second_look_at_a_front_has_its_own_loss():
    angles = torch.tensor([0.0, 120.0, -49.0, 51.0, 180.0]).deg2rad()
    views = orbit_cameras(angles, 0 * angles, 3.3, 0.6)
    sample = ViewSample(1, views, ambient_light(5), torch.rand(5, 4), torch.rand(5, 1), torch.zeros(3))
    rngs = [torch.Generator().manual_seed(k) for k in range(5)]

    def scaled(by: float):
        def loss(x: Tensor, step: int, camera: ViewSample, rngs: Any) -> Tensor:
            assert len(x) == len(camera.camera.azimuth) == len(camera.light.ambient) == len(camera.uniforms) == len(rngs)
            return (by * torch.tensor([1.0 + rng.initial_seed() for rng in rngs]) * x[:, 0]).sum()

        return loss

    followed = with_other_fronts(scaled(1), scaled(10))
    slopes = []
    for step in (4, 5):
        x = torch.zeros(5, 1, requires_grad=True)
        slopes.append(torch.autograd.grad(followed(x, step, sample, rngs), x)[0][:, 0].tolist())
    assert slopes == [[1, 2, 3, 4, 5], [10, 2, 30, 4, 5]]  # each row with the generator that is its own


def test_noisier_fronts_alone_are_followed_otherwise(pixel32):
    assert [front_guidance(w) for w in (1.0, 3.0)] == [1.0, 7.0]
    x = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)).requires_grad_()

    def slope(anneal: str, azimuth: float, step: int) -> Tensor:
        pipeline, rng = pipeline_of(pixel32, steps=4, anneal=anneal), torch.Generator().manual_seed(1)
        sample = build_scene(pipeline.options, pipeline.defaults, rng).camera([rng], step)
        seen = sample._replace(camera=orbit_cameras(torch.tensor([azimuth]), torch.zeros(1), 3.3, 0.6))
        loss = scene_objective(pipeline.options, pipeline.defaults, pixel32, MUG, rng).loss
        return torch.autograd.grad(loss(x, step, seen, [torch.Generator().manual_seed(2)]), x)[0]

    assert not torch.equal(slope("fronts", 0.5, 1), slope("sqrt", 0.5, 1))
    assert torch.equal(slope("fronts", 2.0, 1), slope("sqrt", 2.0, 1))


def test_the_learning_rate_rises_then_falls():
    rates = [learning_rate(1.0, 100)(i) for i in (0, 49, 50, 99)]
    assert rates[0] < 0.03 and rates[1] > rates[2] > rates[3] > 0.2


@pytest.mark.slow
def test_in_memory_it_is_a_contact_sheet_and_files(pixel32):
    result = synoptic.text_to_3d(pixel32, MUG, steps=1, seed=4, **QUICK)
    assert result.images[0].width == 9 * 136 + 8
    files = result.outputs[0].files
    assert set(files) == {f"a_red_mug_4/{name}" for name in ("field.safetensors", "diagnostics.json", "report.json")}
