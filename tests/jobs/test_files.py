"""Files of jobs: three formats say the same, and what is wrong is said of its line, with nothing run."""

from __future__ import annotations

import json
import resource
from pathlib import Path

import pytest

import synoptic
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
    "parquet.jsonl": (J + ', "out": "batch.parquet"}', "job-out"),
    "case.jsonl": (J + ', "out": "Batch.TSV"}', "job-out"),
    "up.jsonl": (J + ', "out": "a/../../b"}', "job-out"),
    "here.jsonl": (J + ', "out": "."}', "job-out"),
    "blank.jsonl": (J + ', "out": " "}', "job-out"),
    "newline.jsonl": (J + r', "out": "a\nb"}', "job-out"),
    "nul.jsonl": (J + r', "out": "a\u0000b"}', "job-out"),
    "surrogate-out.jsonl": (J + r', "out": "\ud800"}', "job-out"),
    "url.jsonl": (J + ', "out": "s3://bucket/x"}', "job-out"),
    "drive.jsonl": (J + ', "out": "C:x"}', "job-out"),
    "long-out.jsonl": (J + f', "out": "{"x" * 5000}"}}', "job-out"),
    "many-folders.jsonl": (J + f', "out": "{"a/" * 3000}"}}', "job-out"),
    "infinite.jsonl": (J + ', "eta": Infinity}', "eta-type"),
    "overflow.jsonl": (J + ', "eta": 1e999}', "eta-type"),
    "nan-axis.jsonl": (J + ', "grid": {"eta": [0, NaN]}}', "eta-type"),
    "huge.jsonl": (J + ', "steps": 99999999999999999999}', "steps-type"),
    "beyond-floats.jsonl": (J + f', "steps": 1{"0" * 400}}}', "steps-type"),
    "beyond-floats-axis.jsonl": (J + f', "grid": {{"seed": [1{"0" * 400}]}}}}', "seed-type"),
    "long-range.jsonl": (J + f', "grid": {{"seed": "0..1{"0" * 5000}"}}}}', "seed-type"),
    "truth.jsonl": (J + ', "steps": true}', "steps-type"),
    "fraction.jsonl": (J + ', "seed": 1.5}', "seed-type"),
    "no-prompt.jsonl": ('{"application": "generate", "prompt": null}', "prompt-type"),
    "mapping-prompt.jsonl": ('{"application": "generate", "prompt": {"a": 1}}', "prompt-type"),
    "deep-prompt.jsonl": ('{"application": "generate", "prompt": ' + "[" * 900 + "]" * 900 + "}", "prompt-type"),
    "nul-prompt.jsonl": (r'{"application": "generate", "prompt": "a\u0000b"}', "prompt-type"),
    "surrogate.jsonl": (r'{"application": "generate", "prompt": "\ud800"}', "prompt-type"),
    "terminal.jsonl": (J + r', "\u001b[31mx\u0007": 1}', "unknown-option"),
    "cls.jsonl": (J + ', "cls": 1}', "unknown-option"),
    "class.jsonl": (J + ', "__class__": "x"}', "unknown-option"),
    "long-name.jsonl": (J + f', "{"k" * 100_000}": 1}}', "unknown-option"),
    "model.jsonl": (J + ', "model": "../../../etc/passwd"}', "model-path"),
    "model-url.jsonl": (J + ', "model": "http://evil/x"}', "model-path"),
    "dtype.jsonl": (J + ', "dtype": "pickle"}', "dtype-type"),
    "count.jsonl": (J + ', "count": 20000}', "job-count"),
    "grid-of-grid.jsonl": (J + ', "grid": {"grid": [1]}}', "unknown-option"),
    "grid-list.jsonl": (J + ', "grid": [1]}', "job-grid"),
    "grid-inside.jsonl": (J + ', "grid": {"seed": [[1]]}}', "seed-type"),
    "grid-backward.jsonl": (J + ', "grid": {"seed": "5..1"}}', "job-grid"),
    "deep-grid.jsonl": (J + ', "grid": ' + '{"a":' * 3000 + "1" + "}" * 3001, "job-json"),
    "dunder.jsonl": ('{"application": "__init__"}', "application-unknown"),
    "batch.jsonl": ('{"application": "batch", "jobs": "x"}', "application-unknown"),
    "app-list.jsonl": ('{"application": ["generate"]}', "application-unknown"),
    "utf-16.jsonl": ((J + "}").encode("utf-16"), "job-encoding"),
    "nuls.jsonl": (b"\0" * 100, "job-json"),
    "two.jsonl": (J + "}" + J + "}", "job-json"),
    "python.jsonl": ("{'application': 'generate'}", "job-json"),
    "text.jsonl": ('"x"', "job-mapping"),
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
    "binary.yaml": ("- {application: generate, prompt: !!binary aGVsbG8=}", "prompt-type"),
    "set.yaml": ("- {application: generate, prompt: !!set {a, b}}", "prompt-type"),
    "date.yaml": ("- {application: generate, prompt: 2001-12-14}", "prompt-type"),
    "yes.yaml": ("- {application: generate, prompt: yes}", "prompt-type"),
    "nan.yaml": ("- {application: generate, prompt: a, eta: .nan}", "eta-type"),
    "documents.yaml": ("- {application: generate, prompt: a}\n---\n- {application: generate, prompt: b}", "jobs-yaml"),
    "key.yaml": ("- {application: generate, ? [a, b] : c}", "job-name"),
    "python-name.yaml": ("- {application: generate, prompt: !!python/name:os.system ''}", "job-yaml"),
    "directive.yaml": ("%TAG ! tag:evil,2000:\n---\n- !x a", "job-yaml"),
    "merge-alias.yaml": ("- &a {application: generate}\n- {<<: *a, prompt: b}", "jobs-yaml-alias"),
    "digits.yaml": ("- {application: generate, prompt: a, seed: " + "9" * 6000 + "}", "job-yaml"),
    "octal.yaml": ("- {application: generate, prompt: a, seed: 0100}", "job-number"),
    "sixty.yaml": ("- {application: generate, prompt: a, grid: {seed: [1:30]}}", "job-number"),
    "deep-map.yaml": ("- " + "{a: " * 9 + "1" + "}" * 9, "jobs-yaml-depth"),
    "tab.yaml": ("-\tapplication: generate\n\t prompt: a", "jobs-yaml"),
    "empty.yaml": ("", "jobs-yaml-list"),
    "nul.csv": (b"application,prompt\ngenerate,a\0b", "prompt-type"),
    "field.csv": ("application,prompt\ngenerate," + "x" * 200_000, "job-csv"),
    "empty.csv": ("", "jobs-empty"),
    "no-name.csv": ("application,,prompt\ngenerate,x,a", "job-csv"),
    "two-names.csv": ("application,prompt,guidance-scale,guidance_scale\ngenerate,a,1,2", "job-duplicate-key"),
    "open.csv": ('application,prompt\ngenerate,"a\n\n\nb', "job-csv"),
    "dotted.csv": ("application,prompt,os.system\ngenerate,a,1", "unknown-option"),
    "grid-out.csv": ("application,prompt,grid.out\ngenerate,a,1", "job-grid"),
    "grid-range.csv": ("application,prompt,grid.seed\ngenerate,a,0..99999999999", "jobs-size"),
    "nan.csv": ("application,prompt,eta\ngenerate,a,nan", "eta-type"),
    "formula.csv": ("application,prompt,steps\ngenerate,a,=1+1", "steps-type"),
    "latin.csv": ("application,prompt\ngenerate,é".encode("latin-1"), "job-encoding"),
    "deep.csv": ("application,prompt\nanagram," + "[" * 5000, "prompts-views"),
    "cells.csv": ("application,prompt\ngenerate,a,b", "job-cells"),
    "pandas.csv": (",application,prompt\n0,generate,a", "job-csv"),
    "header.csv": ("application,prompt,prompt\ngenerate,a,b", "job-duplicate-key"),
    "steps.csv": ("application,prompt,steps\ngenerate,a,many", "steps-type"),
    "semicolons.csv": ("application;prompt\ngenerate;a", "job-csv"),
    "tabs.csv": ("application\tprompt\ngenerate\ta", "job-csv"),
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


@pytest.mark.parametrize("jobs", [None, 3, {"application": "generate"}, b"jobs.jsonl"], ids=str)
def test_jobs_that_are_no_list_are_refused(jobs):
    with pytest.raises(InputError, match=r"jobs are a file or a list of mappings, an? .* was given: write \[...\]"):
        synoptic.batch(jobs, out="nowhere")


def test_every_wrong_line_is_told_with_its_number(tmp_path, capsys):
    lines = [J + "}", J + ', "steps": 0}', J + ', "seed": 1}', "{", J + ', "out": "../x"}']
    with pytest.raises(InputError, match="3 lines are wrong"):
        planned(tmp_path, "jobs.jsonl", "\n".join(lines))
    printed_lines = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in printed_lines] == ["line 2", "line 4", "line 5"]
    assert "--steps must be at least 1, 0 was given: raise it" in printed_lines[0]


def test_what_yaml_says_of_a_file_is_one_line(tmp_path):
    with pytest.raises(InputError, match="in the stream in") as e:
        planned(tmp_path, "jobs.yaml", "- application: generate\n---\n- application: wide\n")
    assert "\\n" not in str(e.value)


def test_folders_are_one_job_s_own(tmp_path, capsys):
    same = planned(tmp_path, "same.jsonl", "\n".join([J + "}"] * 3))
    assert len(same) == 1 and "2 jobs are given more than once" in capsys.readouterr().err
    assert planned(tmp_path, "twice.jsonl", "\n".join([J + "}"] * 2)) == same
    assert "1 job is given more than once" in capsys.readouterr().err
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
