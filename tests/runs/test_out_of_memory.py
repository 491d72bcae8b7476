"""Memory that runs out in a run: it goes on with less at once, or ends in one line; what is painted stays."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
import torch
from PIL import Image

import synoptic
from synoptic import cli
from synoptic.controlnet.annotators.depth import DepthEstimator
from synoptic.metrics.clip import Clip
from synoptic.models.load_once import load_once
from synoptic.models.unet import UNet
from synoptic.pipelines.generate import GeneratePipeline
from synoptic.runs.errors import RunFailed
from synoptic.runs.recorder import Recorder
from tests.drawings import disc
from tests.quick import quick_ones

HORSE = "a photo of a horse"
F32: dict[str, Any] = {"device": "cpu", "dtype": "float32"}
SMALL: dict[str, Any] = {"model": "bundled-if", "upscalers": "none", "steps": 1, **F32}
ERRORS = [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("could not create a primitive"), MemoryError()]


def owner_of(place: str) -> tuple[Any, str]:
    """Return what has a function or method of synoptic's, "metrics.clip.Clip.encode_images", and its name there."""
    *modules, last, name = place.split(".")
    if last[0].isupper():
        return getattr(import_module(".".join(("synoptic", *modules))), last), name
    return import_module(".".join(("synoptic", *modules, last))), name


@pytest.fixture
def runs_out(monkeypatch):
    """(place, when(arguments), error) -> that function is out of memory where `when` says so."""

    def install(place: str, when: Callable[..., bool], error: Exception = ERRORS[0]) -> None:
        owner, name = owner_of(place)
        function = getattr(owner, name)

        def call(*values: Any, **named: Any) -> Any:
            if when(*values):
                raise error
            return function(*values, **named)

        monkeypatch.setattr(owner, name, call)

    return install


def more_than(most: int) -> Callable[..., bool]:
    """Return whether a method's first argument has more rows."""
    return lambda self, x, *_: len(x) > most


def same(a: Image.Image, b: Image.Image) -> bool:
    """Return whether two pictures are the same to rounding."""
    return max(abs(x - y) for x, y in zip(a.tobytes(), b.tobytes(), strict=True)) <= 1


@pytest.mark.parametrize(
    ("place", "most", "error"),
    [
        pytest.param("models.text.T5TextEncoder.__call__", 1, ERRORS[2], marks=pytest.mark.slow),
        ("models.unet.UNet.__call__", 2, ERRORS[1]),
    ],
    ids=["embed", "network"],
)
def test_prompts_and_rows_are_halved_and_the_pictures_are_the_same(place, most, error, tmp_path, runs_out):
    whole = synoptic.run("generate", HORSE, count=2, out=str(tmp_path / "whole"), **SMALL).images
    runs_out(place, more_than(most), error)
    parts = synoptic.run("generate", HORSE, count=2, out=str(tmp_path / "parts"), **SMALL).images
    assert all(map(same, whole, parts))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("place", "most"), [("models.unet.UNet.__call__", 2), ("models.latent.LatentSpace._decode_tile", 1)]
)
def test_latents_are_decoded_in_halves(place, most, tmp_path, runs_out):
    how = {"model": "bundled", "steps": 2, "count": 3, "upscalers": "none", **F32}
    whole = synoptic.run("generate", HORSE, out=str(tmp_path / "whole"), **how).images
    runs_out(place, more_than(most))
    parts = synoptic.run("generate", HORSE, out=str(tmp_path / "parts"), **how).images
    assert all(map(same, whole, parts))


@pytest.mark.slow
def test_memory_that_runs_out_halves_a_batch_in_python_too(monkeypatch):
    how = {"steps": 1, "upscalers": "none", "guidance_scale": 1.0}
    model = load_once("bundled-if", **F32)
    seeds, sample, seen = (1, 2, 3), GeneratePipeline.sample, []
    whole = [synoptic.generate(model, HORSE, seed=seed, **how).images[0] for seed in seeds]

    def at_most_two(self: Any, items: Any) -> Any:
        if len(items) > 2:
            raise ERRORS[0]
        seen.append(len(items))
        return sample(self, items)

    monkeypatch.setattr(GeneratePipeline, "sample", at_most_two)
    parts = synoptic.generate(model, HORSE, seed=1, count=3, **how).images
    assert seen == [1, 2] and all(map(same, whole, parts))


def test_a_score_is_measured_of_fewer_pictures_at_once(monkeypatch):
    clip = Clip("bundled")
    pictures, texts = [disc().rotate(20 * k) for k in range(5)], [HORSE, "a photo of a dog", "a lake"]
    whole, blocks = clip(pictures, texts), clip.patch_features(pictures)
    for tower in ("vision_model", "text_model"):
        net = getattr(clip.model, tower)
        monkeypatch.setattr(net, "forward", only_few(net.forward))
    assert (clip(pictures, texts) - whole).abs().max() < 1e-5
    assert (clip.patch_features(pictures) - blocks).abs().max() < 1e-5


def only_few(forward: Callable[..., Any]) -> Callable[..., Any]:
    """Return a network's forward pass that is out of memory for more than two rows."""

    def call(*values: Any, **named: Any) -> Any:
        if len(next(iter([*values, *named.values()]))) > 2:
            raise ERRORS[1]
        return forward(*values, **named)

    return call


def test_maps_of_depth_are_made_of_fewer_pictures_at_once():
    class Rows:
        """A depth model and its processor that take two pictures."""

        device = torch.device("cpu")

        def __call__(self, images: list[torch.Tensor] | None = None, **named: Any) -> Any:
            if images is None:
                return type("Said", (), {"predicted_depth": named["x"].mean(1)})
            if len(images) > 2:
                raise ERRORS[0]
            return type("Asked", (dict,), {"to": lambda self, _: self})(x=torch.stack(images))

    depth = DepthEstimator.__new__(DepthEstimator)
    setattr(depth, "model", Rows())
    setattr(depth, "processor", Rows())
    setattr(depth.processor, "size", {})
    depth.power = 1
    x = torch.rand(5, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
    assert torch.equal(depth(x), torch.cat([depth(row[None]) for row in x]))


@pytest.mark.slow
def test_a_film_has_fewer_frames_and_ends_in_the_picture(tmp_path, runs_out):
    runs_out("runs.recorder.Recorder._pictures", lambda self, k, steps: len(steps) > 3)
    how = SMALL | {"steps": 8, "guidance_scale": 1.0, "trace": True}
    run = synoptic.run("generate", HORSE, count=2, out=str(tmp_path), **how)
    assert run.state == "done"
    for file in tmp_path.glob("*.trace.html"):
        rows = json.loads(re.search(r"const steps = (.+);", file.read_text())[1])  # pyright: ignore[reportOptionalSubscript]
        assert [row[0] for row in rows] == ["x after step 4 of 8", "x after step 8 of 8"]
    assert len(list(tmp_path.glob("*.trace.html"))) == 2


@pytest.mark.slow
def test_pictures_are_optimized_in_halves(tmp_path, runs_out):
    how = {"model": "bundled-if", "init": "noise", "steps": 2, "count": 2, "seed": 1, **F32}
    whole = synoptic.run("distill", HORSE, out=str(tmp_path / "whole"), **how).images
    runs_out("pipelines.distill.DistillPipeline.sample", more_than(1))
    parts = synoptic.run("distill", HORSE, out=str(tmp_path / "parts"), **how).images
    assert all(map(same, whole, parts))


def said_of(words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """Carry out a command that is to end for want of memory; return the line that says so."""
    monkeypatch.setattr("synoptic.models.load_once._kept", {})
    monkeypatch.setattr("sys.argv", ["synoptic", *words, "--dtype=float32", "--device=cpu"])
    with pytest.raises(SystemExit) as e:
        cli.main()
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("synoptic: ")]
    assert e.value.code == 1 and len(lines) == 1 and "memory has run out" in lines[0]
    return lines[0]


PLACES = {  # -> the command, and how many pictures are there afterwards
    "models.load_once.load": ("generate", 0),
    "models.components._diffusers_network": ("generate", 0),
    "models.text.ClipTextEncoder.__call__": ("generate", 0),
    "models.unet.UNet.__call__": ("generate", 0),
    "models.latent.LatentSpace._decode_tile": ("generate", 0),
    "models.latent.LatentSpace._encode_tile": ("edit", 0),
    "runs.recorder.Recorder._pictures": ("generate", 1),
    "metrics.clip.Clip.encode_images": ("generate", 1),
    "models.controlnet.ControlNet.__call__": ("control", 0),
    "pipelines.control_guidance.control_maps": ("control", 0),
}
QUICK_PLACES = (
    "models.load_once.load",
    "models.unet.UNet.__call__",
    "runs.recorder.Recorder._pictures",
)


@pytest.mark.parametrize("place", quick_ones(PLACES, QUICK_PLACES))
def test_memory_that_does_not_suffice_is_one_line_and_what_is_painted_stays(place, tmp_path, runs_out, monkeypatch, capsys):
    command, kept = PLACES[place]
    model = "bundled" if command == "control" or "latent" in place or "Clip" in place else "bundled-if"
    words = [command, HORSE, f"--model={model}", "--steps=1", "--trace", f"--out={tmp_path / 'out'}"]
    if command == "generate":
        words.append("--upscalers=none")
    else:
        disc().save(tmp_path / "disc.png")
        words[1:2] = [str(tmp_path / "disc.png"), HORSE]
    runs_out(place, lambda *_: True, ERRORS[1])
    said_of(words, monkeypatch, capsys)
    assert len([f for f in (tmp_path / "out").glob("a_*.png") if ".trace" not in f.name]) == kept


@pytest.mark.parametrize(
    ("words", "place"),
    [
        (["distill", HORSE, "--model=bundled-if", "--steps=3"], "distillation.image_scene.PixelImage.render"),
        pytest.param(
            ["text-to-3d", HORSE, "--model=bundled-if", "--steps=3", "--resolution=16"],
            "nerf.scene.RadianceScene.render",
            marks=pytest.mark.slow,
        ),
    ],
    ids=["distill", "text-to-3d"],
)
def test_an_optimization_that_runs_out_of_memory_keeps_its_state(words, place, tmp_path, runs_out, monkeypatch, capsys):
    calls = []
    monkeypatch.setattr("synoptic.utils.timing.EVERY", 0)  # seconds between two states
    runs_out(place, lambda *_: calls.append(1) or len(calls) > 1)
    said_of([*words, f"--out={tmp_path}"], monkeypatch, capsys)
    assert (tmp_path / "state.safetensors").exists()


@pytest.mark.slow
def test_what_was_painted_before_memory_ran_out_is_kept(tmp_path, monkeypatch):
    calls = []
    call = UNet.__call__

    def later(self: Any, x: torch.Tensor, *rest: Any) -> Any:
        calls.append(len(x))
        if len(calls) > 2:
            raise ERRORS[0]
        return call(self, x, *rest)

    monkeypatch.setattr(UNet, "__call__", later)
    monkeypatch.setattr("synoptic.runs.execute.max_batch_rows", lambda *_: 2)  # a picture at a time
    with pytest.raises((RunFailed, torch.OutOfMemoryError)):
        synoptic.run("generate", HORSE, count=3, steps=2, model="bundled", upscalers="none", out=str(tmp_path), **F32)
    assert [file.name for file in tmp_path.glob("a_*.png")] == ["a_photo_of_a_horse_0.png"]


@pytest.mark.slow
def test_a_picture_that_is_kept_is_scored_by_the_same_command_again(tmp_path, runs_out, monkeypatch):
    with monkeypatch.context():
        runs_out("metrics.clip.Clip.encode_images", lambda *_: True)
        with pytest.raises(torch.OutOfMemoryError):
            synoptic.run("generate", HORSE, out=str(tmp_path), **SMALL)
    monkeypatch.undo()
    again = synoptic.run("generate", HORSE, out=str(tmp_path), **SMALL)
    assert again.kept == 1 and again.pictures[0].score is not None and again.state == "done"


def test_fewer_steps_of_a_film_end_in_the_last(monkeypatch):
    seen: list[list[int]] = []

    def write(self: Recorder, k: int, title: str, clip: object, steps: list[int]) -> None:
        seen.append(list(steps))
        if len(steps) > 1:
            raise ERRORS[2]

    monkeypatch.setattr(Recorder, "_write_film", write)
    recorder = Recorder([])
    recorder.kept = dict.fromkeys((0, 1, 2, 3, 4), ())
    recorder.write([HORSE])
    assert seen == [[0, 1, 2, 3, 4], [0, 2, 4], [0, 4], [4]]
