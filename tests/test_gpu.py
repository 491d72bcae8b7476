"""What only a GPU can show. Off by default: pytest -m gpu"""

import json
import subprocess
from typing import Any, cast

import pytest
import torch
from diffusers.models.attention_processor import AttnProcessor2_0
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from torch.profiler import ProfilerActivity, profile

import synoptic
from synoptic.diffusion.equations import randn
from synoptic.guidance.cfg import cfg
from synoptic.jobs.records import read_record
from synoptic.models.latent import LatentDenoiser, LatentSpace
from synoptic.models.load import load
from synoptic.nerf.encoding import HashGrid
from synoptic.nerf.serialization import blob_scene
from synoptic.sampling.joint import canonical
from synoptic.views.windows import Windows

pytestmark = pytest.mark.gpu
VIEWS = Windows((8, 32, 96), (32, 32), (8, 8))


def paint(model, rows=None, steps=5):
    predict = cfg(model, ["a photo of snowy mountains"], 5.0, max_rows=rows)
    z = randn(VIEWS.canvas, [torch.Generator().manual_seed(0)]).to(model.device)
    for step in canonical(predict, model.schedule, VIEWS, z, steps=model.schedule.steps(steps)):
        z = step.x
    return z.cpu()


def test_auto_is_half_precision_on_the_gpu():
    model = load("bundled")
    assert model.device.type == "cuda" and model.dtype == torch.float16
    assert (paint(model) - paint(load("bundled", device="cpu", dtype="float32"))).abs().max() < 0.2


def test_a_run_says_by_its_own_name_which_gpu_it_was_on(tmp_path):
    run = synoptic.run("generate", "a lake", model="bundled", upscalers="none", steps=1, out=str(tmp_path))
    gpu = json.loads((run.folder / "run.json").read_text())["gpu"]
    assert gpu and gpu in subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=True).stdout
    assert read_record(lambda name: (run.folder / name).read_text()).device == f"cuda:0 float16 {gpu}"


def test_float32_equals_the_cpu():
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    gpu, cpu = (paint(load("bundled", device=device, dtype="float32")) for device in ("cuda", "cpu"))
    assert (gpu - cpu).abs().max() < 1e-3


def test_out_of_memory_halves_the_rows_and_keeps_the_result():
    model = load("bundled", dtype="float32")
    free = paint(model)
    torch.cuda.empty_cache()
    total = torch.cuda.mem_get_info()[1]
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_allocated() + 120 * 2**20) / total)
    try:
        tight = paint(model, rows=1000)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert (free - tight).abs().max() < 1e-3


def test_few_rows_of_a_compiled_network_are_a_graph_whose_answers_stay():
    eager, compiled = (load("bundled", dtype="float32", compile=compile) for compile in (False, True))
    cond = eager.embed(["a photo of snowy mountains", ""])
    x = [randn(eager.shape, [torch.Generator().manual_seed(k)]).to(eager.device).expand(2, -1, -1, -1) for k in range(4)]
    answers = [compiled.predict(some, 500 - 100 * k, cond).eps for k, some in enumerate(x)]
    for k, (some, answer) in enumerate(zip(x, answers, strict=True)):
        assert (answer - eager.predict(some, 500 - 100 * k, cond).eps).abs().max() < 1e-2


def test_the_encoder_is_a_graph_with_the_same_gradients_also_of_two_pictures_at_once():
    eager, compiled = (load("bundled", dtype="float32", compile=compile) for compile in (False, True))
    rng = torch.Generator().manual_seed(0)
    images = [torch.rand(1, 3, 256, 256, generator=rng).cuda().requires_grad_() for _ in range(2)]

    def gradients(model, at_once: bool) -> list[torch.Tensor]:
        codes = [model.encode(x) for x in images] if at_once else (model.encode(x) for x in images)
        return [torch.autograd.grad(code.square().sum(), x)[0] for code, x in zip(codes, images, strict=True)]

    right = gradients(eager, False)
    for at_once in (False, True):
        for a, b in zip(right, gradients(compiled, at_once), strict=True):
            assert (a - b).abs().max() < 1e-2 * a.abs().max()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_gradients_pass_the_encoders_attention_as_products_that_are_diffusers_attention(dtype):
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    torch.manual_seed(0)
    vae: Any = AutoencoderKL(block_out_channels=(512,), sample_size=64)
    vae.cuda()
    space = LatentSpace(vae, (4, 64, 64), torch.contiguous_format)
    ours, image = vae.attn_processors, torch.rand(1, 3, 64, 64, device="cuda")

    def there_and_back(dtype: torch.dtype) -> tuple[list[torch.Tensor], set[str]]:
        x = image.to(dtype).requires_grad_()
        with profile(activities=[ProfilerActivity.CPU]) as called:
            code = space.codec.encode(x)
            (gradient,) = torch.autograd.grad(code.float().square().sum(), x)
        return [code.detach().double(), gradient.double()], {row.key for row in called.key_averages()}

    vae.double().set_attn_processor(AttnProcessor2_0())
    exact, _ = there_and_back(torch.float64)
    vae.to(dtype)
    kernel, names = there_and_back(dtype)
    assert "aten::baddbmm" not in names
    vae.set_attn_processor(ours)
    products, names = there_and_back(dtype)
    assert "aten::baddbmm" in names and "aten::scaled_dot_product_attention" not in names
    for right, a, b in zip(exact, kernel, products, strict=True):
        assert (b - right).norm() < 1.5 * (a - right).norm() + 1e-6 * right.norm()


@pytest.mark.parametrize(("features", "levels"), [(2, 8), (2, 3), (4, 8)])
def test_a_hash_grid_by_kernels_is_the_one_by_gathers(features: int, levels: int):
    grid = HashGrid(features=features, rng=torch.Generator().manual_seed(0))
    for table in grid.tables:
        torch.nn.init.normal_(table)
    x = 2.2 * torch.rand(5000, 3, generator=torch.Generator().manual_seed(1)) - 1.1

    def there_and_back(device: str) -> list[torch.Tensor]:
        found = grid.to(device)(x.to(device), levels)
        slopes = torch.autograd.grad(found.sin().sum(), list(grid.tables), allow_unused=True)
        return [part.cpu() for part in (found.detach(), *slopes) if part is not None]

    gathers = there_and_back("cpu")
    kernels = there_and_back("cuda")
    assert kernels[0].shape == gathers[0].shape
    for right, found in zip(gathers, kernels, strict=False):
        assert torch.allclose(right, found, rtol=1e-4, atol=1e-5)
    assert all(not part.any() for part in kernels[len(gathers) :])


def test_a_scene_that_learns_is_graphs_with_the_same_renders_and_gradients(monkeypatch):
    scenes = [blob_scene("hash", torch.Generator().manual_seed(0)).cuda() for _ in range(2)]
    monkeypatch.setattr(scenes[0].graphed, "takes", lambda *given: False)
    kept = []
    for step in (0, 0, 40, 40):  # captured at the first, replayed at the next
        images, gradients = [], []
        for scene in scenes:
            scene.zero_grad()
            done = scene.render(scene.camera([torch.Generator().manual_seed(7)], step))
            (done.image.square().sum() + done.penalty).backward()
            images.append(done.image.detach())
            gradients.append([p.grad.clone() for p in scene.parameters() if p.grad is not None])
        assert (images[0] - images[1]).abs().max() < 1e-4
        for right, found in zip(*gradients, strict=True):
            assert (right - found).abs().max() <= 1e-3 * right.abs().max()
        kept.append((images[1], images[1].clone()))
    assert all(torch.equal(image, as_it_was) for image, as_it_was in kept)
    assert scenes[1].graphed.graphs and not scenes[0].graphed.graphs


def test_few_rows_of_a_network_are_a_graph_from_the_third_call_on_whose_answers_are_its_own():
    model, plain = (cast(LatentDenoiser, load("bundled", dtype="float16")) for _ in range(2))
    plain.unet.is_plain = False
    conds = [model.embed([prompt, ""]) for prompt in ("a photo of snowy mountains", "a cat")]
    kept = []
    for k in range(6):
        x = randn(model.shape, [torch.Generator().manual_seed(k)]).to(model.device).expand(2, -1, -1, -1)
        kept.append((model.predict(x, 900 - 100 * k, conds[k % 2]).eps, plain.predict(x, 900 - 100 * k, conds[k % 2]).eps))
    assert len(model.unet.graphed.graphs) == 1 and not plain.unet.graphed.graphs
    assert all((answer - right).abs().max() < 2e-3 for answer, right in kept)
