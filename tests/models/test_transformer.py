"""What flow transformers do besides what their pipelines show: sizes, compilation, checks of their configs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from synoptic.diffusion.equations import randn
from synoptic.errors import InputError
from synoptic.guidance.cfg import cfg
from synoptic.models.load import load
from synoptic.models.registry import resolve
from synoptic.models.transformer import with_guidance_scale
from tests.exact import generators
from tests.quick import quick_ones

NAMES = ["sd3", "flux-dev", "z-image", "pixart", "qwen-image", "klein"]


@pytest.mark.parametrize("name", NAMES)
def test_canvases_of_any_even_size_and_times_by_row(name, flow_model):
    model = flow_model(name)
    x, cond = randn((model.shape[0], 10, 22), generators(2)), model.embed(["a lion", "a red mug"])
    both = model.predict(x, torch.tensor([200, 800]), cond)
    for k, t in enumerate((200, 800)):
        alone = model.predict(x[k : k + 1], t, cond.rows([k]))
        torch.testing.assert_close(both.x0[k : k + 1], alone.x0, rtol=0, atol=1e-5 * alone.x0.abs().max().item())
    with pytest.raises(ValueError, match="sides that 2 divides, not \\(10, 21\\)"):
        model.predict(x[..., :21], 500.0, cond)


def test_a_place_in_the_picture_is_a_token_of_its_own(flow_model):
    """What is moved by a token's side moves with it in FLUX's tokens: packing, places and unpacking agree."""
    model = flow_model("flux-dev")
    x, cond = torch.zeros(1, 16, 16, 16), model.embed(["a lion"])
    plain = model.predict(x, 500.0, cond).eps
    x[..., 6:8, 10:12] = 3.0
    changed = (model.predict(x, 500.0, cond).eps - plain).abs().sum(1)[0]
    inside = changed[6:8, 10:12].min()
    changed[6:8, 10:12] = 0
    assert inside > 2 * changed.max()


def test_a_guidance_scale_is_told_to_a_copy(flow_model):
    model, x = flow_model("flux-dev"), randn((16, 16, 16), generators(1))
    other = with_guidance_scale(model, 1.0)
    assert (model.guidance_scale, with_guidance_scale(flow_model("sd3"), 1.0)) == (3.5, flow_model("sd3"))
    a, b = (cfg(m, ["a lion"])(x, 500.0).x0 for m in (model, other))
    assert (a - b).abs().max() > 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_compiled_transformer_says_the_same(name, flow_folder, flow_model, monkeypatch):
    """Captured by torch's compiler, and of two families translated too: its own work, half a minute each."""
    if name not in ("sd3", "z-image"):
        monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))
    compiled, x = (
        load(str(flow_folder(name)), device="cpu", dtype="float32", compile=True),
        randn(flow_model(name).shape, generators(1)),
    )
    a, b = (cfg(m, ["a lion"], 3.0)(x, 500).x0 for m in (flow_model(name), compiled))
    torch.testing.assert_close(a, b, rtol=0, atol=1e-5)


def config(**changes: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        file = folder / "transformer/config.json"
        file.write_text(json.dumps({k: v for k, v in (json.loads(file.read_text()) | changes).items() if v is not None}))

    return change


@pytest.mark.parametrize(
    ("name", "broken", "rule", "words"),
    [
        ("sd3", config(sample_size=None), "config-value", "sample_size"),
        ("sd3", config(sample_size=15), "model-size", "a multiple of 2"),
        ("sd3", config(in_channels=33), "model-channels", "33"),
        ("flux-dev", config(in_channels=384), "model-channels", "96"),
        ("z-image", config(cap_feat_dim=None), "config-value", "cap_feat_dim"),
        ("flux-dev", config(joint_attention_dim=0), "config-value", "joint_attention_dim"),
        ("flux-dev", lambda f: shutil.rmtree(f / "tokenizer_2"), "tokenizer-missing", "tokenizer_2"),
    ],
)
def test_a_broken_directory_is_refused_before_weights_load(name, broken, rule, words, flow_folder, tmp_path):
    folder = shutil.copytree(flow_folder(name), tmp_path / "model")
    resolve(str(folder))
    broken(folder)
    with pytest.raises(InputError) as e:
        resolve(str(folder))
    assert e.value.rule == rule and words in str(e.value)


def test_a_language_model_is_read_from_a_file_of_its_whole(flow_folder, flow_model, tmp_path):
    """The released text encoders were saved with a head: names begin with "model."."""
    folder = shutil.copytree(flow_folder("z-image"), tmp_path / "model")
    file = folder / "text_encoder/model.safetensors"
    tensors = {f"model.{name}": tensor for name, tensor in load_file(file).items()}
    save_file(tensors | {"lm_head.weight": torch.zeros(4, 32)}, file)
    (a,), (b,) = (
        m.embed(["a lion"]).text for m in (flow_model("z-image"), load(str(folder), device="cpu", dtype="float32"))
    )
    assert torch.equal(a, b) and a.std() > 1e-3


def test_a_transformer_by_its_former_name_is_the_same(flow_folder, flow_model, tmp_path):
    folder = shutil.copytree(flow_folder("pixart"), tmp_path / "model")
    config(_class_name="Transformer2DModel")(folder)
    index = folder / "model_index.json"
    index.write_text(index.read_text().replace("PixArtTransformer2DModel", "Transformer2DModel"))
    a, b = (m.network.state_dict() for m in (load(str(folder), device="cpu", dtype="float32"), flow_model("pixart")))
    assert all(torch.equal(a[name], b[name]) for name in b)


def test_flux_without_a_size_has_that_of_its_pipeline(flow_folder, tmp_path):
    folder = shutil.copytree(flow_folder("flux-dev"), tmp_path / "model")
    config(sample_size=None)(folder)
    checkpoint = resolve(str(folder))
    assert (checkpoint.native_size, checkpoint.channels, checkpoint.tokens) == (1024, 16, 4096)


@pytest.mark.parametrize("name", quick_ones(NAMES, ["sd3", "flux-dev"]))
def test_half_precision_is_near(name, flow_folder, flow_model):
    half = load(str(flow_folder(name)), device="cpu", dtype="bfloat16")
    x = randn(flow_model(name).shape, generators(2))
    a, b = (cfg(m, ["a lion", "a red mug"], 2.0)(x, 500).eps for m in (flow_model(name), half))
    assert half.dtype == torch.bfloat16 and a.dtype == b.dtype == torch.float32
    assert 0 < (a - b).abs().max() < 0.1 * a.abs().max()
