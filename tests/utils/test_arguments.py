"""What the public functions are given in place of what they ask for: one line that names it, and the cure."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any, Literal, get_type_hints

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import synoptic as syn
from synoptic.diffusion.equations import ddim_solver
from synoptic.errors import InputError
from synoptic.utils.arguments import Axes, mismatch
from synoptic.views.permutation import Permutation
from synoptic.views.registry import FAILURES
from synoptic.views.registry import VIEWS as VIEWS_BY_NAME
from tests.exact import SHAPE, Mixture, ddpm

S = ddpm()
X = torch.zeros(2, *SHAPE)
STEPS = S.steps(2)
PREDICT: Any = Mixture(S)
C, H, W = SHAPE
VIEWS = syn.Windows(SHAPE, (H, W), (H, W))
OTHERS: dict[str, Any] = {
    "None": None,
    "a text": "a lake",
    "a number": 3,
    "an empty list": [],
    "an array": np.zeros((2, 3, 4, 4), np.float32),
    "a PIL image": Image.new("RGB", (4, 4)),
    "a matrix": torch.zeros(4, 4),
    "whole numbers": X.long(),
}
NUMBER = ("a number",)
TEXT = ("a text",)
CALLS: dict[str, tuple[Callable[[Any], object], tuple[str, ...]]] = {  # of what is wrong, and what is right of OTHERS
    "model": (lambda wrong: syn.cfg(wrong, ["a lake"]), ()),
    "predict": (lambda wrong: next(syn.sample(wrong, S, X, steps=STEPS)), ()),
    "s": (lambda wrong: next(syn.sample(PREDICT, wrong, X, steps=STEPS)), ()),
    "x": (lambda wrong: next(syn.sample(PREDICT, S, wrong, steps=STEPS)), ()),
    "steps": (lambda wrong: next(syn.sample(PREDICT, S, X, steps=wrong), None), ("an empty list",)),
    "solver": (lambda wrong: next(syn.sample(PREDICT, S, X, steps=STEPS, solver=wrong)), ("None",)),
    "rngs": (lambda wrong: next(syn.sample(PREDICT, S, X, steps=STEPS, rngs=wrong)), ("an empty list",)),
    "start": (lambda wrong: next(syn.sample(PREDICT, S, X, steps=STEPS, start=wrong), None), NUMBER),
    "views": (lambda wrong: next(syn.instance(PREDICT, S, wrong, X, steps=STEPS)), ()),
    "z": (lambda wrong: next(syn.canonical(PREDICT, S, VIEWS, wrong, steps=STEPS)), ()),
    "view_update": (
        lambda wrong: next(syn.canonical(PREDICT, S, VIEWS, X, steps=STEPS, view_update=wrong)),
        ("None",),
    ),
    "sync": (lambda wrong: next(syn.instance(PREDICT, S, VIEWS, X, steps=STEPS, sync=wrong)), ()),
    "space": (lambda wrong: syn.JointSampler(lambda model: PREDICT, 2, space=wrong), ()),
    "init": (lambda wrong: syn.JointSampler(lambda model: PREDICT, 2, init=wrong), ()),
    "num_steps": (lambda wrong: syn.JointSampler(lambda model: PREDICT, wrong), NUMBER),
    "canvas": (lambda wrong: syn.Windows(wrong, (4, 4), (4, 4)), ()),
    "circular": (lambda wrong: syn.Windows((3, 4, 4), (4, 4), (4, 4), circular=wrong), ()),
    "components": (lambda wrong: syn.Factorized((3, 4, 4), wrong), ("an empty list",)),
    "known": (lambda wrong: syn.Factorized((3, 4, 4), [lambda z: z] * 2, wrong), ("None",)),
    "name": (lambda wrong: syn.get_view(wrong), TEXT),
    "scene": (lambda wrong: next(syn.optimize(wrong, PREDICT, abs, steps=1, lr=abs, rngs=[])), ()),
    "branch_predict": (lambda wrong: syn.sds(wrong, S), ()),
    "scale": (lambda wrong: syn.vsd(PREDICT, S, wrong), NUMBER),
    "timesteps": (lambda wrong: syn.csd(PREDICT, S, timesteps=wrong), ("None",)),
    "source": (lambda wrong: syn.dds(PREDICT, S, wrong), ()),
    "stride": (lambda wrong: syn.pds(PREDICT, S, X, wrong), NUMBER),
    "inversion_predict": (lambda wrong: syn.ism(PREDICT, S, wrong), ()),
}


@pytest.mark.parametrize("name", CALLS)
def test_what_is_of_another_kind_is_named_with_what_was_given_and_the_cure(name):
    call, right = CALLS[name]
    for given, wrong in OTHERS.items():
        if given in right:
            continue
        with pytest.raises(InputError, match=rf"^{name} must be [^\n]*, .* was given: [^\n]+$") as e:
            call(wrong)
        assert e.value.rule == f"{name}-type", given


OF_OPTIONS = ("run", "grid", "batch")  # which check what they are given as the command line's options
MADE_BY_US = ("Step", "OptimizationFailed")


@pytest.mark.parametrize("name", [name for name in syn.MODULES if name not in (*OF_OPTIONS, *MADE_BY_US)])
def test_every_public_function_and_class_checks_what_it_is_given(name):
    found = getattr(syn, name)
    own = vars(found).items() if isinstance(found, type) else ()
    methods = [partial(one, None) for name, one in own if inspect.isfunction(one) and not name.startswith("_")]
    for call in (found, *methods):
        wrong = dict.fromkeys(inspect.signature(call).parameters, object())
        with pytest.raises(InputError, match=rf"^{next(iter(wrong))} must be .*, <object .* was given: "):
            call(**wrong)


@pytest.mark.parametrize("name", ["load", "load_controlnet", "load_upscaler"])
def test_what_a_model_is_loaded_by_is_named_where_it_is_of_another_kind(name):
    load, needed = getattr(syn, name), {"load_controlnet": {"name": "bundled-canny"}}.get(name, {})
    for parameter, kind in get_type_hints(load).items():
        for given, wrong in OTHERS.items():
            if parameter == "return" or mismatch(kind, wrong) is None:
                continue
            with pytest.raises(InputError, match=rf"^{parameter} must be [^\n]*, .* was given: [^\n]+$") as e:
                load(**needed | {parameter: wrong})
            assert e.value.rule == f"{parameter}-type", given


@pytest.mark.parametrize(
    ("method", "parameter"), [("encode", "image"), ("decode", "x"), ("predict", "x"), ("predict", "cond")]
)
def test_what_a_loaded_model_is_given_is_named_where_it_is_of_another_kind(method, parameter, sd32, pixel32):
    for model in (sd32, pixel32):
        call = getattr(model, method)
        right = {"x": X[:, :1].expand(-1, *model.shape[:1], -1, -1), "t": 500, "cond": model.embed(["a lake"] * 2)}
        for given, wrong in OTHERS.items():
            with pytest.raises(InputError, match=rf"^{parameter} must be [^\n]*, .* was given: [^\n]+$") as e:
                call(**(right if method == "predict" else {}) | {parameter: wrong})
            assert e.value.rule == f"{parameter}-type", given


@pytest.mark.parametrize(
    ("kind", "right", "wrong", "what"),
    [
        (Sequence[str], [["a"], (), ["a", "b"]], ["a", [1], None], "a list of texts"),
        (tuple[int, int], [(1, 2), [1, 2], torch.Size((1, 2))], [(1,), (1, 2, 3)], "2 values"),
        (tuple[int, int], [(1, np.int64(2))], [(1, 2.5), (1, "2"), (1, True)], "a list of whole numbers"),
        (float, [1, 2.5, np.float32(3), torch.tensor(4)], ["1", True, float("nan"), torch.zeros(2), 1j], "a finite number"),
        (float | Tensor, [1, X], ["1", None], "a finite number or a tensor"),
        (Literal["eps", "x0"], ["eps"], ["x1", None, X], "one of eps, x0"),
        (Annotated[Tensor, Axes("B, C, h, w")], [X, X.half()], [X[0], X.long()], "a tensor (B, C, h, w) of floating-"),
        (Callable[[int], int] | None, [None, abs], [3, "abs"], "a function"),
        (Any, [None, 3], [], ""),
    ],
)
def test_an_annotation_says_what_fits(kind, right, wrong, what):
    assert all(mismatch(kind, one) is None for one in right)
    for one in wrong:
        found = mismatch(kind, one)
        assert found is not None and found.what.startswith(what), one


@pytest.mark.parametrize("name", [*VIEWS_BY_NAME, *FAILURES, "flip+negate"])
@pytest.mark.parametrize("method", ["view", "inverse_view"])
def test_what_a_view_is_given_is_named_where_it_is_no_tensor(name, method):
    for wrong in (None, "a lake", 3, np.zeros((1, 3, 8, 8), np.float32)):
        with pytest.raises(InputError, match=r"must be a tensor.*was given: make it one"):
            getattr(syn.get_view(name), method)(wrong)


@pytest.mark.parametrize("name", ["flip", "skew", "inner_rotate:30", "fails_scale", "fails_blur", "fails_white_balance"])
def test_what_a_view_is_given_has_its_axes(name):
    with pytest.raises(ValueError, match=r"B, (C|3), S, S"):
        syn.get_view(name).view(torch.zeros(3, 8, 8))


@pytest.mark.parametrize("wrong", [None, "8", 0, -1, 2.5])
def test_permutations_and_schedules_are_of_whole_numbers(wrong):
    view = syn.get_view("flip")
    assert isinstance(view, Permutation)
    with pytest.raises(InputError, match=r"^side must be"):
        view.indices(wrong)
    with pytest.raises(ValueError, match=r"^(n|steps) must be"):
        S.steps(wrong)


def test_an_argument_that_is_missing_is_named_with_its_function():
    cfg: Any = syn.cfg
    with pytest.raises(TypeError, match=r"cfg\(\) missing 2 required positional arguments"):
        cfg()


@pytest.mark.parametrize("rngs", [0, 1, 3])
def test_noise_of_more_or_fewer_generators_than_pictures_is_refused(rngs):
    """One of two would have given both the same noise, three of two a picture more."""
    how: Any = {"steps": STEPS, "solver": ddim_solver(1.0), "rngs": [torch.Generator().manual_seed(k) for k in range(rngs)]}
    for steps in (
        syn.sample(PREDICT, S, X, **how),
        syn.instance(PREDICT, S, VIEWS, X, **how),
        syn.canonical(PREDICT, S, VIEWS, X, **how),
        syn.canonical(PREDICT, S, VIEWS, X, sync="xt", **how),
    ):
        with pytest.raises(ValueError, match=f"{rngs} were given for 2 rows: give 2 rngs"):
            next(steps)


def test_a_canvas_and_views_of_other_sizes_are_refused():
    """Windows of a larger canvas would be cut from other places."""
    with pytest.raises(ValueError, match=re.escape(f"a canvas is (B, C, {H}, {W}), {(1, C, 2 * H, W)} was given")):
        VIEWS.project(torch.zeros(1, C, 2 * H, W))
    two = syn.Anagram((3, 4, 4), [syn.get_view("identity"), syn.get_view("flip")])
    for views, x in ((syn.Windows((3, 4, 8), (4, 4), (4, 4)), torch.zeros(2, 3, 2, 8)), (two, torch.zeros(3, 3, 4, 4))):
        with pytest.raises(ValueError, match="x must be 2 views of each picture"):
            views.unproject(x)


@pytest.mark.parametrize(
    ("x", "t", "rule"),
    [
        (None, 500, "x-type"),
        (np.zeros((1, 8, 4, 4)), 500, "x-type"),
        (torch.zeros(8, 4, 4), 500, "x-type"),
        (torch.zeros(1, 8, 4, 4, dtype=torch.int64), 500, "x-type"),
        (torch.zeros(1, 3, 4, 4), 500, "x-channels"),
        (torch.zeros(1, 8, 4, 4), None, "t-type"),
        (torch.zeros(1, 8, 4, 4), float("nan"), "t-type"),
    ],
)
def test_what_a_prediction_is_asked_about_is_checked(sd32, x, t, rule):
    with pytest.raises(InputError) as e:
        syn.cfg(sd32, ["a lake"])(x, t)
    assert e.value.rule == rule


@pytest.mark.parametrize(
    ("how", "rule"),
    [
        ({"max_rows": 0.5}, "max_rows-type"),  # which was never done
        ({"max_rows": -1}, "max_rows-at-least"),
        ({"max_rows": 0}, "max_rows-at-least"),
        ({"views_per_image": 0}, "views_per_image-at-least"),
    ],
)
def test_numbers_of_guidance_are_checked(sd32, how, rule):
    with pytest.raises(InputError) as e:
        syn.cfg(sd32, ["a lake"], 3.0, **how)
    assert e.value.rule == rule
