"""On two Ray nodes, each in a network namespace where the system allows it: what a batch and a run give there."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import synoptic as syn
from benchmarks.ray_nodes import Nodes, children
from synoptic.io import load_image

pytest.importorskip("ray")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

PAIR = ("a photo of a horse", "a photo of a dog")
HOW = {"model": "bundled", "steps": 2, "dtype": "float32"}
SMALL = ["--model=bundled-if", "--upscalers=none", "--steps=1", "--dtype=float32"]
GENERATE = {"application": "generate", "prompt": "a lemon", **HOW}


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        nodes = Nodes(tmp_path_factory.mktemp("ray") / "nodes")
        try:
            yield nodes
        finally:
            nodes.stop()


def call(nodes: Nodes, *words: str) -> list[str]:
    """Return a command of synoptic that runs on the first node, its jobs on either."""
    engine = ["--engine", "ray", "--address", nodes.address]
    return nodes.command(sys.executable, "-m", "synoptic", *words, *engine)


def done(nodes: Nodes, *words: str, code: int = 0) -> str:
    found = subprocess.run(call(nodes, *words), capture_output=True, text=True, env=nodes.environment)
    assert found.returncode == code, found.stdout + found.stderr
    return found.stdout


def pixels(picture: Path) -> np.ndarray:
    return np.asarray(load_image(picture), int)


def times(out: Path) -> dict[Path, int]:
    return {picture: picture.stat().st_mtime_ns for picture in out.rglob("*.png")}


def test_a_batch_is_bitwise_the_single_runs_and_a_poisoned_job_costs_no_other(nodes, tmp_path):
    jobs = [
        {**GENERATE, "guidance_scale": 9e18, "dtype": "float16", "out": "not-finite"},
        {**GENERATE, "grid": {"seed": "0..3"}},
        {**GENERATE, "device": "cuda:77", "out": "no-device"},
        {**GENERATE, "out": "blocked"},
    ]
    file, out = tmp_path / "jobs.jsonl", tmp_path / "out"
    out.mkdir()
    (out / "blocked").write_text("a file where a folder should be")
    file.write_text("\n".join(map(json.dumps, jobs)))
    said = done(nodes, "batch", str(file), "--exact", "--out", str(out), code=1)
    assert "7 jobs: 4 done, 3 failed" in said and "cuda:77" in said and "not-finite: " in said
    for seed in range(4):
        run = syn.run("generate", "a lemon", **HOW, seed=seed, out=str(tmp_path / str(seed)))
        (picture,) = out.rglob(run.pictures[0].file)
        assert picture.read_bytes() == (run.folder / picture.name).read_bytes()
        assert {one.name for one in picture.parent.iterdir()} == {one.name for one in run.folder.iterdir()}
    table = [row.split("\t") for row in (out / "batch.tsv").read_text().splitlines()]
    column = {name: [row[k] for row in table[1:]] for k, name in enumerate(table[0])}
    assert column["state"] == ["failed", *["done"] * 4, "failed", "failed"] and set(column["shared_by"]) == {"1"}
    page = (out / "index.html").read_text()
    assert all(picture.relative_to(out).as_posix() in page for picture in times(out)) and "cuda:77" in page
    before = times(out)
    (out / "blocked").unlink()
    said = done(nodes, "batch", str(file), "--exact", "--out", str(out), "--retry-failed", code=1)
    assert "7 jobs: 5 done, 2 failed" in said and {picture: times(out)[picture] for picture in before} == before
    status = [sys.executable, "-m", "synoptic", "batch", "--status", str(out)]
    assert "7 jobs: 5 done, 2 failed" in subprocess.run(status, capture_output=True, text=True, check=True).stdout


def test_jobs_that_share_calls_are_the_single_runs_to_rounding(nodes, tmp_path):
    (tmp_path / "jobs.jsonl").write_text(json.dumps({**GENERATE, "grid": {"seed": "0..3"}}))
    assert "4 jobs: 4 done" in done(nodes, "batch", str(tmp_path / "jobs.jsonl"), "--out", str(tmp_path / "out"))
    shared = [json.loads(file.read_text())["shared_by"] for file in (tmp_path / "out").rglob("run.json")]
    assert max(shared) == 2
    run = syn.run("generate", "a lemon", **HOW, seed=0, count=4, out=str(tmp_path / "alone"))
    for one in run.pictures:
        (picture,) = (tmp_path / "out").rglob(one.file)
        assert np.abs(pixels(picture) - pixels(run.folder / one.file)).max() <= 1


def test_a_node_is_lost_and_another_joins_and_every_job_is_done_once(nodes, tmp_path):
    file, out, count = tmp_path / "jobs.jsonl", tmp_path / "out", 40
    file.write_text(json.dumps({**GENERATE, "steps": 4, "grid": {"seed": f"0..{count - 1}"}}))
    with (tmp_path / "said.txt").open("w") as log:
        words = call(nodes, "batch", str(file), "--exact", "--out", str(out))
        driver = subprocess.Popen(words, stdout=log, stderr=log, env=nodes.environment)

    def wait_for(what: int) -> None:
        while len(times(out)) < what:
            assert driver.poll() is None, (tmp_path / "said.txt").read_text()
            time.sleep(0.1)

    wait_for(3)
    nodes.lose()
    seen = times(out)
    wait_for(len(seen) + 2)  # the other node goes on
    nodes.join()
    joined = nodes.raylets[-1]
    while not any("JobActor" in " ".join(p.cmdline()) for p in children(joined)):
        assert driver.poll() is None, "the node that joined had no work"
        time.sleep(0.2)
    assert driver.wait() == 0 and len(times(out)) == count
    assert {picture: when for picture, when in times(out).items() if picture in seen} == seen


RUNS = {
    "generate": ["generate", *PAIR, "--count=2", *SMALL],
    "compare-sync": ["compare-sync", *PAIR, *SMALL],
    "search": ["anagram", *PAIR, "--seed-search=3", "--count=1", *SMALL],
    "evaluate": ["evaluate", "PROMPTS", "--model=bundled", "--steps=1", "--dtype=float32"],
}


@pytest.mark.parametrize("case", RUNS)
def test_a_run_that_actors_paint_is_the_run_itself(case, nodes, tmp_path):
    (tmp_path / "prompts.json").write_text(json.dumps(["a photo of a horse", "a red mug"]))
    words = [word.replace("PROMPTS", str(tmp_path / "prompts.json")) for word in RUNS[case]]
    done(nodes, *words, "--out", str(tmp_path / "ray"))
    command = [sys.executable, "-m", "synoptic", *words, "--out", str(tmp_path / "alone")]
    alone = subprocess.run(command, env=nodes.environment, capture_output=True, text=True)
    assert alone.returncode == 0, alone.stderr
    names = files_of(tmp_path / "alone")
    assert files_of(tmp_path / "ray") == names and any(name.endswith(".png") for name in names)
    for name in names:
        if name.endswith(".png"):
            assert np.abs(pixels(tmp_path / "ray" / name) - pixels(tmp_path / "alone" / name)).max() <= 1, name


def files_of(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
