import shlex
import subprocess
import sys

import pytest

import synoptic
from synoptic import cli
from synoptic.models.registry import BUNDLED_DIR

BAD = {  # arguments -> words that the one line must hold: the rule or the cure
    "wide": "prompt",
    "wide '' --width 64": "128",
    "wide x --width 770": "768 or 772",
    "wide x --height 0": "128",
    "wide x --steps 0": "at least 1",
    "wide x --steps 1000": "at most 999",
    "wide x --steps many": "integer",
    "wide x --guidance -1": "at least 0",
    "wide x --stride 33": "between 1 and the window's size, 32",
    "wide x --stride 0": "between 1",
    "wide x --sync all": "'x0', 'eps', 'xt', 'none'",
    "wide x --sync none --space canonical": "--space auto",
    "wide x --count 0": "at least 1",
    "wide x --eta -1": "at least 0",
    "wide x --eta 1.1": "at most 1",
    "generate x --sampler dpm++ --eta 0.5": "--eta is the noise of ddim's steps, dpm++ has its own; 0.5 was given",
    "wide x --sampler euler": "euler",
    "wide x --seed -1": "at least 0",
    "wide x --model nix": "synoptic models",
    "wide x --model no-org/no-model": "--model bundled",
    "wide x --out {file}/below": "choose another --out",
    "wide x --frames 3": "--help",
    "generate": "prompt",
    "generate x --model {pickles}": "pickle",
    "generate x --model {corrupt}": "corrupt",
    "generate x --model {empty}": "model_index.json",
    "generate x --clip hard": "'none', 'static', 'dynamic'",
    "score {empty}": "holds no .png",
    "score {file}.missing": "does not exist",
    "score {file} --judge nix": "is none",
    "paint x": "No such command",
}


@pytest.fixture(scope="module")
def answers(tmp_path_factory, ask):
    """Every bad command line's (exit code, error stream, whether torch was imported), from one fresh process."""
    top = tmp_path_factory.mktemp("bad")
    places = {name: top / name for name in ("file", "pickles", "corrupt", "empty")}
    places["file"].write_text("not a folder")
    places["empty"].mkdir()
    for name in ("pickles", "corrupt"):
        for config in ("model_index.json", "unet/config.json", "vae/config.json", "scheduler/scheduler_config.json"):
            target = places[name] / config
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text((BUNDLED_DIR / "sd" / config).read_text())
    (places["pickles"] / "unet/diffusion_pytorch_model.bin").write_bytes(b"pickle")
    whole = (BUNDLED_DIR / "sd/unet/diffusion_pytorch_model.safetensors").read_bytes()
    (places["corrupt"] / "unet/diffusion_pytorch_model.safetensors").write_bytes(whole[:100_000])
    argv = [shlex.split(line.format(**places)) for line in BAD]
    return dict(zip(BAD, ask(argv), strict=True))


@pytest.mark.parametrize("line", BAD)
def test_bad_input_is_one_line_with_the_cure_before_anything_loads(answers, line):
    code, error, torch_was_imported = answers[line]
    assert code == 2
    assert error.startswith("synoptic: error: ") and error.count("\n") == 1
    assert BAD[line] in error
    assert not torch_was_imported


@pytest.mark.parametrize(
    "argv", [["--help"], ["generate", "--help"], ["wide", "-h"], ["score", "--help"], ["models", "--help"]]
)
def test_help_teaches(argv, monkeypatch, capsys):
    assert run(monkeypatch, argv) == 0
    text = capsys.readouterr().out
    assert "Usage" in text and (argv[0].startswith("-") or f"synoptic {argv[0]}" in text)


def test_version(monkeypatch, capsys):
    assert run(monkeypatch, ["--version"]) == 0
    assert capsys.readouterr().out.strip() == synoptic.__version__


def test_the_module_is_the_command():
    out = subprocess.run([sys.executable, "-m", "synoptic", "--version"], capture_output=True, text=True, check=True).stdout
    assert out.strip() == synoptic.__version__


def test_ctrl_c_stops_without_a_traceback(monkeypatch, capsys):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("synoptic.commands.models.resolve", interrupted)
    assert run(monkeypatch, ["models"]) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_a_bug_is_not_dressed_up_as_bad_input(monkeypatch):
    def bug(*args, **kwargs):
        raise ValueError("a bug")

    monkeypatch.setattr("synoptic.commands.models.resolve", bug)
    with pytest.raises(ValueError, match="a bug"):
        run(monkeypatch, ["models"])


def test_models_lists_what_there_is_and_what_it_knows(monkeypatch, capsys):
    assert run(monkeypatch, ["models"]) == 0
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert rows[1][:2] == ["bundled", "in the package"] and rows[1][3] == "128x128"
    known = {row[0]: row[1] for row in rows if len(row) == 2}
    assert "snowy mountains" in known["scenes"] and "horse" in known["objects"]


def run(monkeypatch, argv):
    monkeypatch.setattr(sys, "argv", ["synoptic", *argv])
    with pytest.raises(SystemExit) as e:
        cli.main()
    return e.value.code
