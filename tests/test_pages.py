"""Every command and Python block of the documentation runs, but for how much it does; what does not is listed, with why."""

from __future__ import annotations

import io
import json
import re
import shlex
import shutil
import sys
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

import pytest

from synoptic import cli
from synoptic.courses.prompt_sets import OURS
from synoptic.options.studio import StudioOptions
from synoptic.options.texture import TextureOptions
from synoptic.views.validate import validate_view
from tests.jobs.here import Here
from tests.models.test_controlnet_transformer import save_net
from tests.page_files import make_files
from tests.pages import PAGES, ROOT, commands, name_of, python_blocks

IN_THE_PACKAGE = {"bundled", "bundled-if"}
NOT_RUN = {  # why -> is it so of these words?
    "its model is not in the package": lambda words: bool(DOWNLOADED.intersection(words)),
    "wants a cluster": lambda words: "ray" in words,
    "serves until it is stopped (tests/studio does)": lambda words: words[1] == "studio",
    "an example of a picture that the gallery paints likewise": lambda words: words in ALIKE,
}
DOWNLOADED = {"sd1.5", "sd2", "sdxl", "if", "model.safetensors"}
RANDOM = {  # released models -> random ones of their families, by their names in conftest.FLOWS
    "flux-dev": "flux-dev",
    "flux-schnell": "flux-schnell",
    "qwen-image": "qwen-image",
    "sana": "sana",
    "sd3.5": "sd3",
    "flux2-klein": "klein-distilled",
    "flux2-klein-base": "klein",
    "z-image-turbo": "z-image",
    "pixart-sigma": "pixart",
}
WITH_PROCESSES = "synoptic batch jobs.jsonl"  # of all that start workers; jobs of the others are carried out here
SMALLER = {"--width": "256", "--height": "256", "--stride": "8"}  # where it is written of them
QUICK = {  # options that are put in place of those written, so that a command takes seconds
    **{name: ["--steps", "2"] for name in ("rf-inversion", "edit", "control", "inpaint", "flow-edit", "invert", "distill")},
    **{name: ["--steps", "2", "--upscalers", "none"] for name in ("generate", "anagram", "hybrid", "compare-sync")},
    "wide": ["--steps", "2", "--stride", "16", "--width", "512"],
    "panorama": ["--steps", "1", "--height", "64", "--num-views", "6", "--fov", "100"],
    "texture": ["--steps", "2", "--num-views", "3"],
    "text-to-3d": ["--steps", "5", "--resolution", "16", "--frames", "2"],
    "evaluate": ["--steps", "1"],
    "train-controlnet": ["--steps", "1", "--batch", "1", "--num-validation", "2"],
    "denoise": ["--stride", "125"],
}
FEWER = {  # where written
    "--start": "0,1",
    "--seed-search": "2",
    "--seeds": "2",
    "--t": "250",
    "--syncdiffusion-steps": "1",
    "--count": "2",
    "--jump": "1",
}
PYTHON_FEWER = (
    *((r"steps\(10\)", "steps(2)"), (r"seed=3", "seed=3, steps=2"), (r"steps=20", "steps=2")),
    *(
        (r"images\[0\]\.show\(\)", "images[0].load()"),
        (r'\["a lemon"\]', r'["a lemon"], "steps": 2'),
        (r"range\(4\)", "[0]"),
    ),
    (r'"model": "bundled",', '"model": "bundled", "steps": 2,'),
)
SMALL = {  # films of few and small frames; what is only measured, in two steps
    "controlnet.validation.NUM_STEPS": 2,
    "mesh.painted_sides.FRAME_SIDE": 64,
    "pipelines.textured_output.FRAME_SIDE": 64,
    "animate.flight.SECONDS": 1,
    "animate.flight.FPS": 4,
    "animate.flight.SIZE": (90, 160),
}
FIRST = {  # what a page has its reader do before
    "synoptic info outputs/before_after.png": "synoptic edit car.png 'a photo of a horse' --steps 2 --out outputs",
    "synoptic batch --status outputs/batch": "synoptic batch jobs.jsonl",
    "synoptic control castle.png a castle --condition canny --controlnet trained/controlnet": "synoptic train-controlnet "
    "--images photos --captions captions.json --condition canny --no-attention --steps 1 --batch 1 --num-validation 2 "
    "--out trained",
    "docs/text-to-3d.md 0": "synoptic text-to-3d 'a red mug' --steps 2 --frames 2",
}
BY_PAGE = {page: [shlex.split(line, comments=True) for line in commands(page)] for page in PAGES}
EVERY = {" ".join(words): words for lines in BY_PAGE.values() for words in lines}


def shape(words: Sequence[str]) -> tuple[str, ...]:
    """Return what a command is but for its prompts, its seed and its input's name."""
    flags = [word for word in words[2:] if word.startswith("--")]
    return words[1], str(sum(" " in word for word in words[2:])), *flags


OTHERS = [words for page, lines in BY_PAGE.items() if page.name != "gallery.md" for words in lines]
SEEN: set[tuple[str, ...]] = {shape(words) for words in OTHERS}
ALIKE: list[list[str]] = []  # those of the gallery that differ from another command in words and seed alone
for command in BY_PAGE[ROOT / "docs" / "gallery.md"]:
    if command not in OTHERS and shape(command) in SEEN:
        ALIKE.append(command)
    SEEN.add(shape(command))


def why_not(words: Sequence[str]) -> str | None:
    """Return why a command is not run, if so."""
    return next((why for why, holds in NOT_RUN.items() if holds(words)), None)


def random_model(words: Sequence[str]) -> str | None:
    """Return the released model that a command names, where a random one of its family stands in its place."""
    return next((word for word in words if word in RANDOM), None)


RUN = {line: words for line, words in EVERY.items() if not why_not(words) and not random_model(words)}
RUN_AT_RANDOM = {line: words for line, words in EVERY.items() if random_model(words)}
PYTHON = {f"{name_of(page)} {k}": block for page in PAGES for k, block in enumerate(python_blocks(page))}
VIEW = PYTHON.pop("CONTRIBUTING.md 0")


def quick(words: Sequence[str]) -> list[str]:
    """Return a command with less to do."""
    given, less = list(words), list(QUICK.get(words[1], []))
    if words[1] == "text-to-3d":  # at most two objects
        given = [word for k, word in enumerate(words) if k < 4 or " " not in word]
    if words[1] == "hybrid" and "--fast" in words:  # which is of its upscaler
        less[2:] = ["--upscaler-steps", "1"]
    if words[1] == "texture" and "--init-texture" not in words:  # which has its own size
        less += ["--texture-size", "64"]
    for flag, value in [*zip(less[::2], less[1::2], strict=True), *(pair for pair in FEWER.items() if pair[0] in words)]:
        if flag in given:
            given[given.index(flag) + 1] = value
        else:
            given += [flag, value]
    return given


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with the files that pages begin with, in which a picture was generated, as the README does."""
    folder = tmp_path_factory.mktemp("made")
    make_files(folder)
    with pytest.MonkeyPatch.context() as m:
        m.chdir(folder)
        guitar = ["synoptic", "generate", "a photo of a guitar", *QUICK["generate"], "--out"]
        assert [run(m, [*guitar, out]) for out in ("guitar", "outputs/guitar")] == [0, 0]
    return folder


@pytest.fixture
def small(made, tmp_path, monkeypatch, coarse_objects):
    """A working folder like it; a set has one prompt, a mesh is coarse, films are short, and no browser is opened."""
    monkeypatch.chdir(shutil.copytree(made, tmp_path / "here"))
    one = dict(list(json.loads(OURS["wide"].read_text()).items())[:1])
    (tmp_path / "wide.json").write_text(json.dumps(one))
    monkeypatch.setitem(OURS, "wide", tmp_path / "wide.json")
    for place, value in SMALL.items():
        monkeypatch.setattr(f"synoptic.{place}", value)
    monkeypatch.setattr("webbrowser.open", lambda url: True)


@pytest.mark.slow
@pytest.mark.timeout(900)  # some start worker processes
@pytest.mark.parametrize("argv", RUN.values(), ids=RUN)
def test_commands_run_as_written_but_for_how_much_they_do(argv, small, monkeypatch):
    if "--retexture" in argv:  # whose painting has no options of its own
        few = partial(TextureOptions.from_arguments, steps=1, num_views=2, texture_size=64, pixels_from=1.0)
        monkeypatch.setattr(TextureOptions, "from_arguments", few)
    if " ".join(argv) != WITH_PROCESSES:
        monkeypatch.setattr("synoptic.jobs.local_worker.ahead", lambda *_: nullcontext())
        monkeypatch.setattr("synoptic.jobs.local.build", lambda options, *_: Here(options.out))
    if before := FIRST.get(" ".join(argv)):
        assert run(monkeypatch, shlex.split(before)) == 0
    assert run(monkeypatch, quick(argv)) == 0


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("argv", RUN_AT_RANDOM.values(), ids=RUN_AT_RANDOM)
def test_commands_of_released_models_run_on_random_ones(argv, small, monkeypatch, flow_folder, tmp_path):
    model = random_model(argv)
    assert model is not None
    given = [str(flow_folder(RANDOM[model])) if word == model else word for word in quick(argv)]
    given = [SMALLER.get(before, word) for before, word in zip(("", *given), given, strict=False)]
    if "--controlnet" in given:
        given[given.index("--controlnet") + 1] = str(save_net("flux-dev", tmp_path))
    if argv[1] == "text-to-3d":
        given += ["--clip-model", "bundled"]
    assert run(monkeypatch, given) == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", PYTHON)
def test_python_runs_as_written_but_for_the_steps(name, small, monkeypatch):
    block = PYTHON[name]
    for written, fewer in PYTHON_FEWER:
        block = re.sub(written, fewer, block)
    if before := FIRST.get(name):
        assert run(monkeypatch, shlex.split(before)) == 0
    if name.startswith("docs/studio.md"):
        monkeypatch.setenv("GRADIO_TEMP_DIR", "served")
        monkeypatch.setattr(urllib.request, "urlopen", opened_by(studio()))
    exec(block, {"__name__": "page"})


def studio() -> Any:
    """Return a client of a studio in the working folder."""
    pytest.importorskip("gradio")
    from fastapi.testclient import TestClient

    from synoptic.studio.server import build

    return TestClient(build(StudioOptions.from_arguments(listen=True).prepare(), ""), raise_server_exceptions=False)


def opened_by(client: Any) -> Callable[[urllib.request.Request], io.BytesIO]:
    """Return what opens a request by a studio that is in this process."""

    def urlopen(request: urllib.request.Request) -> io.BytesIO:
        answer = client.request(request.get_method(), request.selector, content=request.data, headers=dict(request.headers))
        assert answer.is_success, answer.text
        return io.BytesIO(answer.content)

    return urlopen


def test_what_is_not_run_has_a_reason_and_is_not_much():
    assert {"README.md", "docs/wide.md", "docs/editing.md", "docs/runs.md"} <= {name_of(page) for page in PAGES}
    assert len(RUN) > 80 and len(PYTHON) > 11
    run_ones = RUN | RUN_AT_RANDOM
    left = [line for line, words in EVERY.items() if line not in run_ones and words not in ALIKE]
    assert len(left) < 18 and {words[1] for words in run_ones.values()} >= {*cli.APPLICATIONS}
    assert [line for line in EVERY if "…" in line] == []  # whoever pastes it has it run


def test_the_readme_shows_a_picture_at_its_end():
    last = PYTHON["README.md 0"].rstrip().splitlines()
    assert len(last) <= 10 and last[-1].endswith(".show()")  # whoever pastes it sees a picture


def test_the_view_in_contributing_keeps_the_laws():
    scope: dict[str, Any] = {}
    exec(VIEW, scope)
    laws = validate_view(scope["Negate"]())
    assert laws.works and laws.recovery == 0


def run(monkeypatch, argv):
    monkeypatch.setattr(sys, "argv", argv)
    with pytest.raises(SystemExit) as e:
        cli.main()
    return e.value.code
