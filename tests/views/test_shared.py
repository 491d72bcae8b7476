"""Windows shared out over two processes: the canvas of one, and files from the first only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import synoptic
from synoptic import images
from synoptic.check import BadInput
from synoptic.views.shared import share
from synoptic.views.windows import Windows

SCRIPT = """
import json
from pathlib import Path

import torch
import torch.distributed as dist
from synoptic.diffusion import randn
from synoptic.guidance import cfg
from synoptic.models.load import load
from synoptic.synchronize import canonical
from synoptic.views.moving import Moving
from synoptic.views.shared import share
from synoptic.views.windows import Windows

torch.set_num_threads(1)
m, canvas = load("bundled", device="cpu", dtype="float32"), (4, 16, 40)
ways = Windows(canvas, (16, 16), (8, 8)), Moving(canvas, (16, 16), [(16, 16)] * 3, torch.Generator().manual_seed(0))
found = []
for views in ways:
    ends = []
    for seen in (views, share(views)):
        z = start = randn(canvas, [torch.Generator().manual_seed(k) for k in (1, 2)])
        predict = cfg(m, ["a photo of a horse", "a photo of a village"], 5.0)
        for step in canonical(predict, m.schedule, seen, z, steps=m.schedule.steps(3)):
            z = step.x
        ends.append(z)
    every, starts = ([torch.empty_like(z) for _ in range(2)] for _ in range(2))
    dist.all_gather(every, ends[1])
    dist.all_gather(starts, start)
    gap = (ends[0] - ends[1]).abs().max().item()
    found.append([len(seen(0) if callable(seen) else seen), gap, torch.equal(*every), torch.equal(*starts)])
Path(f"{dist.get_rank()}.json").write_text(json.dumps(found))
dist.destroy_process_group()
"""


def torchrun(folder: Path, *call: str) -> str:
    """What two processes print, each line as often as it was said."""
    run = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *call]
    env = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(images.__file__).parents[2])}
    return subprocess.run(run, cwd=folder, env=env, check=True, capture_output=True, text=True, timeout=120).stdout


def test_a_process_alone_has_all_views():
    views = Windows((4, 32, 56), (32, 32), (8, 8))
    assert share(views) is views


def test_two_processes_end_where_one_does(tmp_path):
    """Pictures of two prompts, windows that stand and windows that move; each process checks against its own whole run."""
    (tmp_path / "shared.py").write_text(SCRIPT)
    torchrun(tmp_path, "shared.py")
    dense, moving = zip(*(json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2)), strict=True)
    assert [views for views, *_ in dense] == [2, 2]
    for _, gap, same_end, same_start in (*dense, *moving):
        assert gap < 1e-4 and same_end and same_start


def test_only_the_first_process_writes_and_speaks(tmp_path):
    how = ["wide", "a photo of snowy mountains", "--width", "192", "--steps", "2", "--dtype", "float32", "--device", "cpu"]
    said = torchrun(tmp_path, "-m", "synoptic", *how, "--out", "two")
    assert said.count("picture\tseed") == 1
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == ["a_photo_of_snowy_mountains_0.png", "run.json"]
    assert json.loads((tmp_path / "two/run.json").read_text())["state"] == "done"
    alone = synoptic.wide(how[1], width=192, steps=2, dtype="float32", device="cpu", out=str(tmp_path / "one"))
    both = [
        np.asarray(image, dtype=int)
        for image in (alone.images[0], images.load(tmp_path / "two" / alone.run.pictures[0].file))
    ]
    assert abs(both[0] - both[1]).max() <= 1


def test_coherence_needs_one_process(monkeypatch, tmp_path):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(BadInput, match="leave it away, or torchrun"):
        synoptic.wide("a photo of snowy mountains", coherence=1.0, out=str(tmp_path))
