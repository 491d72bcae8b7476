"""Every training stage runs on a CPU, resumes, agrees over GPUs, and writes directories that load and generate."""

from __future__ import annotations

import importlib
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_model

from bundled_training.render.bank import renderer_on
from bundled_training.train import legs
from bundled_training.train.loop import autocast
from synoptic.io import to_pil
from synoptic.metrics.clip import Clip
from tests.processes import ranks

diffusers: Any = importlib.import_module("diffusers")
STAGES = ["contrastive conditioner", "contrastive clip-grayscale", "vae", "t5", "sd", "control", "depth", "pixel", "upscale"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]  # a whole campaign, tiny


def run(work: Path, stage: str, *more: str) -> None:
    """The stage's own main, in this process."""
    module, *name = stage.split()
    was, sys.argv = sys.argv, [module, "--work", str(work), "--tiny", *more]
    try:
        importlib.import_module(f"bundled_training.train.{module}").main(*name)
    finally:
        sys.argv = was


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> Iterator[Path]:
    """The whole campaign in miniature, previews too."""
    from bundled_training import tokenizers
    from bundled_training.train.denoise import PROMPTS

    work = tmp_path_factory.mktemp("bundled_training")
    tokenizers.write(work / "tokenizers", count=3000)
    with pytest.MonkeyPatch.context() as m:
        for name in ("sd.SD_PROMPTS", "pixel.PROMPTS"):
            m.setattr(f"bundled_training.train.{name}", PROMPTS[:2])
        for stage in STAGES:
            run(work, stage)
    yield work
    renderer_on.cache_clear()


@pytest.mark.parametrize("name", ["sd", "if", "if-ii"])
def test_directories_generate_by_plain_from_pretrained(work, name):
    pipe = diffusers.DiffusionPipeline.from_pretrained(work / "family" / name)
    pipe.set_progress_bar_config(disable=True)
    given = {"image": torch.zeros(1, 3, 64, 64)} if name == "if-ii" else {}
    picture = pipe("a photo of a dog", num_inference_steps=2, output_type="pt", **given).images
    side = {"sd": 256, "if": 64, "if-ii": 256}[name]
    assert picture.shape == (1, 3, side, side)
    assert all(p.dtype == torch.float32 for p in pipe.unet.parameters())


def test_a_leg_starts_from_the_shards_of_the_one_before(work, tmp_path, monkeypatch):
    from bundled_training.train.denoise import PROMPTS

    monkeypatch.setattr("bundled_training.train.sd.SD_PROMPTS", PROMPTS[:2])
    for name in ("tokenizers", "vae"):
        shutil.copytree(work / name, tmp_path / name)
    legs.tower(work / "conditioner", tmp_path)
    run(tmp_path, "sd", "--shards", str(tmp_path / "one"))
    files = list((tmp_path / "one").iterdir())
    assert len(files) <= 8 and all(file.stat().st_size <= 16e6 for file in files)
    (tmp_path / "checkpoints" / "sd.safetensors").unlink()
    run(tmp_path, "sd", "--init", str(tmp_path / "one"), "--shards", str(tmp_path / "two"), "--end", "0.5")
    legs.whole(tmp_path, tmp_path / "two", tmp_path / "sd")
    pipe = diffusers.DiffusionPipeline.from_pretrained(tmp_path / "sd")
    pipe.set_progress_bar_config(disable=True)
    assert pipe("a photo of a dog", num_inference_steps=2, output_type="pt").images.shape == (1, 3, 256, 256)


def test_controlnets_fit_their_model_and_the_package(work):
    from synoptic.models.controlnet import Control, ControlledDenoiser
    from synoptic.models.load import load, load_controlnet

    model = load(str(work / "family/sd"), device="cpu", dtype="float32")
    x, t, seen = torch.randn(1, 8, 32, 32), 500, torch.rand(1, 3, 256, 256)
    plain = model.predict(x, t, model.embed(["a dog"])).x0
    for kind in ("canny", "scribble", "depth", "normal"):
        folder = work / f"family/control-{kind}"
        assert sum(file.stat().st_size for file in folder.iterdir()) < 6.5 * 2**20
        net = load_controlnet(str(folder), model=str(work / "family/sd"), device="cpu", dtype="float32")
        controlled = ControlledDenoiser(model, [Control(net, seen)])
        x0 = controlled.predict(x, t, controlled.embed(["a dog"])).x0
        assert x0.isfinite().all() and not torch.equal(x0, plain)


def test_weights_are_half_and_safe(work):
    files = list((work / "family").rglob("*.safetensors"))
    assert len(files) >= 8
    for file in files:
        assert {t.dtype for t in load_file(file).values() if t.is_floating_point()} == {torch.float16}
    assert not [f for f in (work / "family").rglob("*") if f.suffix in (".bin", ".pt", ".pkl")]


def test_the_grayscale_clip_is_blind_to_color(work, tmp_path):
    reference_clip = Clip(str(work / "family" / "clip-grayscale"))
    red = torch.zeros(1, 3, 80, 80)
    red[:, 0] = 2.0
    grey = torch.full((1, 3, 80, 80), 2.0 * 0.299)
    seen = [reference_clip.model.vision_model(x).pooler_output for x in (red, grey)]
    torch.testing.assert_close(seen[0], seen[1], atol=3e-3, rtol=0)
    pictures = to_pil(torch.rand(2, 3, 64, 64) * 2 - 1)
    assert reference_clip(pictures, ["a photo of a dog"]).shape == (2, 1)


def test_a_finished_stage_only_loads(work, capsys):
    facts = header(work / "checkpoints" / "t5.safetensors")
    run(work, "t5")
    assert "step" not in capsys.readouterr().out
    assert header(work / "checkpoints" / "t5.safetensors") == facts


def test_a_killed_stage_goes_on(work, monkeypatch, capsys):
    from bundled_training.train import loop

    monkeypatch.setattr(loop, "SAVE_SECONDS", 0.0)

    class Killed(Exception):
        pass

    step = loop.Average.update

    def killed(self):
        step(self)
        if self.steps == 2:
            raise Killed

    monkeypatch.setattr(loop.Average, "update", killed)
    (work / "checkpoints" / "t5.safetensors").unlink()
    with pytest.raises(Killed):
        run(work, "t5")
    assert header(work / "checkpoints" / "t5.safetensors")["step"] == 1
    before = load_file(work / "checkpoints" / "t5.safetensors")
    assert any(k.startswith("exp_avg_sq.") and v.abs().max() > 0 for k, v in before.items())
    monkeypatch.setattr(loop.Average, "update", step)
    capsys.readouterr()
    run(work, "t5")
    assert capsys.readouterr().out.split("\t")[1] == "step 2"
    assert header(work / "checkpoints" / "t5.safetensors")["step"] == 3


def test_processes_share_one_network(work, tmp_path, monkeypatch):
    """Two processes see different pictures and end with the same weights: each writes its own, and they are equal."""
    from bundled_training.train import t5

    train = t5.train

    def keep(stage, module, *given, **how):
        averaged = train(stage, module, *given, **how)
        save_model(module, str(tmp_path / f"{stage.rank}.safetensors"))
        return averaged

    monkeypatch.setattr(t5, "train", keep)
    (work / "checkpoints" / "t5.safetensors").unlink()
    ranks(lambda rank: run(work, "t5"))
    one, other = (load_file(tmp_path / f"{rank}.safetensors") for rank in range(2))
    assert all(torch.equal(one[k], other[k]) for k in one)
    assert header(work / "checkpoints" / "t5.safetensors")["pictures"] == 3 * 4 * 2


@pytest.mark.parametrize(("hardware", "dtype"), [(True, torch.bfloat16), (False, torch.float32)])
def test_a_cpu_without_hardware_for_bfloat16_trains_in_float32(hardware, dtype, monkeypatch):
    monkeypatch.setattr("synoptic.models.device.cpu_is_fast_at_bf16", lambda: hardware)
    ones = torch.ones(2, 2)
    with autocast(torch.device("cpu")):
        assert (ones @ ones).dtype == dtype


def header(file: Path) -> dict[str, Any]:
    with safe_open(file, "pt") as f:
        return json.loads(f.metadata()["facts"])
