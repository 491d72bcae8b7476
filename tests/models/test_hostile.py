"""A model's directory as a stranger may have made it: what is opened is what was checked, anything else is one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from synoptic.errors import InputError
from synoptic.metrics.clip import Clip
from synoptic.models.checkpoint import BUNDLED_DIR
from synoptic.models.load import load
from synoptic.models.registry import resolve
from tests.models.directories import copied, write

UNET, TEXT, VAE, SCHEDULER, TOKENIZER = (
    "unet/config.json",
    "text_encoder/config.json",
    "vae/config.json",
    "scheduler/scheduler_config.json",
    "tokenizer/tokenizer_config.json",
)
Change = Callable[[Path], None]


@pytest.fixture
def model(tmp_path) -> Path:
    """A copy of the bundled latent model."""
    return copied(tmp_path / "model")


def edit(file: str, **changes: Any) -> Change:
    """A change of a JSON file: keys set, or taken away where the value is `...`."""

    def change(model: Path) -> None:
        config = json.loads((model / file).read_text()) | changes
        (model / file).write_text(json.dumps({key: value for key, value in config.items() if value is not ...}))

    return change


def rule_of(model: Path) -> str:
    """The rule that loading the model breaks."""
    with pytest.raises(InputError) as e:
        load(str(model), device="cpu", dtype="float32")
    assert "\n" not in str(e.value)
    return e.value.rule


def pickle_by_config(model: Path) -> None:
    torch.save(load_file(model / "text_encoder/model.safetensors"), model / "text_encoder/adapter_model.bin")
    edit(TEXT, transformers_weights="adapter_model.bin")(model)


def shard(model: Path, component: str, stem: str, shown: str | None = None) -> None:
    """Rename a network's only weight file to a shard of an index, which names it `shown`."""
    whole = model / component / f"{stem}.safetensors"
    file = f"{stem}-00001-of-00001.safetensors"
    index = {"metadata": {}, "weight_map": dict.fromkeys(load_file(whole), shown or file)}
    whole.rename(model / component / file)
    (model / component / f"{stem}.safetensors.index.json").write_text(json.dumps(index))


FOREIGN: dict[str, Change] = {
    "weights named by the config": pickle_by_config,
    "weights named, safetensors": edit(TEXT, transformers_weights="../other.safetensors"),
    "a kernel from the hub": edit(TEXT, attn_implementation="kernels-community/flash-attn"),
    "a kernel, the private key": edit(TEXT, _attn_implementation="kernels-community/flash-attn"),
    "quantized network": edit(UNET, quantization_config={"quant_method": "bitsandbytes", "load_in_8bit": True}),
    "quantized text encoder": edit(TEXT, quantization_config={"quant_method": "gptq"}),
    "code": edit(TEXT, auto_map={"AutoModel": "evil.Model"}),
    "a tokenizer's code": edit(TOKENIZER, auto_map={"AutoTokenizer": ["evil.Tokenizer", None]}),
    "a tokenizer's other files": edit(TOKENIZER, fast_tokenizer_files=["tokenizer.../../other.json"]),
    "nested": edit(TEXT, text_config={"attn_implementation": "kernels-community/flash-attn"}),
}


@pytest.mark.parametrize("change", FOREIGN.values(), ids=FOREIGN.keys())
def test_a_config_names_neither_code_nor_files(model, change):
    change(model)
    assert rule_of(model) == "config-foreign"


@pytest.mark.parametrize(
    "shown", ["../../other.safetensors", "/etc/other.safetensors", "pickle.bin", "..\\other.safetensors"]
)
def test_an_index_names_safetensors_beside_it(model, shown):
    shard(model, "unet", "diffusion_pytorch_model", shown)
    assert rule_of(model) == "weights-index"


def test_shards_are_the_whole_they_were(model):
    whole: Any = load("bundled", device="cpu", dtype="float32")
    shard(model, "unet", "diffusion_pytorch_model")
    shard(model, "text_encoder", "model")
    sharded: Any = load(str(model), device="cpu", dtype="float32")
    for ours, theirs in (
        (sharded.unet.net, whole.unet.net),
        (sharded.text_encoder.tower.encoder, whole.text_encoder.tower.encoder),
    ):
        assert all(torch.equal(a, b) for a, b in zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True))


@pytest.mark.slow
def test_an_adapter_beside_the_weights_is_not_opened(model):
    (model / "text_encoder/adapter_config.json").write_text(
        json.dumps({"base_model_name_or_path": "o/n", "peft_type": "LORA"})
    )
    torch.save({}, model / "text_encoder/adapter_model.bin")
    want: Any = load("bundled", device="cpu", dtype="float32")
    assert torch.equal(load(str(model), device="cpu", dtype="float32").embed(["a fox"]).text, want.embed(["a fox"]).text)


VALUES: dict[str, Change] = {
    "no size": edit(UNET, sample_size=0),
    "a negative size": edit(UNET, sample_size=-8),
    "a size that is a truth": edit(UNET, sample_size=True),
    "a size that is a fraction": edit(UNET, sample_size=1e9),
    "no levels": edit(UNET, block_out_channels=...),
    "an empty list of levels": edit(UNET, block_out_channels=[]),
    "a VAE without levels": edit(VAE, block_out_channels=...),
    "channels as text": edit(UNET, in_channels="4"),
    "times as text": edit(SCHEDULER, num_train_timesteps="x"),
    "no times": edit(SCHEDULER, num_train_timesteps=0),
    "too many times": edit(SCHEDULER, num_train_timesteps=10**8),
    "a noise level that is none": edit(SCHEDULER, beta_start=float("nan")),
    "a noise level above 1": edit(SCHEDULER, beta_end=2),
    "an unknown prediction": edit(SCHEDULER, prediction_type="x"),
    "an unknown spacing": edit(SCHEDULER, timestep_spacing="x"),
    "unknown noise levels": edit(SCHEDULER, beta_schedule="x"),
    "a truth as text": edit(SCHEDULER, thresholding="false"),
    "a share above 1": edit(SCHEDULER, thresholding=True, dynamic_thresholding_ratio=5),
    "a range as text": edit(SCHEDULER, clip_sample=True, clip_sample_range="a"),
    "steps from a picture to noise": edit(SCHEDULER, invert_sigmas=True),
    "noise that falls below none": edit(SCHEDULER, use_karras_sigmas=True, sigma_min=-3),
    "noise that does not rise": edit(SCHEDULER, use_karras_sigmas=True, sigma_min=3, sigma_max=1),
    "a shift between equal sizes": edit(SCHEDULER, base_image_seq_len=256, max_image_seq_len=256),
    "too few noise levels": edit(SCHEDULER, trained_betas=[0.1, 0.2]),
    "noise levels above 1": edit(SCHEDULER, trained_betas=[2.0] * 1000),
    "an offset as text": edit(SCHEDULER, steps_offset="q"),
    "a scale as text": edit(VAE, scaling_factor=""),
    "a scale that is none": edit(VAE, scaling_factor=float("nan")),
    "a scale of 0": edit(VAE, scaling_factor=0),
    "a window below 1": edit(TOKENIZER, model_max_length=-1),
    "a window as text": edit(TOKENIZER, model_max_length="x"),
    "a hidden size of 0": edit(TEXT, hidden_size=0),
}


@pytest.mark.parametrize("change", VALUES.values(), ids=VALUES.keys())
def test_a_value_that_cannot_be_is_refused_before_arithmetic(model, change):
    change(model)
    assert rule_of(model) == "config-value"


@pytest.mark.parametrize(
    "changes",
    [
        {"prediction_type": "flow_prediction", "use_flow_sigmas": True},
        {"_class_name": "UniPCMultistepScheduler", "prediction_type": "flow_prediction"},
        {"_class_name": "UniPCMultistepScheduler", "use_flow_sigmas": True},
    ],
)
def test_half_a_flow_is_refused(changes, model):
    edit(SCHEDULER, **changes)(model)
    assert rule_of(model) == "scheduler-flow"


UNREADABLE: dict[str, Change] = {
    "heads of size 0": edit(UNET, attention_head_dim=0),
    "an unknown block": edit(UNET, down_block_types=["Evil"]),
    "an activation that is a number": edit(UNET, act_fn=3),
    "groups that do not divide": edit(UNET, norm_num_groups=7),
    "a token that is a number": edit(TOKENIZER, pad_token=3),
}
PARTS: dict[str, Change] = {
    "another width": edit(UNET, cross_attention_dim=64),
    "another latent": edit(VAE, latent_channels=3),
    "a text encoder of other sizes": edit(TEXT, hidden_size=128),
}


@pytest.mark.parametrize("change", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_a_library_dislikes_is_one_line(model, change):
    change(model)
    assert rule_of(model) == "component-unreadable"


@pytest.mark.parametrize("change", PARTS.values(), ids=PARTS.keys())
def test_parts_that_do_not_meet_are_refused_before_weights_load(model, change):
    change(model)
    assert rule_of(model) == "model-parts"


@pytest.mark.parametrize("entry", [None, "x", [], ["diffusers"], ["diffusers", None], [1, 2, 3]], ids=str)
def test_an_index_gives_a_library_and_a_class(model, entry):
    edit("model_index.json", unet=entry)(model)
    assert rule_of(model) == "model-component"


@pytest.mark.parametrize("file", [UNET, VAE, SCHEDULER, TEXT])
@pytest.mark.parametrize(
    "content", [None, b"", b"[]", b"\xff\xfe", b"{" * 20000 + b"}" * 20000], ids=["gone", "empty", "list", "bytes", "deep"]
)
def test_a_config_is_a_json_object(model, file, content):
    (model / file).unlink()
    if content is not None:
        (model / file).write_bytes(content)
    assert rule_of(model) == "model-file-unreadable"


def test_a_tokenizer_without_a_window_takes_the_encoders(model):
    edit(TOKENIZER, model_max_length=...)(model)
    loaded, want = load(str(model), device="cpu", dtype="float32"), load("bundled", device="cpu", dtype="float32")
    assert torch.equal(loaded.embed(["a fox in the snow"]).text, want.embed(["a fox in the snow"]).text)


def test_the_revision_covers_what_is_read(model):
    revision = resolve(str(model)).revision
    for unread in ("README.md", "unet/notes.json", "other.safetensors", "vae/other.json"):
        (model / unread).write_bytes(b"x")
    assert resolve(str(model)).revision == revision == resolve("bundled").revision
    for file in ("tokenizer/tokenizer.json", UNET, SCHEDULER, "vae/diffusion_pytorch_model.safetensors"):
        before = (model / file).read_bytes()
        write(model / file, before.replace(b'": ', b'" :', 1) if file.endswith("json") else before[:-1] + b"\x07")
        assert resolve(str(model)).revision != revision, file
        write(model / file, before)


def test_a_clip_model_is_held_to_the_same(tmp_path):
    folder = copied(tmp_path / "clip", BUNDLED_DIR / "clip")
    edit("config.json", transformers_weights="pytorch_model.bin")(folder)
    with pytest.raises(InputError) as e:
        Clip(str(folder), "cpu")
    assert e.value.rule == "config-foreign"
