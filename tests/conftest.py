"""The bundled models, loaded once for all tests."""

from __future__ import annotations

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
