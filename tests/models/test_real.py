"""Directories as people have them: read with what they say, or refused before weights load, with the cure."""

from __future__ import annotations

import importlib
import json
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

from synoptic import generate
from synoptic.errors import InputError
from synoptic.models import hub
from synoptic.models.checkpoint import BUNDLED_DIR
from synoptic.models.families import BASE_CLASSES, FAMILIES, SAME_PARTS
from synoptic.models.load import load
from synoptic.models.registry import resolve
from synoptic.options.generate import GenerateOptions
from tests.models.directories import copied
from tests.quick import slow_ones

diffusers: Any = importlib.import_module("diffusers")


@pytest.fixture
def model(tmp_path) -> Path:
    """A copy of the bundled latent model."""
    return copied(tmp_path / "model")


def edit(model: Path, file: str, **changes: Any) -> None:
    """Set keys of a JSON file."""
    (model / file).write_text(json.dumps(json.loads((model / file).read_text()) | changes))


def refusal(model: str | Path) -> InputError:
    """The error of a model that is refused before its weights are loaded."""
    with pytest.raises(InputError) as e:
        resolve(str(model))
    assert "\n" not in str(e.value)
    return e.value


@pytest.mark.parametrize("kind", ["EDMDPMSolverMultistepScheduler", "EDMEulerScheduler", "EvilScheduler", 7])
@pytest.mark.parametrize("where", ["config", "index"])
def test_an_unknown_scheduler_is_refused_at_the_door(model, kind, where):
    if where == "config":
        edit(model, "scheduler/scheduler_config.json", _class_name=kind)
    else:
        edit(model, "model_index.json", scheduler=["diffusers", kind])
    assert refusal(model).rule == "scheduler-unknown"


@pytest.mark.slow
def test_a_vae_s_statistics_are_applied(model):
    """As StableDiffusionXLPipeline does: z std / scaling_factor + mean is decoded (Playground 2.5's VAE has them)."""
    mean, std = [0.3, -1.2, 0.7, 2.0] * 2, [8.4, 0.7, 5.1, 1.3] * 2
    edit(model, "vae/config.json", latents_mean=mean, latents_std=std)
    ours = load(str(model), device="cpu", dtype="float32")
    vae: Any = AutoencoderKL.from_pretrained(BUNDLED_DIR / "sd", subfolder="vae")
    z = torch.randn(2, *ours.shape, generator=torch.Generator().manual_seed(0))
    m, s = (torch.tensor(values).view(1, 8, 1, 1) for values in (mean, std))
    with torch.no_grad():
        want = vae.decode(z * s / vae.config.scaling_factor + m).sample
        assert torch.allclose(ours.decode(z), want, atol=1e-4)
        picture = want.clamp(-1, 1)
        latents = (vae.encode(picture).latent_dist.mode() - m) * vae.config.scaling_factor / s
        assert torch.allclose(ours.encode(picture), latents, atol=1e-4)


@pytest.mark.parametrize("values", [[1.0], [0.0, *[1.0] * 7], "x", [*range(1, 8), float("nan")]], ids=str)
def test_a_vae_s_statistics_are_numbers_per_channel(model, values):
    edit(model, "vae/config.json", latents_mean=[0.0] * 8, latents_std=values)
    assert refusal(model).rule == "config-value"


@pytest.mark.slow
def test_guidance_below_1_is_off_at_the_option(pixel32):
    """As the cards of Turbo models write it: 0 does not mean that the prompt is ignored."""
    pictures = [
        generate(pixel32, "a photo of a horse", upscalers="none", steps=2, guidance_scale=g).images[0].tobytes()
        for g in (1.0, 0.0, 0.5)
    ]
    assert pictures[1:] == pictures[:1] * 2


def few_steps(model: Path, name: str | None = None) -> tuple[int, float]:
    """Steps and guidance scale that `generate` resolves for a directory of that name."""
    model = model.rename(model.with_name(name)) if name else model
    usual = resolve(str(model)).defaults
    return usual.steps, usual.guidance_scale


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("sdxl-turbo", (4, 1.0)),
        ("SDXL-Lightning", (4, 1.0)),
        ("Hyper-SD", (4, 1.0)),
        ("LCM_Dreamshaper_v7", (4, 1.0)),
        ("hyperreal", (50, 7.5)),
        ("turbocharged", (50, 7.5)),
        ("other", (50, 7.5)),
    ],
)
def test_distilled_models_have_defaults_of_few_steps_by_name(model, name, wanted):
    assert few_steps(model, name) == wanted


def test_a_model_is_one_of_few_steps_where_it_is_said():
    asked: Any = GenerateOptions(prompt=("a horse",), few_step=True).prepare()
    assert (asked.steps, asked.guidance_scale) == (4, 1.0)
    asked = GenerateOptions(prompt=("a horse",), few_step=True, steps=8, guidance_scale=2.0).prepare()
    assert (asked.steps, asked.guidance_scale) == (8, 2.0)


@pytest.mark.parametrize("kind", ["LCMScheduler", "TCDScheduler"])
def test_distilled_models_have_defaults_of_few_steps_by_their_scheduler(model, kind):
    edit(model, "scheduler/scheduler_config.json", _class_name=kind)
    assert few_steps(model) == (4, 1.0)
    options = GenerateOptions(prompt=("a horse",), model=str(model), steps=51)
    with pytest.raises(InputError):
        options.prepare()


@pytest.mark.slow
def test_a_latent_consistency_model_equals_its_pipeline(model):
    """Its U-Net takes the guidance scale as a further embedding of time: 8.5, the pipeline's default."""
    torch.manual_seed(0)
    pipe: Any = diffusers.StableDiffusionPipeline.from_pretrained(model, safety_checker=None)
    pipe.unet = diffusers.UNet2DConditionModel.from_config(pipe.unet.config, time_cond_proj_dim=32)
    torch.nn.init.normal_(pipe.unet.time_embedding.cond_proj.weight)
    pipe.scheduler = diffusers.LCMScheduler.from_config(pipe.scheduler.config, clip_sample=False)
    pipe.save_pretrained(model)
    pipe.set_progress_bar_config(disable=True)
    with pytest.raises(InputError) as e:
        GenerateOptions(prompt=("a horse",), model=str(model), guidance_scale=3.0).prepare()
    assert e.value.rule == "guidance-embedded"
    ours = load(str(model), device="cpu", dtype="float32")
    z = torch.randn(1, *ours.shape, generator=torch.Generator().manual_seed(0))
    want = pipe("a horse", num_inference_steps=1, guidance_scale=8.5, latents=z, output_type="latent").images
    x0 = ours.predict(z, 999, ours.embed(["a horse"])).x0
    assert torch.allclose(x0, want, atol=1e-4, rtol=1e-4) and not torch.allclose(z, want, atol=0.1)


@pytest.mark.parametrize(("channels", "word"), [(17, "inpaint"), (9, "control"), (16, "edit"), (12, "another")])
def test_a_network_with_further_inputs_is_refused_with_the_cure(model, channels, word):
    edit(model, "unet/config.json", in_channels=channels)
    e = refusal(model)
    assert e.rule == "model-channels" and word in str(e)


@pytest.mark.parametrize("kind", SAME_PARTS["StableDiffusionPipeline"])
def test_a_class_with_a_base_family_s_parts_loads_as_that_family(model, kind):
    edit(model, "model_index.json", _class_name=kind, controlnet=["diffusers", "ControlNetModel"])
    checkpoint = resolve(str(model))
    assert checkpoint.family is FAMILIES["StableDiffusionPipeline"]


@pytest.mark.slow
def test_a_panorama_pipeline_paints_as_its_parts_do(model):
    edit(model, "model_index.json", _class_name="StableDiffusionPanoramaPipeline")
    images = [
        generate(str(name), "a horse", upscalers="none", steps=2, device="cpu", dtype="float32", guidance_scale=3).images
        for name in (model, "bundled")
    ]
    assert images[0][0].tobytes() == images[1][0].tobytes()


def test_every_class_of_a_family_exists():
    for kind in (*BASE_CLASSES, *FAMILIES):
        assert hasattr(diffusers, kind) or kind.endswith("Legacy"), kind


@pytest.mark.parametrize("name", ["model.safetensors", "a/b.ckpt", "Model.GGUF", "./x.bin", "org/name.pt"])
def test_a_single_file_is_recognised(name):
    assert refusal(name).rule == "model-file"


def test_a_mistyped_directory_is_recognised(model, monkeypatch):
    monkeypatch.chdir(model.parent.parent)
    for name in (f"{model}s", f"{model.parent.name}/modle", "./nothing", "~/nothing/here", "/nothing"):
        assert refusal(name).rule == "model-path", name
    assert f"{model} is meant" in str(refusal(f"{model}s"))


def rename_weights(model: Path, variant: str) -> None:
    for file in list(model.rglob("*.safetensors")):
        file.rename(file.with_name(f"{file.stem}.{variant}.safetensors"))


@pytest.mark.parametrize("variant", slow_ones(["fp16", "bf16", "non_ema"], ["bf16", "non_ema"]))
def test_weights_of_a_variant_alone_are_loaded(model, variant):
    rename_weights(model, variant)
    ours, want = load(str(model), device="cpu", dtype="float32"), load("bundled", device="cpu", dtype="float32")
    assert torch.equal(ours.embed(["a fox"]).text, want.embed(["a fox"]).text)
    assert all(map(torch.equal, ours.network.state_dict().values(), want.network.state_dict().values()))


@pytest.fixture
def cached(tmp_path, monkeypatch) -> Path:
    """The snapshot of a hub model in the local cache, org/name."""
    repo = tmp_path / "hub/models--org--name"
    snapshot = copied(repo / f"snapshots/{'0' * 40}")
    (repo / "refs").mkdir()
    (repo / "refs/main").write_text("0" * 40)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return snapshot


@pytest.fixture(params=slow_ones(["HF_HUB_OFFLINE", "no answer", "refused", "no name"], ["refused", "no name"]))
def offline(request, monkeypatch) -> Iterator[None]:
    """No way to the hub: said, by a connection that is never answered, by one that is refused, by no such name."""
    for key in ("HF_HUB_OFFLINE", "https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setattr(hub, "ANSWER_SECONDS", 0.5)
    hub.is_online.cache_clear()
    with socket.create_server(("127.0.0.1", 0)) as server:  # which accepts, and says nothing
        place = f"127.0.0.1:{server.getsockname()[1]}"
        if request.param == "HF_HUB_OFFLINE":
            monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        elif request.param == "no answer":
            monkeypatch.setenv("HF_ENDPOINT", f"http://{place}")
        else:
            monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1" if request.param == "refused" else "https://hub.invalid")
        yield
    hub.is_online.cache_clear()


def test_a_cached_snapshot_is_used_at_once_offline(cached, offline, monkeypatch):
    asked, ask = list[object](), socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **how: asked.append(args) or ask(*args, **how))
    checkpoint = resolve("org/name")
    assert checkpoint.snapshot == cached and len(asked) <= 1  # no second try, and none by the hub's own client
    want = load("bundled", device="cpu", dtype="float32").embed(["a fox"]).text
    assert torch.equal(load(checkpoint, device="cpu", dtype="float32").embed(["a fox"]).text, want)


@pytest.mark.parametrize(
    "gone",
    [
        "unet/diffusion_pytorch_model.safetensors",
        "unet/config.json",
        "tokenizer/tokenizer.json",
        "text_encoder/model.safetensors",
    ],
)
def test_a_half_downloaded_snapshot_is_named_as_such(cached, offline, gone):
    (cached / gone).unlink()
    e = refusal("org/name")
    assert e.rule == "hub-incomplete" and gone.split("/")[0] in str(e)


def test_a_model_that_is_not_cached_is_refused_offline(cached, offline):
    assert refusal("org/other").rule == "hub-unreachable"


def test_a_snapshot_of_pickles_alone_is_refused(cached, offline):
    (cached / "unet/diffusion_pytorch_model.safetensors").rename(cached / "unet/diffusion_pytorch_model.bin")
    assert refusal("org/name").rule == "weights-pickle"


def test_deepfloyd_s_tokenizer_is_a_sentencepiece_model_alone(tmp_path):
    """As released: no tokenizer.json, no config. Its ids are sentencepiece's own, with T5's end."""
    sentencepiece = pytest.importorskip("sentencepiece")
    model = copied(tmp_path / "if", BUNDLED_DIR / "if")
    shutil.rmtree(model / "tokenizer")
    (model / "tokenizer").mkdir()
    file, special = model / "tokenizer/spiece.model", {"pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1}
    sentences = ["a photo of a horse in the snow", "an oil painting of a red car"] * 20
    with file.open("wb") as out:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(sentences), model_writer=out, vocab_size=60, hard_vocab_limit=False, **special
        )
    ours: Any = load(str(model), device="cpu", dtype="float32")
    ids = sentencepiece.SentencePieceProcessor(model_file=str(file)).encode("a photo of a red horse")
    tower = ours.text_encoder
    assert tower.tokenizer("a photo of a red horse").input_ids == [*ids, 1]
    padded = torch.tensor([[*ids, 1] + [0] * (76 - len(ids))])
    with torch.no_grad():
        want = tower.encoder(padded, attention_mask=(torch.arange(77) <= len(ids))[None].long())[0]
    assert torch.equal(ours.embed(["a photo of a red horse"]).text, want)
