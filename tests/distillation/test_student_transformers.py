"""VSD's student inside transformers of every family, in float64: peft's LoRA on diffusers' network is the other source."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy, deepcopy
from typing import Any

import pytest
import torch
from peft import LoraConfig, LoraModel
from torch import Tensor

from synoptic.diffusion.equations import Pred, add_noise, randn
from synoptic.distillation import weights
from synoptic.distillation.image_scene import LatentImage
from synoptic.distillation.lora_student import LoRAStudent
from synoptic.distillation.losses import StudentTraining, vsd
from synoptic.distillation.optimize import optimize
from synoptic.distillation.timesteps import uniform_timesteps
from synoptic.guidance.batching import predict_branches
from synoptic.models.base import Conditioning
from synoptic.models.load import load
from tests.distillation.exact import gradient, resumed_to_the_bit
from tests.exact import generators
from tests.quick import quick_ones, slow_ones

PROMPTS = ["a lion", "an oil painting of a horse in the snow at sunset"]
NAMES = ["sd3", "flux-dev", "flux-schnell", "z-image", "pixart", "qwen-image", "sana", "klein"]
ONE_OF_EACH = quick_ones(NAMES, ["sd3", "pixart"])  # a flow, and a model of the noise
LAYERS = {  # of the tiny directories: what a block's attention has, times its blocks
    "sd3": 8 + 4 + 7,  # of image and text; the second attention of the first block; the last block gives no text
    "flux-dev": 8 + 2 * 3,  # its single blocks have no layer behind attention alone
    "flux-schnell": 8 + 2 * 3,
    "z-image": 4 * 4,  # two layers and two refiners
    "pixart": 2 * 8,
    "qwen-image": 2 * 8,
    "sana": 2 * 8,
    "klein": 8 + 2 * 2,
}
RANK, LR, NULL = 4, 3e-2, "a pencil sketch"


@pytest.fixture(scope="module")
def exact(flow_folder) -> Callable[[str], Any]:
    """A random transformer in float64, by its name."""
    loaded: dict[str, Any] = {}

    def model(name: str) -> Any:
        if name not in loaded:
            loaded[name] = load(str(flow_folder(name)), device="cpu", dtype="float64")
        return loaded[name]

    return model


def rounding(name: str) -> float:
    """Sana's linear attention is float32 whatever the network is."""
    return 1e-5 if name == "sana" else 1e-9


def draw(model: Any, n: int = 2) -> Tensor:
    return randn((model.shape[0], 8, 8), generators(n)).double()


def conds(model: Any, prompts: list[str] = PROMPTS) -> dict[str, Conditioning]:
    return {"cond": model.embed(prompts), "null": model.embed([NULL] * len(prompts))}


@contextmanager
def student_of(model: Any, n: int = 2, features: int = 0) -> Iterator[LoRAStudent]:
    student = LoRAStudent(model.network, generators(n), rank=RANK, features=features)
    try:
        yield student
    finally:
        student.remove()


def learner_of(model: Any, student: LoRAStudent, branches: dict[str, Conditioning], **how: Any) -> StudentTraining:
    return StudentTraining(student, predict_branches(model, {"student": branches["student"]}), model.schedule, lr=LR, **how)


def hooks_of(model: Any) -> int:
    modules = model.network.modules()
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in modules)


def pefts(model: Any, net: Any, loras: Any) -> tuple[Any, LoraModel]:
    """The model on `net` with the first student's adapters as peft's LoRA, and what holds them."""
    other = copy(model)
    names = [n for n, part in net.named_modules() if isinstance(part, torch.nn.Linear) and re.search("attn|attention", n)]
    config = LoraConfig(r=RANK, lora_alpha=RANK, target_modules=names)
    tuner = LoraModel(net, {"default": config}, "default")
    layers = [module for module in net.modules() if hasattr(module, "lora_A")]
    assert len(layers) == len(loras)
    for layer, lora in zip(layers, loras, strict=True):
        layer.lora_A["default"].weight.data = lora.A[0].detach().clone()
        layer.lora_B["default"].weight.data = lora.B[0].detach().clone()
    other.transformer = copy(model.transformer)
    other.transformer.net = net
    return other, tuner


def velocity(p: Pred) -> Tensor:
    return p.eps - p.x0


@pytest.mark.parametrize("name", slow_ones(ONE_OF_EACH, ["pixart"]))
def test_the_base_stays_itself_and_what_one_prompt_learns_is_its_own(name, exact):
    """Beside a student and after it to the bit; a new one is the base; a batch of two learns what each learns alone."""
    model = exact(name)
    x, t, before = draw(model), torch.tensor([100, 700]), hooks_of(model)
    ask = predict_branches(model, conds(model))
    plain = ask(x, t)
    ends: list[Tensor] = []
    for rows in (slice(0, 2), slice(0, 1), slice(1, 2)):
        with student_of(model) as student:
            assert len(student.loras) == LAYERS[name]
        prompts, rngs = PROMPTS[rows], generators()[rows]
        student = LoRAStudent(model.network, rngs, rank=RANK)
        try:
            branches = student.add_student_branch(conds(model, prompts))
            fresh = predict_branches(model, branches)(x[rows], t[rows])
            assert (fresh["student"].eps - fresh["cond"].eps).abs().max() < rounding(name)
            learner_of(model, student, branches).learn(x[rows], None, rngs)
            every = predict_branches(model, branches)(x[rows], t[rows])
            torch.testing.assert_close(every["cond"].eps, plain["cond"].eps[rows], rtol=0, atol=rounding(name))
            if len(prompts) == 2:
                during = ask(x, t)
                assert all(torch.equal(plain[branch].eps, during[branch].eps) for branch in plain)
            ends.append(every["student"].eps.detach())
        finally:
            student.remove()
    torch.testing.assert_close(ends[0], torch.cat(ends[1:]), rtol=0, atol=rounding(name))
    assert (ends[0] - plain["cond"].eps).flatten(1).abs().amax(1).min() > 1e-4
    assert torch.equal(ask(x, t)["cond"].eps, plain["cond"].eps) and hooks_of(model) == before
    assert not any(p.requires_grad for p in model.network.parameters())


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_the_gradient_and_the_students_step_are_pefts(name, exact):
    """w (eps_pretrained - eps_lora), by velocities of a flow; AdamW on the error of the velocity, and it falls."""
    model = exact(name)
    s, x, is_flow = model.schedule, draw(model, 1), name != "pixart"
    prompts, times = PROMPTS[1:], uniform_timesteps(300, 300)
    net = deepcopy(model.network)
    with student_of(model, 1) as student:
        branches = student.add_student_branch(conds(model, prompts))
        other, tuner = pefts(model, net, student.loras)
        cond, null = (model.embed([prompt]) for prompt in (prompts[0], NULL))
        learner = learner_of(model, student, branches, timesteps=times)
        own = [p for n, p in tuner.named_parameters() if "lora_" in n]
        optimizer = torch.optim.AdamW(own, LR, betas=(0.9, 0.99), eps=1e-15)
        times(0, again := generators(1))
        eps, errors = randn(x.shape[1:], again, x), []
        for _ in range(6):
            learner.learn(x, None, generators(1))
            p = other.predict(add_noise(s, x, eps, 300), 300, cond)
            wrong = velocity(p) - (eps - x) if is_flow else p.eps - eps
            errors.append(wrong.square().mean())
            optimizer.zero_grad()
            errors[-1].backward()
            optimizer.step()
        assert errors[-1] < 0.97 * errors[0]
        for k, lora in enumerate(student.loras.children()):
            lora: Any
            torch.testing.assert_close(lora.A[0], own[2 * k].detach(), rtol=0, atol=rounding(name))
            torch.testing.assert_close(lora.B[0], own[2 * k + 1].detach(), rtol=0, atol=rounding(name))

        weight = weights.velocity if is_flow else weights.constant
        loss = vsd(predict_branches(model, branches), s, 3.0, timesteps=times, weight=weight)
        found, xt = gradient(loss, x, generators(1)), add_noise(s, x, eps, 300)
        with torch.no_grad():
            base, nothing, learned = model.predict(xt, 300, cond), model.predict(xt, 300, null), other.predict(xt, 300, cond)
        if is_flow:
            wanted = velocity(nothing) + 3 * (velocity(base) - velocity(nothing)) - velocity(learned)
        else:
            wanted = nothing.eps + 3 * (base.eps - nothing.eps) - learned.eps
        torch.testing.assert_close(found, wanted, rtol=0, atol=rounding(name) * wanted.abs().max().item())
        assert (velocity(base) - velocity(learned)).abs().max() > 1e-4


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_what_a_student_is_told_reaches_it_alone(name, exact):
    model, told = exact(name), torch.eye(3, dtype=torch.float64)
    x = draw(model, 1)
    with student_of(model, 1, features=3) as student:
        branches = student.add_student_branch(conds(model, PROMPTS[:1]), told[:1])
        learner = learner_of(model, student, branches, steps=2)
        learner.learn(x, None, generators(1))
        ways = [
            predict_branches(model, student.add_student_branch(conds(model, PROMPTS[:1]), told[k : k + 1]))(x, 500)
            for k in (0, 1)
        ]
    assert (ways[0]["student"].eps - ways[1]["student"].eps).abs().max() > 1e-5
    assert torch.equal(ways[0]["cond"].eps, ways[1]["cond"].eps)


@pytest.mark.parametrize("name", quick_ones(["sd3", "flux-dev", "z-image"], ["sd3"]))
def test_vsd_goes_on_to_the_bit(name, flow_model):
    model = flow_model(name)

    def begin(rngs: list[torch.Generator], state: Any = None) -> Iterator[Any]:
        student = LoRAStudent(model.network, [torch.Generator()] if state else generators(1), rank=RANK)
        branches = student.add_student_branch(conds(model, PROMPTS[:1]))
        loss = vsd(predict_branches(model, branches), model.schedule, weight=weights.velocity)
        scene = LatentImage(draw(model).float())
        learner = learner_of(model, student, branches)
        yield from optimize(scene, loss, lambda x: x, steps=3, lr=lambda i: 0.1, rngs=rngs, learner=learner, state=state)
        student.remove()

    whole = resumed_to_the_bit(begin)
    assert (whole[-1].x - whole[0].x).abs().max() > 0.01
