"""Long prompts, emphasis and clip_skip of CLIP's text encoders, against formulas and diffusers' own pipelines."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
import torch

import synoptic
from synoptic.errors import InputError
from synoptic.models.clip_tokenizer import clip_tokenizer
from synoptic.models.clip_windows import tokenize_windows
from synoptic.models.emphasis import fragments, without_emphasis
from synoptic.models.load import load
from synoptic.models.load_once import reading
from synoptic.models.truncation import truncation_warnings
from synoptic.options import options_class
from tests.models.single_files import tiny_pipeline
from tests.quick import slow_ones

CPU: dict[str, Any] = {"device": "cpu", "dtype": "float32"}
LONG = ", ".join(f"a photo of a cat number {n} in a garden" for n in range(18))  # 203 tokens


@pytest.fixture(scope="module", params=slow_ones(["sd1.5", "sd2", "sdxl"], ["sd1.5", "sd2"]))
def pipe(request) -> Any:
    return tiny_pipeline(request.param)


@pytest.fixture(scope="module")
def folder(pipe, tmp_path_factory) -> Path:
    pipe.save_pretrained(path := tmp_path_factory.mktemp("model"), safe_serialization=True)
    return path


@pytest.fixture(scope="module")
def model(folder) -> Any:
    return load(str(folder), **CPU)


def towers(pipe: Any) -> list[tuple[Any, Any]]:
    second = [(pipe.tokenizer_2, pipe.text_encoder_2)] if hasattr(pipe, "tokenizer_2") else []
    return [(pipe.tokenizer, pipe.text_encoder), *second]


def states(pipe: Any, ids: list[int], tokenizer: Any, encoder: Any) -> torch.Tensor:
    """One window's hidden states, by the text encoder itself."""
    full = [tokenizer.bos_token_id, *ids, tokenizer.eos_token_id]
    full += [tokenizer.pad_token_id] * (77 - len(full))
    out = encoder(torch.tensor([full]), output_hidden_states=True)
    return out.hidden_states[-2] if hasattr(pipe, "tokenizer_2") else out[0]


@pytest.mark.parametrize("tokenizer", [clip_tokenizer("!"), clip_tokenizer("<|endoftext|>")], ids=["sd2", "sd1.5"])
def test_one_window_is_what_the_tokenizer_itself_makes(tokenizer):
    prompts = ["", "a photo of a cat", LONG, "Ünïcode 猫 (a) b:2"]
    how = {"padding": "max_length", "truncation": True, "max_length": 77, "return_tensors": "pt"}
    wanted, found = tokenizer(prompts, **how), tokenize_windows(tokenizer, prompts, 1)
    assert torch.equal(found.ids[:, 0], wanted.input_ids) and torch.equal(found.mask[:, 0], wanted.attention_mask)
    assert bool((found.weights == 1).all())


@torch.no_grad()
def test_a_long_prompt_is_read_75_tokens_at_a_time(pipe, model):
    prompts = [LONG, "a cat"]
    cond = reading(model, prompts).embed(prompts)
    wanted = []
    for tokenizer, encoder in towers(pipe):
        ids = tokenizer(LONG, add_special_tokens=False, verbose=False).input_ids
        parts = [ids[i : i + 75] for i in range(0, len(ids), 75)]
        assert len(parts) == 3
        wanted.append(torch.cat([states(pipe, part, tokenizer, encoder) for part in parts], 1))
    torch.testing.assert_close(cond.text[:1], torch.cat(wanted, -1), rtol=0, atol=1e-5)
    assert cond.text.shape[1] == 231
    short = model.embed(["a cat"])
    torch.testing.assert_close(cond.text[1:, :77], short.text, rtol=0, atol=1e-5)
    if short.text_embeds is not None:
        torch.testing.assert_close(cond.text_embeds, model.embed(prompts).text_embeds, rtol=0, atol=1e-5)


def test_what_is_short_is_read_as_ever(model):
    longer = reading(model, ["a cat"])
    assert torch.equal(longer.embed(["a cat"]).text, model.embed(["a cat"]).text)
    assert reading(model, []) is model


def test_a_prompt_that_is_read_as_a_whole_is_not_warned_of(model):
    text: Any = model.text_encoder
    (line,) = truncation_warnings(text, [LONG, "a cat"])
    assert "--long-prompt" in line
    longer: Any = reading(model, [LONG])
    assert truncation_warnings(longer.text_encoder, [LONG]) == []


@torch.no_grad()
def test_emphasis_scales_words_and_keeps_the_mean(pipe, model):
    """As AUTOMATIC1111's emphasis "Original": z w mean(z) / mean(z w)."""
    found, wanted = model.embed(["a (red cat:1.5) in a garden"]).text, []
    for tokenizer, encoder in towers(pipe):
        ids = tokenizer("a red cat in a garden", add_special_tokens=False).input_ids
        z = states(pipe, ids, tokenizer, encoder)
        w = torch.ones(1, 77, 1)
        w[0, 2:4] = 1.5
        wanted.append(z * w * (z.mean() / (z * w).mean()))
    torch.testing.assert_close(found, torch.cat(wanted, -1), rtol=0, atol=1e-5)
    both = model.embed(["a (red cat:1.5) in a garden", "a cat"]).text
    torch.testing.assert_close(both[1:], model.embed(["a cat"]).text, rtol=0, atol=1e-5)
    assert torch.equal(model.embed(["a (cat:1)"]).text, model.embed(["a cat"]).text)


def test_emphasis_is_what_has_a_number():
    assert fragments("a (red cat:1.3), (b) (c:d) \\(e:2)") == [("a ", 1.0), ("red cat", 1.3), (", (b) (c:d) (e:2)", 1.0)]
    assert fragments("") == [] and fragments("(a:.5)(b:2)") == [("a", 0.5), ("b", 2.0)]
    assert without_emphasis("a (red cat:1.3)!") == "a red cat!"


@torch.no_grad()
@pytest.mark.parametrize("skip", [1])
def test_clip_skip_is_that_of_diffusers(skip, pipe, folder):
    ours: Any = load(str(folder), **CPU, clip_skip=skip)
    if hasattr(pipe, "tokenizer_2"):
        how = {"device": "cpu", "num_images_per_prompt": 1, "do_classifier_free_guidance": False}
        want = pipe.encode_prompt("a photo of a cat", **how, clip_skip=skip)[0]
    else:  # diffusers' own code asks transformers for a name that is gone: its rule
        ids = pipe.tokenizer("a photo of a cat", padding="max_length", return_tensors="pt").input_ids
        out = pipe.text_encoder(ids, output_hidden_states=True)
        want = pipe.text_encoder.final_layer_norm(out.hidden_states[-(skip + 1)])
    torch.testing.assert_close(ours.embed(["a photo of a cat"]).text, want, rtol=0, atol=1e-5)


def test_clip_skip_has_an_end(folder):
    with pytest.raises(InputError) as e:
        load(str(folder), **CPU, clip_skip=3)
    assert e.value.rule == "clip-skip"


@pytest.mark.parametrize("asked", [{"clip_skip": 1}, {"long_prompt": True}, {"prompt": ("a (cat:1.3)",)}], ids=str)
def test_another_text_encoder_is_not_asked(asked):
    options: Any = cast(Any, options_class("generate"))(**{"prompt": ("a cat",), "model": "bundled-if"} | asked)
    with pytest.raises(InputError) as e:
        options.prepare()
    assert e.value.rule == "clip-only"


@pytest.mark.slow
def test_a_picture_of_a_long_prompt_is_another(folder):
    how: dict[str, Any] = {"steps": 1, "upscalers": "none", **CPU}
    pictures = [synoptic.generate(str(folder), LONG, long_prompt=flag, **how).images[0] for flag in (True, False)]
    assert pictures[0].tobytes() != pictures[1].tobytes()
