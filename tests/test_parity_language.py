"""Qwen-Image, Sana and FLUX.2 klein against diffusers' own pipelines: the same latents, to 1e-5 of the largest."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import synoptic
from tests.quick import slow_ones
from tests.test_parity_flow import NEGATIVE, PROMPTS, SEED, STEPS, check, diffusers, last, noise


def baseline(folder: Any, kind: str) -> Any:
    pipe = getattr(diffusers, kind).from_pretrained(folder)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def ours(model: Any, **how: Any) -> torch.Tensor:
    return last(synoptic.generate.steps(model, PROMPTS, steps=STEPS, seed=SEED, upscalers="none", **how))


@pytest.mark.parametrize("name", ["qwen-image", pytest.param("qwen-image-large", marks=pytest.mark.slow)])
@pytest.mark.parametrize("negative", slow_ones(["", NEGATIVE], [""]))
def test_generate_equals_qwen_images_pipeline(name, negative, flow_folder, flow_model):
    """Two sizes, guidance whose tokens keep their length, two prompts of different length, another null prompt."""
    model, pipe = flow_model(name), baseline(flow_folder(name), "QwenImagePipeline")
    side, x = model.checkpoint.native_size, noise(model)
    packed = pipe._pack_latents(x, len(x), *x.shape[1:])
    for scale in (1.0, 4.0):
        given: dict[str, Any] = {"true_cfg_scale": scale, "negative_prompt": [negative] * len(PROMPTS)}
        found = pipe(
            prompt=PROMPTS, latents=packed, height=side, width=side, num_inference_steps=STEPS, output_type="latent", **given
        ).images
        expected = pipe._unpack_latents(found, side, side, pipe.vae_scale_factor)[:, :, 0]
        check(ours(model, guidance_scale=scale, negative_prompt=negative if scale > 1 else ""), expected)


@pytest.mark.parametrize("name", ["sana", pytest.param("sana-large", marks=pytest.mark.slow)])
@pytest.mark.parametrize("scale", slow_ones([1.0, 4.5], [1.0]))
def test_generate_equals_sanas_pipeline(name, scale, flow_folder, flow_model):
    """DPM-Solver++ of second order on a flow's sigmas; the instruction before every prompt but the empty one."""
    model, pipe = flow_model(name), baseline(flow_folder(name), "SanaPipeline")
    side = model.checkpoint.native_size
    found = pipe(
        prompt=PROMPTS,
        latents=noise(model),
        height=side,
        width=side,
        guidance_scale=scale,
        num_inference_steps=STEPS,
        use_resolution_binning=False,
        output_type="latent",
    ).images
    check(ours(model, guidance_scale=scale, sampler="dpm++"), found)


@pytest.mark.slow
def test_sanas_negative_prompt_is_read_like_a_prompt(flow_folder, flow_model):
    """Where diffusers leaves out the instruction: given what it makes of the negative as a prompt, it is the same."""
    model, pipe = flow_model("sana"), baseline(flow_folder("sana"), "SanaPipeline")
    defaults = pipe.__call__.__wrapped__.__defaults__
    (instruction,) = [value for value in defaults if isinstance(value, list) and len(value) == 8]
    how: dict[str, Any] = {"do_classifier_free_guidance": False, "complex_human_instruction": instruction}
    (text, mask, *_), (null, null_mask, *_) = (
        pipe.encode_prompt(some, **how) for some in (PROMPTS, [NEGATIVE] * len(PROMPTS))
    )
    side = model.checkpoint.native_size
    found = pipe(
        prompt_embeds=text,
        prompt_attention_mask=mask,
        negative_prompt_embeds=null,
        negative_prompt_attention_mask=null_mask,
        negative_prompt=None,
        latents=noise(model),
        height=side,
        width=side,
        guidance_scale=4.5,
        num_inference_steps=STEPS,
        use_resolution_binning=False,
        output_type="latent",
    ).images
    check(ours(model, guidance_scale=4.5, sampler="dpm++", negative_prompt=NEGATIVE), found)


@pytest.mark.parametrize("name", slow_ones(["klein", "klein-large", "klein-distilled"], ["klein-large", "klein-distilled"]))
def test_generate_equals_kleins_pipeline(name, flow_folder, flow_model):
    """Its latents are the VAE's own, with the BatchNorm undone."""
    model, pipe = flow_model(name), baseline(flow_folder(name), "Flux2KleinPipeline")
    side, layers = model.checkpoint.native_size, (1, 2, 3)
    x = pipe._patchify_latents(noise(model))
    for scale in (1.0,) if name == "klein-distilled" else (1.0, 4.0):
        found = pipe(
            prompt=PROMPTS,
            latents=x,
            height=side,
            width=side,
            guidance_scale=scale,
            num_inference_steps=STEPS,
            text_encoder_out_layers=layers,
            output_type="latent",
        ).images
        z = pipe._patchify_latents(ours(model, guidance_scale=scale))
        std = (pipe.vae.bn.running_var + pipe.vae.config.batch_norm_eps).sqrt()
        z = pipe._unpatchify_latents(z * std[:, None, None] + pipe.vae.bn.running_mean[:, None, None])
        check(z, found)


@pytest.mark.parametrize("name", ["klein", "qwen-image", "sana"])
def test_pictures_are_those_of_the_pipelines_vae(name, flow_folder, flow_model):
    """As diffusers' pipelines decode; and what is encoded comes back as the encoder's own mode."""
    kind = {"klein": "Flux2KleinPipeline", "qwen-image": "QwenImagePipeline", "sana": "SanaPipeline"}[name]
    model, vae = flow_model(name), baseline(flow_folder(name), kind).vae
    x = noise(model)
    with torch.no_grad():
        if name == "qwen-image":
            mean, std = (torch.tensor(vae.config[key]).view(1, 16, 1, 1, 1) for key in ("latents_mean", "latents_std"))
            pictures = vae.decode(x[:, :, None] * std + mean).sample[:, :, 0]
            again = (vae.encode(pictures[:, :, None]).latent_dist.mode() - mean) / std
            again = again[:, :, 0]
        elif name == "sana":
            pictures = vae.decode(x / vae.config.scaling_factor).sample
            again = vae.encode(pictures).latent * vae.config.scaling_factor
        else:
            unshuffle, shuffle = torch.nn.PixelUnshuffle(2), torch.nn.PixelShuffle(2)
            mean, var = (each[:, None, None] for each in (vae.bn.running_mean, vae.bn.running_var))
            std = (var + vae.config.batch_norm_eps).sqrt()
            pictures = vae.decode(shuffle(unshuffle(x) * std + mean)).sample
            again = shuffle((unshuffle(vae.encode(pictures).latent_dist.mode()) - mean) / std)
        torch.testing.assert_close(model.decode(x), pictures, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(model.encode(pictures), again, rtol=1e-4, atol=1e-5)
