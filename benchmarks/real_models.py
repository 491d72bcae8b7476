"""Models as people have them: tiny random ones in the released layouts, by command, against diffusers' own pipelines.

PYTHONPATH=. python benchmarks/real_models.py; two minutes on one core. Prints the table of
docs/measurements/other-models.md: what was loaded, the largest difference of the last latents from the same noise to
diffusers' pipeline, or the rule by which it is refused.
Exit code 1 where a difference is above 1e-4, a layout that should be refused is not, or one that should not be is.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import diffusers as library
import numpy as np
import torch
import transformers
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

import synoptic
from synoptic.diffusion.scheduler_classes import OWN_KEYS
from synoptic.errors import InputError
from synoptic.metrics.clip import Clip
from synoptic.models import single_file
from synoptic.models.checkpoint import BUNDLED_DIR
from synoptic.models.clip_tokenizer import clip_tokenizer
from synoptic.models.load import load
from synoptic.models.registry import resolve_clip
from tests.metrics.clip_layouts import MODEL, TEXTS, gemma_words, open_clip_folder, siglip, unigram_words
from tests.models.single_files import WIDTHS, pipeline, tiny_configs
from tests.original_layout import clip, controlnet, under, unet, vae, whole_model, write

diffusers: Any = library
PROMPT, STEPS, SCALE, TOLERANCE = "a photo of a cat", 4, 3.0, 1e-4
CPU: dict[str, Any] = {"device": "cpu", "dtype": "float32"}
Make = Callable[[Path], Any]
TINY_KINDS = [{32: "sd1.5", 48: "sd2"}, {80: "sdxl"}]
EULER, DPM = "EulerDiscreteScheduler", "DPMSolverMultistepScheduler"
EXPONENTIAL = {"use_exponential_sigmas": True}
KARRAS = {"use_karras_sigmas": True}


class Row(NamedTuple):
    """A layout, a command, and what makes the one and runs the other: the difference to diffusers', in a new folder."""

    layout: str
    command: str
    difference: Callable[[Path], float]
    refused: bool = False


def model(folder: Path, kind: str = "sd1.5", scheduler: dict[str, Any] | None = None, **parts: Any) -> Any:
    """Save a pipeline of a kind, its scheduler's config and those of parts changed; return diffusers' own of the folder."""
    configs = tiny_configs(kind)
    for part, changes in parts.items():
        configs[part] |= changes
    pipe = pipeline(kind, configs, **scheduler or {})
    pipe.save_pretrained(folder / "model", safe_serialization=True)
    return pipe


def ours(folder: Path | str, command: str = "generate", prompt: str = PROMPT, **options: Any) -> Tensor:
    """The last canvas of a command."""
    name = str(folder / "model") if isinstance(folder, Path) else folder
    given = {"steps": STEPS, "guidance_scale": SCALE, "seed": 0, **CPU, **options}
    given |= {"upscalers": "none"} if command == "generate" else {}
    return list(getattr(synoptic, command).steps(name, prompt, **given))[-1].canvas


def theirs(pipe: Any, kind: str = "DDIMScheduler", prompt: str = PROMPT, **how: Any) -> Tensor:
    """The last latents of a pipeline, stepped by a class of schedulers with its own scheduler's config."""
    config = dict(pipe.scheduler.config) | {"clip_sample": False, "thresholding": False, "variance_type": "fixed_small"}
    config.pop("_use_default_values", None)  # as read from the file, which has every value
    if type(pipe.scheduler).__name__ not in OWN_KEYS["set_alpha_to_one"]:
        config["set_alpha_to_one"] = True  # which those classes do not read
    if kind != type(pipe.scheduler).__name__:
        pipe.scheduler = getattr(diffusers, kind).from_config(config)
    pipe.set_progress_bar_config(disable=True)
    side = {} if "image" in how or "IF" in type(pipe).__name__ else {"height": 128, "width": 128}
    given = {"num_inference_steps": STEPS, "guidance_scale": SCALE, "output_type": "latent"} | side | how
    return pipe(prompt, **given, generator=torch.Generator().manual_seed(0)).images


def gap(a: Tensor, b: Tensor) -> float:
    assert a.shape == b.shape and float(a.std()) > 0.05, (a.shape, b.shape)
    return float((a - b).abs().max())


def plain(kind: str = "sd1.5", baseline: str = "DDIMScheduler", options: dict[str, Any] | None = None, **how: Any) -> Make:
    """A directory of a kind, painted by `generate`."""

    def difference(folder: Path) -> float:
        pipe = model(folder, kind, **how)
        return gap(ours(folder, **options or {}), theirs(pipe, baseline))

    return difference


def variant(name: str) -> Make:
    def difference(folder: Path) -> float:
        pipe = model(folder)
        for file in (folder / "model").rglob("*.safetensors"):
            file.rename(file.with_suffix(f".{name}.safetensors"))
        return gap(ours(folder), theirs(pipe))

    return difference


def shards(folder: Path) -> float:
    pipe = model(folder)
    (folder / "model/unet/diffusion_pytorch_model.safetensors").unlink()
    pipe.unet.save_pretrained(folder / "model/unet", max_shard_size="100KB")
    return gap(ours(folder), theirs(pipe))


def renamed(kind: str, cls: str) -> Make:
    """A directory whose pipeline has a family's parts and another class."""

    def difference(folder: Path) -> float:
        pipe = model(folder, kind)
        index = folder / "model/model_index.json"
        index.write_text(json.dumps(json.loads(index.read_text()) | {"_class_name": cls}))
        return gap(ours(folder), theirs(pipe))

    return difference


def euler(spacing: str, **config: Any) -> Make:
    """Euler's own class. From unit noise: where its times begin at the last one it takes it 0.2 % quieter."""

    def difference(folder: Path) -> float:
        pipe = model(folder, scheduler={"_class_name": EULER, "timestep_spacing": spacing, **config})
        pipe.scheduler.set_timesteps(STEPS)
        sigma, noise = pipe.scheduler.sigmas.max(), torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(0))
        loud = noise * (sigma**2 + 1) ** 0.5 / pipe.scheduler.init_noise_sigma
        return gap(ours(folder), theirs(pipe, EULER, latents=loud))

    return difference


def few_step(folder: Path) -> float:
    """A U-Net that is told its guidance scale, as a latent consistency model."""
    pipe = model(
        folder, scheduler={"_class_name": "LCMScheduler", "original_inference_steps": 50}, unet={"time_cond_proj_dim": 16}
    )
    parts = {name: part for name, part in pipe.components.items() if name != "image_encoder"}
    baseline = diffusers.LatentConsistencyModelPipeline(**parts, requires_safety_checker=False)
    return gap(ours(folder, guidance_scale=1.0, sampler="lcm"), theirs(baseline, "LCMScheduler", guidance_scale=8.5))


def tcd(folder: Path) -> float:
    pipe = model(folder)
    return gap(ours(folder, sampler="tcd"), theirs(pipe, "TCDScheduler", eta=0.3))


def guidance_off(folder: Path) -> float:
    pipe = model(folder)
    return gap(ours(folder, guidance_scale=0), theirs(pipe, guidance_scale=0))


def statistics(folder: Path) -> float:
    """A VAE with latents_mean and latents_std: pictures decoded of the same latents."""
    model(folder, "sdxl", vae={"latents_mean": [0.3, -1.2, 0.7, 2.0], "latents_std": [8.4, 0.7, 5.1, 1.3]})
    z, net = torch.randn(1, 4, 16, 16), load(str(folder / "model"), **CPU)
    own: Any = diffusers.AutoencoderKL.from_pretrained(folder / "model", subfolder="vae")
    mean, std = (torch.tensor(own.config[key]).view(1, 4, 1, 1) for key in ("latents_mean", "latents_std"))
    with torch.no_grad():
        return gap(net.decode(z), own.decode(z * std / own.config.scaling_factor + mean).sample)


def single(kind: str, dtype: torch.dtype = torch.float32, prediction: str = "") -> Make:
    """A single file, its baseline diffusers' from_single_file with the configs of the directory."""

    def difference(folder: Path) -> float:
        metadata = {"modelspec.prediction_type": prediction} if prediction else {}
        scheduler = {"prediction_type": "v_prediction"} if prediction == "v" else {}
        pipe = model(folder, kind, scheduler=scheduler)
        tensors = {key: value.to(dtype) for key, value in whole_model(pipe, kind).items()}
        file = str(write(tensors, folder / "file.safetensors", **metadata))
        baseline = type(pipe).from_single_file(file, config=str(folder / "model"), local_files_only=True)
        return gap(ours(file), theirs(baseline))

    return difference


def panorama(pipe: Any) -> Tensor:
    """The panorama pipeline of a pipeline's parts; windows of the model's own size, which its code takes to be 64."""
    parts = {name: part for name, part in pipe.components.items() if name != "image_encoder"}
    wide = diffusers.StableDiffusionPanoramaPipeline(**parts, requires_safety_checker=False)
    views = wide.get_views

    def windows(height: int, width: int, circular_padding: bool = False, **_: Any) -> Any:
        return views(height, width, 16, 8, circular_padding)

    wide.get_views = windows
    return theirs(wide, height=128, width=192)


def wide(folder: Path) -> float:
    pipe = model(folder)
    return gap(ours(folder, "wide", **WIDE), panorama(pipe))


WIDE: dict[str, Any] = {"width": 192, "height": 128, "stride": 8, "weights": "uniform"}


def other_vae(as_file: bool) -> Make:
    def difference(folder: Path) -> float:
        model(folder)
        torch.manual_seed(7)
        net: Any = diffusers.AutoencoderKL.from_config(tiny_configs("sd1.5")["vae"])
        net.save_pretrained(folder / "vae")
        name = write(vae(net), folder / "vae.safetensors") if as_file else folder / "vae"
        z = torch.randn(1, 4, 16, 16)
        with torch.no_grad():
            return gap(load(str(folder / "model"), **CPU, vae=str(name)).decode(z), net.decode(z / 0.18215).sample)

    return difference


def lora_file(pipe: Any, file: Path, seed: int) -> str:
    """A LoRA of the U-Net's attention, as kohya's scripts name it."""
    rng, tensors = torch.Generator().manual_seed(seed), {}
    for name, layer in pipe.unet.named_modules():
        if name.endswith(("to_q", "to_v")):
            stem = f"lora_unet_{name.replace('.', '_')}"
            tensors[f"{stem}.lora_down.weight"] = torch.randn(4, layer.in_features, generator=rng) / 4
            tensors[f"{stem}.lora_up.weight"] = torch.randn(layer.out_features, 4, generator=rng) / 4
            tensors[f"{stem}.alpha"] = torch.tensor(2.0)
    save_file(tensors, file)
    return str(file)


def loras(kind: str, scales: tuple[float, ...]) -> Make:
    def difference(folder: Path) -> float:
        pipe = model(folder, kind)
        files = [lora_file(pipe, folder / f"{k}.safetensors", k) for k in range(len(scales))]
        names = [f"adapter_{k}" for k in range(len(scales))]
        for name, file in zip(names, files, strict=True):
            pipe.load_lora_weights(file, adapter_name=name)
        pipe.set_adapters(names, list(scales))
        asked = tuple(f"{file}:{scale}" for file, scale in zip(files, scales, strict=True))
        return gap(ours(folder, lora=asked), theirs(pipe))

    return difference


def inversion(kind: str, count: int) -> Make:
    def difference(folder: Path) -> float:
        pipe = model(folder, kind)
        one, two = torch.randn(count, 32), torch.randn(count, 48)
        save_file({"clip_l": one, "clip_g": two} if kind == "sdxl" else {"emb_params": one}, folder / "zzcat.safetensors")
        pipe.load_textual_inversion({"zzcat": one}, "zzcat", pipe.tokenizer, pipe.text_encoder)
        if kind == "sdxl":
            pipe.load_textual_inversion({"zzcat": two}, "zzcat", pipe.tokenizer_2, pipe.text_encoder_2)
        prompt = "a photo of zzcat in a garden"
        asked = (str(folder / "zzcat.safetensors"),)
        return gap(ours(folder, prompt=prompt, textual_inversion=asked), theirs(pipe, prompt=prompt))

    return difference


def clip_skip(folder: Path) -> float:
    pipe = model(folder, "sdxl")
    return gap(ours(folder, clip_skip=1), theirs(pipe, clip_skip=1))


def control(kind: str, layout: str = "directory", pooled: bool = False) -> Make:
    """A ControlNet and the picture itself as its map; a `pooled` one says what is shown, not where."""

    def difference(folder: Path) -> float:
        pipe = model(folder, kind)
        torch.manual_seed(5)
        net: Any = diffusers.ControlNetModel.from_unet(pipe.unet)
        net.register_to_config(global_pool_conditions=pooled)
        for layer in [*net.controlnet_down_blocks, net.controlnet_mid_block]:
            torch.nn.init.normal_(layer.weight, std=0.1)
        net.save_pretrained(folder / "net")
        name = folder / "net" if layout == "directory" else write(controlnet(net), folder / "net.safetensors")
        name, picture = str(name), map_in(folder)
        if kind == "sdxl":
            baseline = diffusers.StableDiffusionXLControlNetPipeline(**parts_of(pipe), controlnet=net, add_watermarker=False)
        else:
            more = {"feature_extractor": None, "requires_safety_checker": False}
            baseline = diffusers.StableDiffusionControlNetPipeline(**parts_of(pipe), controlnet=net, **more)
        return gap(controlled(folder, name), theirs(baseline, image=picture))

    return difference


def map_in(folder: Path) -> Image.Image:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (128, 128, 3), dtype=np.uint8))
    picture.save(folder / "map.png")
    return picture


def parts_of(pipe: Any) -> dict[str, Any]:
    return {part: one for part, one in pipe.components.items() if part not in ("image_encoder", "feature_extractor")}


def controlled(folder: Path, name: str) -> Tensor:
    """The last canvas of `control` by a network of this name."""
    asked = {"condition": ("map",), "controlnet": (name,), "seed": 0, "steps": STEPS, "guidance_scale": SCALE}
    steps = synoptic.control.steps(str(folder / "model"), str(folder / "map.png"), PROMPT, **CPU, **asked)
    return list(steps)[-1].canvas


def union(layout: str = "directory", mode: str = "tile") -> Make:
    """A union of ControlNets for SDXL, told the kind of its map."""

    def difference(folder: Path) -> float:
        pipe = model(folder, "sdxl")
        torch.manual_seed(5)
        net: Any = diffusers.ControlNetUnionModel.from_config(
            dict(pipe.unet.config)
            | {
                "num_control_type": 8,
                "num_trans_channel": 8,
                "num_proj_channel": 8,
                "conditioning_embedding_out_channels": (8,) * 4,
            }
        )
        for layer in [*net.controlnet_down_blocks, net.controlnet_mid_block, net.controlnet_cond_embedding.conv_out]:
            torch.nn.init.normal_(layer.weight, std=0.1)
        torch.nn.init.normal_(net.task_embedding)
        net.save_pretrained(folder / "net")
        name = folder / "net" if layout == "directory" else folder / "net/diffusion_pytorch_model.safetensors"
        baseline = diffusers.StableDiffusionXLControlNetUnionPipeline(
            **parts_of(pipe), controlnet=net, add_watermarker=False
        )
        wanted = theirs(baseline, control_image=[map_in(folder)], control_mode=[6], height=128, width=128)
        return gap(controlled(folder, f"{name}:{mode}" if mode else str(name)), wanted)

    return difference


def adapter(kind: str, gray: bool = False) -> Make:
    """A T2I-Adapter, of pictures or of gray ones."""

    def difference(folder: Path) -> float:
        pipe = model(folder, kind)
        torch.manual_seed(5)
        xl = kind == "sdxl"
        how = {"adapter_type": "full_adapter_xl" if xl else "full_adapter", "downscale_factor": 16 if xl else 8}
        net: Any = diffusers.T2IAdapter(in_channels=1 if gray else 3, channels=[8, 16, 16, 16], num_res_blocks=1, **how)
        net.save_pretrained(folder / "net")
        picture, more = map_in(folder), {} if xl else {"feature_extractor": None, "requires_safety_checker": False}
        cls = diffusers.StableDiffusionXLAdapterPipeline if xl else diffusers.StableDiffusionAdapterPipeline
        shown = torch.from_numpy(np.asarray(picture)).float() / 255 @ torch.tensor([0.299, 0.587, 0.114])  # not rounded
        wanted = theirs(cls(**parts_of(pipe), adapter=net, **more), image=shown[None, None] if gray else picture)
        return gap(controlled(folder, str(folder / "net")), wanted)

    return difference


def deepfloyd(folder: Path) -> float:
    pipe = diffusers.IFPipeline.from_pretrained(BUNDLED_DIR / "if", local_files_only=True)
    pipe.unet.to(memory_format=torch.channels_last)
    pipe.scheduler.register_to_config(variance_type="fixed_small")
    latents = theirs(pipe, output_type="pt", clean_caption=False)
    return gap(ours("bundled-if", clip="none"), latents)


def file_of(name: str, tensors: Callable[[], dict[str, Tensor]]) -> Make:
    """A file that is no model."""

    def difference(folder: Path) -> float:
        return float(ours(str(write(tensors(), folder / name))).sum())

    return difference


def bytes_of(name: str, data: bytes = b"PK") -> Make:
    def difference(folder: Path) -> float:
        (folder / name).write_bytes(data)
        return float(ours(str(folder / name)).sum())

    return difference


def pickles(folder: Path) -> float:
    model(folder)
    for file in (folder / "model").rglob("*.safetensors"):
        torch.save(load_file(file), file.with_suffix(".bin"))
        file.unlink()
    return float(ours(folder).sum())


def channels(count: int, as_file: bool = False) -> Make:
    """A U-Net that takes more than the noisy picture."""

    def difference(folder: Path) -> float:
        pipe = model(folder, unet={"in_channels": count})
        file = str(write(whole_model(pipe, "sd1.5"), folder / "file.safetensors"))
        return float((ours(file) if as_file else ours(folder)).sum())

    return difference


def scores(make: Callable[[Path], Any], processor: Any, tokens: Callable[[Path], Tensor]) -> Make:
    """A model that scores: the largest difference of its unit features to transformers' own."""

    def difference(folder: Path) -> float:
        net = make(folder / "model")
        if not (folder / "model/open_clip_config.json").exists():
            processor.save_pretrained(folder / "model")
        noise = np.random.default_rng(0).integers(0, 256, (2, 50, 70, 3), dtype=np.uint8)
        pictures, ours = [Image.fromarray(pixels) for pixels in noise], Clip(str(folder / "model"), "cpu")
        with torch.no_grad():
            shown = processor(pictures, return_tensors="pt")["pixel_values"]
            out = net(input_ids=tokens(folder / "model"), pixel_values=shown)
        gaps = (gap(ours.encode_images(pictures), out.image_embeds), gap(ours.encode_texts(TEXTS), out.text_embeds))
        return max(gaps)

    return difference


def siglip_tokens(folder: Path) -> Tensor:
    words = transformers.AutoTokenizer.from_pretrained(folder)
    texts = [text.lower() for text in TEXTS]
    return words(texts, padding="max_length", max_length=64, return_tensors="pt").input_ids


def clip_tokens(_folder: Path) -> Tensor:
    return clip_tokenizer("!")(TEXTS, padding="max_length", max_length=77, return_tensors="pt").input_ids


def other_clip(make: Callable[[Path], object]) -> Make:
    """A model that does not score."""

    def difference(folder: Path) -> float:
        make(folder / "model")
        resolve_clip(str(folder / "model"))
        return 0.0

    return difference


def naflex(folder: Path) -> None:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "siglip2"}))


def missing(name: str) -> Make:
    return lambda folder: float(ours(name.format(folder=folder)).sum())


def tiny(kind: str) -> Any:
    return pipeline(kind, tiny_configs(kind))


ZERO_SNR = {"prediction_type": "v_prediction", "rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
ONE = torch.zeros(2, 2)
LORA, FLUX = "lora_unet_conv_in.lora_down.weight", "double_blocks.0.img_attn.norm.key_norm.scale"
REFINER = "conditioner.embedders.0.model.ln_final.weight"
SQUARE, CROP = SiglipImageProcessorPil(size={"height": 32, "width": 32}), CLIPImageProcessorPil(size=32, crop_size=32)
QUICK = MODEL | {"quick_gelu": True}
TIMM = MODEL | {"custom_text": True, "vision_cfg": {"timm_model_name": "vit_base_patch16_siglip_224", "image_size": 224}}
ROWS = [
    Row("SD 1.5, directory", "generate", plain()),
    Row("SD 2 base (eps)", "generate", plain("sd2")),
    Row("SD 2 (v)", "generate", plain("sd2", scheduler={"prediction_type": "v_prediction"})),
    Row("SD 2 (v), zero terminal SNR, trailing", "generate", plain("sd2", scheduler=ZERO_SNR)),
    Row("SDXL", "generate", plain("sdxl")),
    Row("SDXL by its own Euler", "generate", plain("sdxl", EULER)),
    Row("DeepFloyd IF (bundled)", "generate", deepfloyd),
    *(Row(f"SD 1.5, variant {name} alone", "generate", variant(name)) for name in ("fp16", "bf16", "non_ema")),
    Row("SD 1.5, U-Net in shards", "generate", shards),
    Row("StableDiffusionImg2ImgPipeline", "generate", renamed("sd1.5", "StableDiffusionImg2ImgPipeline")),
    Row("StableDiffusionInpaintPipeline, 4 channels", "generate", renamed("sd1.5", "StableDiffusionInpaintPipeline")),
    Row("StableDiffusionXLControlNetPipeline", "generate", renamed("sdxl", "StableDiffusionXLControlNetPipeline")),
    *(
        Row(f"SD 1.5, {kind}, {spacing}", "generate", plain(scheduler={"_class_name": kind, "timestep_spacing": spacing}))
        for kind, spacing in (("DDIMScheduler", "trailing"), ("DDPMScheduler", "leading"))
    ),
    *(Row(f"SD 1.5, {EULER}, {spacing}", "generate", euler(spacing)) for spacing in ("leading", "linspace", "trailing")),
    Row("SD 1.5, DPM++ 2M", "generate --sampler dpm++", plain("sd1.5", DPM, {"sampler": "dpm++"})),
    Row(
        "SD 1.5, DPM++ 2M Karras",
        "generate --sampler dpm++",
        plain("sd1.5", DPM, {"sampler": "dpm++"}, scheduler={"_class_name": DPM, **KARRAS}),
    ),
    Row(f"SD 1.5, {EULER}, Karras", "generate", euler("leading", **KARRAS)),
    Row("SD 1.5, LCM", "generate --sampler lcm", plain("sd1.5", "LCMScheduler", {"sampler": "lcm"})),
    Row("SD 1.5, TCD", "generate --sampler tcd", tcd),
    Row("U-Net with time_cond_proj_dim", "generate --sampler lcm", few_step),
    Row("SD 1.5, scale 0 as of Turbo", "generate --guidance-scale 0", guidance_off),
    Row("SDXL's VAE with mean and std", "generate (decoded)", statistics),
    Row("SD 1.5, one file", "generate", single("sd1.5")),
    Row("SD 1.5, one file in float16", "generate", single("sd1.5", torch.float16)),
    Row("SD 2 (v), one file, ModelSpec header", "generate", single("sd2", prediction="v")),
    Row("SDXL, one file", "generate", single("sdxl")),
    Row("SDXL, one file in bfloat16", "generate", single("sdxl", torch.bfloat16)),
    Row("SD 1.5, directory", "wide", wide),
    Row("AutoencoderKL, directory", "generate --vae (decoded)", other_vae(as_file=False)),
    Row("VAE, one file", "generate --vae (decoded)", other_vae(as_file=True)),
    Row("LoRA by kohya, SD 1.5", "generate --lora", loras("sd1.5", (1.0,))),
    Row("two LoRAs, SDXL", "generate --lora --lora", loras("sdxl", (0.7, -0.4))),
    Row("textual inversion, 3 vectors, SD 1.5", "generate --textual-inversion", inversion("sd1.5", 3)),
    Row("textual inversion, 2 vectors, SDXL", "generate --textual-inversion", inversion("sdxl", 2)),
    Row("SDXL", "generate --clip-skip 1", clip_skip),
    Row("ControlNet, SD 1.5", "control", control("sd1.5")),
    Row("ControlNet, one file, SD 1.5", "control", control("sd1.5", "file")),
    Row("ControlNet, SD 2", "control", control("sd2")),
    Row("ControlNet, SDXL", "control", control("sdxl")),
    Row("ControlNet with global_pool_conditions, SD 1.5", "control", control("sd1.5", pooled=True)),
    Row("ControlNet union, SDXL", "control", union()),
    Row("ControlNet union, one file, SDXL", "control", union("file")),
    Row("ControlNet union that is given no kind", "control", union(mode=""), True),
    Row("T2I-Adapter, SD 1.5", "control", adapter("sd1.5")),
    Row("T2I-Adapter of gray maps, SD 2", "control", adapter("sd2", gray=True)),
    Row("T2I-Adapter, SDXL", "control", adapter("sdxl")),
    Row("SigLIP", "score --clip-model", scores(lambda f: siglip(f, unigram_words), SQUARE, siglip_tokens)),
    Row("SigLIP 2 of a fixed size", "score --clip-model", scores(lambda f: siglip(f, gemma_words), SQUARE, siglip_tokens)),
    Row("open_clip's CLIP", "score --clip-model", scores(open_clip_folder, CROP, clip_tokens)),
    Row(
        "open_clip's CLIP, QuickGELU", "score --clip-model", scores(lambda f: open_clip_folder(f, QUICK), CROP, clip_tokens)
    ),
    Row("SigLIP 2 of any size (NaFlex)", "score --clip-model", other_clip(naflex), True),
    Row("open_clip's SigLIP", "score --clip-model", other_clip(lambda f: open_clip_folder(f, TIMM)), True),
    Row("EDM scheduler (Playground 2.5)", "generate", plain("sdxl", scheduler={"_class_name": "EDMEulerScheduler"}), True),
    Row("SD 1.5, exponential noise levels", "generate", plain(scheduler={"_class_name": DPM, **EXPONENTIAL}), True),
    *(Row(f"U-Net of {n} channels", "generate", channels(n), True) for n in (9, 5, 8)),
    Row("inpainting, one file", "generate", channels(9, as_file=True), True),
    Row("directory of pickles", "generate", pickles, True),
    Row("model.ckpt", "generate", bytes_of("model.ckpt"), True),
    Row("model.gguf", "generate", bytes_of("model.gguf"), True),
    Row("a cut file", "generate", bytes_of("model.safetensors", b"\x10\0\0\0\0\0\0\0{}"), True),
    Row("SD 2, one file that says nothing", "generate", single("sd2"), True),
    Row("a LoRA as --model", "generate", file_of("x.safetensors", lambda: {LORA: ONE}), True),
    Row("a VAE as --model", "generate", file_of("x.safetensors", lambda: vae(tiny("sd1.5").vae)), True),
    Row("a text encoder as --model", "generate", file_of("x.safetensors", lambda: clip(tiny("sd1.5").text_encoder)), True),
    Row(
        "a U-Net alone, ComfyUI's",
        "generate",
        file_of("x.safetensors", lambda: under(single_file.UNET, unet(tiny("sdxl").unet))),
        True,
    ),
    Row("FLUX's transformer", "generate", file_of("x.safetensors", lambda: {FLUX: ONE}), True),
    Row("SDXL's refiner", "generate", file_of("x.safetensors", lambda: {REFINER: ONE}), True),
    Row("a textual inversion as --model", "generate", file_of("x.safetensors", lambda: {"emb_params": ONE}), True),
    Row("a mistyped directory", "generate", missing("{folder}/modle"), True),
    Row("a hub id, offline, not in the cache", "generate", missing("nobody/nothing"), True),
]


def main() -> int:
    """Print the table; return 1 where something is not as it should be."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    faults = 0
    print("| layout | command | result | difference |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as work:
        configs = Path(work) / "configs"
        configs.mkdir()
        for kind in WIDTHS:
            (configs / f"{kind}.json").write_text(json.dumps(tiny_configs(kind)))
        single_file.CONFIGS = configs
        single_file.KINDS = dict(zip(single_file.KINDS, TINY_KINDS, strict=True))
        single_file.SD2_PIXELS = dict.fromkeys(single_file.SD2_PIXELS, 16)
        for number, row in enumerate(ROWS):
            folder = Path(work) / str(number)
            folder.mkdir()
            try:
                difference = row.difference(folder)
            except InputError as e:
                faults += not row.refused
                print(f"| {row.layout} | {row.command} | refused, `{e.rule}` | |", flush=True)
                continue
            faults += row.refused or difference > TOLERANCE
            print(f"| {row.layout} | {row.command} | equal | {difference:.0e} |", flush=True)
    print(f"{len(ROWS)} rows, {faults} faults", file=sys.stderr)
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
