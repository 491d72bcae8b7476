"""The bundled models, loaded once for all tests."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch

from synoptic.models.base import Denoiser
from synoptic.models.load import load

torch.set_num_threads(1)  # two test processes share two cores, and threads that wait for one another cost ten times more


@pytest.fixture(scope="session")
def sd32() -> Denoiser:
    return load("bundled", device="cpu", dtype="float32")


@pytest.fixture(scope="session")
def sd64() -> Denoiser:
    return load("bundled", device="cpu", dtype="float64")


@pytest.fixture(scope="session")
def pixel32() -> Denoiser:
    return load("bundled-if", device="cpu", dtype="float32")


@pytest.fixture(scope="session")
def ask() -> Callable[[list[list[str]]], list[Any]]:
    """Command lines that exit -> (exit code, error stream, whether torch was imported) of each, from one fresh process."""

    def answers(argv: list[list[str]]) -> list[Any]:
        call = [sys.executable, "-c", SCRIPT]
        return json.loads(subprocess.run(call, input=json.dumps(argv), capture_output=True, text=True, check=True).stdout)

    return answers


SCRIPT = """
import io, json, sys
from contextlib import redirect_stderr, redirect_stdout
from synoptic import cli
answers = []
for argv in json.load(sys.stdin):
    sys.argv, err = ["synoptic", *argv], io.StringIO()
    try:
        with redirect_stderr(err), redirect_stdout(io.StringIO()):
            cli.main()
    except SystemExit as e:
        answers.append((e.code, err.getvalue(), "torch" in sys.modules))
json.dump(answers, sys.stdout)
"""
