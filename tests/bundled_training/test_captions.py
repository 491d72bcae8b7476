"""The captions: what is held out, how often each kind comes, which words there are."""

from __future__ import annotations

from collections import Counter
from functools import cache
from random import Random

import pytest

from bundled_training.render import captions
from bundled_training.render.captions import Spec, specs
from bundled_training.render.things import USUAL
from bundled_training.render.words import KINDS, QUALITY, SCENES, STYLES, SUNS
from bundled_training.tokenizers import byte_pairs, pieces


@cache
def training() -> list[Spec]:
    return specs(20_000, Random(1))


def texts() -> list[str]:
    return [spec.caption for spec in training()]


def test_training_and_held_out_pictures_share_no_pair_of_style_and_content():
    held_out = specs(1000, Random(2), held_out=True)
    pairs = {(spec.style, spec.content) for spec in training()}
    assert len(held_out) == 1000
    assert not pairs & {(spec.style, spec.content) for spec in held_out}


def test_what_people_ask_for_first_is_never_held_out():
    held_out = specs(3000, Random(3), held_out=True)
    assert not {spec.content for spec in held_out} & USUAL
    assert not [spec for spec in held_out if spec.style == "photo" and spec.content in SCENES]
    drawn = {(spec.style, spec.content) for spec in training()}
    assert {("photo", thing) for thing in ("goldfish", "pizza", "wolf", "old man")} <= drawn
    assert {("photo", scene) for scene in ("aurora", "pool")} <= drawn


def test_the_mixture():
    kinds = Counter(spec.kind for spec in training())
    styles = Counter(spec.style for spec in training() if spec.kind != "solid")
    assert all(kinds[kind] / 20_000 == pytest.approx(share, abs=0.015) for kind, share in KINDS.items())
    assert all(styles[style] / styles.total() == pytest.approx(share, abs=0.03) for style, (share, _) in STYLES.items())
    photos = [spec for spec in training() if spec.style == "photo"]
    assert sum(spec.caption == QUALITY for spec in photos) / len(photos) == pytest.approx(0.015, abs=0.006)
    ones = [spec for spec in training() if spec.kind == "one"]
    plain = [spec for spec in ones if not spec.scene]
    stated = [spec for spec in plain if "background" in spec.caption]
    unstated = [spec for spec in plain if "background" not in spec.caption]
    assert sum(spec.scene is not None for spec in ones) / len(ones) == pytest.approx(0.28, abs=0.02)
    assert len(stated) / len(ones) == pytest.approx(0.12, abs=0.02)
    assert sum(spec.background == "white" for spec in unstated) / len(unstated) == pytest.approx(0.35, abs=0.03)


def test_the_same_seed_gives_the_same_specs():
    assert specs(50, Random(3)) == specs(50, Random(3)) != specs(50, Random(4))


def test_captions_are_lower_case_and_well_formed():
    for text in texts():
        assert text == text.lower().strip() and "  " not in text and "{" not in text and " a a " not in text


def test_the_sun_comes_when_told_and_hardly_ever_untold():
    words = {text for choices in SUNS.values() for text in choices}
    sorted_out: dict[bool, list[Spec]] = {True: [], False: []}
    for spec in training():
        if spec.scene and spec.caption != QUALITY:
            sorted_out[spec.caption.endswith(tuple(words))].append(spec)
    stated, unstated = sorted_out[True], sorted_out[False]
    assert stated and all(spec.sun for spec in stated)
    assert 0 < sum(spec.sun for spec in unstated) / len(unstated) < 0.03
    assert all(SCENES[spec.scene].sky and spec.time != "mist" for spec in training() if spec.sun and spec.scene)


@pytest.mark.parametrize("which", ["wide", "anagram", "edit"])
def test_the_words_cover_the_prompts_of_the_course(which):
    known = set(captions.words_of(texts()))
    assert not set(captions.words_of(list(captions.prompts(which)))) - known


def test_the_wide_prompts_are_captions_literally():
    said = {text for scene in SCENES.values() for text in scene.sentences}
    assert all(prompt.removeprefix("a photo of ") in said for prompt in captions.prompts("wide"))


def test_vocabulary_has_the_format_of_the_package():
    made = captions.vocabulary(2000)
    assert made["words"] == sorted(set(made["words"]))
    assert set(made["prompts"]) == {
        *("styles", "scenes", "times", "colors", "backgrounds", "two objects", "3D objects", "views", "objects"),
        *("overhead views and skies (`bundled` alone)", "whole sentences"),
    }
    assert all(isinstance(text, str) for examples in made["prompts"].values() for text in examples)


@pytest.mark.slow
def test_tokenisers_say_every_caption_and_more():
    some = texts()[:5000]
    clip, t5 = byte_pairs(some, 2048), pieces(some)
    strange = "the elephants' Zeppelin, quickly @ 42 & (jazz) #~|"
    for text in some[:300]:
        said = clip.decode(clip(text).input_ids, skip_special_tokens=True)
        assert said.replace(" ", "") == text.replace(" ", "")  # CLIP's own decoder sets commas and figures apart
        assert t5.decode(t5(text).input_ids, skip_special_tokens=True) == text
    assert t5.unk_token_id not in t5(strange).input_ids
    assert t5.decode(t5(strange).input_ids, skip_special_tokens=True) == strange
    stranger = strange.lower() + " é 山 🦉"
    assert clip.decode(clip(stranger).input_ids, skip_special_tokens=True).replace(" ", "") == stranger.replace(" ", "")
    assert clip(stranger).input_ids.count(clip.eos_token_id) == 1  # an unknown token would be another end of the text
    for tokenizer in (clip, t5):
        assert max(map(len, tokenizer(sorted(set(texts()))).input_ids)) <= tokenizer.model_max_length
