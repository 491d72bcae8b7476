"""Models in one file: read as diffusers reads them, or refused with what they are."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import synoptic
from synoptic.errors import InputError
from synoptic.models.clip_tokenizer import clip_tokenizer
from synoptic.models.load import load
from synoptic.models.network_classes import build_network
from synoptic.models.registry import resolve
from synoptic.models.single_file import unread_warnings
from synoptic.pipelines.upscaling import has_same_text_encoder
from tests.models.single_files import NETWORKS, pipeline, shipped, tiny_configs, tiny_file, tiny_pipeline, use_tiny_configs
from tests.original_layout import clip, controlnet, open_clip, under, unet, vae, whole_model, write
from tests.quick import slow_ones

diffusers: Any = importlib.import_module("diffusers")
KINDS = ("sd1.5", "sd2", "sdxl")
PROMPT = "a photo of a cat"
V = {"modelspec.prediction_type": "v"}


@pytest.fixture(autouse=True)
def tiny(monkeypatch, tmp_path):
    use_tiny_configs(monkeypatch, tmp_path / "configs")


def refusal(path: Path | str) -> InputError:
    with pytest.raises(InputError) as e:
        resolve(str(path))
    assert "\n" not in str(e.value)
    return e.value


@pytest.mark.parametrize("kind", slow_ones(KINDS, ["sd2", "sdxl"]))
def test_every_tensor_comes_back_under_its_name(kind, tmp_path):
    pipe, file = tiny_file(kind, tmp_path / "model.safetensors", **V if kind == "sd2" else {})
    model: Any = load(str(file), device="cpu", dtype="float32")
    wanted = {part: getattr(pipe, part) for part in NETWORKS if getattr(pipe, part, None) is not None}
    found = {"unet": model.unet.net, "vae": model.vae}
    text: Any = model.text_encoder
    towers = [tower.encoder for tower in text.towers]
    found |= dict(zip(("text_encoder", "text_encoder_2"), towers, strict=False))
    assert found.keys() == wanted.keys()
    for part, net in wanted.items():
        theirs, ours = net.state_dict(), found[part].state_dict()
        assert ours.keys() == theirs.keys()
        for key, value in theirs.items():
            assert torch.equal(ours[key], value), (part, key)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_pictures_equal_diffusers_own_of_the_same_file(kind, tmp_path):
    """Read by its from_single_file, with the configs of a directory; DDIM, whose steps are ours too."""
    pipe, file = tiny_file(kind, tmp_path / "model.safetensors", **V if kind == "sd2" else {})
    how = {"prediction_type": "v_prediction"} if kind == "sd2" else {}
    folder = tmp_path / "directory"
    pipe.save_pretrained(folder, safe_serialization=True)
    for weights in folder.rglob("*.safetensors"):
        weights.unlink()
    theirs = type(pipe).from_single_file(str(file), config=str(folder), local_files_only=True, safety_checker=None)
    theirs.scheduler = diffusers.DDIMScheduler.from_config(tiny_configs(kind)["scheduler"] | how)
    theirs.set_progress_bar_config(disable=True)
    rng = torch.Generator().manual_seed(3)
    given: dict[str, Any] = {"num_inference_steps": 4, "guidance_scale": 3.0, "generator": rng, "output_type": "np"}
    want = theirs(PROMPT, height=128, width=128, **given).images[0]
    how = {"steps": 4, "guidance_scale": 3.0, "seed": 3, "upscalers": "none", "device": "cpu", "dtype": "float32"}
    image = synoptic.generate(str(file), PROMPT, **how).images[0]
    assert np.abs(np.asarray(image) / 255 - want).max() <= 1 / 255 + 1e-5
    model = load(str(file), device="cpu", dtype="float32")
    x, t = torch.randn(1, 4, 16, 16, generator=rng), 700
    given = {"encoder_hidden_states": model.embed([PROMPT]).text}
    if kind == "sdxl":
        cond = model.embed([PROMPT])
        given["added_cond_kwargs"] = {"text_embeds": cond.text_embeds, "time_ids": cond.time_ids}
    with torch.no_grad():
        found = model.predict(x, t, model.embed([PROMPT]))
        wanted = theirs.unet(x, t, **given).sample
    alpha, sigma = model.schedule(t)
    output = alpha * found.eps - sigma * found.x0 if kind == "sd2" else found.eps
    torch.testing.assert_close(output, wanted, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_the_shipped_configs_are_those_of_the_released_networks(kind):
    """By their published numbers of parameters: U-Net, text encoders (SD 2's without its last layer), VAE."""
    published = {
        "sd1.5": {"unet": 859_520_964, "text_encoder": 123_060_480, "vae": 83_653_863},
        "sd2": {"unet": 865_910_724, "text_encoder": 340_387_840, "vae": 83_653_863},
        "sdxl": {"unet": 2_567_463_684, "text_encoder": 123_060_480, "text_encoder_2": 694_659_840, "vae": 83_653_863},
    }[kind]
    with torch.device("meta"):
        for part, count in published.items():
            net = build_network(NETWORKS[part], shipped(kind)[part])
            assert sum(p.numel() for p in net.parameters()) == count, part


def test_words_are_clips():
    """The numbers that OpenAI's own tokenizer gives."""
    tokenizer = clip_tokenizer("!")
    assert len(tokenizer) == 49408 and tokenizer.pad_token_id == 0 and tokenizer.model_max_length == 77
    assert tokenizer("a photo of a cat").input_ids == [49406, 320, 1125, 539, 320, 2368, 49407]
    assert tokenizer("Ünïcode 猫 café 42").input_ids[:6] == [49406, 6522, 77, 35689, 3217, 163]
    assert clip_tokenizer("<|endoftext|>").pad_token_id == 49407


def test_a_file_of_stable_diffusion_2_must_tell_what_it_predicts(tmp_path):
    _, file = tiny_file("sd2", tmp_path / "model.safetensors")
    assert refusal(file).rule == "model-file-prediction" and "model.yaml" in str(refusal(file))
    for text, wanted in (('  params:\n    parameterization: "v"\n', "v_prediction"), ("model:\n", "epsilon")):
        file.with_suffix(".yaml").write_text(text)
        assert resolve(str(file)).config("scheduler")["prediction_type"] == wanted
    _, file = tiny_file("sd2", tmp_path / "said.safetensors", **{"modelspec.prediction_type": "epsilon"})
    assert resolve(str(file)).config("scheduler")["prediction_type"] == "epsilon"


def test_tensors_that_mark_v_prediction_and_zero_terminal_snr_are_read(tmp_path):
    """As ComfyUI writes them into SDXL files."""
    pipe = tiny_pipeline("sdxl")
    marks = {"v_pred": torch.ones(0), "ztsnr": torch.ones(0)}
    checkpoint = resolve(str(write(whole_model(pipe, "sdxl") | marks, tmp_path / "v.safetensors")))
    how = checkpoint.config("scheduler")
    assert how["prediction_type"] == "v_prediction" and how["rescale_betas_zero_snr"]
    model = load(checkpoint, device="cpu", dtype="float32")
    assert float(model.schedule(999)[0]) < 1e-3 and model.schedule.steps(4)[0][0] == 999


def test_an_inpainting_file_is_refused_as_its_directory_is(tmp_path):
    configs = tiny_configs("sd1.5")
    configs["unet"]["in_channels"] = 9
    tensors = whole_model(pipeline("sd1.5", configs), "sd1.5")
    assert refusal(write(tensors, tmp_path / "inpainting.safetensors")).rule == "model-channels"


@pytest.mark.parametrize("lacking", ["first_stage_model.", "cond_stage_model."])
def test_a_file_without_a_network_is_refused(lacking, tmp_path):
    tensors = whole_model(tiny_pipeline("sd1.5"), "sd1.5")
    file = write({k: v for k, v in tensors.items() if not k.startswith(lacking)}, tmp_path / "model.safetensors")
    assert refusal(file).rule == "model-file-part"


def test_what_another_file_is_is_said(tmp_path):
    pipe = tiny_pipeline("sdxl")
    net = diffusers.ControlNetModel.from_unet(tiny_pipeline("sd1.5").unet)
    one = torch.zeros(2, 2)
    for what, tensors in {
        "a LoRA": {"lora_unet_mid_block_attentions_0_proj_in.lora_down.weight": one},
        "a ControlNet": under("control_model.", controlnet(net)),
        "a VAE": vae(pipe.vae),
        "a U-Net alone": under("model.diffusion_model.", unet(pipe.unet)),
        "a text encoder alone": clip(pipe.text_encoder),
        "SDXL's refiner": under("conditioner.embedders.0.model.", open_clip(pipe.text_encoder_2)),
        "a textual inversion": {"clip_l": one, "clip_g": one},
        "a transformer": {"model.diffusion_model.double_blocks.0.img_attn.qkv.weight": one},
        "nothing": {"weight": one},
    }.items():
        file = write(tensors, tmp_path / "other.safetensors")
        error = refusal(file)
        assert error.rule == "model-file-kind" and (what in str(error) or what == "nothing"), what


def test_scaled_weights_are_not_read_as_plain_ones(tmp_path):
    tensors = whole_model(tiny_pipeline("sd1.5"), "sd1.5")
    tensors["model.diffusion_model.middle_block.1.proj_in.scale_weight"] = torch.ones(1)
    assert refusal(write(tensors, tmp_path / "model.safetensors")).rule == "weights-scaled"


def test_8_bit_floats_without_scales_are_read(tmp_path):
    pipe = tiny_pipeline("sd1.5")
    tensors = {key: value.to(torch.float8_e4m3fn) for key, value in whole_model(pipe, "sd1.5").items()}
    model: Any = load(str(write(tensors, tmp_path / "model.safetensors")), device="cpu", dtype="float32")
    read = model.unet.net.state_dict()
    for key, value in pipe.unet.state_dict().items():
        assert torch.equal(read[key], value.to(torch.float8_e4m3fn).float()), key


@pytest.mark.parametrize("suffix", [".ckpt", ".pt", ".bin"])
def test_pickles_are_refused_by_name(suffix, tmp_path):
    file = tmp_path / f"model{suffix}"
    torch.save({"state_dict": {}}, file)
    assert refusal(file).rule == "weights-pickle" and "pickle" in str(refusal(file))


def test_gguf_and_cut_files_are_refused(tmp_path):
    (tmp_path / "model.gguf").write_bytes(b"GGUF" + bytes(64))
    assert refusal(tmp_path / "model.gguf").rule == "weights-gguf"
    _, file = tiny_file("sd1.5", tmp_path / "model.safetensors")
    file.write_bytes(file.read_bytes()[:-8])
    assert refusal(file).rule == "weights-corrupt"


def test_a_layer_that_is_missing_is_named(tmp_path):
    tensors = whole_model(tiny_pipeline("sd1.5"), "sd1.5")
    del tensors["model.diffusion_model.middle_block.0.in_layers.2.weight"]
    with pytest.raises(InputError, match=r"mid_block\.resnets\.0\.conv1\.weight") as e:
        load(str(write(tensors, tmp_path / "model.safetensors")), device="cpu", dtype="float32")
    assert e.value.rule == "weights-missing"


HARMLESS = (  # what released files hold beside their networks
    *("model_ema.diffusion_modelinput_blocks00weight", "model_ema.decay", "betas", "alphas_cumprod", "alphas_cumprod_prev"),
    *("sqrt_one_minus_alphas_cumprod", "log_one_minus_alphas_cumprod", "posterior_mean_coef1", "logvar", "denoiser.sigmas"),
    *("first_stage_model.loss.discriminator.main.0.weight", "first_stage_model.model_ema.decay"),
    *("cond_stage_model.transformer.text_model.embeddings.position_ids", "cond_stage_model.logit_scale"),
)


def test_what_a_training_leaves_in_a_file_is_left_out_without_a_word(tmp_path):
    pipe = tiny_pipeline("sd1.5")
    more = {key: torch.ones(2) for key in HARMLESS}
    checkpoint = resolve(str(write(whole_model(pipe, "sd1.5") | more, tmp_path / "model.safetensors")))
    model: Any = load(checkpoint, device="cpu", dtype="float32")
    read = model.unet.net.state_dict()
    assert all(torch.equal(read[key], value) for key, value in pipe.unet.state_dict().items())
    assert unread_warnings(checkpoint) == []


def test_what_a_file_holds_beside_a_model_is_warned_of(tmp_path):
    tensors = whole_model(tiny_pipeline("sd1.5"), "sd1.5")
    more = {"control_model.time_embed.0.weight": torch.ones(2), "embedding_manager.x": torch.ones(2)}
    (line,) = unread_warnings(resolve(str(write(tensors | more, tmp_path / "model.safetensors"))))
    assert "control_model.time_embed.0.weight and 1 more" in line
    assert unread_warnings(resolve("bundled")) == []


@pytest.mark.parametrize(
    "other",
    [
        "model.diffusion_model.time_embed.cond_proj.weight",  # of a model distilled to few steps
        "first_stage_model.decoder.up.4.block.0.norm1.weight",
        "cond_stage_model.transformer.text_model.encoder.layers.3.mlp.fc1.weight",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in (
                "model.diffusion_model.label_emb.0.0.weight",  # of one that is given a picture
                "model.diffusion_model.input_blocks.12.0.in_layers.0.weight",
            )
        ),
    ],
)
def test_a_network_of_more_tensors_than_its_kind_has_is_refused(other, tmp_path):
    tensors = whole_model(tiny_pipeline("sd1.5"), "sd1.5") | {other: torch.ones(8)}
    with pytest.raises(InputError) as e:
        load(str(write(tensors, tmp_path / "model.safetensors")), device="cpu", dtype="float32")
    assert e.value.rule == "weights-surplus" and other.split(".")[-2] in str(e.value)


@pytest.mark.parametrize("shape", [[], [2], "x", None])
def test_a_header_of_nonsense_is_refused(shape, tmp_path):
    from_ = "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"
    header = json.dumps({from_: {"dtype": "F32", "shape": shape, "data_offsets": [0, 8]}}).encode()
    file = tmp_path / "model.safetensors"
    file.write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
    refusal(file)


def test_an_upscaler_s_text_encoder_is_compared_with_the_file_s(tmp_path):
    _, file = tiny_file("sd1.5", tmp_path / "model.safetensors")
    checkpoint = resolve(str(file))
    assert has_same_text_encoder(checkpoint, checkpoint)
    assert not has_same_text_encoder(resolve("bundled"), checkpoint)


@pytest.mark.slow
def test_a_run_of_a_file_says_which_it_was(tmp_path):
    _, file = tiny_file("sd1.5", tmp_path / "model.safetensors")
    ran: Any = synoptic.run("generate", prompt=PROMPT, model=str(file), steps=2, device="cpu", out=str(tmp_path / "out"))
    about = json.loads((tmp_path / "out/run.json").read_text())["model"]
    assert about["source"] == str(file) and about["revision"] == resolve(str(file)).revision
    assert getattr(ran.options, "upscalers", None) == ("none",)
    before = resolve(str(file)).revision
    file.with_suffix(".yaml").write_text("parameterization: v\n")
    assert resolve(str(file)).revision != before


@pytest.mark.slow
def test_a_lora_of_a_file_s_model_is_counted_when_it_has_loaded(tmp_path):
    pipe, file = tiny_file("sd1.5", tmp_path / "model.safetensors")
    rank, name = 2, "mid_block.attentions.0.transformer_blocks.0.attn1.to_q"
    layer = pipe.unet.get_submodule(name)
    down, up = torch.randn(rank, layer.in_features), torch.randn(layer.out_features, rank)
    kohya = f"lora_unet_{name.replace('.', '_')}"
    lora = write({f"{kohya}.lora_down.weight": down, f"{kohya}.lora_up.weight": up}, tmp_path / "lora.safetensors")
    model: Any = load(str(file), device="cpu", dtype="float32", lora=[str(lora)])
    found = model.unet.net.get_submodule(name).weight
    torch.testing.assert_close(found, layer.weight + up @ down, rtol=0, atol=1e-5)
    lora = write(
        {"lora_unet_none.lora_down.weight": down, "lora_unet_none.lora_up.weight": up}, tmp_path / "lora.safetensors"
    )
    with pytest.raises(InputError) as e:
        load(str(file), device="cpu", dtype="float32", lora=[str(lora)])
    assert e.value.rule == "lora-fit"
