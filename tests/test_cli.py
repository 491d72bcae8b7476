"""The command line: bad input in one line before anything loads, help that teaches, names that were changed."""

import inspect
import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import synoptic
from synoptic import cli
from synoptic.models.checkpoint import BUNDLED_DIR
from synoptic.options import options_class, options_docstring, options_home

BAD = {  # a command line -> words that the one line must hold: the option, or the cure
    "wide": "what to show",
    "wide x --width 64": "--width",
    "wide x --steps 0": "--steps",
    "wide x --steps many": "--steps takes whole numbers",
    "wide x --steps 1.5": "--steps takes whole numbers",
    "wide x --seed 1e3": "--seed takes whole numbers",
    "edit nix.png a dog": "quotation marks",
    "wide x --region -1,0,1,1:y": "write --region=-1,0,1,1:y",
    "wide x --negative-prompt -bad": "write --negative-prompt=-bad",
    "wide x --width 99999999": "at most 1048576, 99999999 was given",
    "bench --width 300": "use 296 or 304",
    "bench --width 9999999999": "--width must be at most 1048576",
    "models nix": "omit it, or name its option",
    "generate x --engine local --workers 1.5": "--workers takes whole numbers",
    "generate x --width 512": "belongs to wide",
    "wide x --guidance-scale -1": "--guidance-scale",
    "wide x --sync all": "--sync",
    "wide x --eta nan": "--eta",
    "wide x --model nix": "synoptic models",
    "wide x --model no-org/no-model": "--model bundled",
    "wide x --out {file}/below": "choose another --out",
    "wide x --out s3://bucket/x": "is an address: choose a folder for --out",
    "wide x --frames 3": "--help",
    "wide x --loop": "--circular",
    "wide x --guidance 3": "--guidance-scale",
    "anagram x y --search 4": "--seed-search",
    "anagram x y --views identity,spin": "spin",
    "anagram x y --weights 1,two": "--weights",
    "generate x --model {pickles}": "pickle",
    "generate x --model {corrupt}": "corrupt",
    "generate x --model {empty}": "model_index.json",
    "hybrid x --kind inverse --photo nix.png": "nix.png",
    "edit nix.png": "nix.png",
    "score {empty}": "holds no .png",
    "score {file}.missing": "does not exist",
    "score {file} --clip-model nix": "is none",
    "score {file} --judge bundled": "--clip-model",
    "video": "pictures",
    "views spin": "spin",
    "embed": "prompt",
    "evaluate nix": "nix",
    "dream x": "text-to-3d",
    "text-to-3d": "text-to-3d needs prompt",
    "condition x": "control-map",
    "paint x": "paint",
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


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_stream_that_is_closed_costs_nothing(closed, tmp_path):
    image = tmp_path / "a.png"
    Image.new("RGB", (9, 9)).save(image)
    command = (
        f"{shlex.join([sys.executable, '-m', 'synoptic', 'video', str(image), '--out', str(tmp_path / 'a.gif')])} {closed}"
    )
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "") and (tmp_path / "a.gif").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_an_error_that_cannot_be_printed_keeps_its_exit_code():
    command = f"{shlex.join([sys.executable, '-m', 'synoptic', 'generate', '--steps', '0', 'x'])} 2> /dev/full"
    assert subprocess.run(["sh", "-c", command]).returncode == 2


def test_a_file_that_begins_with_a_dash_is_told_how_it_is_written(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (9, 9)).save("-lead.png")
    for words, said in {"-lead.png": "write ./-lead.png", "./-lead.png": "carries none", "--nix": "Unknown option"}.items():
        monkeypatch.setattr("sys.argv", ["synoptic", "info", words])
        with pytest.raises(SystemExit) as e:
            cli.main()
        error = capsys.readouterr().err
        assert e.value.code == 2 and said in error and error.count("\n") == 1


@pytest.mark.parametrize("line", BAD)
def test_bad_input_is_one_line_with_the_cure_before_anything_loads(answers, line):
    code, error, torch_was_imported = answers[line]
    assert code == 2
    assert error.startswith("synoptic: error: ") and error.count("\n") == 1
    assert BAD[line] in error
    assert not torch_was_imported


@pytest.mark.parametrize("name", [*cli.APPLICATIONS, *cli.TOOLS])
def test_every_command_has_help_with_examples_and_groups(name, monkeypatch, capsys):
    assert run(monkeypatch, [name, "--help"]) == 0
    text = capsys.readouterr().out
    assert f"Usage: synoptic {name}" in text
    head, _, examples = text.partition("\nExamples:\n")
    assert f"  synoptic {name}" in examples
    boxes = [line.strip("╭─╮ ") for line in head.splitlines() if line.startswith("╭")]
    assert "Usual options" not in boxes[2:], "they come first, or right behind the input"


def test_alone_it_shows_five_commands_that_are_ones(monkeypatch, capsys):
    assert run(monkeypatch, []) == 0
    text = capsys.readouterr().out
    lines = [line.split() for line in text.splitlines() if line.startswith("  synoptic ")]
    assert [words[1] for words in lines] == ["wide", "anagram", "generate", "edit", "text-to-3d"]
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize(("word", "meant"), [("wdie", "wide"), ("generat", "generate")])
def test_a_typo_is_answered_with_what_was_meant(word, meant, monkeypatch, capsys):
    assert run(monkeypatch, [word, "x"]) == 2
    error = capsys.readouterr().err
    assert f'"{meant}"' in error and f"synoptic {word} --help" not in error


@pytest.mark.parametrize(("words", "options"), [(["--help"], []), (["hybrid", "--help"], ["hybrid"])])
def test_help_imports_the_options_of_the_command_that_is_named_and_never_torch(words, options):
    names = (*cli.APPLICATIONS, *cli.TOOLS)
    asked = ["torch", *(options_home(name.replace("-", "_"))[0] for name in names if name != "batch")]  # engines use its own
    script = f"""
import sys
from pathlib import Path
from synoptic import cli
sys.argv = {["synoptic", *words]}
try:
    cli.main()
finally:
    print([module.rpartition(".")[2] for module in {asked} if module in sys.modules])
"""
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert out.endswith(f"{options}\n")
    assert options or all(name in out for name in names)


@pytest.mark.parametrize("name", [*cli.APPLICATIONS, *cli.TOOLS])
def test_the_help_that_is_read_from_the_source_is_the_docstring(name):
    own = options_class(name.replace("-", "_")).__doc__
    assert own and options_docstring(name.replace("-", "_")) == inspect.cleandoc(own)


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


@pytest.mark.slow
def test_lists_take_commas_or_the_option_again_and_no_words_that_follow(monkeypatch, tmp_path, capsys):
    for k, views in enumerate((["--views", "identity,flip"], ["--views", "identity", "--views", "flip"])):
        out = tmp_path / str(k)
        argv = ["anagram", *views, "a lion", "a sunflower", "--steps", "1", *SMALL]
        argv += ["--out", str(out)]
        assert run(monkeypatch, argv) == 0
        options = json.loads((out / "run.json").read_text())["options"]
        assert options["views"] == ["identity", "flip"] and options["prompt"] == ["a lion", "a sunflower"]


def run(monkeypatch, argv):
    monkeypatch.setattr(sys, "argv", ["synoptic", *argv])
    with pytest.raises(SystemExit) as e:
        cli.main()
    return e.value.code


QUICK = ["--model", "bundled", "--steps", "2", "--dtype", "float32"]
SMALL = ["--model", "bundled-if", "--upscalers", "none", "--dtype", "float32"]


@pytest.mark.slow
def test_a_grid_is_a_run_per_cell_and_a_figure_that_says_how_it_is_made_again(monkeypatch, tmp_path, capsys):
    words = ["generate", "a photo of a horse", "--grid", "guidance-scale=3,7", "--grid", "seed=0..1", *QUICK]
    assert run(monkeypatch, [*words, "--out", str(tmp_path / "a")]) == 0
    out, err = capsys.readouterr()
    assert out.count(".png\t") == 4 and err.strip().endswith(f"open {tmp_path / 'a/grid.png'}")
    command = synoptic.info(tmp_path / "a/grid.png").command
    assert run(monkeypatch, [*shlex.split(command)[1:], "--out", str(tmp_path / "b")]) == 0
    for file in (tmp_path / "a").rglob("*.png"):
        assert (tmp_path / "b" / file.relative_to(tmp_path / "a")).read_bytes() == file.read_bytes()


@pytest.mark.slow
def test_open_shows_the_result_and_verbose_the_seconds(monkeypatch, tmp_path, capsys):
    shown = []
    monkeypatch.setattr("webbrowser.open", lambda url: shown.append(url) or True)
    assert run(monkeypatch, ["generate", "a photo of a horse", *QUICK, "--open", "-v", "--out", str(tmp_path)]) == 0
    assert shown == [(tmp_path / "a_photo_of_a_horse_0.png").as_uri()]
    assert "seconds: load" in capsys.readouterr().err


@pytest.mark.parametrize(("words", "many"), [(["-v"], True), (["--", "-v"], False), ([], False)])
def test_verbose_shows_the_traceback_of_bad_input(words, many, monkeypatch, capsys):
    assert run(monkeypatch, ["generate", "x", "--steps", "0", *words]) == 2
    error = capsys.readouterr().err
    assert ("Traceback" in error) == many and error.splitlines()[-1].startswith("synoptic: error: ")


def test_a_shell_completes_commands_and_options():
    script = cli.app.generate_completion(shell="bash")
    assert "text-to-3d" in script and "--guidance-scale" in script
