"""The public names: what people look for is there, instant to import, and says how it is called."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import synoptic


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
    assert str(e.value).startswith("fps must be above 0")
