"""Files of jobs: three formats say the same, and what is wrong is said of its line, with nothing run."""

from __future__ import annotations

import json
import resource
from pathlib import Path

import pytest

from synoptic.errors import InputError
from synoptic.jobs.files import read_entries
from synoptic.jobs.planning import Job, plan_jobs

GOOD = {
    "jobs.jsonl": """
{"application": "generate", "prompt": "a horse, red", "model": "bundled", "grid": {"seed": "0..1", "guidance_scale": [3, 5]}}
{"application": "anagram", "prompt": ["a lion", "a dog"], "views": ["identity", "flip"], "circular": null, "out": "a/b"}
""".replace(', "circular": null', "").lstrip(),
    "jobs.csv": """application,prompt,model,grid.seed,grid.guidance-scale,views,out
generate,"a horse, red",bundled,0..1,"3,5",,
anagram,"[""a lion"", ""a dog""]",,,,"identity,flip",a/b
""",
    "jobs.yaml": """
- application: generate
  prompt: a horse, red
  model: bundled
  grid: {seed: [0, 1], guidance_scale: "3,5"}
- {application: anagram, prompt: [a lion, a dog], views: [identity, flip], out: a/b}
""",
}


def planned(folder: Path, name: str, text: str | bytes) -> list[Job]:
    file = folder / name
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return plan_jobs(read_entries(file), folder / "out")


def test_every_format_gives_the_same_jobs(tmp_path):
    found = [planned(tmp_path, name, text) for name, text in GOOD.items()]
    paths = [[job.path for job in jobs] for jobs in found]
    assert paths[0] == paths[1] == paths[2] and len(set(paths[0])) == 5 and paths[0][-1] == "a/b"
    chosen = [(job.options["seed"], job.options["guidance_scale"]) for job in found[0][:4]]
    assert chosen == [(0, 3.0), (0, 5.0), (1, 3.0), (1, 5.0)]


J = '{"application": "generate", "prompt": "a"'
HOSTILE = {  # a file -> the rule that it breaks
    "out.jsonl": (J + ', "out": "../../etc"}', "job-out"),
    "absolute.jsonl": (J + ', "out": "/tmp/x"}', "job-out"),
    "windows.jsonl": (J + r', "out": "..\\x"}', "job-out"),
    "hidden.jsonl": (J + ', "out": ".ssh"}', "job-out"),
    "table.jsonl": (J + ', "out": "batch.tsv"}', "job-out"),
    "number.jsonl": (J + ', "out": 7}', "job-out"),
    "twice.jsonl": (J + ', "prompt": "b"}', "job-duplicate-key"),
    "unknown.jsonl": (J + ', "promt": "b"}', "unknown-option"),
    "application.jsonl": ('{"application": "os.system", "prompt": "b"}', "application-unknown"),
    "tool.jsonl": ('{"application": "studio"}', "application-unknown"),
    "none.jsonl": ('{"prompt": "b"}', "application-unknown"),
    "range.jsonl": (J + ', "steps": 0}', "steps-at-least"),
    "type.jsonl": (J + ', "steps": "5"}', "steps-type"),
    "nan.jsonl": (J + ', "eta": NaN}', "eta-type"),
    "random.jsonl": (J + ', "seed": -1}', "job-seed"),
    "grid.jsonl": (J + ', "grid": {"seed": "0..99999999999999"}}', "jobs-size"),
    "product.jsonl": (J + ', "grid": {"seed": "0..9999", "steps": "1..900"}}', "jobs-size"),
    "axis.jsonl": (J + ', "grid": {"seed": 5}}', "job-grid"),
    "empty-axis.jsonl": (J + ', "grid": {"seed": []}}', "job-grid"),
    "out-axis.jsonl": (J + ', "grid": {"out": ["a", "b"]}}', "job-grid"),
    "both.jsonl": (J + ', "seed": 1, "grid": {"seed": [1]}}', "given-twice"),
    "list.jsonl": ("[1, 2]", "job-mapping"),
    "broken.jsonl": ('{"application": ', "job-json"),
    "deep.jsonl": ("[" * 100_000, "job-json"),
    "digits.jsonl": (J + ', "seed": ' + "9" * 10_000 + "}", "job-json"),
    "latin.jsonl": (b'{"application": "generate", "prompt": "\xe9"}', "job-encoding"),
    "nothing.jsonl": ("\n\n", "jobs-empty"),
    "picture.jsonl": ('{"application": "edit", "image": "nix.png", "prompt": "b"}', "picture-missing"),
    "jobs.pickle": (b"\x80\x04.", "jobs-format"),
    "tag.yaml": ("- !!python/object/apply:os.system [ls]", "job-yaml"),
    "own-tag.yaml": ("- !x {a: 1}", "job-yaml"),
    "alias.yaml": ("- &a {application: generate, prompt: a}\n- *a", "jobs-yaml-alias"),
    "bomb.yaml": ("- &a [x, x]\n- &b [*a, *a]\n- [*b, *b]", "jobs-yaml-alias"),
    "deep.yaml": ("[" * 100 + "]" * 100, "jobs-yaml-depth"),
    "deeper.yaml": ("[" * 100_000, "jobs-yaml"),
    "twice.yaml": ("- {application: generate, prompt: a, prompt: b}", "job-duplicate-key"),
    "inner.yaml": ("- {application: generate, prompt: a, grid: {seed: [1], seed: [2]}}", "job-duplicate-key"),
    "merge.yaml": ("- {application: generate, <<: {prompt: a}}", "job-name"),
    "name.yaml": ("- {application: generate, prompt: a, 5: b}", "job-name"),
    "mapping.yaml": ("application: generate", "jobs-yaml-list"),
    "broken.yaml": ("- {", "jobs-yaml"),
    "control.yaml": (b"- \x00\x01", "jobs-yaml"),
    "cells.csv": ("application,prompt\ngenerate,a,b", "job-cells"),
    "header.csv": ("application,prompt,prompt\ngenerate,a,b", "job-duplicate-key"),
    "steps.csv": ("application,prompt,steps\ngenerate,a,many", "steps-type"),
    "quote.csv": ('application,prompt\ngenerate,"a" b', "job-csv"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_in_one_line(name, tmp_path):
    text, rule = HOSTILE[name]
    with pytest.raises(InputError) as e:
        planned(tmp_path, name, text)
    assert e.value.rule == rule and len(str(e.value)) < 500 and "\n" not in str(e.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".jsonl", ".csv"])
def test_a_line_without_end_is_never_kept_whole(ending, tmp_path):
    file = tmp_path / f"jobs{ending}"
    with file.open("wb") as f:
        f.truncate(2**30)  # a sparse file: 1 GB in one line
        f.seek(2**30)
        f.write(f"\n{J}}}\n".encode())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError) as e:
        plan_jobs(read_entries(file), tmp_path)
    assert e.value.rule == "job-line-length"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # KiB


def test_every_wrong_line_is_told_with_its_number(tmp_path, capsys):
    lines = [J + "}", J + ', "steps": 0}', J + ', "seed": 1}', "{", J + ', "out": "../x"}']
    with pytest.raises(InputError, match="3 lines are wrong"):
        planned(tmp_path, "jobs.jsonl", "\n".join(lines))
    printed_lines = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in printed_lines] == ["line 2", "line 4", "line 5"]
    assert "--steps must be at least 1, 0 was given: raise it" in printed_lines[0]


def test_folders_are_one_job_s_own(tmp_path, capsys):
    same = planned(tmp_path, "same.jsonl", "\n".join([J + "}"] * 3))
    assert len(same) == 1 and "2 jobs are given more than once" in capsys.readouterr().err
    for first, second in (("a", "a"), ("a", "a/b"), ("a/b", "a")):
        lines = [J + f', "out": "{first}"}}', J + f', "seed": 1, "out": "{second}"}}']
        with pytest.raises(InputError, match="folder of its own"):
            planned(tmp_path, "jobs.jsonl", "\n".join(lines))


def test_a_link_does_not_lead_out_of_the_batch(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "link").symlink_to(tmp_path)
    with pytest.raises(InputError) as e:
        planned(tmp_path, "jobs.jsonl", json.dumps({"application": "generate", "prompt": "a", "out": "link/x"}))
    assert e.value.rule == "job-out"
