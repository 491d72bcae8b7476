"""A directory whose parts are of two models, or in each other's place, is refused before weights load."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from synoptic.errors import InputError
from synoptic.models.registry import resolve, resolve_vae
from tests.models.directories import edit

Change = Callable[[Path], None]


def exchange(one: str, other: str) -> Change:
    def change(model: Path) -> None:
        (model / one).rename(model / "aside")
        (model / other).rename(model / one)
        (model / "aside").rename(model / other)

    return change


def config(component: str, **changes: object) -> Change:
    return lambda model: edit(model / component / "config.json", **changes)


SD_VAE = {"scaling_factor": 0.18215, "shift_factor": None}
SDXL_VAE = {"scaling_factor": 0.13025, "shift_factor": None}
SD3_VAE = {"scaling_factor": 1.5305, "shift_factor": 0.0609}
FLUX_VAE = {"scaling_factor": 0.3611, "shift_factor": 0.1159}
BROKEN: list[tuple[str, Change, str, str]] = [  # a model, what is changed, the rule, what the line says
    ("sd3", exchange("text_encoder", "text_encoder_2"), "model-parts", "exchange text_encoder and text_encoder_2"),
    ("sdxl", exchange("text_encoder", "text_encoder_2"), "model-parts", "exchange text_encoder and text_encoder_2"),
    ("sd3", config("vae", **FLUX_VAE), "vae-fit", "scaling_factor 0.3611 and shift_factor 0.1159 of FLUX.1"),
    ("flux-dev", config("vae", **SD3_VAE), "vae-fit", "scaling_factor 1.5305 and shift_factor 0.0609 of Stable Diffusion 3"),
    ("flux-dev", config("vae", **SD_VAE, latent_channels=4), "vae-fit", "scaling_factor 0.18215 of Stable Diffusion 1"),
    ("z-image", config("vae", **SD3_VAE), "vae-fit", "of Stable Diffusion 3"),
    ("pixart", config("vae", **FLUX_VAE), "vae-fit", "of FLUX.1"),
    ("sdxl", config("vae", **SD3_VAE), "vae-fit", "of Stable Diffusion 3"),
    ("sd", config("vae", **SDXL_VAE), "vae-fit", "of SDXL"),
    ("z-image", config("transformer", cap_feat_dim=48), "model-parts", "texts of 48 numbers, its text encoders make 32"),
    ("pixart", config("transformer", caption_channels=48), "model-parts", "texts of 48 numbers"),
    ("sana", config("text_encoder", hidden_size=48), "model-parts", "its text encoders make 48"),
    ("klein", config("transformer", joint_attention_dim=32), "model-parts", "its text encoders make 96"),
    ("qwen-image", config("transformer", joint_attention_dim=48), "model-parts", "its text encoders make 32"),
    ("flux-dev", exchange("tokenizer", "tokenizer_2"), "model-component", "is a T5Tokenizer, by its config"),
    ("sd", config("vae", _class_name="AsymmetricAutoencoderKL"), "model-component", "must be of class AutoencoderKL"),
    ("sana", config("vae", latent_channels=16), "model-parts", "latents of 8 numbers, its vae makes 16"),
]


def equally_wide_clips(model: Path) -> None:
    """As two CLIPs whose configs say which is which by their activation alone."""
    for part, act in {"text_encoder": "quick_gelu", "text_encoder_2": "gelu"}.items():
        config(part, hidden_size=40, hidden_act=act)(model)


def padded_words(first: object, second: object) -> Change:
    def change(model: Path) -> None:
        for part, word in {"tokenizer": first, "tokenizer_2": second}.items():
            edit(model / part / "tokenizer_config.json", pad_token=word)

    return change


@pytest.mark.parametrize("name", ["sdxl", "sd3"])
def test_two_clips_of_one_width_are_told_by_their_activation(name, folder):
    model = folder(name)
    equally_wide_clips(model)
    resolve(str(model))
    exchange("text_encoder", "text_encoder_2")(model)
    with pytest.raises(InputError, match=r"the one with quick_gelu is text_encoder,.* exchange") as e:
        resolve(str(model))
    assert e.value.rule == "model-parts"


@pytest.mark.parametrize("word", ["!", {"content": "!", "__type": "AddedToken"}], ids=["text", "object"])
def test_two_clips_tokenizers_are_told_by_what_they_fill_up_by(word, folder):
    model = folder("sdxl")
    for first, second in (("<|endoftext|>", word), (word, word), (word, None)):
        padded_words(first, second)(model)
        resolve(str(model))
    padded_words(word, "<|endoftext|>")(model)
    with pytest.raises(InputError, match="exchange tokenizer and tokenizer_2") as e:
        resolve(str(model))
    assert e.value.rule == "model-parts"


@pytest.fixture
def folder(request, flow_folder, tiny_sd, tiny_sdxl, tmp_path) -> Callable[[str], Path]:
    places = {"sd": tiny_sd, "sdxl": tiny_sdxl}
    return lambda name: Path(shutil.copytree(places.get(name) or flow_folder(name), tmp_path / name))


@pytest.mark.parametrize(
    ("name", "change", "rule", "says"), BROKEN, ids=lambda value: value if isinstance(value, str) else ""
)
def test_parts_of_two_models_are_refused(name, change, rule, says, folder):
    model = folder(name)
    resolve(str(model))
    change(model)
    with pytest.raises(InputError) as e:
        resolve(str(model))
    assert e.value.rule == rule and says in str(e.value)


def test_another_vae_of_another_family_is_refused(tiny_sd, tiny_sdxl):
    own = resolve(str(tiny_sd))
    resolve_vae(str(tiny_sd / "vae"), own)
    with pytest.raises(InputError) as e:
        resolve_vae(str(tiny_sdxl / "vae"), own)
    assert e.value.rule == "vae-fit" and "use another --vae" in str(e.value)


@pytest.mark.parametrize("name", ["sdxl", "sd3", "flux-dev", "pixart", "z-image"])
def test_a_vae_with_diffusers_default_numbers_is_anyones(name, folder):
    model = folder(name)
    config("vae", **SD_VAE)(model)  # as AutoencoderKL writes them where nobody names any
    resolve(str(model))


RELEASED: dict[str, object] = {"block_out_channels": [128, 256, 512, 512], "sample_size": 512}


def test_a_released_vae_of_stable_diffusion_is_none_of_sdxl(folder):
    model = folder("sdxl")
    for sizes, numbers in ((RELEASED | {"sample_size": 32}, SD_VAE), (RELEASED, SDXL_VAE), ({"sample_size": 512}, SD_VAE)):
        config("vae", **sizes, **numbers)(model)  # by diffusers, of SDXL in half precision, and a tiny one
        resolve(str(model))
        config("vae", block_out_channels=[8] * 4)(model)
    config("vae", **RELEASED, **SD_VAE)(model)
    with pytest.raises(InputError, match=r"has the scaling_factor 0\.18215 of Stable Diffusion 1") as e:
        resolve(str(model))
    assert e.value.rule == "vae-fit"


def test_a_vae_with_numbers_of_its_own_is_anyones(folder):
    model = folder("sdxl")
    config("vae", scaling_factor=0.5, latents_mean=[0.0] * 4, latents_std=[1.0] * 4)(model)  # Playground 2.5's are like this
    resolve(str(model))
