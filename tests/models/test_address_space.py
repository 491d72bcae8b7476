"""Runs under a limit of the address space (ulimit -v): they paint, or say before loading why not."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.memory_gpu import write_model
from synoptic.models.control_groups import control_group_memory
from synoptic.models.latent import LatentSpace
from synoptic.models.load_once import load_once
from synoptic.models.memory import LEAST_LATENTS
from synoptic.options import options_class
from synoptic.runs.plan import make_plan

GB = 10**9
TOP = Path(__file__).parents[2]
MAPPED = 0.9 * GB  # by Python and torch without CUDA before anything loads; where it is more, limits mean less


def small_sdxl(configs: dict[str, Any], side: int = 16) -> None:
    """Give SDXL its own VAE and text encoders, of which the second has two layers, and a narrow U-Net of few latents."""
    configs["unet"] |= {"block_out_channels": [64, 128, 256], "attention_head_dim": [1, 2, 4], "sample_size": side}
    configs["unet"] |= {"transformer_layers_per_block": [1, 1, 2]}
    configs["vae"]["sample_size"] = 8 * side
    configs["text_encoder_2"]["num_hidden_layers"] = 2


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("models")
    full, small = write_model("sdxl", folder / "sdxl"), write_model("sdxl", folder / "small", small_sdxl)
    return {"bundled": "bundled", "bundled-if": "bundled-if", "SDXL": str(full), "small SDXL": str(small)}


def synoptic(words: list[str], limit: float, cache: Path) -> tuple[int, list[str]]:
    """Run a command that may map so many bytes; return its exit code and what it said on the error stream, without bars."""
    own = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(TOP), "XDG_CACHE_HOME": str(cache), "TQDM_DISABLE": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "synoptic", *words],
        env=os.environ | own,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (int(limit), int(limit))),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    return done.returncode, done.stderr.splitlines()


@pytest.fixture(scope="module")
def mapped() -> float:
    """The bytes that the libraries map."""
    code = "import psutil, synoptic.runs.execute; print(psutil.Process().memory_info().vms)"
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=TOP).stdout)


@pytest.mark.slow
@pytest.mark.timeout(900)  # full-size weights are written, and a slow machine paints with little memory
@pytest.mark.parametrize(
    ("name", "gigabytes", "paints"),
    [
        ("bundled", 2, True),
        ("bundled-if", 2, True),
        ("small SDXL", 2, False),
        ("small SDXL", 3, True),
        ("small SDXL", 4, True),
        ("SDXL", 4, False),
    ],
)
def test_a_run_under_a_limit_paints_or_says_before_it_loads_why_not(name, gigabytes, paints, models, mapped, tmp_path):
    limit = gigabytes * GB + max(0.0, mapped - MAPPED)
    words = ["generate", "a photo of a horse", f"--model={models[name]}", "--steps=1", "--upscalers=none"]
    code, said = synoptic([*words, f"--out={tmp_path / 'out'}"], limit, tmp_path / "cache")
    assert not any("Traceback" in line for line in said)
    if paints:
        assert code == 0 and len(list((tmp_path / "out").glob("a_*.png"))) == 1
    else:
        (line,) = [line for line in said if line.startswith("synoptic: ")]
        assert code == 2 and "GiB are free: raise the limit (ulimit -v), or use a smaller --model" in line
        assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_limit_too_small_for_the_libraries_is_one_line(tmp_path):
    code, said = synoptic(["generate", "a horse", f"--out={tmp_path}"], 0.4 * GB, tmp_path)
    assert code == 2 and [line for line in said if line.startswith("synoptic: error: memory must hold the libraries")]
    assert not any("Traceback" in line for line in said)


@pytest.mark.slow
def test_a_plan_under_a_limit_codes_pieces_and_counts_the_file_that_is_read(tmp_path, monkeypatch):
    folder = write_model("sdxl", tmp_path / "model", partial(small_sdxl, side=32))
    given: dict[str, Any] = {"model": str(folder), "steps": 1, "device": "cpu", "dtype": "bfloat16"}
    options = options_class("generate").from_arguments("a horse", **given).prepare()
    usual = make_plan(options)  # pyright: ignore[reportArgumentType]
    weights = sum(usual.weights.values())
    assert usual.mapped == 0 and usual.vae == 256**2 * 6 * 128 * 4 + 192 * 2**20
    assert usual.piece == 128**2 * 13 * 128 * 4
    monkeypatch.setattr("synoptic.runs.plan.address_limit", lambda: 3 * GB)
    monkeypatch.setattr("synoptic.runs.plan.free_memory", lambda _: weights + 160 * 2**20)
    limited = make_plan(options)  # pyright: ignore[reportArgumentType]
    assert limited.piece < limited.vae < usual.vae
    largest = max(file.stat().st_size for file in folder.glob("*/*.safetensors"))
    assert limited.mapped == largest and limited.least == weights + largest and not limited.fits


@pytest.mark.slow
def test_a_picture_is_coded_in_pieces_that_fit(monkeypatch):
    model: Any = load_once("bundled", device="cpu", dtype="float32")
    latents = torch.randn(1, *model.shape, generator=torch.Generator().manual_seed(0))
    whole, seen, decode = model.decode(latents), [], LatentSpace._decode_tile

    def watched(self: LatentSpace, x: torch.Tensor) -> torch.Tensor:
        seen.append(x.shape[-1] * x.shape[-2])
        return decode(self, x)

    monkeypatch.setattr(LatentSpace, "_decode_tile", watched)
    monkeypatch.setattr("synoptic.models.latent.free_memory", lambda _: 0)
    pieces = model.decode(latents)
    assert max(seen) <= LEAST_LATENTS**2 and len(seen) > 1
    assert pieces.shape == whole.shape and (pieces - whole).abs().mean() < 0.1 * whole.std()


@pytest.fixture
def groups(tmp_path):
    """(lines of /proc/self/cgroup, {file: text}) -> the bytes that are left."""

    def left(lines: str, files: dict[str, str]) -> int:
        (tmp_path / "self").write_text(lines)
        for name, text in files.items():
            (tmp_path / "mount" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "mount" / name).write_text(text)
        return control_group_memory(tmp_path / "mount", tmp_path / "self")

    return left


def test_a_container_s_limit_is_what_its_groups_leave(groups):
    inner = {"memory.max": "4000\n", "memory.current": "1500\n", "memory.stat": "anon 900\ninactive_file 500\n"}
    outer = {"memory.max": "max\n", "memory.current": "90000\n", "memory.stat": "inactive_file 1\n"}
    files = {f"a/b/{name}": text for name, text in inner.items()} | {f"a/{name}": text for name, text in outer.items()}
    assert groups("0::/a/b\n", files) == 3000
    assert groups("0::/a/b\n", {"a/memory.max": "90100\n"}) == 101  # the group around it has less left
    assert groups("0::/a/b\n", {"a/memory.max": "80000\n"}) == 0


def test_version_1_of_control_groups_is_read_too(groups):
    files = {"limit_in_bytes": "4000", "usage_in_bytes": "1500", "stat": "inactive_file 7\ntotal_inactive_file 500\n"}
    lines = "9:name=systemd:/x\n4:memory:/job\n0::/\n"
    assert groups(lines, {f"memory/job/memory.{name}": text for name, text in files.items()}) == 3000


def test_without_a_limit_all_is_left(groups, tmp_path):
    assert groups("0::/\n", {}) == sys.maxsize == control_group_memory(tmp_path / "none", tmp_path / "none")
