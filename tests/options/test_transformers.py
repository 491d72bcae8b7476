"""What options mean on flow transformers: two guidance scales, defaults of each model, and what they cannot do."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import synoptic
from synoptic.errors import InputError
from synoptic.models.checkpoint import Checkpoint
from synoptic.models.device import choose_dtype
from synoptic.models.load import load_text_encoder
from synoptic.models.precomputed_text import PrecomputedTextEncoder, serialize_embeddings
from synoptic.models.registry import resolve
from synoptic.models.truncation import truncation_warnings
from tests.labels import label
from tests.quick import slow_ones

A = "a lion"


@pytest.fixture
def resolved(flow_folder) -> Any:
    def resolve_options(application: str, name: str, *values: object, **how: Any) -> Any:
        kind = getattr(synoptic, application).options_class
        return kind.from_arguments(*values, model=str(flow_folder(name)), **how).prepare()

    return resolve_options


@pytest.mark.parametrize(
    ("name", "steps", "scale", "true_scale", "cfg"),
    [
        ("sd3", 28, 4.5, None, 4.5),
        ("flux-dev", 28, 3.5, 1.0, 1.0),
        ("flux-schnell", 4, 1.0, None, 1.0),
        ("z-image", 50, 6.0, None, 6.0),
        ("pixart", 20, 4.5, None, 4.5),
        ("qwen-image", 50, 4.0, None, 4.0),
        ("sana", 20, 4.5, None, 4.5),
        ("klein", 50, 4.0, None, 4.0),
        ("klein-distilled", 4, 1.0, None, 1.0),
    ],
)
def test_every_model_has_its_own_defaults(name, steps, scale, true_scale, cfg, resolved):
    o = resolved("wide", name, A)
    assert (o.steps, o.guidance_scale, o.true_cfg_scale, o.cfg_scale) == (steps, scale, true_scale, cfg)
    assert o.prepare() == o


def test_an_inversion_is_told_no_guidance(resolved, blobs):
    o = resolved("invert", "flux-dev", blobs[0], A)
    assert o.embedded_guidance_scale(resolve(o.model)) == 1.0


def test_a_turbo_version_takes_few_steps_without_guidance(flow_folder, tmp_path):
    (turbo := tmp_path / "Z-Image-Turbo").symlink_to(flow_folder("z-image"))
    usual = Checkpoint("turbo", str(turbo)).defaults
    assert (usual.steps, usual.guidance_scale) == (8, 1.0)


def test_a_network_may_be_told_less_than_1_and_true_guidance_is_another_scale(resolved):
    o = resolved("generate", "flux-dev", A, guidance_scale=0.0, true_cfg_scale=4.0, negative_prompt="blurry")
    assert (o.guidance_scale, o.true_cfg_scale, o.cfg_scale) == (0.0, 4.0, 4.0)
    assert resolved("generate", "sd3", A, guidance_scale=0.0).guidance_scale == 1.0


def test_a_transformer_of_the_ddpm_family_takes_its_losses_numbers(resolved):
    every = [("pixart", "sds"), ("sd3", "sds"), ("pixart", "vsd"), ("sd3", "vsd")]
    found = [resolved("distill", name, A, loss=loss) for name, loss in every]
    assert [(o.weight, o.t_min, o.t_max, o.anneal) for o in found] == [
        ("one", 20, 980, "none"),
        ("velocity", 58, 875, "none"),
        ("variance", 20, 980, "narrow"),
        ("velocity", 58, 875, "narrow"),
    ]


REFUSED: list[tuple[str, str, dict[str, Any], str]] = [
    ("generate", "sd3", {"true_cfg_scale": 2.0}, "true-cfg-scale"),
    ("generate", "flux-schnell", {"true_cfg_scale": 2.0}, "true-cfg-scale"),
    ("generate", "flux-dev", {"negative_prompt": "blurry"}, "negative-ignored"),
    ("generate", "flux-schnell", {"negative_prompt": "blurry"}, "negative-ignored"),
    ("generate", "sd3", {"negative_prompt": "blurry", "guidance_scale": 1.0}, "negative-ignored"),
    ("wide", "sd3", {"deepcache": 2}, "deepcache-unet"),
    ("wide", "flux-dev", {"width": 1000, "windows": "collage"}, "collage-multiple"),
]


@pytest.mark.parametrize(("application", "name", "how", "rule"), REFUSED, ids=label)
def test_what_a_transformer_would_ignore_or_cannot_do_is_refused(application, name, how, rule, resolved):
    with pytest.raises(InputError) as e:
        resolved(application, name, A, **how)
    assert e.value.rule == rule and "\n" not in str(e.value)


def test_fast_wide_pictures_leave_deepcache_out(resolved):
    o = resolved("wide", "sd3", A, fast=True)
    assert (o.deepcache, o.sampler, o.steps) == (1, "dpm++", 14)


def test_a_controlnet_of_a_unet_is_refused(resolved, blobs):
    with pytest.raises(InputError) as e:
        resolved("control", "sd3", blobs[0], A, controlnet="bundled-canny")
    assert e.value.rule == "controlnet-class"


def test_auto_is_the_half_precision_that_a_family_is_made_for(flow_folder):
    cuda = torch.device("cuda")
    assert choose_dtype("auto", cuda, resolve(str(flow_folder("sd3"))).family.half) == torch.bfloat16
    assert choose_dtype("auto", cuda, resolve("bundled").family.half) == torch.float16


@pytest.mark.parametrize(
    "name",
    slow_ones(["sd3", "flux-dev", "z-image", "pixart", "qwen-image", "sana", "klein"], ["flux-dev", "pixart", "sana"]),
)
def test_embeddings_of_a_file_are_the_encoders_own(name, flow_folder, tmp_path):
    checkpoint = resolve(str(flow_folder(name)))
    encoder = load_text_encoder(checkpoint, device="cpu", dtype="float32")
    (file := tmp_path / "words.safetensors").write_bytes(serialize_embeddings(checkpoint, ["", A], encoder))
    how: dict[str, Any] = {"steps": 2, "upscalers": "none", "device": "cpu", "dtype": "float32"}
    with_file, without = (
        synoptic.generate(str(flow_folder(name)), A, **how, **more).images[0] for more in ({"embeddings": str(file)}, {})
    )
    assert with_file.tobytes() == without.tobytes()
    found = PrecomputedTextEncoder(file, torch.device("cpu"))([A])
    torch.testing.assert_close(found.text, encoder([A]).text, rtol=0, atol=1e-6)


def test_a_prompt_is_read_to_the_end_of_its_message(flow_model):
    encoder = flow_model("z-image").text_encoder  # whose tokens are bytes here
    kept = 512 - len("user\n") - len("\n") - len("assistant\n") - 3
    assert not truncation_warnings(encoder, ["x" * kept])
    (line,) = truncation_warnings(encoder, ["x" * kept + "of gold"])
    assert "'of gold'" in line


@pytest.mark.parametrize("name", ["qwen-image", "sana", "klein"])
def test_what_a_language_model_does_not_read_is_said(name, flow_model):
    encoder = flow_model(name).text_encoder
    assert not truncation_warnings(encoder, ["x" * 200])
    (line,) = truncation_warnings(encoder, ["x" * 600 + "of gold"])
    assert "of gold" in line


@pytest.mark.parametrize(("name", "length"), [("sd3", 256), ("flux-dev", 512), ("flux-schnell", 256)])
def test_a_prompt_is_read_as_far_as_t5_reads(name, length, flow_model):
    encoder = flow_model(name).text_encoder
    assert encoder.words.length == length
    assert not truncation_warnings(encoder, ["a lion " * 60])
    (line,) = truncation_warnings(encoder, ["a lion " * 300 + "of gold"])
    assert "of gold" in line
