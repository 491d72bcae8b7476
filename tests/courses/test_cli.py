"""main.py and eval.py: every documented command of the courses, as written, from the repository root."""

import importlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
import torch
from PIL import Image

from synoptic import io
from synoptic.metrics.clip import Clip
from synoptic.models import load, load_once
from synoptic.models.checkpoint import BUNDLED_DEFAULTS, BUNDLED_DIR
from synoptic.models.families import Defaults
from synoptic.models.names import ALIASES
from synoptic.runs import plan
from synoptic.views.registry import get_view
from tests.quick import quick_ones

ROOT = Path(__file__).parents[2]
PROMPT = "a photo of snowy mountains"
PAINTING = f'python main.py --app wide_image --prompt "{PROMPT}" --tag wide_image --save_dir_now'
SCORING = [
    "python eval.py --fdir1 {DIR} --app wide_images",
    "python eval.py --fdir1 {DIR} --app ambiguous_images",
    "python eval.py --fdir1 {DIR}",
    "python eval.py --fdir1 {DIR} -app wide_images",
]
PAIR = "--app ambiguous_image --prompts 'a photo of a horse' 'a photo of a dog'"
AMBIGUOUS_IMAGES = [
    f"python main.py {PAIR} --tag ambiguous_image --save_dir_now",
    f"python main.py {PAIR} --views_names identity inner_rotate --tag ambiguous_image_inner_rotate --save_dir_now",
    "python main.py --app ambiguous_image --tag ambiguous_image",
]
DISTILLED = [  # the course's commands, and what the picture is named after
    ('python main.py --prompt "a photo of a horse" --loss_type sds --guidance_scale 25', "a_photo_of_a_horse"),
    (
        'python main.py --prompt "a photo of a horse" --loss_type pds --guidance_scale 7.5 --edit_prompt "a photo of a dog"'
        " --src_img_path {FILE}",
        "a_photo_of_a_dog",
    ),
    ('python main.py --prompt "a photo of a horse" --loss_type vsd --guidance_scale 7.5', "a_photo_of_a_horse"),
]
WIDE = "main.py --app wide_image --prompt x"
AMBIGUOUS = "main.py --app ambiguous_image --tag t"
PDS = "main.py --prompt x --loss_type pds --edit_prompt y --src_img_path"
BAD = {  # arguments -> words that the one line must hold: the rule or the cure
    "main.py": "--prompt",
    "main.py --app wide": "ambiguous_image",
    "main.py --app wide_image": "--prompt",
    f"{WIDE} --seed -1": "at least 0",
    f"{WIDE} --seed many": "--seed: a number",
    f"{WIDE} --num_inference_steps 0": "--num_inference_steps: a number of at least 1",
    f"{WIDE} --num_inference_steps 1000": "--num_inference_steps must be at most 999",
    f"{WIDE} --guidance_scale inf": "--guidance_scale",
    f"{WIDE} --window_stride 33": "--window_stride must be at most the window's size, 32",
    f"{WIDE} --panorama_width 3000": "--panorama_width must be a multiple of 16 from 512 up",
    f"{WIDE} --panorama_height 256": "--panorama_height must be a multiple of 16 from 512 up",
    f"{WIDE} --latent_instance_size 96": "choose from 64",
    f"{WIDE} --eval_pos 0 2561": "--eval_pos must be at most 2560",
    f"{WIDE} --sampling_method euler": "ddpm",
    f"{WIDE} --case all": "--case: invalid choice",
    f"{WIDE} --sd_path nix": "synoptic models",
    f"{WIDE} --sd_path no-org/no-model": "use --sd_path bundled",
    f"{WIDE} --save_top_dir {{file}}": "choose another --save_top_dir",
    f"{WIDE} --frames 3": "--help",
    "main.py --app ambiguous_image": "--tag",
    f"{AMBIGUOUS} --prompts x y z": "3 for 2 were given",
    f"{AMBIGUOUS} --prompts": "0 for 2 were given",
    f"{AMBIGUOUS} --views_names identity spin": "inner_rotate",
    f"{AMBIGUOUS} --stage2_noise_level -1": "at least 0",
    f"{AMBIGUOUS} --stage2_noise_level 1000": "--stage2_noise_level for bundled-if-ii must be at most 999",
    f"{AMBIGUOUS} --num_inference_steps 1000": "--num_inference_steps must be at most 999",
    f"{AMBIGUOUS} --stage_1_path nix": "synoptic models",
    f"{AMBIGUOUS} --stage_2_path bundled": "bundled-if-ii",
    f"{AMBIGUOUS} --stage_1_path bundled --stage_2_path bundled-if-ii": "from --stage_2_path or choose a --stage_1_path",
    f"{AMBIGUOUS} --model sd --case eps": "--case must be x0, eps was given; use it, or --model deepfloyd",
    f"{AMBIGUOUS} --model sd --sampling_method ddpm": "use --sampling_method ddim",
    f"{AMBIGUOUS} --save_top_dir {{file}}": "choose another --save_top_dir",
    "main.py --prompt x --loss_type ism": "vsd",
    "main.py --prompt x --loss_type pds": "--src_img_path",
    f"{PDS} '$HOME/nix.png'": "hub/nix.png is no file",
    "main.py --prompt x --step 0": "at least 1",
    "eval.py": "--fdir1",
    "eval.py --fdir1 {file}.missing": "is no folder",
    "eval.py --fdir1 {empty}": "holds no .png",
    "eval.py --fdir1 {pictures} --app wide_image": "ambiguous_images",
    "eval.py --fdir1 {pictures} --judge nix": "is none",
    "eval.py --fdir1 {pictures} --judge clip-vit-b32": "use --judge bundled",
}
GONE = f"{WIDE} --sd_path stabilityai/stable-diffusion-2-base"
SCRIPT = """
import importlib, io, json, sys
from contextlib import redirect_stderr, redirect_stdout
sys.path.insert(0, "")
answers = []
for name, *argv in json.load(sys.stdin):
    err = io.StringIO()
    with redirect_stderr(err), redirect_stdout(io.StringIO()):
        code = importlib.import_module(name.removesuffix(".py")).main(argv)
    answers.append((code, err.getvalue(), "torch" in sys.modules))
json.dump(answers, sys.stdout)
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """Every refused command's (exit code, error stream, whether torch was imported), from one fresh, offline process."""
    top = tmp_path_factory.mktemp("bad")
    places = {name: top / name for name in ("file", "empty", "pictures", "hub")}
    for folder in ("empty", "pictures", "hub"):
        places[folder].mkdir()
    places["file"].write_text("not a folder")
    (places["pictures"] / "x.png").write_text("no picture")
    lines = [*BAD, GONE]
    argv = [shlex.split(line.format(**places)) for line in lines]
    home = {"HOME": str(places["hub"]), "HF_HOME": str(places["hub"]), "HF_ENDPOINT": "https://hub.invalid"}
    env = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")} | home
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT], input=json.dumps(argv), capture_output=True, text=True, check=True, cwd=ROOT, env=env
    )
    return dict(zip([*BAD, GONE], json.loads(run.stdout), strict=True))


@pytest.mark.parametrize("line", BAD)
def test_bad_input_is_one_line_with_the_cure_before_anything_loads(answers, line):
    code, error, torch_was_imported = answers[line]
    assert code == 2
    assert error.startswith(f"{line.split()[0]}: error: ") and error.count("\n") == 1
    assert BAD[line] in error
    assert not torch_was_imported


def test_an_id_that_is_gone_becomes_the_alias_with_a_notice(answers):
    code, error, _ = answers[GONE]
    first, second = error.splitlines()
    assert first.startswith("main.py: notice: stabilityai/stable-diffusion-2-base is gone") and "taking sd2 " in first
    assert code == 2 and f"{ALIASES['sd2'][-1]} is not in the cache" in second


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The course's first command as written; only the steps and windows are fewer, and the place another."""
    top = tmp_path_factory.mktemp("outputs")
    fewer = ["--num_inference_steps", "1", "--window_stride", "32"]
    argv = [*shlex.split(PAINTING)[2:], *fewer, "--save_top_dir", str(top)]
    with redirect_stdout(StringIO()) as printed:
        assert script("main").main(argv) == 0
    (folder,) = (top / "wide_image").iterdir()
    return folder, printed.getvalue()


@pytest.mark.slow
def test_a_wide_picture_lies_where_the_course_says(made):
    folder, printed = made
    assert re.fullmatch(r"\d\d-\d\d-\d{6}", folder.name)
    name, positions = PROMPT.replace(" ", "_"), range(0, 1024, 128)
    crops = [f"{name}_{p}.png" for p in positions]
    assert {p.name for p in folder.iterdir()} == {f"{name}.png", *crops, "wide_image_run_config.yaml", "results"}
    whole = io.load_image(folder / f"{name}.png")
    assert whole.size == (1536, 256)
    for p, crop in zip(positions, crops, strict=True):
        left = p * 1536 // 3072
        assert io.load_image(folder / crop).tobytes() == whole.crop((left, 0, left + 256, 256)).tobytes()
        assert io.read_settings(folder / crop)["prompt"] == PROMPT
    assert str(folder / crops[0]) in printed and "by bundled" in printed and f"eval.py --fdir1 {folder}" in printed


def test_the_run_is_the_courses_in_the_size_of_the_model(made):
    config = json.loads((made[0] / "wide_image_run_config.yaml").read_text())
    assert config.items() >= {"prompt": PROMPT, "tag": "wide_image", "panorama_width": 3072, "save_dir_now": True}.items()
    (run,) = (made[0] / "results").glob("*/run.json")
    settings = json.loads(run.read_text())["options"]
    assert (
        settings.items()
        >= {"width": 1536, "height": 256, "stride": 32, "guidance_scale": 7.5, "sync": "x0", "seed": 1}.items()
    )
    assert settings["weights"] == "uniform" and config["synoptic"] == json.loads(run.read_text())["command"]


BOTH = {"seed": 1, "gpu": 0, "sampling_method": "ddim", "save_top_dir": "./outputs", "save_dir_now": False, "case": "x0"}
DEFAULTS = {  # the smallest command: the courses' defaults
    "--app wide_image --prompt x": BOTH
    | {"tag": "wide_image", "num_inference_steps": 50, "guidance_scale": 7.5, "model": "sd", "negative_prompt": ""}
    | {"window_stride": 8, "latent_instance_size": 64, "rgb_instance_size": 512, "panorama_height": 512}
    | {"panorama_width": 3072, "eval_pos": [0, 128, 256, 384, 512, 640, 768, 896], "sd_path": None, "prompt": "x"},
    "--app ambiguous_image --tag t": BOTH
    | {"tag": "t", "num_inference_steps": 30, "guidance_scale": 10, "model": "deepfloyd", "stage2_noise_level": 50}
    | {"prompts": ["a horse", "a snowy mountain village"], "views_names": ["identity", "rotate_cw"], "rotate_angle": 90}
    | {"stage_1_path": None, "stage_2_path": None},
    "--prompt x": {"prompt": "x", "negative_prompt": "low quality", "edit_prompt": None, "src_img_path": None, "step": 500}
    | {
        "save_dir": "./outputs",
        "loss_type": "sds",
        "guidance_scale": 7.5,
        "lr": 0.1,
        "log_step": 25,
        "precision": "fp32",
        "stride": 1,
    }
    | {"device": 0, "seed": 1, "sd_path": None, "stride": 1},
}


@pytest.mark.parametrize("line", DEFAULTS)
def test_defaults_are_the_courses(line, monkeypatch):
    main, app = script("main"), line.split()[1] if "--app" in line else None
    seen = {}
    monkeypatch.setattr(main.COMMAND_LINES[app], "prepare", lambda args: seen.update(vars(args)) or sys.exit(0))
    with pytest.raises(SystemExit):
        main.main(line.split())
    assert seen == DEFAULTS[line] | {"app": app}


@pytest.mark.parametrize("line", SCORING)
def test_a_folder_is_scored_alike_by_every_command(line, made, capsys, caplog):
    folder = made[0]
    (folder / "eval.json").unlink(missing_ok=True)
    argv = shlex.split(line.format(DIR=folder))
    assert script("eval").main(argv[2:]) == 0
    out = capsys.readouterr().out
    crops = sorted(folder.glob("*_[0-9]*.png"))
    expected = Clip("bundled")([io.load_image(path) for path in crops], [PROMPT]).mean().item()
    scores = json.loads((folder / "eval.json").read_text())
    assert list(scores) == ["source_dir", str(crops[0]), "score"] and scores["source_dir"] == str(folder)
    assert scores["score"] == scores[str(crops[0])] == pytest.approx(expected, abs=1e-6)
    assert f"{expected:.4f}\tmean by bundled clip" in out and f"{expected:.4f}\t{PROMPT}" in out and "marks" not in out
    assert "full panorama" in caplog.text, "the picture as a whole is not scored, and that is said"


def test_pass_marks_are_given_on_the_courses_judge_only(made, tmp_path, capsys):
    judge = shutil.copytree(BUNDLED_DIR / "clip", tmp_path / "clip-vit-base-patch32")
    assert script("eval").main(["--fdir1", str(made[0]), "--judge", str(judge)]) == 0
    assert "marks (full marks from 0.28, half marks from 0.26)" in capsys.readouterr().out


def test_a_file_that_is_no_picture_is_named(tmp_path, capsys):
    (tmp_path / "a_photo_of_a_horse.png").write_text("no picture")
    assert script("eval").main(["--fdir1", str(tmp_path)]) == 2
    assert re.fullmatch(r"eval.py: error: .*a_photo_of_a_horse.png.*: remove it\n", capsys.readouterr().err)


def small(*options):
    """The main door on two windows and one step, in outputs/ of the working folder."""
    size = ["--panorama_width", "640", "--num_inference_steps", "1", "--eval_pos", "128"]
    return script("main").main(["--app", "wide_image", *size, "--prompt", *options])


@pytest.mark.slow
def test_traps_of_the_course_are_mended_and_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "outputs/wide_image"
    assert small("a photo of a horse", "--mvd_end", "0.8", "--eval_w", "0", "10", "--eval_w", "20", "--log_step", "5") == 0
    err = capsys.readouterr().err
    assert "notice: without effect: --log_step, --mvd_end, --eval_w (docs/courses.md says why)" in err
    assert "is there already" not in err
    first = io.load_image(folder / "a_photo_of_a_horse.png").tobytes()

    assert small("a photo of a dog") == 0
    assert "notice: outputs/wide_image is there already" in capsys.readouterr().err
    assert io.load_image(folder / "a_photo_of_a_horse.png").tobytes() == first
    assert (folder / "a_photo_of_a_dog_128.png").exists()

    assert small("a photo of a horse", "--seed", "2", "--case", "none") == 0
    assert io.load_image(folder / "a_photo_of_a_horse.png").tobytes() != first
    runs = [json.loads(path.read_text())["options"] for path in folder.glob("results/*/run.json")]
    assert sorted((run["seed"], run["sync"]) for run in runs) == [(1, "x0"), (1, "x0"), (2, "none")]

    assert small("a photo of a horse") == 0
    assert io.load_image(folder / "a_photo_of_a_horse.png").tobytes() == first, "read back, since it was made before"


@pytest.mark.parametrize(
    ("options", "side", "settings"),
    [
        (["--sd_path", str(BUNDLED_DIR / "sd"), "--case", "xt"], 256, {"model": str(BUNDLED_DIR / "sd"), "sync": "xt"}),
        pytest.param(
            ["--model", "deepfloyd", "--sampling_method", "ddpm"],
            64,
            {"model": "bundled-if", "eta": 1.0},
            marks=pytest.mark.slow,
        ),
    ],
    ids=["a directory", "the other kind"],
)
def test_other_weights(options, side, settings, tmp_path):
    assert small(PROMPT, *options, "--save_top_dir", str(tmp_path), "--tag", "t") == 0
    assert io.load_image(tmp_path / "t/a_photo_of_snowy_mountains.png").size == (side * 640 // 512, side)
    assert io.load_image(tmp_path / "t/a_photo_of_snowy_mountains_128.png").size == (side, side)
    (run,) = (tmp_path / "t/results").glob("*/run.json")
    assert json.loads(run.read_text())["options"].items() >= settings.items()


@pytest.fixture(
    scope="module", params=quick_ones(AMBIGUOUS_IMAGES, AMBIGUOUS_IMAGES[:1]), ids=["rotate_cw", "inner_rotate", "defaults"]
)
def ambiguous(request, tmp_path_factory):
    """The course's commands as written; only the steps are fewer, and the place another."""
    top = tmp_path_factory.mktemp("outputs")
    argv = [*shlex.split(request.param)[2:], "--num_inference_steps", "2", "--save_top_dir", str(top)]
    with pytest.MonkeyPatch.context() as m:
        m.setitem(BUNDLED_DEFAULTS, "if-ii", Defaults(1, 1.0, 64))
        assert script("main").main(argv) == 0
    (config,) = top.rglob("ambiguous_image_config.yaml")
    return config.parent, json.loads(config.read_text())


@pytest.mark.slow
def test_an_ambiguous_picture_lies_where_the_course_says(ambiguous):
    folder, config = ambiguous
    names = [f"{prompt.replace(' ', '_')}.png" for prompt in config["prompts"]]
    assert {p.name for p in folder.iterdir()} == {*names, "results", "ambiguous_image_config.yaml"}
    files = {p.name for p in (folder / "results").iterdir() if p.is_file()}
    assert files == {"view_0.png", "view_1.png", "final.png", *names}
    if config["save_dir_now"]:
        assert re.fullmatch(r"\d\d-\d\d-\d{6}", folder.name) and folder.parent.name == config["tag"]
    second = "inner_rotate:90" if "inner_rotate" in config["views_names"] else "rotate_cw"
    small = [io.load_image(folder / f"results/view_{i}.png") for i in range(2)]
    large = [io.load_image(folder / name) for name in names]
    for first, other in (small, large):
        assert io.to_pil(get_view(second).view(io.from_pil(first)))[0].tobytes() == other.tobytes()
    assert (small[0].size, large[0].size) == ((64, 64), (256, 256))
    final = io.load_image(folder / "results/final.png")
    assert final.size == (512, 256) and final.crop((256, 0, 512, 256)).tobytes() == large[1].tobytes()
    assert [io.read_settings(folder / name)["prompt"] for name in names] == config["prompts"]


@pytest.mark.slow
def test_an_ambiguous_run_is_the_courses(ambiguous):
    folder, config = ambiguous
    (run,) = (folder / "results").glob("*/run.json")
    manifest = json.loads(run.read_text())
    rule = {
        "sync": "x0",
        "space": "instance",
        "init_noise": "independent",
        "noise_augmentation": False,
        "noise_level": 50,
        "guidance_scale": 10.0,
        "clip": "none",
    }
    assert manifest["options"].items() >= (rule | {"seed": 1, "steps": 2, "model": "bundled-if"}).items()
    assert config["synoptic"] == manifest["command"] and manifest["model"]["name"] == "bundled-if"
    assert script("eval").main(["--fdir1", str(folder), "--app", "ambiguous_images"]) == 0
    scores = json.loads((folder / "eval.json").read_text())
    assert set(scores) == {"source_dir", "score", *(str(path) for path in folder.glob("*.png"))}
    (folder / "eval.json").unlink()


def test_views_of_one_prompt_have_a_file_each(tmp_path):
    argv = ["--app", "ambiguous_image", "--tag", "t", "--num_inference_steps", "1", "--stage_2_path", "none"]
    assert script("main").main([*argv, "--prompts", "a cat", "A cat", "--save_top_dir", str(tmp_path)]) == 0
    assert {p.name for p in (tmp_path / "t").glob("*.png")} == {"a_cat.png", "A_cat.2.png"}


@pytest.mark.slow
def test_an_ambiguous_picture_is_the_courses_loop(tmp_path, pixel64, monkeypatch):
    """Written out as the course has it: no x0 is clipped (thresholded, pictures were 61 levels apart on average)."""
    for module in (load, load_once, plan):  # the script has no option for it: x0 at alpha = 5e-5 wants more than float32
        monkeypatch.setattr(module, "choose_dtype", lambda *_: torch.float64)
    argv = ["--app", "ambiguous_image", "--tag", "t", "--num_inference_steps", "4", "--stage_2_path", "none"]
    prompts = ["a photo of a horse", "a photo of a dog"]
    assert script("main").main([*argv, "--prompts", *prompts, "--save_top_dir", str(tmp_path)]) == 0
    s, rng = pixel64.schedule, torch.Generator().manual_seed(1)
    x = torch.stack([torch.randn(3, 64, 64, generator=rng) for _ in prompts])
    cond, null = (pixel64.embed(texts) for texts in (prompts, [""] * 2))

    def average(u):  # seen upright and turned clockwise
        mean = (u[0] + u[1].rot90(1, (1, 2))) / 2
        return torch.stack([mean, mean.rot90(-1, (1, 2))])

    with torch.no_grad():
        for t, t_prev in s.steps(4):
            text, empty = (pixel64.predict(x, t, c).eps for c in (cond, null))
            (a, sigma), (a_prev, sigma_prev) = s(t), s(t_prev)
            x0 = average((x - sigma * (empty + 10 * (text - empty))) / a)
            x = a_prev * x0 + sigma_prev * (x - a * x0) / sigma
    for k, wanted in enumerate(io.to_pil(average(x))):
        found = io.from_pil(io.load_image(tmp_path / f"t/results/view_{k}.png"))
        assert (found - io.from_pil(wanted)).abs().max() < 2.01 / 255  # one level of 8 bits


def test_options_of_an_ambiguous_picture(tmp_path, capsys):
    views = ["--views_names", "patch_permute", "pixel_permute", "inner_rotate", "--rotate_angle", "45"]
    argv = ["--app", "ambiguous_image", "--tag", "t", "--prompts", "a horse", "a dog", "a cat", *views, "--case", "xt"]
    few = ["--num_inference_steps", "1", "--stage_2_path", "none", "--save_top_dir", str(tmp_path), "--style", "an oil"]
    assert script("main").main([*argv, *few, "--seed", "4", "--sampling_method", "ddpm"]) == 0
    assert "notice: without effect: --style" in capsys.readouterr().err
    (run,) = (tmp_path / "t/results").glob("*/run.json")
    settings = json.loads(run.read_text())["options"]
    assert settings["views"] == ["patch_permute:8:4", "pixel_permute:4", "inner_rotate:45"]
    assert settings.items() >= {"sync": "xt", "eta": 1.0, "seed": 4, "upscalers": ["none"], "style": ""}.items()
    assert (
        io.load_image(tmp_path / "t/a_horse.png").size == io.load_image(tmp_path / "t/results/view_2.png").size == (64, 64)
    )


@pytest.mark.parametrize(
    "line", ["main.py -h", "main.py --app wide_image --help", "main.py -app ambiguous_image --help", "eval.py --help"]
)
def test_help_from_the_repository_root(line):
    done = subprocess.run([sys.executable, *line.split()], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "usage: " in done.stdout and not done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_standard_output_is_one_line_and_costs_no_file(tmp_path):
    Image.new("RGB", (32, 32), "navy").save(tmp_path / "a_night.png")
    command = f"{shlex.join([sys.executable, 'eval.py', '--fdir1', str(tmp_path)])} > /dev/full"
    done = subprocess.run(["sh", "-c", command], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1 and done.stderr.startswith("eval.py: [Errno 28]") and done.stderr.count("\n") == 1
    assert (tmp_path / "eval.json").exists()


def test_ctrl_c_stops_without_a_traceback(monkeypatch, capsys, tmp_path):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("synoptic.runs.execute.open_run", interrupted)
    assert small("x", "--save_top_dir", str(tmp_path)) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_a_bug_is_not_dressed_up_as_bad_input(monkeypatch, tmp_path):
    def bug(*args, **kwargs):
        raise ValueError("a bug")

    monkeypatch.setattr("synoptic.runs.execute.open_run", bug)
    with pytest.raises(ValueError, match="a bug"):
        small("x", "--save_top_dir", str(tmp_path))


def test_the_docs_have_every_command_and_requirements_are_the_packages_own():
    text = (ROOT / "docs/courses.md").read_text()
    for line in [PAINTING, *AMBIGUOUS_IMAGES, *SCORING, *(line for line, _ in DISTILLED)]:
        assert line.format(DIR="DIR", FILE="FILE") in text
    assert (ROOT / "requirements.txt").read_text().split() == ["-e", "."]


def script(name):
    """main.py or eval.py as a module: the root is on the tests' path."""
    return importlib.import_module(name)


@pytest.mark.slow
@pytest.mark.parametrize(("line", "name"), DISTILLED)
def test_a_distilled_picture_lies_where_the_course_says(line, name, tmp_path, capsys):
    given = tmp_path / "given.png"
    io.save_image(given, io.to_pil(torch.zeros(1, 3, 200, 160))[0], {})
    argv = [*shlex.split(line.format(FILE=given))[2:], "--step", "4", "--log_step", "2", "--save_dir", str(tmp_path / "o")]
    assert script("main").main(argv) == 0
    folder = tmp_path / "o"
    assert {p.name for p in folder.iterdir()} == {f"{name}.png", "run_config.yaml", "results"}
    picture = io.load_image(folder / f"{name}.png")
    assert picture.size == ((256, 320) if "pds" in line else (256, 256))
    assert {p.name for p in folder.glob("results/*/steps/*/*.png")} == {"2.png", "4.png"}
    assert io.load_image(*folder.glob("results/*/steps/*/4.png")).tobytes() == picture.tobytes()
    config = json.loads((folder / "run_config.yaml").read_text())
    assert config["negative_prompt"] == "low quality" and config["synoptic"].startswith("synoptic distill")
    settings = io.read_settings(folder / f"{name}.png")["options"]
    wanted = {"lr": 0.1, "warm_up": 5, "loss": config["loss_type"], "guidance_scale": config["guidance_scale"], "seed": 1}
    assert settings.items() >= wanted.items() and settings["dtype"] == "float32"
    assert settings["loss"] != "pds" or settings["stride"] == 1  # the page's x_(t-1); the official code has x_(t-2)
    printed = capsys.readouterr().out
    assert str(folder / f"{name}.png") in printed and "CLIP score" in printed
