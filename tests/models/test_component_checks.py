"""Components: a directory that lacks one, or has one of a class that is not allowed, is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from synoptic.errors import InputError
from synoptic.models.load import load
from synoptic.models.registry import resolve
from tests import tiny
from tests.models.directories import WEIGHTS, edit, index, refused, write


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


def test_a_pointer_of_git_lfs_is_told_from_a_broken_file(model):
    for file in (WEIGHTS, "tokenizer/tokenizer.json", "vae/config.json"):
        whole = (model / file).read_bytes()
        write(model / file, b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
        refused(lambda: load(str(model), device="cpu"), file, "git lfs pull")
        write(model / file, whole)


def test_words_without_their_merges_are_refused_before_weights_load(model):
    words = json.loads((model / "tokenizer/tokenizer.json").read_text())["model"]["vocab"]
    (model / "tokenizer/tokenizer.json").unlink()
    write(model / "tokenizer/vocab.json", json.dumps(words).encode())
    refused(lambda: resolve(str(model)), "vocab.json with merges.txt", "tokenizer/")


def test_weights_of_more_layers_than_the_config_has_are_refused(model):
    file = model / "text_encoder/config.json"
    edit(file, num_hidden_layers=json.loads(file.read_text())["num_hidden_layers"] - 1)
    refused(lambda: load(str(model), device="cpu", dtype="float32"), "text_encoder of", "fewer", "layers.2")


def test_the_hubs_cache_and_a_models_part_are_told_where_the_model_is(model, tmp_path):
    cache = tmp_path / "models--org--tiny-turbo"
    shutil.copytree(model, cache / "snapshots/0a1b", symlinks=True)
    refused(lambda: resolve(str(cache)), f"name {cache}/snapshots/0a1b")
    refused(lambda: resolve(str(model / "unet")), f"name {model}")
    assert resolve(str(cache / "snapshots/0a1b")).defaults.guidance_scale == 1.0  # known by the repository's name


@pytest.mark.parametrize(
    "given",
    [
        {"lora": "a:0.5"},
        {"lora": {"a": 1}},
        {"textual_inversion": None},
        {"vae": 3},
        {"clip_skip": "2"},
        {"text_encoder": "x"},
    ],
    ids=str,
)
def test_what_a_model_is_loaded_with_has_a_kind(given):
    with pytest.raises(InputError) as e:
        load("bundled", device="cpu", **given)
    (name,) = given
    assert e.value.rule == f"{name}-type" and str(e.value).startswith(f"{name} must be ")


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Callable[[str], Path]:
    """The directory of a kind of tests/tiny.py, made once; tests break copies."""
    return cache(lambda kind: getattr(tiny, kind)(tmp_path_factory.mktemp(kind) / kind))


@pytest.mark.parametrize(
    ("whole", "part", "origin", "words"),
    [
        ("tiny_sd", "unet", "tiny_sdxl", "takes texts of 80 numbers, its text encoders make 32"),
        ("tiny_sdxl", "unet", "tiny_sd", "takes texts of 32 numbers, its text encoders make 80"),
        ("tiny_sd", "vae", "tiny_flux", "scaling_factor 0.3611 and shift_factor 0.1159 of FLUX.1"),
        ("tiny_flux", "text_encoder", "tiny_sdxl/text_encoder_2", "takes pooled texts of 32 numbers"),
        ("tiny_flux", "text_encoder_2", "tiny_sd3/text_encoder_3", "takes texts of 32 numbers"),
        ("tiny_flux", "scheduler", "tiny_sd", "model_index.json names a FlowMatchEulerDiscreteScheduler"),
        ("tiny_sd", "scheduler", "tiny_flux", "is a FlowMatchEulerDiscreteScheduler"),
    ],
)
def test_parts_of_two_models_are_refused_before_weights_load(whole, part, origin, words, built, tmp_path):
    name, _, other = origin.partition("/")
    folders = {kind: Path(shutil.copytree(built(kind), tmp_path / kind)) for kind in {whole, name}}
    assert all(resolve(str(folder)) for folder in folders.values())
    shutil.rmtree(folders[whole] / part)
    shutil.copytree(folders[name] / (other or part), folders[whole] / part)
    refused(lambda: resolve(str(folders[whole])), words)
