"""Loading: every bad name or directory is answered in one line with its cure, and what loads is whole and safe."""

from __future__ import annotations

import importlib
import json
import os
import re
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import pytest
import torch
from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError
from safetensors.torch import load_file, save_file

from synoptic.diffusion.equations import randn
from synoptic.errors import InputError
from synoptic.guidance.cfg import cfg
from synoptic.models.checkpoint import BUNDLED_DIR
from synoptic.models.device import choose_device, choose_dtype
from synoptic.models.load import load
from synoptic.models.registry import ALIASES, resolve, resolve_clip
from synoptic.sampling.single import sample

SD = BUNDLED_DIR / "sd"
WEIGHTS = "unet/diffusion_pytorch_model.safetensors"


def linked(folder: Path, origin: Path = SD) -> Path:
    """A copy of a bundled model, each file a link until `write` replaces it."""
    for path in origin.rglob("*"):
        if path.is_file():
            link = folder / path.relative_to(origin)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path)
    return folder


def write(path: Path, data: bytes) -> None:
    path.unlink(missing_ok=True)
    path.write_bytes(data)


def edit(path: Path, **changes) -> None:
    write(path, json.dumps(json.loads(path.read_text()) | changes).encode())


def pickled(model: Path) -> None:
    (model / WEIGHTS).rename(model / WEIGHTS.replace("safetensors", "bin"))


def weights(data: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    return lambda model: write(model / WEIGHTS, data((SD / WEIGHTS).read_bytes()))


def index(**changes) -> Callable[[Path], None]:
    return lambda model: edit(model / "model_index.json", **changes)


@pytest.fixture
def model(tmp_path) -> Path:
    return linked(tmp_path / "model")


def refused(do: Callable[[], object], *words: str) -> None:
    """`do` raises InputError, in one line that has all the words."""
    with pytest.raises(InputError) as e:
        do()
    message = str(e.value)
    assert "\n" not in message
    assert [word for word in words if word not in message] == []


@pytest.mark.parametrize("name", ["nosuch", "./nosuch", "/no/such/directory", "a/b/c", "org/na me"])
def test_an_unknown_name_lists_the_known_ones(name):
    refused(lambda: resolve(name), repr(name), "bundled", *ALIASES, "hub id", "directory")


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (lambda m: (m / "model_index.json").unlink(), ["model_index.json", "check it"]),
        (lambda m: write(m / "model_index.json", b"{"), ["readable model_index.json", "check it"]),
        (pickled, ["diffusion_pytorch_model.bin", "pickle", "can run code", "safe_serialization"]),
        (lambda m: (m / WEIGHTS).unlink(), ["unet holds none", "check the path", "--model bundled"]),
        (weights(lambda b: b""), [WEIGHTS, "no safetensors header", "download it again"]),
        (weights(lambda b: b"\x80\x04K" * 999), [WEIGHTS, "no safetensors header", "download it again"]),
        (weights(lambda b: b[:8] + b"\xff" * 9 + b[17:]), [WEIGHTS, "unreadable header", "download it again"]),
        (weights(lambda b: b[:-1]), [WEIGHTS, "bytes instead of", "download it again"]),
        (weights(lambda b: b[:100]), [WEIGHTS, "unreadable header", "download it again"]),
        (index(_class_name="KandinskyPipeline"), ["KandinskyPipeline", "StableDiffusionPipeline", "IFPipeline"]),
        (lambda m: edit(m / "unet/config.json", sample_size=[8, 8]), ["one sample_size", "[8, 8]", "choose another"]),
    ],
    ids=[
        "no index",
        "broken index",
        "pickle",
        "no weights",
        "empty",
        "pickle bytes",
        "garbage header",
        "one byte short",
        "cut in its header",
        "unsupported pipeline",
        "no native size",
    ],
)
def test_a_broken_directory_is_refused_before_weights_load(model, broken, words):
    resolve(str(model))
    broken(model)
    refused(lambda: resolve(str(model)), *words)


def without(file: str, tensor: str) -> Callable[[Path], None]:
    """The weight file less one tensor."""

    def take(model: Path) -> None:
        tensors = load_file(model / file)
        del tensors[tensor]
        (model / file).unlink()
        save_file(tensors, model / file, {"format": "pt"})

    return take


@pytest.mark.parametrize(
    "broken",
    [
        without("text_encoder/model.safetensors", "embeddings.position_embedding.weight"),
        without(WEIGHTS, "conv_in.bias"),
        lambda m: (m / "tokenizer/tokenizer.json").unlink(),
        lambda m: (m / "vae/config.json").unlink(),
        lambda m: edit(m / "scheduler/scheduler_config.json", prediction_type="noise"),
        lambda m: edit(m / "scheduler/scheduler_config.json", timestep_spacing="random"),
        lambda m: write(m / "model_index.json", b"[]"),
        index(tokenizer=None),
    ],
    ids=["text tensor", "network tensor", "words", "vae config", "prediction type", "spacing", "index", "index entry"],
)
def test_a_directory_with_a_part_missing_is_refused(model, broken):
    broken(model)
    refused(lambda: load(str(model), device="cpu", dtype="float32"))


@pytest.mark.parametrize("entry", [["evil", "Evil"], ["diffusers", "DiffusionPipeline"], ["os", "system"], [None, None]])
def test_a_class_that_is_not_allowed_is_refused(model, entry):
    index(unet=entry)(model)
    refused(lambda: load(str(model), device="cpu"), f"a {entry[1]} as its unet", "does not load")


def test_no_code_of_a_model_runs(model, monkeypatch):
    write(model / "evil.py", b"UNet2DConditionModel = CLIPTextModel = print\n")
    index(unet=["evil", "UNet2DConditionModel"], text_encoder=["evil", "CLIPTextModel"])(model)
    monkeypatch.syspath_prepend(model)
    assert load(str(model), device="cpu", dtype="float32").shape == (8, 32, 32)
    assert "evil" not in sys.modules and importlib.import_module("evil")


def test_a_pickle_is_not_read_where_a_stray_safetensors_file_lies_beside_it(model):
    torch.save(load_file(model / WEIGHTS), model / WEIGHTS.replace("safetensors", "bin"))
    (model / WEIGHTS).rename(model / "unet/other.safetensors")
    with pytest.raises((InputError, OSError), match="safetensors"):
        load(str(model), device="cpu", dtype="float32")


def test_a_clip_model_must_be_one():
    refused(lambda: resolve_clip(str(SD / "unet")), "CLIPModel", "--clip-model bundled")
    assert resolve_clip("bundled").path_or_repo == str(BUNDLED_DIR / "clip")


@pytest.fixture
def offline(monkeypatch, tmp_path) -> Path:
    """No network, and an empty cache of the hub: its path."""

    def unreachable(*args, **kwargs):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unreachable)
    for proxy in [key for key in os.environ if key.lower().endswith("_proxy")]:
        monkeypatch.delenv(proxy)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("name", ["org/name", "sd2", "if"])
def test_offline_a_hub_model_is_refused_at_once(offline, name):
    begin = time.perf_counter()
    refused(lambda: resolve(name), ALIASES.get(name, [name])[-1], "connect", "--model bundled")
    assert time.perf_counter() - begin < 1


def test_offline_a_hub_model_in_the_cache_loads(offline, monkeypatch):
    cached = offline / "models--org--name"
    commit = "0123456789" * 4
    linked(cached / "snapshots" / commit)
    (cached / "refs").mkdir()
    (cached / "refs/main").write_text(commit)
    assert resolve("org/name").revision == commit

    def unreachable(*args, **kwargs):
        raise OSError("Name or service not known")

    monkeypatch.setattr(huggingface_hub, "list_repo_files", unreachable)  # which would retry for half a minute
    assert load("org/name", device="cpu", dtype="float32").shape == (8, 32, 32)


def answer(kind: Any) -> Exception:
    """The hub's refusal, as huggingface_hub raises it."""
    return kind("two\nlines", response=SimpleNamespace(headers={}, request=None))


@pytest.fixture
def hub(monkeypatch, offline) -> dict[str, Any]:
    """A pretended hub, {repo: exception or directory}; any other repo does not exist. Key "asked" lists who was asked."""
    repos: dict[str, Any] = {"asked": []}

    def download(repo: str, file: str, **how) -> str:
        repos["asked"].append(repo)
        found = repos.get(repo) or answer(RepositoryNotFoundError)
        if isinstance(found, Exception):
            raise found
        return str(found / file)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    return repos


def test_a_gated_model_names_its_licence_and_the_login(hub):
    hub["org/name"] = answer(GatedRepoError)
    refused(lambda: resolve("org/name"), "gated", "https://huggingface.co/org/name", "hf auth login", "--model bundled")


def test_a_missing_model_may_be_private(hub):
    refused(lambda: resolve("org/name"), "no public model org/name", "private", "hf auth login", "--model bundled")


@pytest.mark.parametrize("alias", [name for name, places in ALIASES.items() if len(places) > 1])
@pytest.mark.parametrize("gone", [RepositoryNotFoundError, GatedRepoError])
def test_an_alias_tries_its_sources_in_order(hub, alias, gone):
    first, second = ALIASES[alias]
    hub |= {first: answer(gone), second: SD}
    assert resolve(alias).path_or_repo == second
    assert list(dict.fromkeys(hub["asked"])) == [first, second]
    hub |= {first: SD, "asked": []}
    assert resolve(alias).path_or_repo == first
    assert set(hub["asked"]) == {first}
    hub |= {first: None, second: None}
    refused(lambda: resolve(alias), second, "--model bundled")


def fp16_variant(model: Path, *, only: bool) -> None:
    """Add half-precision files, the network's own with another bias; `only` takes the others away."""
    for path in [next((model / part).glob("*.safetensors")) for part in ("unet", "vae", "text_encoder")]:
        tensors = {key: value.half() for key, value in load_file(path).items()}
        if "conv_in.bias" in tensors:
            tensors["conv_in.bias"].fill_(1)
        save_file(tensors, path.with_suffix(".fp16.safetensors"), {"format": "pt"})
        if only:
            path.unlink()


@pytest.mark.parametrize(
    ("only", "dtype", "picks"),
    [(True, "float32", True), (True, "bfloat16", True), (False, "bfloat16", True), (False, "float32", False)],
)
def test_half_precision_or_need_picks_the_fp16_variant(model, only, dtype, picks):
    fp16_variant(model, only=only)
    loaded: Any = load(str(model), device="cpu", dtype=dtype)
    net = loaded.unet.net
    assert (net.conv_in.bias == 1).all().item() is picks
    assert str(net.dtype) == f"torch.{dtype}"


@pytest.mark.parametrize(
    ("avx512", "amx", "chosen"),
    [(False, False, torch.float32), (True, False, torch.bfloat16), (False, True, torch.bfloat16)],
)
def test_a_cpu_computes_in_bfloat16_where_it_has_hardware_for_it(monkeypatch, avx512, amx, chosen):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx, raising=False)
    assert choose_dtype("auto", torch.device("cpu")) == chosen
    assert choose_dtype("float64", torch.device("cpu")) == torch.float64
    assert choose_dtype("auto", torch.device("cuda")) == torch.float16


@pytest.mark.parametrize(("cuda", "mps", "chosen"), [(False, False, "cpu"), (False, True, "mps"), (True, True, "cuda")])
def test_the_device_is_the_fastest_there_is(monkeypatch, cuda, mps, chosen):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert choose_device("auto").type == chosen


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is CUDA")
@pytest.mark.parametrize("device", ["cuda", "cuda:3", "nonsense", ""])
def test_a_device_that_torch_cannot_use_is_refused(device):
    refused(lambda: load(device=device), repr(device), "--device auto or cpu")


def test_an_unknown_dtype_lists_the_known_ones():
    refused(lambda: load(dtype="int8"), "int8", "auto", "float32", "bfloat16", "float16")


def test_on_a_cpu_only_the_network_is_halved():
    m: Any = load("bundled", device="cpu", dtype="bfloat16")
    assert (m.unet.net.dtype, m.vae.dtype, m.text_encoder.tower.encoder.dtype) == (
        torch.bfloat16,
        torch.float32,
        torch.float32,
    )
    x = torch.zeros(1, *m.shape)
    assert m.predict(x, 500, m.embed(["a horse"])).x0.dtype == m.decode(x).dtype == torch.float32


@pytest.mark.parametrize(("name", "shape", "factor"), [("bundled", (8, 32, 32), 8), ("bundled-if", (3, 64, 64), 1)])
def test_the_bundled_models_know_their_sizes(name, shape, factor):
    m, source = load(name, device="cpu", dtype="float32"), resolve(name)
    assert (m.shape, m.factor) == (shape, factor)
    assert (source.native_size, source.factor) == (shape[1] * factor, factor)
    p = m.predict(torch.randn(2, *shape), 500, m.embed(["a horse", "a deer"]))
    assert p.x0.shape == p.eps.shape == (2, *shape) and p.x0.isfinite().all()
    assert (p.var is not None) == (name == "bundled-if")


def test_the_revision_follows_the_weights(model, tmp_path):
    revision = resolve("bundled").revision
    assert re.fullmatch(r"sha256:[0-9a-f]{16}", revision)
    assert resolve(str(model)).revision == revision
    weights(lambda b: b[:-1] + bytes([b[-1] ^ 1]))(model)
    assert resolve(str(model)).revision != revision


@pytest.fixture(scope="module")
def sd() -> Any:
    return load("bundled", device="cpu", dtype="float32")


@pytest.fixture(scope="module")
def picture(sd):
    """(1, 3, 256, 256) in [-1, 1], painted in a few steps."""
    x = randn(sd.shape, [torch.Generator().manual_seed(0)])
    predict = cfg(sd, ["a photo of snowy mountains at sunset"], 5.0)
    for step in sample(predict, sd.schedule, x, steps=sd.schedule.steps(10)):
        x = step.x
    return sd.decode(x).detach().clamp(-1, 1)


def test_the_vae_gives_a_picture_back(sd, picture):
    error = (sd.decode(sd.encode(picture)).clamp(-1, 1) - picture).square().mean()
    assert picture.std() > 0.2
    assert 10 * torch.log10(4 / error) > 30


def test_encode_and_decode_are_differentiable(sd, picture):
    x = picture.clone().requires_grad_()
    sd.decode(sd.encode(x)).square().sum().backward()
    assert x.grad is not None and x.grad.isfinite().all() and x.grad.std() > 1e-3
    assert all(p.grad is None for p in sd.vae.parameters())


@pytest.mark.parametrize(
    ("library", "kind", "folder"),
    [
        ("diffusers", "StableDiffusionPipeline", "sd"),
        ("diffusers", "IFPipeline", "if"),
        ("diffusers", "IFSuperResolutionPipeline", "if-ii"),
        ("transformers", "CLIPModel", "clip"),
        ("transformers", "CLIPModel", "clip-grayscale"),
    ],
)
def test_a_bundled_directory_is_a_genuine_one(library, kind, folder):
    loader: Any = getattr(importlib.import_module(library), kind)
    loaded = loader.from_pretrained(BUNDLED_DIR / folder, local_files_only=True)
    parts = (
        [loaded] if library == "transformers" else [c for c in loaded.components.values() if isinstance(c, torch.nn.Module)]
    )
    assert {p.dtype for part in parts for p in part.parameters()} == {torch.float32}


def test_no_bundled_file_is_a_pickle():
    files = [p for p in BUNDLED_DIR.rglob("*") if p.is_file()]
    assert {p.suffix for p in files} == {".json", ".safetensors"}
    assert [p for p in files if p.open("rb").read(2) in (b"PK", b"\x80\x02", b"\x80\x04")] == []
