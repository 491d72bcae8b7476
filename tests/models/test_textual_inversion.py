"""Textual inversions of every layout: the words that diffusers' load_textual_inversion makes of the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
import torch
from safetensors.torch import save_file

import synoptic
from synoptic.errors import InputError
from synoptic.models.load import load
from synoptic.models.registry import resolve
from synoptic.models.textual_inversion import read_textual_inversion, read_textual_inversions
from synoptic.options import options_class
from tests.models.single_files import tiny_pipeline
from tests.quick import slow_ones

CPU: dict[str, Any] = {"device": "cpu", "dtype": "float32"}
PROMPT = "a photo of charturner, and of a cat, charturner"


def vectors(count: int, width: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module", params=slow_ones(["sd1.5", "sdxl"], ["sdxl"]))
def pipe(request) -> Any:
    return tiny_pipeline(request.param)


@pytest.fixture
def model(pipe, tmp_path) -> Path:
    pipe.save_pretrained(tmp_path / "model", safe_serialization=True)
    return tmp_path / "model"


def is_xl(pipe: Any) -> bool:
    return hasattr(pipe, "text_encoder_2")


def encoded(pipe: Any, prompt: str) -> tuple[torch.Tensor, ...]:
    return pipe.encode_prompt(prompt, device="cpu", num_images_per_prompt=1, do_classifier_free_guidance=True)


@pytest.mark.parametrize("count", slow_ones([1, 3], [3]))
def test_the_words_are_those_of_diffusers(count, pipe, model, tmp_path):
    """A1111's `emb_params`, and SDXL's pair, with the file's name as the word."""
    one, two = vectors(count, 32), vectors(count, 48, 1)
    tensors = {"clip_l": one, "clip_g": two} if is_xl(pipe) else {"emb_params": one}
    save_file(tensors, tmp_path / "charturner.safetensors")
    theirs = type(pipe).from_pretrained(model)
    theirs.load_textual_inversion({"charturner": one}, "charturner", theirs.tokenizer, theirs.text_encoder)
    if is_xl(pipe):
        theirs.load_textual_inversion({"charturner": two}, "charturner", theirs.tokenizer_2, theirs.text_encoder_2)
    ours: Any = load(str(model), **CPU, textual_inversion=[str(tmp_path / "charturner.safetensors")])
    cond, (want, _, *pooled) = ours.embed([PROMPT]), encoded(theirs, PROMPT)
    torch.testing.assert_close(cond.text, want, rtol=0, atol=1e-5)
    if is_xl(pipe):
        torch.testing.assert_close(cond.text_embeds, pooled[0], rtol=0, atol=1e-5)
    plain: Any = load(str(model), **CPU)
    assert (plain.embed([PROMPT]).text - cond.text).abs().max() > 0.01
    assert torch.equal(plain.embed(["a cat"]).text, ours.embed(["a cat"]).text)


@pytest.mark.slow
def test_a_file_by_diffusers_names_its_word(pipe, model, tmp_path):
    if is_xl(pipe):
        pytest.skip("one text encoder")
    file = tmp_path / "learned_embeds.safetensors"
    save_file({"<cat-toy>": vectors(1, 32)[0]}, file)
    theirs = type(pipe).from_pretrained(model)
    theirs.load_textual_inversion(str(tmp_path))
    ours: Any = load(str(model), **CPU, textual_inversion=[str(file)])
    (want, _) = encoded(theirs, "a <cat-toy> backpack")
    torch.testing.assert_close(ours.embed(["a <cat-toy> backpack"]).text, want, rtol=0, atol=1e-5)
    other: Any = load(str(model), **CPU, textual_inversion=[f"{file}:toy9"])
    assert torch.equal(other.embed(["a toy9 backpack"]).text, ours.embed(["a <cat-toy> backpack"]).text)


def refusal(value: str, model: Path | str) -> InputError:
    with pytest.raises(InputError) as e:
        read_textual_inversions([value], resolve(str(model)))
    assert "\n" not in str(e.value)
    return e.value


def test_what_does_not_fit_is_refused_before_weights_load(pipe, model, tmp_path):
    file = tmp_path / "word.safetensors"
    save_file({"emb_params": vectors(2, 77)}, file)
    assert refusal(str(file), model).rule == "inversion-fit"
    assert refusal(str(file), "bundled-if").rule == "inversion-fit"
    save_file({"lora_unet_conv_in.lora_down.weight": vectors(2, 32)}, file)
    assert "a LoRA" in str(refusal(str(file), model))
    assert refusal(str(tmp_path / "none.safetensors"), model).rule == "inversion-missing"
    torch.save({"string_to_param": {}}, tmp_path / "old.pt")
    assert refusal(str(tmp_path / "old.pt"), model).rule == "weights-pickle"


def test_words_must_be_new_and_different(pipe, model, tmp_path):
    if is_xl(pipe):
        pytest.skip("one text encoder")
    file = tmp_path / "word.safetensors"
    save_file({"emb_params": vectors(2, 32)}, file)
    with pytest.raises(InputError) as e:
        read_textual_inversions([str(file), str(file)], resolve(str(model)))
    assert e.value.rule == "inversion-token"
    assert refusal(f"{file}:two words", model).rule == "inversion-token"
    with pytest.raises(InputError) as e:
        load(str(model), **CPU, textual_inversion=[f"{file}:toy"])
    assert e.value.rule == "inversion-token"


def test_a_word_is_split_from_the_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_file({"emb_params": vectors(2, 32)}, "word.safetensors")
    assert read_textual_inversion("word.safetensors").token == "word"
    assert read_textual_inversion("word.safetensors:<toy>").token == "<toy>"
    assert read_textual_inversion(f"{tmp_path}/word.safetensors:toy").token == "toy"


def test_a_word_that_is_in_no_prompt_is_reported(pipe, model, tmp_path):
    if is_xl(pipe):
        pytest.skip("one text encoder")
    file = tmp_path / "charturner.safetensors"
    save_file({"emb_params": vectors(2, 32)}, file)
    for prompt, count in (("a cat", 1), (PROMPT, 0)):
        asked: Any = cast(Any, options_class("generate"))(prompt=(prompt,), model=str(model), textual_inversion=(str(file),))
        assert len([line for line in asked.prepare().warnings() if "charturner" in line]) == count
    pictures = [
        synoptic.generate(str(model), prompt, textual_inversion=(str(file),), steps=2, upscalers="none", **CPU).images[0]
        for prompt in ("a cat", "a charturner")
    ]
    assert pictures[0].tobytes() != pictures[1].tobytes()
