"""The table of the courses' names: every pair computes the same, and docs/courses.md lists every name."""

import importlib.util
import re
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[1]
NAMES = {
    *("compute_noise_preds", "compute_tweedie", "compute_prev_state", "one_step_process", "init_mapper"),
    *("forward_mapping", "inverse_mapping", "view", "inverse_view", "get_sds_loss", "get_pds_loss", "decode_latents"),
}


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("course_names", ROOT / "examples/course_names.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_every_pair_computes_the_same(example, capsys):
    example.main()
    header, *lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert len(header) == 3 and {line[0].split(",")[0] for line in lines} == NAMES
    for name, _, difference in lines:
        assert float(difference) <= (1e-5 if name.startswith(("compute_", "one_step", "get_")) else 1e-12), name


def test_the_cases_part_where_they_are_compared(example):
    course = example.Course()
    rng = torch.Generator().manual_seed(0)
    x, eps = torch.randn(
        2, len(course.windows), example.C, example.WINDOW, example.WINDOW, generator=rng, dtype=torch.float64
    )
    steps = [course.one_step_process(x, eps, 401, case) for case in example.CASES]
    for i, a in enumerate(steps):
        assert all((a - b).abs().max() > 0.1 for b in steps[:i])


def test_the_docs_map_every_name():
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", (ROOT / "docs/courses.md").read_text(), re.M)
    mapped = {name: ours for name, ours in rows if name in NAMES}
    assert set(mapped) == NAMES
