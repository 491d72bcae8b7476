"""The student on the bundled model: who feels it, and that the base never does."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest
import torch
from peft import LoraConfig, LoraModel

from synoptic.diffusion.equations import randn
from synoptic.distillation.image_scene import LatentImage
from synoptic.distillation.lora_student import BatchedLoRA, LoRAStudent
from synoptic.distillation.losses import StudentTraining, vsd
from synoptic.distillation.optimize import optimize
from synoptic.guidance.batching import predict_branches
from synoptic.models.load import load
from tests.distillation.exact import resumed_to_the_bit
from tests.exact import generators

PROMPTS = ["a photo of a dog", "an oil painting of a horse"]
SMALL = (8, 8, 8)
T = torch.tensor([100, 700])


def conds(model, prompts=PROMPTS):
    return {"cond": model.embed(prompts), "null": model.embed([""] * len(prompts))}


def trained_student(model, rngs, x, prompts=PROMPTS, features=0, camera_features=None, steps=2):
    """A student after a few steps, what it and the base say, and the drawing of its noise."""
    student = LoRAStudent(model.network, rngs, features=features)
    marked = student.add_student_branch(conds(model, prompts), camera_features)
    learning = StudentTraining(student, predict_branches(model, {"student": marked["student"]}), model.schedule, lr=1e-2)
    for _ in range(steps):
        learning.learn(x, None, rngs)
    return student, marked, learning


@pytest.mark.slow
def test_the_base_stays_itself_to_the_bit_beside_a_student_and_after_it(sd32):
    x = randn(SMALL, generators())
    ask = predict_branches(sd32, conds(sd32))
    before = ask(x, T)
    student, marked, _ = trained_student(sd32, generators(), x)
    try:
        during, every = ask(x, T), predict_branches(sd32, marked)(x, T)
        assert all(torch.equal(before[name].eps, during[name].eps) for name in before)
        assert all(torch.allclose(before[name].eps, every[name].eps, atol=1e-5) for name in before)
        assert (every["student"].eps - every["cond"].eps).flatten(1).abs().amax(1).min() > 0.01
    finally:
        student.remove()
    assert torch.equal(ask(x, T)["cond"].eps, before["cond"].eps)
    assert not any("lora" in name for name, _ in sd32.network.named_modules())
    assert not any(p.requires_grad for p in sd32.network.parameters())


def test_a_new_student_is_the_base_and_one_prompts_lessons_are_its_own(sd64):
    x = randn(SMALL, generators()).double()
    student, marked, _ = trained_student(sd64, generators(), x, steps=0)
    fresh = predict_branches(sd64, marked)(x, T)
    student.remove()
    assert (fresh["student"].eps - fresh["cond"].eps).abs().max() < 1e-12
    ends = []
    for rows in (slice(0, 2), slice(0, 1), slice(1, 2)):
        student, marked, _ = trained_student(sd64, generators()[rows], x[rows], PROMPTS[rows], steps=1)
        ends.append(predict_branches(sd64, marked)(x[rows], T[rows])["student"].eps.detach())
        student.remove()
    assert torch.allclose(ends[0], torch.cat(ends[1:]), atol=1e-9)
    assert (ends[0] - fresh["cond"].eps).abs().max() > 0.01


def test_what_a_student_is_told_reaches_it_alone(sd64):
    x, camera_features = randn(SMALL, generators(1)).double(), torch.eye(3, dtype=torch.float64)
    student, _, _ = trained_student(sd64, generators(1), x, PROMPTS[:1], 3, camera_features[:1])
    ways = [
        predict_branches(sd64, student.add_student_branch(conds(sd64, PROMPTS[:1]), camera_features[k : k + 1]))(x, T[:1])
        for k in (0, 1)
    ]
    student.remove()
    assert (ways[0]["student"].eps - ways[1]["student"].eps).abs().max() > 1e-3
    assert torch.equal(ways[0]["cond"].eps, ways[1]["cond"].eps)


@pytest.mark.slow
def test_it_learns_in_float32_on_a_model_in_half_precision():
    model = load("bundled", device="cpu", dtype="bfloat16")
    x = randn(SMALL, generators())
    student, _, learning = trained_student(model, generators(), x, steps=1)
    assert {p.dtype for p in student.parameters()} == {torch.float32}
    state = learning.state_dict()
    assert {v.dtype for name, v in state.items() if name.endswith("exp_avg")} == {torch.float32}


@pytest.mark.slow
def test_vsd_with_several_particles_goes_on_to_the_bit(sd32):
    def begin(rngs, state=None):
        student = LoRAStudent(sd32.network, [torch.Generator()] if state else generators(1))
        marked = student.add_student_branch(conds(sd32, PROMPTS[:1]))
        loss = vsd(predict_branches(sd32, marked), sd32.schedule)
        learner = StudentTraining(student, predict_branches(sd32, {"student": marked["student"]}), sd32.schedule, lr=1e-3)
        scene = LatentImage(randn(SMALL, generators()))
        yield from optimize(scene, loss, lambda x: x, steps=3, lr=lambda i: 0.1, rngs=rngs, learner=learner, state=state)
        student.remove()

    resumed_to_the_bit(begin)


def test_adapters_are_pefts():
    base, h, names = torch.nn.Linear(6, 5), torch.randn(3, 4, 6), ["1", "0", "1"]
    lora = BatchedLoRA(base, generators(2), 2)
    torch.nn.init.normal_(lora.B)
    ours = base(h) + lora(h, torch.tensor([int(name) for name in names]))
    net = torch.nn.Sequential(OrderedDict(to_q=base))
    config = LoraConfig(r=2, lora_alpha=2, target_modules=["to_q"])
    tuner = LoraModel(net, {"0": config, "1": config}, "0")  # pyright: ignore[reportArgumentType]
    tuner.inject_adapter(net, "1")
    layer: Any = net.to_q
    for name in ("0", "1"):
        layer.lora_A[name].weight.data, layer.lora_B[name].weight.data = lora.A[int(name)].data, lora.B[int(name)].data
    assert torch.allclose(layer(h, adapter_names=names), ours, atol=1e-6)


def test_students_that_cannot_be_are_refused(sd32):
    for rngs, how in ((generators(1), {"rank": 0}), (generators(1), {"features": -1}), ([], {})):
        with pytest.raises(ValueError, match=r"rank|at least 1 student"):
            LoRAStudent(sd32.network, rngs, **how)


@pytest.mark.slow
def test_two_students_on_one_network_learn_as_each_would_alone(sd32):
    """Two distillations of one loaded model, a step of each in turn, one of them told of its camera."""
    x, told = randn(SMALL, generators()), torch.ones(len(PROMPTS), 3)
    how = {0: {"features": 3, "camera_features": told}, 1: {}}

    def answer(student, marked, learning):
        learning.learn(x, None, generators())
        with torch.no_grad():
            return predict_branches(sd32, {"student": marked["student"]})(x, T)["student"].eps

    alone = []
    for k in (0, 1):
        student, *rest = trained_student(sd32, generators(), x, steps=1, **how[k])
        alone.append(answer(student, *rest))
        student.remove()
    both = [trained_student(sd32, generators(), x, steps=1, **how[k]) for k in (0, 1)]
    together = [answer(*one) for one in both]
    for student, *_ in both:
        student.remove()
    assert all(torch.equal(a, b) for a, b in zip(alone, together, strict=True)) and not torch.equal(*alone)
