"""SDEdit: diffusers' image-to-image pipelines from the same noise, the tail of any loop, and canvases of any size."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
import torch

from synoptic.diffusion.equations import add_noise, randn
from synoptic.diffusion.solvers import ancestral_solver
from synoptic.guidance.cfg import cfg
from synoptic.models.checkpoint import BUNDLED_DIR
from synoptic.models.load import load
from synoptic.sampling.joint import canonical, joint_predict
from synoptic.sampling.sdedit import sdedit, start_index
from synoptic.sampling.single import sample
from synoptic.views.windows import Windows
from tests.exact import SHAPE, WINDOW, Mixture, ddpm, generators, normal

diffusers: Any = importlib.import_module("diffusers")
PROMPTS = ["an oil painting of a horse", "a photo of a dog"]


def baseline(kind: str, directory: str) -> Any:
    pipe = getattr(diffusers, kind).from_pretrained(BUNDLED_DIR / directory, local_files_only=True)
    free = {"clip_sample": False, "thresholding": False}
    pipe.scheduler = diffusers.DDIMScheduler.from_config(pipe.scheduler.config, **free)
    pipe.scheduler.register_to_config(variance_type="fixed_small")
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.mark.slow
@pytest.mark.parametrize("strength", [0.3, 1.0])
@pytest.mark.parametrize(
    ("kind", "directory", "how"),
    [
        ("StableDiffusionImg2ImgPipeline", "sd", {"output_type": "latent"}),
        ("IFImg2ImgPipeline", "if", {"output_type": "pt", "clean_caption": False}),
    ],
)
def test_sdedit_equals_image_to_image(kind, directory, how, strength, tiny_sd, pixel32):
    """By a random model of four channels: diffusers' pipeline takes latents for latents where they have as many."""
    directory = str(tiny_sd) if directory == "sd" else directory
    model = pixel32 if directory == "if" else load(directory, device="cpu", dtype="float32")
    x0 = 0.5 * randn(model.shape, generators(2)).cumsum(-1).tanh()
    given = {"num_inference_steps": 4, "guidance_scale": 2.5, "strength": strength, "generator": generators(2)}
    theirs = baseline(kind, directory)(PROMPTS, image=x0, **given, **how).images
    s = model.schedule
    edit = sdedit(cfg(model, PROMPTS, 2.5), s, x0, steps=s.steps(4), start=start_index(strength, 4), rngs=generators(2))
    *_, last = edit
    assert theirs.std() > 0.1
    assert (last.x - theirs).abs().max() <= 1e-4


def test_the_tail_of_a_loop_and_its_resuming():
    s, x0, rngs = ddpm(), normal(2, *SHAPE), generators()
    how = {"steps": s.steps(8), "solver": ancestral_solver()}
    whole, states = [], []
    for step in sdedit(Mixture(s), s, x0, start=3, rngs=rngs, **how):
        whole.append(step)
        states.append([rng.get_state() for rng in rngs])
    assert [step.i for step in whole] == [3, 4, 5, 6, 7]
    for rng, state in zip(rngs, states[1], strict=True):
        rng.set_state(state)
    rest = list(sample(Mixture(s), s, whole[1].x, start=5, rngs=rngs, **how))
    assert all(torch.equal(a.x, b.x) for a, b in zip(whole[2:], rest, strict=True))


@pytest.mark.parametrize("sync", ["x0", "eps"])
def test_a_canvas_is_edited_as_canonical_denoises_it(sync):
    views, s = Windows((2, 11, 17), WINDOW, (4, 5), circular=True), ddpm()
    z0, steps = normal(2, *views.canvas), s.steps(8)
    z = add_noise(s, z0, randn(views.canvas, generators(), z0), steps[3][0])
    edit = sdedit(joint_predict(Mixture(s), s, views, sync), s, z0, steps=steps, start=3, rngs=generators())
    for a, b in zip(edit, canonical(Mixture(s), s, views, z, steps=steps, start=3, sync=sync), strict=True):
        assert a.i == b.i and torch.equal(a.x, b.x) and torch.equal(a.x0, b.x0)


def test_the_later_the_start_the_closer_to_the_picture():
    s, x0 = ddpm(), normal(2, *SHAPE)
    ends = [list(sdedit(Mixture(s), s, x0, steps=s.steps(12), start=k, rngs=generators()))[-1].x for k in (0, 4, 8, 11)]
    away = [(end - x0).norm().item() for end in ends]
    assert away == sorted(away, reverse=True) and away[-1] < 0.2 * away[0]


def test_strength_is_diffusers():
    pipe = baseline("StableDiffusionImg2ImgPipeline", "sd")
    for n in (5, 25, 50):
        pipe.scheduler.set_timesteps(n)
        for strength in (0.2, 0.35, 0.5, 0.8, 1.0):
            assert n - start_index(strength, n) == pipe.get_timesteps(n, strength, "cpu")[1]
    assert start_index(0.01, 5) == 4


def test_errors():
    s = ddpm()
    for start in (-1, 5):
        with pytest.raises(ValueError, match=f"start must be the index of a step, 0 to 4, not {start}"):
            sdedit(Mixture(s), s, normal(1, *SHAPE), steps=s.steps(5), start=start, rngs=generators(1))
    for strength in (0.0, 1.1):
        with pytest.raises(ValueError, match=f"strength must be above 0 and at most 1, not {strength}"):
            start_index(strength, 5)
    with pytest.raises(ValueError, match="by sync 'eps' or 'x0', not 'xt'"):
        joint_predict(Mixture(s), s, Windows(SHAPE, WINDOW, WINDOW), "xt")
