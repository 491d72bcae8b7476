"""What makes a wide picture faster: what the options settle, and that guidance in an interval is both of its parts."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch

import synoptic
from synoptic.commands.bench import bench
from synoptic.errors import InputError
from synoptic.guidance.cfg import cfg, guidance_interval
from synoptic.io import from_pil
from synoptic.pipelines.wide_guidance import reusing

PROMPT = "a photo of snowy mountains"
SMALL: dict[str, Any] = {"width": 160, "dtype": "float32", "device": "cpu"}


@torch.no_grad()
def test_guidance_acts_between_two_times_only(sd32):
    x = torch.randn(2, *sd32.shape, generator=torch.Generator().manual_seed(0))[..., :16, :16]
    guided, alone = (cfg(sd32, [PROMPT, "a photo of a dog"], scale) for scale in (5.0, 1.0))
    predict = guidance_interval(guided, alone, 800, 200)
    for t, part in ((900, alone), (800, guided), (500, guided), (200, guided), (199, alone)):
        assert torch.equal(predict(x, t).eps, part(x, t).eps)


def test_an_interval_of_all_steps_changes_nothing(tmp_path):
    whole, plain, part = (
        synoptic.wide(PROMPT, steps=3, guidance_interval=share, out=str(tmp_path / str(share)), **SMALL).images[0].tobytes()
        for share in ([0.0, 1.0], None, [0.0, 0.4])
    )
    assert whole == plain != part


@pytest.mark.parametrize("share", [[0.2], [0.8, 0.2], [-0.1, 0.5], [0.2, 1.1]])
def test_an_interval_is_two_shares(share, tmp_path):
    with pytest.raises(InputError, match=r"two shares of the steps.*try 0\.2 0\.8"):
        synoptic.wide(PROMPT, guidance_interval=share, out=str(tmp_path), **SMALL)


def test_fast_fills_in_what_was_not_given(tmp_path):
    run = synoptic.wide(PROMPT, fast=True, steps=2, out=str(tmp_path), **SMALL).run
    assert (run.settings["sampler"], run.settings["steps"], run.settings["stride"]) == ("dpm++", 2, 16)
    with pytest.raises(InputError, match="which has no --eta"):
        synoptic.wide(PROMPT, fast=True, eta=0.5, out=str(tmp_path / "eta"), **SMALL)


def test_bench_times_both_sides_and_keeps_what_it_found(tmp_path):
    found = bench(width=160, steps=1, out=str(tmp_path))
    kept = json.loads((tmp_path / "bench.json").read_text())
    assert kept["rows"] == found.rows and {"machine", "versions", "asked"} <= set(kept)
    default, *_, fast = found.rows
    assert default["of the peer's default"] == 1 and fast["side"] == "synoptic --fast"
    for row in found.rows:
        assert row["of the peer's default"] == pytest.approx(default["seconds"] / row["seconds"])
        assert (tmp_path / f"{row['side']}-{row['dtype']}-{row['batch']}.png".replace(" ", "")).exists()
    assert str(found).splitlines()[0].startswith("side\tdtype")


def test_reusing_deep_features_changes_a_little(tmp_path):
    ways: list[dict[str, Any]] = [{}, {"cache": 1}, {"cache": 2}, {"cache": 3, "guidance_interval": [0.4, 0.8]}]
    plain, whole, part, interval = (
        synoptic.wide(PROMPT, steps=6, out=str(tmp_path / str(k)), **SMALL, **how).images[0] for k, how in enumerate(ways)
    )
    assert plain.tobytes() == whole.tobytes() != part.tobytes() != interval.tobytes()
    a, b = (from_pil(image) for image in (plain, part))
    assert (a - b).abs().mean() < 0.2 * a.std()


def test_the_whole_network_runs_where_guidance_begins(sd32):
    steps = sd32.schedule.steps(10)
    model: Any = reusing({"cache": 4, "guidance_interval": [0.3, 1.0]}, sd32, steps, 2)
    assert model.unet.deepcache.full_times == {steps[k][0] for k in (2, 6, 3)}
    assert reusing({}, sd32, steps, 0) is sd32
