"""Windows shared out over two processes: the canvas of one, and files from the first only."""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stdout

import numpy as np
import pytest
import torch
import torch.distributed as dist

import synoptic
from synoptic import cli, io
from synoptic.diffusion.equations import randn
from synoptic.errors import InputError
from synoptic.guidance.cfg import cfg
from synoptic.sampling.joint import canonical
from synoptic.views.sharded import shard
from synoptic.views.window_schedule import WindowSchedule
from synoptic.views.windows import Windows
from tests.processes import ranks


def test_a_process_alone_has_all_views():
    views = Windows((4, 32, 56), (32, 32), (8, 8))
    assert shard(views) is views


@pytest.mark.slow
def test_two_processes_end_where_one_does(sd32):
    """Pictures of two prompts, windows that stand and windows that move; each process checks against its own whole run."""
    canvas, steps = (8, 16, 40), sd32.schedule.steps(3)
    predict = cfg(sd32, ["a photo of a horse", "a photo of a village"], 5.0)

    def check(rank: int) -> None:
        moves = torch.Generator().manual_seed(0)
        for views in Windows(canvas, (16, 16), (8, 8)), WindowSchedule(canvas, (16, 16), [(16, 16)] * 3, moves):
            start = randn(canvas, [torch.Generator().manual_seed(k) for k in (1, 2)])
            seen = shard(views)
            assert callable(seen) or len(seen) == 2
            (*_, alone), (*_, shared) = (canonical(predict, sd32.schedule, v, start, steps=steps) for v in (views, seen))
            assert (alone.x - shared.x).abs().max() < 1e-4
            for mine in start, shared.x:
                every = [torch.empty_like(mine) for _ in range(2)]
                dist.all_gather(every, mine)
                assert torch.equal(*every)

    ranks(check)


@pytest.mark.slow
def test_only_the_first_process_writes_and_speaks(tmp_path):
    prompt, small = "a photo of snowy mountains", ["--width", "384", "--steps", "2", "--dtype", "float32", "--device", "cpu"]

    def generate(rank: int) -> None:
        sys.argv = ["synoptic", "wide", prompt, *small, "--out", str(tmp_path / "two")]
        with (tmp_path / f"said-{rank}").open("w") as said, redirect_stdout(said):
            cli.main()

    ranks(generate)
    assert [(tmp_path / f"said-{rank}").read_text().count("picture\tseed") for rank in range(2)] == [1, 0]
    assert sorted(p.name for p in (tmp_path / "two").iterdir()) == ["a_photo_of_snowy_mountains_0.png", "run.json"]
    assert json.loads((tmp_path / "two/run.json").read_text())["state"] == "done"
    one = synoptic.run("wide", prompt, width=384, steps=2, dtype="float32", device="cpu", out=str(tmp_path / "one"))
    files = [folder / one.pictures[0].file for folder in (tmp_path / "one", tmp_path / "two")]
    both = [np.asarray(io.load_image(file), dtype=int) for file in files]
    assert abs(both[0] - both[1]).max() <= 1


def test_syncdiffusion_needs_one_process(monkeypatch, tmp_path):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InputError) as e:
        synoptic.run("wide", "a photo of snowy mountains", syncdiffusion_weight=1.0, out=str(tmp_path))
    assert e.value.rule == "syncdiffusion-distributed"
