"""The public names: what people look for is there, instant to import, and says how it is called."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Callable, Generator, Sequence
from typing import Any

import numpy as np
import pytest
import torch

import synoptic
from synoptic.models.checkpoint import BUNDLED_DIR
from synoptic.runs.errors import RunFailed
from tests.quick import slow_ones

NONE: Any = None


@pytest.mark.parametrize("name", synoptic.__all__)
def test_every_public_name_is_there_and_documented(name):
    assert getattr(synoptic, name).__doc__
    assert name in dir(synoptic)


def test_another_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="dream"):
        _ = synoptic.dream


@pytest.mark.parametrize("name", synoptic.APPLICATIONS)
def test_an_application_has_a_signature(name):
    signature = inspect.signature(getattr(synoptic, name))
    first, *others = signature.parameters.values()
    assert (first.name == "model" and {"steps", "seed"} & {p.name for p in others}) or name == "denoise"
    assert "out" not in signature.parameters and "trace" not in signature.parameters


def test_importing_is_instant():
    script = "import sys, synoptic; print(any(name in sys.modules for name in ('torch', 'diffusers', 'PIL', 'cyclopts')))"
    assert (
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip() == "False"
    )


def test_a_tool_is_a_function_too(tmp_path):
    from PIL import Image

    for k in range(3):
        Image.new("RGB", (8, 8), (80 * k,) * 3).save(tmp_path / f"{k}.png")
    assert synoptic.video(str(tmp_path), out=str(tmp_path / "film.gif")).exists()
    with pytest.raises(synoptic.InputError) as e:
        synoptic.video(str(tmp_path), fps=0)
    assert str(e.value).startswith("fps must be at least 0.01")


@pytest.mark.parametrize("name", [*synoptic.APPLICATIONS, *synoptic.TOOLS])
def test_help_explains_every_argument_in_pythons_names(name):
    function = getattr(synoptic, name)
    head, _, arguments = function.__doc__.partition("\nArgs:\n")
    documented = arguments.partition("\n\n")[0]
    assert [line.split(":")[0].strip() for line in documented.splitlines()] == list(inspect.signature(function).parameters)
    assert "--" not in documented and head[0].isupper()
    assert all(line.startswith("    synoptic ") for line in function.__doc__.partition("command line:\n")[2].splitlines())


def test_types_are_those_that_a_caller_may_give():
    parameters = inspect.signature(synoptic.edit).parameters
    assert "PIL.Image" in parameters["image"].annotation and "None" not in parameters["image"].annotation
    assert parameters["steps"].annotation == int | None and parameters["seed"].annotation is int
    assert parameters["start"].annotation == int | Sequence[int]


@pytest.mark.slow
def test_one_picture_is_the_same_as_path_image_array_and_tensor(tmp_path):
    import numpy as np
    from PIL import Image

    from synoptic import io

    image = Image.radial_gradient("L").resize((64, 64)).convert("RGB")
    image.save(tmp_path / "a.png")
    given = [
        tmp_path / "a.png",
        str(tmp_path / "a.png"),
        image,
        np.asarray(image),
        io.from_pil(image),
        io.from_pil(image)[0],
    ]
    made = [synoptic.edit("bundled-if", one, "a photo of the moon", steps=2, dtype="float32").images[0] for one in given]
    assert {picture.tobytes() for picture in made} == {made[0].tobytes()}
    for wrong in (np.zeros((4, 4)), io.from_pil(image) * 3, np.zeros((3, 8, 8), np.float32), 5):
        with pytest.raises(synoptic.InputError) as e:
            synoptic.edit("bundled", wrong, "a photo of the moon", steps=2)
        assert e.value.rule in ("image-type", "picture-range")


@pytest.mark.parametrize(
    ("progress", "kernel", "shown"),
    slow_ones([(True, False, True), (None, True, True), (None, False, False)], [(True, False, True)]),
)
def test_a_call_shows_its_progress_where_it_is_asked_or_in_a_notebook(progress, kernel, shown, pixel32, monkeypatch, capsys):
    monkeypatch.setattr("synoptic.pipelines.application.in_notebook", lambda: kernel)
    synoptic.generate(pixel32, "a cat", steps=1, upscalers="none", progress=progress)
    assert ("1/1" in capsys.readouterr().err) == shown


@pytest.mark.parametrize(
    ("call", "rule"),
    [
        (lambda: synoptic.generate(None, "a dog"), "model-type"),
        (lambda: synoptic.generate(3, "a dog"), "model-type"),
        (lambda: synoptic.load(NONE), "name-type"),
        (lambda: synoptic.load_controlnet(NONE), "name-type"),
        (lambda: synoptic.load_controlnet("bundled-canny", model=NONE), "model-type"),
        (lambda: synoptic.generate("bundled", "a dog", progress=3), "progress-type"),
        (lambda: synoptic.load("bundled", dtype="float8"), "dtype"),
        (lambda: synoptic.run("genrate", prompt="a dog"), "application-unknown"),
        (lambda: synoptic.run("common", prompt="a dog"), "application-unknown"),
        (lambda: synoptic.grid("genrate", {"seed": [1]}, "a dog"), "application-unknown"),
    ],
)
def test_a_wrong_call_is_answered_with_a_rule(call, rule):
    with pytest.raises(synoptic.InputError) as e:
        call()
    assert e.value.rule == rule


def test_an_array_that_is_no_picture_is_named_by_its_shape():
    with pytest.raises(synoptic.InputError) as e:
        synoptic.edit("bundled", np.random.rand(64, 64, 3), "a dog")
    assert "ndarray (64, 64, 3) of float64 was given" in str(e.value)


def test_a_model_is_named_by_a_path_and_a_dtype_by_torch(sd32):
    loaded = synoptic.load(BUNDLED_DIR / "sd", device="cpu", dtype=torch.float32)
    assert loaded.checkpoint.path_or_repo == sd32.checkpoint.path_or_repo
    assert synoptic.generate(model=sd32, prompt="a dog", steps=1).options.steps == 1


def test_a_call_warns_of_what_the_command_line_warns_of(sd32):
    with pytest.warns(UserWarning, match="guidance is off at scale 1: negative_prompt is not seen"):
        synoptic.generate(sd32, "a dog", negative_prompt="a cat", guidance_scale=1, steps=1)


WORDS: dict[str, Callable[[], object]] = {  # by what their errors say
    "clip_skip must be between 0 and 2": lambda: synoptic.load("bundled", clip_skip=99),
    "omit vae or give": lambda: synoptic.load("bundled", vae="nix/nix/nix"),
    "use model bundled": lambda: synoptic.load("nix"),
    "use upscalers none": lambda: synoptic.load_upscaler("nix"),
    "model bundled or": lambda: synoptic.load_controlnet("bundled-canny", model="nix"),
    "another out": lambda: synoptic.batch([{"application": "generate", "prompt": "a dog"}], out="/dev/null/x"),
}


@pytest.mark.parametrize("says", WORDS)
def test_errors_in_python_name_arguments_not_flags(says):
    with pytest.raises(synoptic.InputError) as e:
        WORDS[says]()
    assert says in str(e.value) and "--" not in str(e.value)


def test_an_error_on_the_way_of_steps_names_arguments_too(sd32):
    broken: Any = synoptic.load("bundled", device="cpu", dtype="float32")
    next(broken.network.parameters()).data.fill_(float("nan"))
    steps = synoptic.generate.steps(broken, "a dog", steps=1)
    with pytest.raises(synoptic.errors.NonFiniteError, match="try dtype float32, or a lower guidance scale"):
        list(steps)
    steps = synoptic.generate.steps(sd32, "a dog", steps=1)
    assert isinstance(steps, Generator)
    with pytest.raises(StopIteration) as end:
        while True:
            next(steps)
    assert len(end.value.value) == 1, "what came of each item"


def test_a_picture_that_is_not_finite_is_told_in_python_too(sd32, monkeypatch):
    def fail(*_: object) -> None:
        raise synoptic.errors.NonFiniteError("it holds NaN: try --dtype float32")

    monkeypatch.setattr(type(sd32), "decode", fail)
    with pytest.raises(synoptic.errors.NonFiniteError, match="try dtype float32"):
        synoptic.generate(sd32, "a dog", steps=1)


def test_a_failed_run_is_told_in_python_and_keeps_what_was_made(tmp_path, monkeypatch):
    run = synoptic.run("generate", "a dog", steps=1, model="bundled-if", upscalers="none", out=str(tmp_path))

    def fail(_: object) -> None:
        raise RunFailed("it holds NaN: try --dtype float32", run)

    monkeypatch.setattr("synoptic.runs.execute.carry_out", fail)
    with pytest.raises(RunFailed, match="try dtype float32") as e:
        synoptic.run("generate", "a dog")
    assert e.value.result is run


def test_a_file_with_dashes_in_its_name_is_named_as_it_is():
    with pytest.raises(synoptic.InputError, match=r"my--photo\.png is none"):
        synoptic.edit("bundled", "my--photo.png", "a dog")
