"""The table of docs/measurements/other-models.md: made by its script, and up to date."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.real_models import ROWS

ROOT = Path(__file__).parents[2]


def test_every_row_is_in_the_documentation():
    lines = (ROOT / "docs/measurements/other-models.md").read_text().splitlines()
    for row in ROWS:
        wanted = "refused, `" if row.refused else "equal"
        assert any(line.startswith(f"| {row.layout} | {row.command} | {wanted}") for line in lines), row.layout


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_row_is_as_diffusers_has_it_or_refused():
    env = os.environ | {"PYTHONPATH": ".", "OMP_NUM_THREADS": "1"}  # tiny tensors: threads only wait for each other
    ran = subprocess.run([sys.executable, "benchmarks/real_models.py"], cwd=ROOT, env=env, capture_output=True)
    assert ran.returncode == 0, ran.stderr.decode()[-500:]
    assert ran.stdout.decode().count("\n") == len(ROWS) + 2
