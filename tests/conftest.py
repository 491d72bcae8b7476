"""The bundled models and the reference CLIP, loaded once for all tests, and fixed pictures.

Fixtures import what they use: the process that hands out the tests reads this file too, and needs no torch.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from PIL import Image

    from synoptic.metrics.clip import Clip
    from synoptic.models.base import Denoiser, PretrainedModel
    from synoptic.models.checkpoint import Checkpoint

CACHE = tempfile.TemporaryDirectory(prefix="synoptic-tests-")  # what is measured here stays here
os.environ["XDG_CACHE_HOME"] = CACHE.name

gc.disable()  # until all is imported: a look through a million objects that stay takes a second, and there were twenty


FIRST = (  # files whose tests take longest, or share what takes long to make
    "bundled_training/test_train.py",
    "studio/test_applications.py",
    "studio/test_restored_in_browser.py",
    "studio/test_load.py",
    "nerf/test_scene.py",
    "jobs/test_batch.py",
    "models/test_real_models.py",
    "models/test_address_space.py",
    "pipelines/test_transformer_applications.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest first: processes that take tests from one another then end together, and share what is made once."""
    order = {Path(__file__).parent / name: place for place, name in enumerate(FIRST)}
    items.sort(key=lambda item: order.get(item.path, len(order)))


def pytest_collection_finish() -> None:
    """Collect garbage again, but never among what was imported."""
    gc.freeze()
    gc.enable()


_internal_errors: list[str] = []


def pytest_internalerror(excrepr: object) -> None:
    """Keep what went wrong in pytest itself, in a test process too."""
    _internal_errors.append(str(excrepr))


def pytest_unconfigure() -> None:
    """Print the end of the first such error last: xdist's own, that a test process is gone, hides it in long logs."""
    if _internal_errors:
        print("The first internal error:", _internal_errors[0][-1000:], sep="\n", file=sys.stderr)


class Kept(dict[tuple[object, ...], "PretrainedModel"]):
    """The last models that a test process loaded, where a program keeps one."""

    def clear(self) -> None:
        while len(self) > 2:
            del self[next(iter(self))]


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Compute on one thread: two processes share two cores, and threads that wait for one another cost ten times more."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def kept_models() -> Iterator[None]:
    """Let runs find the models and the reference CLIP of the tests before them."""
    from synoptic.metrics import clip
    from synoptic.models import components, load_once
    from synoptic.models.checkpoint import BUNDLED_DIR

    networks: dict[tuple[object, ...], Any] = {}

    def load_network(name: str, checkpoint: Checkpoint, *how: Any) -> Any:
        if not checkpoint.path_or_repo.startswith(str(BUNDLED_DIR)):
            return components.load_network(name, checkpoint, *how)
        key = (name, checkpoint.path_or_repo, *how)
        if key not in networks:
            networks[key] = components.load_network(name, checkpoint, *how)
        return networks[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(load_once, "_kept", Kept())
        patch.setattr(clip, "load_network", load_network)
        yield


def loaded(name: str, dtype: str) -> Denoiser:
    from synoptic.models.load import load

    return load(name, device="cpu", dtype=dtype)


@pytest.fixture(scope="session")
def sd32() -> Denoiser:
    return loaded("bundled", "float32")


@pytest.fixture(scope="session")
def sd64() -> Denoiser:
    return loaded("bundled", "float64")


@pytest.fixture(scope="session")
def pixel64() -> Denoiser:
    """Its schedule begins at alpha = 5e-5, where x0 of a given eps wants more than float32."""
    return loaded("bundled-if", "float64")


@pytest.fixture(scope="session")
def pixel32() -> Denoiser:
    return loaded("bundled-if", "float32")


@pytest.fixture(scope="session")
def clip_model() -> Clip:
    from synoptic.metrics.clip import Clip

    return Clip("bundled", device="cpu")


@pytest.fixture(scope="session")
def blobs() -> list[Image.Image]:
    """Eight soft color fields of 64×64, all different."""
    import torch

    from synoptic.io import to_pil

    coarse = torch.rand(8, 3, 5, 5, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return to_pil(torch.nn.functional.interpolate(coarse, size=64, mode="bicubic"))


@pytest.fixture
def coarse_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    """Export finished objects from coarse grids, few views and few frames: the same files in a tenth of the time."""
    from synoptic.mesh.baked_field import BakedField
    from synoptic.mesh.marching_cubes import _spread_cameras, agreement, extract_mesh

    monkeypatch.setattr("synoptic.mesh.marching_cubes._spread_cameras", lambda n, turned: _spread_cameras(min(n, 4), turned))
    monkeypatch.setattr("synoptic.mesh.turntable_frames.BakedField", partial(BakedField, side=32))
    monkeypatch.setattr("synoptic.mesh.marching_cubes.extract_mesh", partial(extract_mesh, grid=32, texture=64, views=2))
    monkeypatch.setattr("synoptic.mesh.marching_cubes.agreement", partial(agreement, side=16))
    monkeypatch.setattr("synoptic.mesh.painted_sides.FRAMES", 4)


@pytest.fixture(scope="session")
def ask() -> Callable[[list[list[str]]], list[Any]]:
    """Command lines that exit -> (exit code, error stream, whether torch was imported) of each, from one fresh process."""

    def answers(argv: list[list[str]]) -> list[Any]:
        call = [sys.executable, "-c", SCRIPT]
        return json.loads(subprocess.run(call, input=json.dumps(argv), capture_output=True, text=True, check=True).stdout)

    return answers


@pytest.fixture(scope="session")
def tiny_x4(tmp_path_factory) -> Path:
    """A random x4 upscaler in the released one's format."""
    import torch
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    from synoptic.models.checkpoint import BUNDLED_DIR

    diffusers: Any = importlib.import_module("diffusers")  # its lazy names and annotations are not for type checkers
    torch.manual_seed(0)
    words = {"vocab_size": 1189, "max_position_embeddings": 48, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
    tower = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    text: Any = CLIPTextConfig
    kinds = {
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
    }
    size = {"block_out_channels": (8, 16), "layers_per_block": 1, "norm_num_groups": 8, "attention_head_dim": 8}
    blocks = {"down_block_types": ("DownEncoderBlock2D",) * 3, "up_block_types": ("UpDecoderBlock2D",) * 3}
    betas = {"beta_start": 0.0001, "beta_end": 0.02, "beta_schedule": "scaled_linear"}
    pipe = diffusers.StableDiffusionUpscalePipeline(
        vae=diffusers.AutoencoderKL(**blocks, block_out_channels=(8,) * 3, norm_num_groups=4, scaling_factor=0.08333),
        text_encoder=CLIPTextModel(text(**tower, **words)),
        tokenizer=CLIPTokenizer.from_pretrained(BUNDLED_DIR / "sd/tokenizer"),
        unet=diffusers.UNet2DConditionModel(
            **kinds, **size, sample_size=16, in_channels=7, cross_attention_dim=32, num_class_embeds=1000
        ),
        low_res_scheduler=diffusers.DDPMScheduler(beta_schedule="squaredcos_cap_v2"),
        scheduler=diffusers.DDIMScheduler(
            **betas, prediction_type="v_prediction", clip_sample=False, set_alpha_to_one=False, steps_offset=1
        ),
        max_noise_level=350,
    )
    folder = tmp_path_factory.mktemp("x4")
    pipe.save_pretrained(folder, safe_serialization=True)
    return folder


SCRIPT = """
import io, json, sys
from contextlib import redirect_stderr, redirect_stdout
from synoptic import cli
answers = []
for argv in json.load(sys.stdin):
    sys.argv, err = ["synoptic", *argv], io.StringIO()
    try:
        with redirect_stderr(err), redirect_stdout(io.StringIO()):
            cli.main()
    except SystemExit as e:
        answers.append((e.code, err.getvalue(), "torch" in sys.modules))
json.dump(answers, sys.stdout)
"""


@pytest.fixture(scope="session")
def tiny_sd(tmp_path_factory) -> Path:
    return tiny_builder("tiny_sd")(tmp_path_factory.mktemp("sd"))


@pytest.fixture(scope="session")
def tiny_sdxl(tmp_path_factory) -> Path:
    return tiny_builder("tiny_sdxl")(tmp_path_factory.mktemp("sdxl"))


def tiny_builder(name: str) -> Callable[..., Path]:
    """Return one of tests/tiny.py, which imports diffusers' pipelines."""
    return getattr(importlib.import_module("tests.tiny"), name)


FLOWS: dict[str, tuple[str, dict[str, Any]]] = {
    "sd3": ("tiny_sd3", {}),
    "sd3-large": ("tiny_sd3", {"side": 24}),
    "flux-dev": ("tiny_flux", {}),
    "flux-dev-large": ("tiny_flux", {"side": 24}),
    "flux-dev-odd": ("tiny_flux", {"side": 22}),
    "z-image": ("tiny_z_image", {}),
    "z-image-large": ("tiny_z_image", {"side": 24}),
    "qwen-image": ("tiny_qwen_image", {}),
    "qwen-image-large": ("tiny_qwen_image", {"side": 24}),
    "qwen-image-odd": ("tiny_qwen_image", {"side": 22}),
    "sana": ("tiny_sana", {}),
    "sana-large": ("tiny_sana", {"side": 48}),
    "klein": ("tiny_klein", {}),
    "klein-large": ("tiny_klein", {"side": 24}),
    "klein-odd": ("tiny_klein", {"side": 22}),
    "klein-distilled": ("tiny_klein", {"is_distilled": True}),
    "pixart": ("tiny_pixart", {}),
    "pixart-large": ("tiny_pixart", {"side": 24}),
    "flux-schnell": ("tiny_flux", {"guidance_embeds": False}),
}


@pytest.fixture(scope="session")
def flow_folder(tmp_path_factory) -> Callable[[str], Path]:
    """The directory of a random flow transformer, one of FLOWS; saved when it is asked for."""
    root = tmp_path_factory.mktemp("flows")

    def folder(name: str) -> Path:
        build, how = FLOWS[name]
        return root / name if (root / name).exists() else tiny_builder(build)(root / name, **how)

    return folder


@pytest.fixture(scope="session")
def flow_model(flow_folder) -> Callable[[str], Any]:
    """A random flow transformer in float32, by its name in FLOWS."""
    return cache(lambda name: loaded(str(flow_folder(name)), "float32"))
