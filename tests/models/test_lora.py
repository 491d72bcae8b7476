"""LoRAs of every script's naming: the same network as diffusers and peft make of the file."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import diffusers as library
import peft
import pytest
import torch
from safetensors.torch import load_file, save_file

import synoptic
from synoptic import InputError
from synoptic.models.load import load
from synoptic.models.lora import diffusers_name, normalized, read_lora
from synoptic.options import options_class
from tests.drawings import disc
from tests.quick import slow_ones

diffusers: Any = library
RANK, ALPHA = 4, 2.0
KINDS = ("StableDiffusionPipeline", "StableDiffusionXLPipeline")
SGM = {  # the tiny SDXL's only blocks with attention, in the first Stable Diffusion code's names: one layer a level
    "down_blocks.2.attentions.0": "input_blocks.5.1",
    "mid_block.attentions.0": "middle_block.1",
    "up_blocks.0.attentions.0": "output_blocks.0.1",
    "up_blocks.0.attentions.1": "output_blocks.1.1",
}


def pipeline(folder: Path) -> Any:
    return diffusers.DiffusionPipeline.from_pretrained(folder)


def changes(net: Any, seed: int) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Return random A and B for a network's attention and feed-forward layers."""
    rng, found = torch.Generator().manual_seed(seed), {}
    for name, layer in net.named_modules():
        if name.endswith(("to_q", "to_k", "to_v", "to_out.0", "proj_in", "ff.net.2", "q_proj", "out_proj", "fc1")):
            (rows, columns), conv = layer.weight.shape[:2], layer.weight.ndim == 4
            pair = torch.randn(RANK, columns, generator=rng) / 8, torch.randn(rows, RANK, generator=rng) / 8
            found[name] = tuple(x[..., None, None] if conv else x for x in pair)
    return found


def file_of(naming: str, pipe: Any, path: Path, seed: int = 0, text: bool = True) -> Path:
    """Write a LoRA of a pipeline's U-Net, and of its text encoders, as a kind of script names its tensors."""
    tensors = {}
    parts = {"unet": pipe.unet, **({"text_encoder": pipe.text_encoder} if text else {})}
    if text and getattr(pipe, "text_encoder_2", None) is not None:
        parts["text_encoder_2"] = pipe.text_encoder_2
    kohya = {"unet": "lora_unet", "text_encoder": "lora_te1" if len(parts) > 2 else "lora_te", "text_encoder_2": "lora_te2"}
    for k, (part, net) in enumerate(parts.items()):
        for name, (a, b) in changes(net, seed + k).items():
            layer = name if part == "unet" or name.startswith("text_model") else f"text_model.{name}"
            if naming == "sgm" and part == "unet":
                block = next(block for block in SGM if name.startswith(block))
                layer = name.replace(block, SGM[block])
            if naming in ("kohya", "sgm"):
                stem = f"{kohya[part]}_{layer.replace('.', '_')}"
                tensors |= {f"{stem}.lora_down.weight": a, f"{stem}.lora_up.weight": b, f"{stem}.alpha": torch.tensor(ALPHA)}
            elif naming == "diffusers":
                kind = "lora" if part == "unet" else "lora_linear_layer"
                tensors |= {f"{part}.{layer}.{kind}.down.weight": a, f"{part}.{layer}.{kind}.up.weight": b}
            else:
                prefix = "diffusion_model" if naming == "comfy" and part == "unet" else part
                tensors |= {f"{prefix}.{layer}.lora_A.weight": a, f"{prefix}.{layer}.lora_B.weight": b}
    save_file({key: value.contiguous() for key, value in tensors.items()}, path)
    return path


def unet_output(net: Any, sdxl: bool) -> torch.Tensor:
    rng = torch.Generator().manual_seed(9)
    side, text = net.config.sample_size, net.config.cross_attention_dim
    x, words = torch.randn(1, 4, side, side, generator=rng), torch.randn(1, 7, text, generator=rng)
    added = {"text_embeds": torch.randn(1, 48, generator=rng), "time_ids": torch.ones(1, 6)} if sdxl else None
    with torch.no_grad():
        return net(x, torch.tensor(500), words, added_cond_kwargs=added, return_dict=False)[0]


def words_of(pipe: Any, sdxl: bool) -> torch.Tensor:
    with torch.no_grad():
        how = {"device": "cpu", "num_images_per_prompt": 1, "do_classifier_free_guidance": False}
        return pipe.encode_prompt("a photo of a horse", **how)[0]


def ours(folder: Path, *loras: str) -> Any:
    return load(str(folder), device="cpu", dtype="float32", lora=loras)


@pytest.fixture(params=slow_ones(["tiny_sd", "tiny_sdxl"], ["tiny_sd"]))
def folder(request) -> Path:
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("naming", slow_ones(["peft", "diffusers", "kohya", "sgm"], ["diffusers", "sgm"]))
def test_a_lora_changes_a_model_as_diffusers_does(naming, folder, tmp_path):
    pipe, sdxl = pipeline(folder), "sdxl" in str(folder)
    if naming == "sgm" and not sdxl:
        pytest.skip("only SDXL's scripts name blocks so")
    file = file_of(naming, pipe, tmp_path / "a.safetensors")
    model = ours(folder, f"{file}:0.7")
    before = unet_output(pipe.unet, sdxl)
    pipe.load_lora_weights(str(tmp_path), weight_name=file.name, adapter_name="a")
    pipe.set_adapters(["a"], [0.7])
    after = unet_output(pipe.unet, sdxl)
    assert (after - before).abs().max() > 1e-2
    torch.testing.assert_close(unet_output(model.network, sdxl), after, rtol=0, atol=1e-5)
    torch.testing.assert_close(model.embed(["a photo of a horse"]).text, words_of(pipe, sdxl), rtol=0, atol=1e-5)


def test_two_loras_add_up_as_set_adapters_does(folder, tmp_path):
    pipe, sdxl = pipeline(folder), "sdxl" in str(folder)
    files = [file_of("kohya", pipe, tmp_path / f"{k}.safetensors", seed=10 * k) for k in range(2)]
    model = ours(folder, f"{files[0]}:0.5", f"{files[1]}:-0.25")
    for k, file in enumerate(files):
        pipe.load_lora_weights(str(tmp_path), weight_name=file.name, adapter_name=f"a{k}")
    pipe.set_adapters(["a0", "a1"], [0.5, -0.25])
    torch.testing.assert_close(unet_output(model.network, sdxl), unet_output(pipe.unet, sdxl), rtol=0, atol=1e-5)


@pytest.mark.parametrize("naming", slow_ones(["peft", "comfy"], ["peft"]))
def test_scale_zero_is_the_model_itself_and_names_do_not_matter(naming, tiny_sd, tmp_path):
    pipe = pipeline(tiny_sd)
    file = file_of(naming, pipe, tmp_path / "a.safetensors", text=False)
    plain, zero, one = ours(tiny_sd), ours(tiny_sd, f"{file}:0"), ours(tiny_sd, str(file))
    assert torch.equal(unet_output(plain.network, False), unet_output(zero.network, False))
    same = file_of("kohya", pipe, tmp_path / "b.safetensors", text=False)
    half = ours(tiny_sd, f"{same}:{RANK / ALPHA:g}")  # whose alpha is half its rank
    torch.testing.assert_close(unet_output(one.network, False), unet_output(half.network, False), rtol=0, atol=1e-6)


def test_blocks_of_the_first_code_are_named_as_diffusers_maps_them():
    named = {  # of Stable Diffusion 1.5, from diffusers' convert_ldm_unet_checkpoint
        "input_blocks_1_1_transformer_blocks_0_attn1_to_q": "down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q",
        "input_blocks_3_0_op": "down_blocks_0_downsamplers_0_conv",
        "input_blocks_5_0_in_layers_2": "down_blocks_1_resnets_1_conv1",
        "middle_block_1_proj_in": "mid_block_attentions_0_proj_in",
        "middle_block_2_out_layers_3": "mid_block_resnets_1_conv2",
        "output_blocks_2_1_conv": "up_blocks_0_upsamplers_0_conv",
        "output_blocks_5_1_proj_out": "up_blocks_1_attentions_2_proj_out",
        "output_blocks_5_2_conv": "up_blocks_1_upsamplers_0_conv",
        "output_blocks_11_0_skip_connection": "up_blocks_3_resnets_2_conv_shortcut",
    }
    assert {name: diffusers_name(name, 2) for name in named} == named
    assert normalized("text_model.encoder.layers.0.fc1") == "encoder_layers_0_fc1"


@pytest.mark.parametrize(
    ("value", "source", "scale"),
    [
        ("a.safetensors", "a.safetensors", 1.0),
        ("a.safetensors:0.8", "a.safetensors", 0.8),
        ("a:b.safetensors:-1", "a:b.safetensors", -1.0),
    ],
)
def test_the_last_colon_before_a_number_is_the_scale(value, source, scale, tiny_sd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file_of("peft", pipeline(tiny_sd), tmp_path / source)
    lora = read_lora(value)
    assert (lora.name, lora.scale, lora.file.name) == (source, scale, source)


def written(tensors: dict[str, Any], path: Path) -> str:
    save_file(tensors, path)
    return str(path)


REFUSED = {
    "lora-missing": lambda t, _: str(t / "nowhere.safetensors"),
    "lora-files": lambda t, _: str(t),
    "weights-corrupt": lambda t, _: (t / "a.safetensors").write_bytes(b"\x80\x04K") and str(t / "a.safetensors"),
    "lora-none": lambda t, _: written({"x": torch.ones(1)}, t / "a.safetensors"),
    "lora-kind": lambda t, _: written({"lora_unet_x.hada_w1_a": torch.ones(1)}, t / "a.safetensors"),
    "lora-fit": lambda t, sdxl: str(file_of("kohya", pipeline(sdxl), t / "a.safetensors", text=False)),
}


@pytest.mark.parametrize("rule", REFUSED)
def test_what_is_no_lora_of_the_model_is_refused_before_weights_load(rule, tmp_path, tiny_sdxl, monkeypatch):
    monkeypatch.setattr("synoptic.models.load_once.load", lambda *_, **__: pytest.fail("loaded"))
    with pytest.raises(InputError) as e:
        options_class("generate").from_arguments(
            "a lake", model="bundled", lora=REFUSED[rule](tmp_path, tiny_sdxl)
        ).prepare()
    assert e.value.rule == rule


def test_a_shape_that_does_not_fit_is_refused_where_headers_are_not_here(tiny_sd, tmp_path, monkeypatch):
    stem = "lora_unet_down_blocks_2_attentions_0_proj_in"
    tensors = {f"{stem}.lora_down.weight": torch.ones(2, 5), f"{stem}.lora_up.weight": torch.ones(7, 2)}
    file = written(tensors, tmp_path / "a.safetensors")
    for rule in ("lora-fit", "lora-shape"):
        with pytest.raises(InputError) as e:
            ours(tiny_sd, file)
        assert e.value.rule == rule
        monkeypatch.setattr("synoptic.models.lora.check_fit", lambda *_: None)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["generate", "wide", "anagram", "edit", "distill"])
def test_every_application_takes_a_lora_and_records_it(name, tmp_path, sd32):
    pipe = pipeline(Path(sd32.checkpoint.path_or_repo))  # type: ignore[attr-defined]
    file = file_of("peft", pipe, tmp_path / "a.safetensors")
    values: dict[str, tuple[Any, ...]] = {"anagram": ("a lion", "a cat"), "edit": (disc(), "a cat")}
    how = {"steps": 2, "model": "bundled", "device": "cpu", "dtype": "float32"}
    how |= {"strength": 1.0} if name == "edit" else {"width": 384} if name == "wide" else {}
    plain, changed = (
        synoptic.run(name, *values.get(name, ("a cat",)), out=str(tmp_path / out), **how, **lora)
        for out, lora in (("plain", {}), ("changed", {"lora": str(file)}))
    )
    assert plain.images[0].tobytes() != changed.images[0].tobytes()
    assert "sha256:" in changed.model["lora"] and "lora" not in plain.model and f"--lora={file}" in changed.options.command()


@pytest.mark.parametrize(
    ("name", "steps", "scale"),
    slow_ones([("lcm-lora", 4, 1.0), ("Hyper-SD15-8steps", 4, 1.0), ("paint", 25, 3.0)], [("Hyper-SD15-8steps", 4, 1.0)]),
)
def test_a_lora_of_few_steps_brings_their_defaults(name, steps, scale, tmp_path, sd32):
    file = file_of("peft", pipeline(Path(sd32.checkpoint.path_or_repo)), tmp_path / f"{name}.safetensors")
    for how in ({"lora": str(file)}, {"lora": f"{file}:0.5"}):
        options: Any = options_class("generate").from_arguments("a cat", model="bundled", **how).prepare()
        assert (options.steps, options.guidance_scale) == (steps, scale)


@pytest.mark.parametrize("name", ["lora", "embeddings"])
def test_a_loaded_model_has_its_loras_and_embeddings_already(name, sd32):
    with pytest.raises(InputError) as e:
        synoptic.generate(sd32, "a cat", **{name: "a.safetensors"})  # type: ignore[arg-type]
    assert e.value.rule == "model-loaded"


def test_a_layer_that_is_not_there_is_refused_where_headers_are_not_here(tiny_sd, tmp_path, monkeypatch):
    file = file_of("kohya", pipeline(tiny_sd), tmp_path / "a.safetensors")
    more = load_file(file) | {f"lora_unet_nowhere.lora_{k}.weight": torch.ones(2, 2) for k in ("down", "up")}
    monkeypatch.setattr("synoptic.models.lora.check_fit", lambda *_: None)
    with pytest.raises(InputError) as e:
        ours(tiny_sd, written(more, tmp_path / "b.safetensors"))
    assert e.value.rule == "lora-fit" and "1 of the" in str(e.value)


def peft_file(pipe: Any, path: Path, about: dict[str, Any], naming: str) -> Path:
    """Write a LoRA whose alphas no tensor has: in its header, as diffusers, or in the config beside it, as peft."""
    pairs = changes(pipe.unet, 3)
    prefix = "unet." if naming == "diffusers" else "base_model.model."
    sides = {f"{prefix}{name}.lora_{side}.weight": x for name, ab in pairs.items() for side, x in zip("AB", ab, strict=True)}
    header = {"lora_adapter_metadata": json.dumps({f"unet.{k}": v for k, v in about.items()})}
    save_file({k: x.contiguous() for k, x in sides.items()}, path, metadata=header if naming == "diffusers" else None)
    if naming == "peft":
        (path.parent / "adapter_config.json").write_text(json.dumps(about))
    return path


@pytest.mark.parametrize(
    ("naming", "rooted"),
    slow_ones(list(product(["diffusers", "peft"], [False, True])), [("diffusers", True), ("peft", False)]),
)
def test_an_alpha_that_only_a_config_has_counts_as_pefts(naming, rooted, tiny_sd, tmp_path):
    pipe = pipeline(tiny_sd)
    one = next(name for name in changes(pipe.unet, 3) if name.endswith("attn1.to_q"))
    about = {"r": RANK, "lora_alpha": 8, "use_rslora": rooted, "alpha_pattern": {one: 1}, "peft_type": "LORA"}
    file = peft_file(pipe, tmp_path / "adapter_model.safetensors", about, naming)
    model = ours(tiny_sd, str(tmp_path))
    config = peft.LoraConfig(
        r=RANK, lora_alpha=8, use_rslora=rooted, alpha_pattern={one: 1}, target_modules=list(changes(pipe.unet, 3))
    )
    pipe.unet.add_adapter(config)
    weights = {key.replace("unet.", "").removeprefix("base_model.model."): x for key, x in load_file(file).items()}
    peft.set_peft_model_state_dict(pipe.unet, weights)
    torch.testing.assert_close(unet_output(model.network, False), unet_output(pipe.unet, False), rtol=0, atol=1e-5)


STEM = "lora_unet_down_blocks_2_attentions_0_proj_in"
PAIR = {f"{STEM}.lora_down.weight": torch.ones(2, 5), f"{STEM}.lora_up.weight": torch.ones(7, 2)}
BROKEN = {
    "a bias, which would not count": ("lora-tensors", PAIR | {f"{STEM}.lora_up.bias": torch.ones(7)}),
    "A without B": ("lora-tensors", PAIR | {"lora_unet_mid.lora_down.weight": torch.ones(2, 5)}),
    "another tensor": ("lora-tensors", PAIR | {"bundle_emb.word.string_to_param.*": torch.ones(1, 5)}),
    "two ranks": ("lora-shape", PAIR | {f"{STEM}.lora_down.weight": torch.ones(3, 5)}),
    "rank 0": ("lora-shape", {f"{STEM}.lora_down.weight": torch.ones(0, 5), f"{STEM}.lora_up.weight": torch.ones(7, 0)}),
    "two alphas": ("lora-shape", PAIR | {f"{STEM}.alpha": torch.ones(2)}),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_tensor_that_would_not_count_is_refused(case, tmp_path):
    rule, tensors = BROKEN[case]
    with pytest.raises(InputError) as e:
        read_lora(written(tensors, tmp_path / "a.safetensors"))
    assert e.value.rule == rule


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("a.safetensors:nan", "lora-scale"),
        ("a.safetensors:", "lora-scale"),
        ("a.bin", "weights-pickle"),
        ("", "lora-missing"),
    ],
)
def test_a_name_that_is_not_understood_is_told_why(name, rule, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written(PAIR, tmp_path / "a.safetensors")
    (tmp_path / "a.bin").write_bytes(b"\x80\x04K")
    with pytest.raises(InputError) as e:
        read_lora(name)
    assert e.value.rule == rule


def test_a_config_that_is_not_understood_is_refused(tiny_sd, tmp_path):
    file = peft_file(pipeline(tiny_sd), tmp_path / "adapter_model.safetensors", {"lora_alpha": 8}, "peft")
    for config in ("[1]", "{", '{"lora_alpha": "8"}', '{"lora_alpha": 8, "alpha_pattern": {"(a+)+": 3}}'):
        (tmp_path / "adapter_config.json").write_text(config)
        with pytest.raises(InputError) as e:
            read_lora(str(file))
        assert e.value.rule == "lora-config"
