"""Bundled directories generate by diffusers' plain from_pretrained, what the reference CLIP recognizes; they stay small."""

from __future__ import annotations

import importlib
import zlib
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

from bundled_training.evaluate.renders import Renders, held_out
from bundled_training.evaluate.samples import seen
from bundled_training.render.bank import bank
from synoptic.controlnet.annotators.canny import canny
from synoptic.controlnet.annotators.normal import normal_map
from synoptic.controlnet.annotators.scribble import scribble
from synoptic.metrics.clip import Clip
from synoptic.metrics.edges import edge_f1, matched_fraction
from synoptic.models.checkpoint import BUNDLED_DIR

diffusers: Any = importlib.import_module("diffusers")
PROMPTS = ["a photo of a castle at night", "a 3d render of a red mug, side view", "a photo of desert dunes"]


def plain(name: str) -> Any:
    """The pipeline with no argument but its place, as anybody loads one."""
    pipe = diffusers.DiffusionPipeline.from_pretrained(BUNDLED_DIR / name)
    pipe.set_progress_bar_config(disable=True)
    assert {p.dtype for p in pipe.unet.parameters()} == {torch.float32}
    return pipe


@pytest.mark.slow
@pytest.mark.parametrize(("name", "side", "scale"), [("sd", 256, 3.0), ("if", 64, 5.0)])
def test_prompts_are_painted(name, side, scale):
    rng = torch.Generator().manual_seed(0)
    pictures = plain(name)(PROMPTS, num_inference_steps=10, guidance_scale=scale, generator=rng, output_type="pt").images
    pictures = torch.as_tensor(pictures).float()
    assert pictures.shape == (3, 3, side, side)
    reference_clip = Clip("bundled", "cpu")
    small = pictures if name == "sd" else pictures / 2 + 0.5  # IFPipeline leaves tensors in [-1, 1]
    assert (seen(reference_clip, small.clamp(0, 1)) @ reference_clip.encode_texts(PROMPTS).T).argmax(1).tolist() == [0, 1, 2]


@pytest.mark.slow
def test_a_small_picture_is_enlarged():
    specs = held_out(4, 3)
    real = Renders(torch.device("cpu"))(specs, 256, 0)[..., 64:192, 64:192]
    small = F.interpolate(real, scale_factor=0.25, mode="area")
    settings = {"image": small * 2 - 1, "height": 128, "width": 128, "num_inference_steps": 20, "noise_level": 0}
    rngs = [torch.Generator().manual_seed(k) for k in range(4)]
    prompts = [spec.caption for spec in specs]
    large = plain("if-ii")(prompts, **settings, guidance_scale=1.0, generator=rngs, output_type="pt").images / 2 + 0.5
    bicubic = F.interpolate(small, (128, 128), mode="bicubic")
    assert large.shape == (4, 3, 128, 128)
    errors, plain_errors = ((x - real).square().mean((1, 2, 3)) for x in (large, bicubic))
    assert (errors / plain_errors).log().mean().exp() < 0.5


@pytest.fixture(scope="module")
def renders() -> tuple[Tensor, list[str], Tensor]:
    return bank(4, 256, "cpu", seed=31, held_out=True, depth=True)


def painted(pipe: Any, captions: list[str], *given: Any) -> Tensor:
    pipe.set_progress_bar_config(disable=True)
    rngs = [torch.Generator().manual_seed(k) for k in range(4)]
    how: dict[str, Any] = {"num_inference_steps": 8, "guidance_scale": 3.0, "output_type": "pt", "generator": rngs}
    return pipe(captions, *given, **how).images * 2 - 1


@pytest.fixture(scope="module")
def unguided(renders) -> Tensor:
    """What the captions alone paint."""
    return painted(plain("sd"), renders[1])


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "draw"), [("canny", canny), ("scribble", scribble), ("depth", None), ("normal", None)])
def test_maps_are_followed_in_diffusers_own_pipeline(kind, draw, renders, unguided):
    x, captions, depths = renders
    near = depths.expand(-1, 3, -1, -1).float() / 255
    wanted = draw(x.float() / 127.5 - 1) if draw else {"depth": near, "normal": normal_map(near)}[kind]
    own = diffusers.ControlNetModel.from_pretrained(BUNDLED_DIR / f"control-{kind}")
    pipe = diffusers.StableDiffusionControlNetPipeline.from_pretrained(
        BUNDLED_DIR / "sd", controlnet=own, safety_checker=None
    )

    def followed(pictures: Tensor) -> float:
        if draw:
            return edge_f1(draw(pictures)[:, :1], wanted[:, :1]).mean().item()
        return matched_fraction(canny(near * 2 - 1)[:, :1], canny(pictures)[:, :1], 2).mean().item()

    assert followed(painted(pipe, captions, wanted)) > followed(unguided) + 0.15


@pytest.mark.slow
def test_all_of_it_is_small():
    files = list(BUNDLED_DIR.rglob("*.safetensors"))
    packed = sum(len(zlib.compress(path.read_bytes(), 6)) for path in files)
    assert packed < 98e6  # a wheel, which is to be 100 MB at most, holds another MB
    assert all(x.dtype == torch.float16 for path in files for x in load_file(path).values() if x.is_floating_point())
