"""What weights of this machine hold belongs to a run: a byte of them decides, and neither their times nor a copy."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

import synoptic
from synoptic.errors import InputError
from synoptic.models.checkpoint import BUNDLED_DIR
from synoptic.options import options_class
from synoptic.runs.folders import difference
from tests.quick import slow_ones

NET = "diffusion_pytorch_model.safetensors"
FOLDERS: dict[str, tuple[str, str, str, dict[str, Any]]] = {  # option -> what is copied, the weights in it, of which run
    "model": ("sd", f"unet/{NET}", "generate", {"prompt": "a"}),
    "vae": ("sd/vae", NET, "wide", {"prompt": "a"}),
    "controlnet": ("control-depth", NET, "control", {"image": "a.png", "prompt": "a", "condition": "depth"}),
    "depth": ("depth", "model.safetensors", "control", {"image": "a.png", "prompt": "a", "condition": "depth"}),
    "upscalers": ("if-ii", f"unet/{NET}", "generate", {"prompt": "a", "model": "bundled-if"}),
    "clip_model": ("clip", "model.safetensors", "text_to_3d", {"prompt": "a"}),
    "init": ("control-canny", NET, "train_controlnet", {"images": "x", "captions": "y"}),
}


def changed(file: Path, place: int = -1) -> None:
    """Change one byte of a file, and no name, size, header or time of it."""
    times, data = file.stat(), bytearray(file.read_bytes())
    data[place] ^= 1
    file.write_bytes(data)
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))


def copied_anew(folder: Path) -> None:
    shutil.copytree(folder, folder.with_name("other"))
    shutil.rmtree(folder)
    folder.with_name("other").rename(folder)


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_of_other_weights_is_another_run(name, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    origin, weights, application, asked = FOLDERS[name]
    folder = Path(shutil.copytree(BUNDLED_DIR / origin, tmp_path / "weights"))
    options = options_class(application).from_arguments(**asked, **{name: str(folder)})
    before: dict[str, Any] = {"application": application, "options": options.to_json()}
    assert len(before["options"][f"{name}_sha256"]) == 64
    (folder / "README.md").write_text("read by nobody")
    copied_anew(folder)
    assert not difference(options, before)
    for file in (weights, "scheduler/scheduler_config.json" if (folder / "scheduler").exists() else "config.json"):
        changed(folder / file)
        assert difference(options, before) == f"{name}_sha256"
        changed(folder / file)
        assert not difference(options, before)


def test_a_union_is_named_with_its_kind(tmp_path):
    folder = Path(shutil.copytree(BUNDLED_DIR / "control-depth", tmp_path / "union"))
    control = {"image": "a.png", "prompt": "a", "condition": "depth"}
    plain, kind = (
        options_class("control").from_arguments(**control, controlnet=f"{folder}{end}").to_json() for end in ("", ":depth")
    )
    assert plain["controlnet_sha256"] == kind["controlnet_sha256"]


def test_a_file_is_its_own_and_what_stands_beside_it(tmp_path):
    file = tmp_path / "m.safetensors"
    file.write_bytes(b"weights")
    options = options_class("generate").from_arguments("a", model=str(file))
    first = options.to_json()["model_sha256"]
    file.with_suffix(".yaml").write_text("parameterization: v")
    second = options.to_json()["model_sha256"]
    changed(file)
    assert len({first, second, options.to_json()["model_sha256"]}) == 3


def test_a_loras_folder_counts_with_its_config(tmp_path):
    for name in ("adapter_model.safetensors", "adapter_config.json"):
        (tmp_path / name).write_text(name)
    options = options_class("generate").from_arguments("a", lora=f"{tmp_path}:0.5")
    before: dict[str, Any] = {"application": "generate", "options": options.to_json()}
    for name in ("adapter_model.safetensors", "adapter_config.json"):
        changed(tmp_path / name)
        assert difference(options, before) == "lora_sha256"
        changed(tmp_path / name)
        assert not difference(options, before)


def test_names_that_are_not_of_this_machine_have_no_hash(tmp_path, monkeypatch):
    """Nor has a folder called as a bundled model, or one that is broken, which is refused elsewhere."""
    monkeypatch.chdir(tmp_path)
    for folder in ("bundled", "broken", "organization/name"):
        Path(folder).mkdir(parents=True)
        Path(folder, "config.json").write_text("{")
    for model in ("bundled", "broken", "organization/name", "another/name", "sdxl", ""):
        assert "model_sha256" not in options_class("generate").from_arguments("a", model=model).to_json()


@pytest.mark.parametrize("part", slow_ones(["unet", "vae"], ["vae"]))
def test_a_run_is_not_resumed_with_other_weights(part, tmp_path):
    folder, out = Path(shutil.copytree(BUNDLED_DIR / "sd", tmp_path / "model")), tmp_path / "out"
    how: dict[str, Any] = {"model": str(folder), "steps": 1, "upscalers": "none", "device": "cpu", "out": str(out)}
    run = synoptic.run("generate", "a cat", **how)
    recorded = json.loads((out / "run.json").read_text())["options"]["model_sha256"]
    assert recorded == run.options.to_json()["model_sha256"]
    assert synoptic.run("generate", "a cat", **how).kept == 1
    changed(folder / part / NET)
    with pytest.raises(InputError, match=r"model_sha256 differs") as e:
        synoptic.run("generate", "a cat", **how)
    assert e.value.rule == "run-differs"
