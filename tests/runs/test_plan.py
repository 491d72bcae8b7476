"""What a run will take, against what it took; and runs for which memory does not suffice."""

from __future__ import annotations

import warnings
from itertools import product
from typing import Any

import pytest
import torch
from PIL import Image

import synoptic
from synoptic import InputError, cli
from synoptic.guidance.batching import largest_batch, run_in_batches
from synoptic.models.cost import network_row_cost
from synoptic.models.latent import LatentSpace
from synoptic.models.load_once import load_once
from synoptic.models.memory import bytes_of_coding
from synoptic.models.registry import resolve
from synoptic.models.unet import UNet
from synoptic.options import options_class
from synoptic.options.base import Options
from synoptic.pipelines.base import pipeline_class
from synoptic.runs.plan import make_plan, make_plans
from synoptic.runs.speed import command_seconds, record_command, record_pictures, record_steps, stage_works, work_seconds
from tests.drawings import disc
from tests.quick import slow_ones

HORSE, LAKE = "a photo of a horse", "a photo of a lake"
MASK = Image.linear_gradient("L").resize((256, 256))
F32: dict[str, Any] = {"device": "cpu", "dtype": "float32"}
CASES: dict[str, tuple[str, tuple[Any, ...], dict[str, Any]]] = {
    "generate": ("generate", (HORSE,), {"steps": 2, "count": 2, "model": "bundled-if", "upscalers": "none"}),
    "unguided": ("generate", (HORSE,), {"steps": 3, "guidance_scale": 1.0, "model": "bundled"}),
    "wide": ("wide", (LAKE,), {"width": 320, "steps": 1}),
    "circular": ("wide", (LAKE,), {"width": 512, "steps": 2, "circular": True}),
    "panorama": ("panorama", (LAKE,), {"num_views": 6, "fov": 100.0, "steps": 3, "horizon_first": 0.5, "pixels_from": 1}),
    "at_once": ("panorama", (LAKE,), {"num_views": 6, "fov": 100.0, "steps": 2, "horizon_first": 0, "prompt_up": HORSE}),
    "anagram of latents": ("anagram", (HORSE, LAKE), {"steps": 2}),
    "anagram": ("anagram", (HORSE, LAKE), {"model": "bundled-if", "steps": 2, "upscalers": "none"}),
    "hybrid": ("hybrid", (HORSE, LAKE), {"steps": 2, "upscalers": "none"}),
    "flow_edit": ("flow_edit", (disc(), HORSE), {"steps": 4, "strength": 0.5, "source_prompt": LAKE}),
    "edit": ("edit", (disc(), HORSE), {"steps": 4, "strength": 0.5}),
    "inpaint": ("inpaint", (disc(), MASK, HORSE), {"steps": 2, "resample": 1}),
    "control": ("control", (disc(), HORSE), {"condition": "canny", "steps": 2}),
    "distill": ("distill", (HORSE,), {"steps": 2, "init": "noise", "count": 2}),
    "sketch": ("distill", (HORSE,), {"steps": 2, "init": "sketch", "count": 2}),
    "sketch of a source": ("distill", (HORSE,), {"steps": 2, "init": "sketch", "source": disc(), "source_prompt": LAKE}),
    "pixels": ("distill", (HORSE,), {"steps": 2, "init": "noise", "space": "pixels", "model": "bundled"}),
    "student": ("distill", (HORSE,), {"steps": 2, "init": "noise", "loss": "vsd", "student_steps": 2}),
    "negative": ("distill", (HORSE,), {"steps": 2, "init": "noise", "loss": "nfsd", "width": 512, "model": "bundled"}),
    "inversion": ("distill", (HORSE,), {"steps": 2, "init": "noise", "loss": "sdi"}),
    "inversion of null": ("distill", (HORSE,), {"steps": 2, "init": "noise", "loss": "ism"}),
    "delta": ("distill", (HORSE,), {"steps": 2, "loss": "dds", "source": disc(), "source_prompt": LAKE}),
}


def prepared(case: str) -> Any:
    name, values, options = CASES[case]
    return asked(name, *values, **options)


def asked(name: str, *values: Any, **options: Any) -> Any:
    """Return an application's prepared options, on a CPU in float32 where nothing else is given."""
    return options_class(name).from_arguments(*values, **F32 | options).prepare()


QUICK = ("anagram", "pixels")


@pytest.mark.parametrize("case", [c if c in QUICK else pytest.param(c, marks=pytest.mark.slow) for c in CASES])
def test_a_plan_counts_the_rows_that_the_network_is_given(case, monkeypatch):
    name, values, options = CASES[case]
    plan, seen = make_plan(prepared(case)), []
    call = UNet.__call__
    monkeypatch.setattr(UNet, "__call__", lambda self, x, t, cond: seen.append(len(x)) or call(self, x, t, cond))
    others = {key: value for key, value in options.items() if key != "model"}
    getattr(synoptic, name)(options.get("model", prepared(case).model), *values, **F32 | others)
    (stage,) = plan.stages.values()
    assert plan.items * stage.work.rows() == sum(seen) and stage.at_once == max(seen)


@pytest.mark.slow
def test_weights_are_those_that_are_loaded():
    plan = make_plan(prepared("control"))
    model: Any = load_once("bundled", **F32)
    parts: dict[str, Any] = {"unet": model.network, "vae": getattr(model, "vae", None)}
    parts["text_encoder"] = model.text_encoder.tower.encoder
    for name, net in parts.items():
        assert plan.weights[name] == sum(p.numel() * p.element_size() for p in net.parameters())
    assert plan.weights["ControlNet bundled-canny"] > 1e6 and plan.fits and "fits" in str(plan)
    assert plan.peak > plan.resident > sum(plan.weights.values()) - 1


def test_a_panoramas_canvas_is_counted():
    small, large = (make_plan(asked("panorama", LAKE, height=height)) for height in (512, 4096))
    assert large.canvas - small.canvas > 4 * 3 * 4 * 2 * (4096**2 - 1024**2) and "canvas" in str(large)
    assert large.peak - small.peak >= large.canvas - small.canvas
    assert make_plan(prepared("generate")).canvas == 0


def test_gradients_through_the_encoder_of_a_latent_model_are_counted():
    latents, pixels = (make_plan(asked("distill", HORSE, model="bundled", space=space)) for space in ("latent", "pixels"))
    assert latents.gradients == 0 and "gradients" not in str(latents)
    assert pixels.gradients > pixels.vae and "gradients" in str(pixels)
    assert pixels.least - pixels.resident > pixels.gradients
    others = (asked("distill", HORSE, model="bundled", space="pixels", width=w, count=n) for w, n in ((512, 1), (256, 3)))
    wide, three = map(make_plan, others)
    assert (wide.gradients, wide.batch) == (2 * pixels.gradients, 1)
    assert (three.gradients, three.batch) == (pixels.gradients, 3)
    assert three.peak - pixels.peak > 2 * pixels.gradients
    one, four = (make_plan(asked("text_to_3d", HORSE, LAKE, model="bundled", batch=batch)) for batch in (1, 4))
    assert (four.gradients, four.flops, four.batch) == (4 * one.gradients, 4 * one.flops, 1) and one.batch == 1
    assert make_plan(prepared("generate")).gradients == 0


@pytest.mark.slow
def test_the_vae_codes_as_many_pixels_as_planned(monkeypatch):
    _, values, options = CASES["panorama"]
    plan, seen = make_plan(prepared("panorama")), []
    decode = LatentSpace._decode_tile
    monkeypatch.setattr(LatentSpace, "_decode_tile", lambda self, x: seen.append(x[:, 0].numel()) or decode(self, x))
    synoptic.panorama("bundled", *values, **F32 | options)
    model: Any = load_once("bundled", **F32)
    assert plan.vae == bytes_of_coding(max(seen) * model.factor**2 * model.codec.width * 4, model.device)


@pytest.mark.slow
def test_half_precision_halves_the_network():
    how = {"model": "bundled", "upscalers": "none"}
    single, half = (make_plan(asked("generate", HORSE, dtype=dtype, **how)) for dtype in ("float32", "float16"))
    assert half.weights["unet"] * 2 == single.weights["unet"] and half.weights["vae"] == single.weights["vae"]
    rows = [next(iter(plan.stages.values())).row for plan in (single, half)]
    assert rows[0].flops == rows[1].flops and rows[1].bytes < 0.85 * rows[0].bytes  # a CPU computes norms in float32
    gpu, checkpoint = torch.device("cuda"), resolve("bundled")
    rows = [network_row_cost(checkpoint, dtype, gpu) for dtype in (torch.float32, torch.float16)]
    assert rows[0].flops == rows[1].flops and rows[1].bytes < 0.6 * rows[0].bytes


@pytest.mark.parametrize("name", slow_ones(["compare_sync", "distill", "denoise", "invert", "text_to_3d"], ["compare_sync"]))
def test_every_application_has_a_plan(name):
    values = {"compare_sync": (HORSE, LAKE), "denoise": (disc(),), "invert": (disc(),)}.get(name, (HORSE,))
    plans = make_plans(asked(name, *values))
    assert all(plan.fits and plan.flops > 1e9 and plan.command.startswith("synoptic ") for plan in plans)
    assert len(plans) == (6 if name == "compare_sync" else 1)


def test_a_dry_run_says_what_it_takes_and_does_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["synoptic", "wide", LAKE, "--width=512", "--dry-run"])
    with pytest.raises(SystemExit) as e:
        cli.main()
    said = dict(line.split("  ", 1) for line in capsys.readouterr().out.splitlines())
    assert e.value.code == 0 and list(tmp_path.iterdir()) == []
    assert said.keys() >= {"command", "device", "weights of unet", "steps of bundled", "VAE", "peak", "work", "time"}


def said(words: list[str], monkeypatch: Any, capsys: Any) -> tuple[int, str]:
    """The exit code of a command, and what it says on the error stream."""
    monkeypatch.setattr("sys.argv", ["synoptic", *words])
    with pytest.raises(SystemExit) as e:
        cli.main()
    return int(str(e.value.code)), capsys.readouterr().err


def test_a_dry_run_warns_of_what_the_run_will_warn_of_and_refuses_its_folder(tmp_path, monkeypatch, capsys):
    words = ["anagram", "a gothic hat", "a fox", "--views=flip,flip_vertical", f"--out={tmp_path}", "--dry-run"]
    code, warned = said(words, monkeypatch, capsys)
    assert code == 0 and warned.count("never saw: gothic") == 1
    assert "warning: flip and flip_vertical are the same view" in warned
    assert said([*words, "--grid", "seed=0..2"], monkeypatch, capsys) == (0, warned)
    (tmp_path / "run.json").write_text('{"application": "wide", "options": {}}')
    code, refused = said(words, monkeypatch, capsys)
    assert code == 2 and "choose another --out" in refused


def test_variants_are_warned_of_once_and_pythons_warnings_are_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)
    words = ["compare-sync", "a gothic hat", "a fox", "--model=bundled-if", "--steps=1"]
    code, warned = said([*words, "--upscalers=none", f"--out={tmp_path}"], monkeypatch, capsys)
    assert code == 0 and warned.count("never saw: gothic") == 1
    assert warnings.formatwarning("two\nlines", UserWarning, "file.py", 3) == "warning: two\\nlines\n"


def test_streamed_layers_are_planned_with_what_the_link_takes(monkeypatch):
    monkeypatch.setattr("synoptic.runs.plan.choose_device", lambda _: torch.device("cuda"))
    monkeypatch.setattr("synoptic.runs.plan.free_memory", lambda _: 8 * 2**30)
    monkeypatch.setattr("torch.cuda.get_device_name", lambda _: "a GPU")
    how = {"steps": 7, "model": "bundled", "upscalers": "none", "offload": "group"}
    plan = make_plan(asked("generate", HORSE, **how))
    assert plan.streamed == 7 * plan.weights["unet"] > 0
    assert "streamed" in str(plan) and "streamed" not in str(
        make_plan(asked("generate", HORSE, **how | {"offload": "text"}))
    )


def test_the_largest_batch_is_that_which_is_made():
    for branches, n, limit in product((1, 2, 3), (1, 2, 9, 11, 41), (1, 2, 3, 8, 16, 100)):
        asked, _, _ = run_in_batches(lambda rows: rows, torch.arange(branches * n).view(branches, n), limit)
        assert largest_batch(branches, n, limit) == max(map(len, asked))


def pipeline_of(options: Any) -> Any:
    return pipeline_class(options.application())(load_once("bundled", **F32), options)


def test_seconds_are_those_of_the_last_run(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    pipeline = pipeline_of(asked("wide", LAKE, width=512, steps=2, model="bundled"))
    (work,) = stage_works(pipeline).values()
    assert work_seconds(pipeline, 1) is None and work.steps == 2
    record_steps(pipeline, 1, [50.0, 53.0])  # the first step has what is done once
    record_pictures(pipeline, 1, 2.0)
    assert work_seconds(pipeline, 4) == 4 * (2 * 3.0 + 2.0)
    record_command(pipeline, 1, 20.0)
    assert command_seconds(pipeline, 4) == 4 * 8.0 + 12.0
    other = pipeline_of(asked("wide", LAKE, width=1024, steps=2, model="bundled"))
    rows = stage_works(other)["bundled"].rows()
    assert work_seconds(other, 1) == pytest.approx(2 * 3.0 * rows / work.rows() + 2 * 2.0)
    edit = pipeline_of(asked("edit", disc(), HORSE, steps=2, strength=0.5, model="bundled"))  # by the model's
    assert work_seconds(edit, 1) == pytest.approx(2 * 3.0 * stage_works(edit)["bundled"].rows() / work.rows() + 1.0)


def test_each_stage_has_a_speed_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    options = asked("generate", HORSE, steps=3, model="bundled-if")
    pipeline = pipeline_class("generate")(load_once("bundled-if", **F32), options)
    works = stage_works(pipeline)
    assert len(works) > 1 and sum(work.steps for work in works.values()) == pipeline.num_steps
    ticks, now = [], 0.0
    for seconds, work in enumerate(works.values(), start=1):  # a row of the first takes 1 s, of the second 2 s, …
        ticks += [now := now + seconds * work.rows() / work.steps for _ in range(work.steps)]
    record_steps(pipeline, 1, ticks)
    assert work_seconds(pipeline, 2) == pytest.approx(2 * now)


@pytest.mark.slow
def test_a_command_is_expected_to_take_its_steps_and_what_it_took_beside_them(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    how = {"prompt": HORSE, "steps": 2, "model": "bundled-if", "upscalers": "none", "dtype": "float32"}

    def prepare() -> Options:
        return options_class("generate").from_arguments(**how).prepare()

    monkeypatch.setattr("synoptic.runs.execute.process_age", lambda: 1000.0)  # a notebook
    synoptic.run("generate", out=str(tmp_path / "notebook"), **how)
    (before,) = (plan.seconds for plan in make_plans(prepare()))
    monkeypatch.setattr("synoptic.runs.execute.process_age", lambda: 30.0)  # a command whose imports took so long
    synoptic.run("generate", out=str(tmp_path / "command"), **how)
    (after,) = (plan.seconds for plan in make_plans(prepare()))
    assert before is not None and before < 20 and after is not None and after > 30


def test_a_run_that_cannot_fit_is_refused_before_anything_loads(tmp_path, monkeypatch):
    monkeypatch.setattr("synoptic.runs.plan.free_memory", lambda device: 10 * 2**20)
    with pytest.raises(InputError) as e:
        synoptic.run("wide", LAKE, width=512, out=str(tmp_path / "out"), **F32)
    assert e.value.rule == "memory" and "10 MiB are free" in str(e.value) and not (tmp_path / "out").exists()
    plan = make_plan(prepared("wide"))
    assert not plan.fits and "does not fit" in str(plan)


def test_a_training_has_no_plan(tmp_path):
    disc().save(tmp_path / "a.png")
    (tmp_path / "captions.json").write_text('{"a.png": "a disc"}')
    how = {"images": str(tmp_path), "captions": str(tmp_path / "captions.json")}
    with pytest.raises(InputError) as e:
        make_plans(options_class("train_controlnet").from_arguments(**how))
    assert e.value.rule == "dry-run-training"


@pytest.mark.slow
def test_what_recorded_calls_hold_is_there_while_the_vae_codes(monkeypatch):
    """Up to 16 rows of 32 x 32 latents stay taken, of as many as one call has."""
    monkeypatch.setattr("synoptic.runs.plan.choose_device", lambda _: torch.device("cuda"))
    monkeypatch.setattr("synoptic.runs.plan.free_memory", lambda _: 8 * 2**30)
    monkeypatch.setattr("torch.cuda.get_device_name", lambda _: "a GPU")
    for width, rows in ((256, 2), (2048, 16)):
        how = {"width": width, "model": "bundled", "dtype": "float16", "steps": 2, "offload": "none"}
        plain, compiled = (make_plan(asked("wide", HORSE, **how, compile=compile)) for compile in (False, True))
        (stage,) = compiled.stages.values()
        assert stage.recorded == rows <= stage.at_once and plain.vae > plain.embedding
        held = compiled.peak - plain.peak
        most = max(compiled.vae + rows * stage.row.bytes, stage.bytes)
        assert held == most - max(plain.vae, stage.bytes) > 0
