"""Condition maps: each says of a picture what its name promises."""

from __future__ import annotations

import importlib
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from bundled_training.render.bank import bank
from bundled_training.train.depth import correlation, stretched
from synoptic.controlnet.annotators.canny import canny
from synoptic.controlnet.annotators.depth import DepthEstimator
from synoptic.controlnet.annotators.normal import RELIEF, normal_map
from synoptic.controlnet.annotators.scribble import scribble
from synoptic.controlnet.annotators.segment import segment
from synoptic.errors import InputError
from synoptic.models.checkpoint import BUNDLED_DIR
from synoptic.models.registry import resolve_depth_model

transformers: Any = importlib.import_module("transformers")


def square() -> torch.Tensor:
    """A white square of 32 pixels on black, of 64, its edge a gray pixel."""
    x = -torch.ones(1, 3, 64, 64)
    x[..., 15:49, 15:49] = 0
    x[..., 16:48, 16:48] = 1
    return x


def test_canny_draws_the_outline_one_pixel_wide():
    edges = canny(square())
    assert edges.shape == (1, 3, 64, 64) and set(edges.unique().tolist()) == {0.0, 1.0}
    near = torch.zeros(64, 64, dtype=torch.bool)
    near[14:50, 14:50] = True
    near[17:47, 17:47] = False
    assert not edges[0, 0][~near].any()
    assert (edges[0, 0, 20:44].sum(1) == 2).all() and (edges[0, 0, :, 20:44].sum(0) == 2).all()


def test_scribbles_are_thick_and_leave_out_what_is_fine():
    x = square()
    x[..., 4:60:4, 4:8:2] = 0.2  # a pattern of single pixels
    strokes = scribble(x)
    assert strokes[0, 0, 20:44, 10:].sum(1).ge(6).all()
    assert not strokes[..., :8].any() and canny(x)[..., :8].any()


def test_segments_have_their_mean_colours():
    x = square() + 0.05 * torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    flat = segment(x)
    inside, outside = flat[0, :, 20:44, 20:44].flatten(1), flat[0, :, :10].flatten(1)
    assert len(inside.unique(dim=1).T) == 1 and len(outside.unique(dim=1).T) == 1
    expected = (x[0, :, 16:48, 16:48].mean((1, 2)) + 1) / 2
    torch.testing.assert_close(inside[:, 0], expected, atol=0.03, rtol=0)


@pytest.mark.parametrize("side", [64, 256])
def test_normals_of_a_slope_are_alike_at_every_size(side):
    slope = torch.linspace(0.2, 1, side).expand(1, 3, side, side)
    rise = RELIEF * 0.8 * side / (side - 1)
    seen = normal_map(slope)[0, :, side // 8 : -side // 8, side // 8 : -side // 8].mean((1, 2))
    expected = torch.tensor([rise, 0, 1]) / math.hypot(rise, 1) / 2 + 0.5
    torch.testing.assert_close(seen, expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(normal_map(slope.mT), normal_map(slope).mT[:, [1, 0, 2]])


@pytest.mark.parametrize("bits", [8, 24])
def test_normals_of_a_balls_depth_are_the_balls(bits):
    """A ball that fills the picture, as deep as a map of RELIEF says: within 2 degrees, of maps of 8 bits 6."""
    across = torch.linspace(-1, 1, 256)
    down, right = torch.meshgrid(across, across, indexing="ij")
    radius, inside = 2 * RELIEF, 0.9
    front = (radius**2 - down**2 - right**2).clamp(min=0).sqrt()
    true = torch.stack([-right, -down, front]) / radius
    depth = 1 + (front - radius) / (2 * RELIEF)  # a side is 2, RELIEF of it the whole range
    steps = 2**bits - 1
    seen = 2 * normal_map((depth * steps).round().div(steps).expand(1, 3, -1, -1))[0] - 1
    angle = torch.rad2deg((seen * true).sum(0).clamp(-1, 1).acos())
    assert angle[(down**2 + right**2) < inside**2].max() < (6 if bits == 8 else 2)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """A random depth model in transformers' format."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 28, "patch_size": 14}
    backbone = transformers.Dinov2Config(**sizes, out_indices=[1, 2], apply_layernorm=True, reshape_hidden_states=False)
    neck = {"neck_hidden_sizes": [8, 8], "reassemble_factors": [1, 0.5], "fusion_hidden_size": 8}
    config = transformers.DepthAnythingConfig(
        backbone_config=backbone, **neck, reassemble_hidden_size=16, head_hidden_size=8, patch_size=14
    )
    folder = tmp_path_factory.mktemp("depth")
    transformers.DepthAnythingForDepthEstimation(config).save_pretrained(folder)
    size = {"height": 28, "width": 28}
    transformers.DPTImageProcessor(size=size, ensure_multiple_of=14, keep_aspect_ratio=True).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("sides", [(64, 512), (6, 90), (1, 1)])
def test_depth_is_found_of_small_and_narrow_pictures(sides):
    depth = DepthEstimator(resolve_depth_model("bundled"))
    near = depth(torch.linspace(-1, 1, sides[1]).expand(1, 3, *sides))
    assert near.shape == (1, 3, *sides) and near.isfinite().all() and 0 <= near.min() <= near.max() <= 1


def test_depth_is_what_the_model_says_stretched(model):
    depth = DepthEstimator(resolve_depth_model(str(model)))
    x = torch.rand(1, 3, 56, 84, generator=torch.Generator().manual_seed(1)) * 2 - 1
    near = depth(x)
    assert near.shape == x.shape and near.amin() == 0 and near.amax() == 1
    said = depth.model(**depth.processor(images=[(x[0] + 1) / 2], do_rescale=False, return_tensors="pt")).predicted_depth
    assert said.shape == (1, 28, 42)
    small = torch.nn.functional.interpolate(near[:, :1], (28, 42), mode="area")
    assert torch.corrcoef(torch.stack([small.flatten(), said.flatten()]))[0, 1] > 0.95


def test_models_that_say_how_far_are_turned_round(model):
    near, far = (DepthEstimator(resolve_depth_model(str(model))) for _ in range(2))
    x = torch.rand(1, 3, 56, 56) * 2 - 1
    near.model.forward = far.model.forward = lambda **_: Said(torch.arange(1.0, 17.0).view(1, 4, 4))
    far.power = -1
    assert near(x)[0, 0, 0, 0] < near(x)[0, 0, -1, -1]
    assert far(x)[0, 0, 0, 0] > far(x)[0, 0, -1, -1]


@pytest.mark.slow
def test_the_bundled_model_sees_what_is_near_in_renders_that_it_never_saw():
    pictures, _, depths = bank(24, 256, torch.device("cpu"), seed=11, held_out=True, depth=True)
    true = stretched(depths.float() / 255)
    x = pictures.float() / 127.5 - 1
    found = DepthEstimator(resolve_depth_model("bundled"))(x)
    assert found.shape == x.shape and torch.equal(found[:, 0], found[:, 2])
    seen = true.flatten(1).std(1) > 0.01  # a sky alone has no depth
    right = correlation(found[:, :1], true)[seen]
    assert right.mean() > 0.8, right
    assert correlation(found[:, :1], true.roll(1, 0))[seen].mean() < 0.5 * right.mean()


@pytest.mark.parametrize("width", [128, 192])
def test_the_bundled_model_is_transformers_own(width):
    model = transformers.DPTForDepthEstimation.from_pretrained(BUNDLED_DIR / "depth", dtype=torch.float32).eval()
    x = (square().repeat(1, 1, 2, 3)[..., :width] * 127.5 + 127.5).round() / 127.5 - 1  # as a picture's bytes are
    with torch.no_grad():
        near = model(x).predicted_depth[:, None]
    near = (near - near.amin()) / (near.amax() - near.amin())
    found = DepthEstimator(resolve_depth_model("bundled"))(x)
    torch.testing.assert_close(found[:, :1], near, atol=1e-4, rtol=0)


METRES: dict[str, dict[str, Any]] = {
    "GLPN": {"hidden_sizes": [8] * 4, "num_attention_heads": [1] * 4, "decoder_hidden_size": 8},
    "ZoeDepth": {
        "backbone_config": {
            "model_type": "beit", "hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2, "image_size": 32,
            "out_features": ["stage1", "stage2", "stage3", "stage4"], "reshape_hidden_states": False,
        },
        "neck_hidden_sizes": [8] * 4, "fusion_hidden_size": 8, "bottleneck_features": 8, "bin_embedding_dim": 8,
        "num_attractors": [2, 2, 2, 1], "bin_configurations": [{"n_bins": 8, "min_depth": 1e-3, "max_depth": 10.0}],
    },
}  # fmt: skip


@pytest.mark.parametrize("kind", METRES)
def test_models_that_predict_metres_are_known_by_their_type(kind, tmp_path):
    config = getattr(transformers, f"{kind}Config")(**METRES[kind])
    getattr(transformers, f"{kind}ForDepthEstimation")(config).save_pretrained(tmp_path)
    getattr(transformers, f"{kind}ImageProcessor")().save_pretrained(tmp_path)
    assert DepthEstimator(resolve_depth_model(str(tmp_path))).power == -1


def test_what_is_flat_stays_flat_where_a_map_is_enlarged(model):
    depth, block = DepthEstimator(resolve_depth_model(str(model))), torch.zeros(1, 8, 8)
    block[:, 2:6, 2:6] = 1
    depth.model.forward = lambda **_: Said(block)
    near = depth(torch.rand(1, 3, 56, 56) * 2 - 1)
    assert (near[..., :7, 24:32] == 0).all() and near[..., 24:32, 24:32].amin() > 1 - 1e-6


class Said:
    def __init__(self, predicted_depth: torch.Tensor) -> None:
        self.predicted_depth = predicted_depth


def test_what_is_no_depth_model_is_refused():
    with pytest.raises(InputError, match="must be one of transformers'"):
        resolve_depth_model(str(BUNDLED_DIR / "clip"))
