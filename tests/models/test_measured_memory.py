"""The plan's peaks against those that runs on an H200 had, of Stable Diffusion 2 and SDXL at full size with random weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.memory_gpu import asked, write_model
from synoptic.models.memory import CONTEXT_BYTES
from synoptic.runs.plan import Plan, make_plan

GIB = 2**30
TABLE: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "docs/benchmarks/memory-h200.json").read_text()
)["rows"]
GPU_BYTES = 139 * GIB


@pytest.fixture
def on_a_gpu(monkeypatch):
    """(free bytes) -> plans are made as on a GPU that has so many."""

    def install(free: int) -> None:
        monkeypatch.setattr("synoptic.runs.plan.choose_device", lambda _: torch.device("cuda"))
        monkeypatch.setattr("torch.cuda.get_device_name", lambda _: "H200")
        monkeypatch.setattr("synoptic.runs.plan.free_memory", lambda _: free)

    return install


def planned(kind: str, folder: Path, row: dict[str, Any]) -> Plan:
    setting = {}
    if not row["setting"].startswith("cap"):
        setting = dict(zip(("offload", "quantize"), row["setting"].split(), strict=False))
    run, side = ("generate" if "4 of" in row["run"] else "wide"), {"sd2": 512, "sdxl": 1024}[kind]
    return make_plan(asked(folder, run, side, "cuda", setting))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sd2", "sdxl"])
def test_no_run_took_more_than_is_planned_and_few_took_much_less(kind, tmp_path, on_a_gpu):
    """No more than 15 % too much, or 0.8 GiB: cuDNN takes less for four pictures of 512x512 than for one as large."""
    folder, wrong = write_model(kind, tmp_path / kind, tiny=False), []
    for row in TABLE:
        if row["model"] != kind:
            continue
        cap = row["setting"].removeprefix("cap ").removesuffix(" GiB")
        on_a_gpu(int(cap) * GIB if cap.isdigit() else GPU_BYTES)
        plan = planned(kind, folder, row)
        peak = (plan.peak - CONTEXT_BYTES) / GIB
        print(row["setting"], row["run"], plan.offload, round(peak, 2), round(row["measured"], 2), round(peak / row["measured"], 3))
        usual = plan.offload in row["said"]  # under a cap another placement may be chosen today
        if usual and not row["measured"] <= peak <= max(1.15 * row["measured"], row["measured"] + 0.8):
            wrong.append((row["setting"], row["run"], peak, row["measured"]))
    assert not wrong
