"""N views denoised together through the stages, on the bundled models (at a part of their size where nothing is rounded)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from synoptic.diffusion.equations import randn
from synoptic.diffusion.scheduler_classes import NOISY_SAMPLERS
from synoptic.diffusion.schedules import get_clip
from synoptic.guidance.cfg import cfg, equalize_norms
from synoptic.models.load import load_upscaler
from synoptic.models.upscaler import Upscaler
from synoptic.sampling.joint_sampler import JointSampler, prompts_per_view
from synoptic.sampling.multistage import upscale
from synoptic.sampling.single import sample
from synoptic.views.anagram import Anagram
from synoptic.views.decompositions import get_components
from synoptic.views.factorized import Factorized
from synoptic.views.pixel_space import PixelSpace
from synoptic.views.registry import get_view
from tests.labels import label
from tests.quick import quick_ones, slow_ones

HORSE, VILLAGE = PAIR = ["an oil painting of a horse", "an oil painting of a snowy mountain village"]
CANVAS, SMALL = (3, 32, 32), (3, 8, 8)
LEVEL = 50


@pytest.fixture(scope="module")
def stage() -> Upscaler:
    return load_upscaler(device="cpu", dtype="float32")


def rngs(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def views_of(*names: str, canvas: tuple[int, int, int] = CANVAS) -> Anagram:
    return Anagram(canvas, [get_view(name) for name in names])


def last(steps) -> Tensor:
    return list(steps)[-1].canvas


def joint(
    prompts: list[str],
    steps: int,
    scale: float = 1.0,
    negative: str = "",
    *,
    equalize_guidance: bool = False,
    **how: Any,
) -> JointSampler:
    predict_for = prompts_per_view(prompts, scale, negative, equalize_guidance=equalize_guidance)
    return JointSampler(predict_for, steps, **how)


def gap(a: Tensor, b: Tensor) -> float:
    assert a.shape == b.shape and a.std() > 0.05
    return (a - b).abs().max().item()


def pictures(n: int) -> Tensor:
    """n smooth small pictures in [-1, 1]."""
    return F.interpolate(randn((3, 4, 4), rngs(*range(n))).tanh(), SMALL[1:], mode="bicubic").clamp(-1, 1)


@pytest.mark.parametrize("space", slow_ones(["canonical", "instance"], ["instance"]))
def test_one_identity_view_is_the_plain_loop_bitwise(space, pixel32):
    s = pixel32.schedule
    predict = cfg(pixel32, [HORSE], 4.0, VILLAGE, clip=get_clip("auto", s))
    plain = last(sample(predict, s, randn(CANVAS, rngs(3)), steps=s.steps(3)))
    alone = joint([HORSE], 3, 4.0, VILLAGE, space=space)
    assert torch.equal(last(alone.sample(pixel32, views_of("identity"), rngs(3))), plain)


def test_the_last_step_is_the_canvas(pixel32):
    views, how = views_of("identity", "rotate_cw"), joint(PAIR, 2, space="instance", init="independent")
    x = how.init_noise(pixel32, views, rngs(0, 1))
    steps = list(how.steps(pixel32, views, x, rngs(0, 1)))
    painted = list(how.sample(pixel32, views, rngs(0, 1)))
    assert [step.x.shape[0] for step in painted] == [4, 4] and painted[-1].canvas_x0.shape[0] == 2
    assert torch.equal(painted[-1].canvas, views.unproject(steps[-1].x))


def test_independent_views_start_from_noise_of_their_own(pixel32, sd32):
    views, own = views_of("identity", "rotate_cw"), joint(PAIR, 1, space="instance", init="independent")
    x = own.init_noise(pixel32, views, rngs(0, 1))
    (first,) = rngs(1)
    expected = torch.stack([torch.randn(CANVAS, generator=first) for _ in range(2)])
    assert torch.equal(x[2:], expected), "picture by picture, view after view"
    shared = replace(own, init="shared").init_noise(pixel32, views, rngs(0, 1))
    assert torch.equal(shared[1], get_view("rotate_cw").view(shared[:1])[0])
    through = PixelSpace(views_of("identity", "rotate_cw", canvas=(3, 128, 128)), sd32.encode, sd32.decode)
    assert own.init_noise(sd32, through, rngs(0)).shape == (2, 8, 16, 16), "latents of the canvas, whatever the model's size"


@pytest.mark.slow
@pytest.mark.parametrize(
    "how",
    [{}, {"space": "instance", "init": "independent", "sampler": "ddpm"}],
    ids=["", "noisy"],
)
def test_a_picture_is_the_same_alone_or_with_others(how, pixel32):
    views, how = views_of("identity", "jigsaw"), joint(PAIR, 3, 4.0, equalize_guidance=True, **how)
    three = last(how.sample(pixel32, views, rngs(5, 6, 7)))
    assert gap(three[1:2], last(how.sample(pixel32, views, rngs(6)))) < 1e-4


def test_balanced_views_have_their_mean_strength():
    guidance = torch.randn(6, 3, 8, 8) * torch.tensor([1.0, 5, 2, 1, 1, 1])[:, None, None, None]
    norms = (guidance * equalize_norms(guidance, 3)).flatten(1).norm(dim=1).view(2, 3)
    wanted = guidance.flatten(1).norm(dim=1).view(2, 3).mean(1, keepdim=True).expand(2, 3)
    torch.testing.assert_close(norms, wanted)
    assert torch.equal(equalize_norms(guidance, 1), torch.ones(6, 1, 1, 1)), "a view alone keeps its strength"


@pytest.mark.slow
def test_balance_is_of_views_of_one_picture(pixel32):
    x = randn(CANVAS, rngs(0, 1, 2, 3))
    plain, balanced = (cfg(pixel32, PAIR * 2, 4.0, views_per_image=n) for n in (1, 2))
    null = cfg(pixel32, [""] * 4)(x, 500).eps
    guidance = (plain(x, 500).eps - null).flatten(1).norm(dim=1).view(2, 2)
    even = (balanced(x, 500).eps - null).flatten(1).norm(dim=1).view(2, 2)
    torch.testing.assert_close(even, guidance.mean(1, keepdim=True).expand(2, 2), rtol=1e-3, atol=1e-3)
    assert (even[0] - even[1]).abs().max() > 1e-3, "each picture has a mean of its own"


def test_one_identity_view_is_enlarged_as_a_picture_is(stage):
    z, s = pictures(1), stage.schedule
    (rng,) = rngs(2)
    noise, x = (randn((3, 32, 32), [rng]) for _ in range(2))
    predict = cfg(stage.denoiser_for(z, LEVEL, noise), [HORSE], 3.0, clip=get_clip("auto", s))
    plain = last(sample(predict, s, x, steps=s.steps(2)))
    alone = joint([HORSE], 2, 3.0)
    assert torch.equal(last(upscale(alone, stage, views_of("identity", canvas=SMALL), z, rngs(2), noise_level=LEVEL)), plain)


def test_each_view_is_conditioned_on_its_own_small_picture(stage):
    z, s, names = pictures(1), stage.schedule, ("identity", "rotate_cw", "negate")
    prompts = [*PAIR, "an oil painting of a dog"]
    views, apart = views_of(*names, canvas=SMALL), joint(prompts, 2, 3.0, sync="none", space="instance")
    (rng,) = rngs(2)
    noise, x = (randn((3, 32, 32), [rng]) for _ in range(2))
    alone = []
    for name, prompt in zip(names, prompts, strict=True):
        one = get_view(name)
        given = stage.denoiser_for(one.view(z), LEVEL, one.view(noise))
        predict = cfg(given, [prompt], 3.0, clip=get_clip("auto", s))
        alone.append(one.inverse_view(last(sample(predict, s, one.view(x), steps=s.steps(2)))))
    painted = last(upscale(apart, stage, views, z, rngs(2), noise_level=LEVEL))
    assert gap(painted, torch.cat(alone).mean(0, keepdim=True)) < 1e-4


def test_without_augmentation_no_noise_is_drawn_for_the_small_picture(stage):
    z, s = pictures(2), stage.schedule
    predict = cfg(stage.denoiser_for(z, LEVEL), [HORSE] * 2, 3.0, clip=get_clip("auto", s))
    plain = last(sample(predict, s, randn((3, 32, 32), rngs(2, 3)), steps=s.steps(2)))
    alone, views = joint([HORSE], 2, 3.0), views_of("identity", canvas=SMALL)
    bare = last(upscale(alone, stage, views, z, rngs(2, 3), noise_level=LEVEL, noise_augmentation=False))
    assert torch.equal(bare, plain)
    assert gap(last(upscale(alone, stage, views, z, rngs(2, 3), noise_level=LEVEL)), plain) > 0.01


def test_an_anagram_stays_one_picture_when_enlarged(stage):
    """What the views agreed on is a canvas, however each is conditioned: pictures k of a batch are as they are alone."""
    z, views = pictures(2), views_of("identity", "flip", canvas=SMALL)
    how = joint(PAIR, 2, 3.0)
    both = last(upscale(how, stage, views, z, rngs(0, 1), noise_level=LEVEL))
    assert both.shape == (2, 3, 32, 32)
    assert gap(both[1:], last(upscale(how, stage, views, z[1:], rngs(1), noise_level=LEVEL))) < 1e-4


@pytest.mark.parametrize("sampler", slow_ones(["ddim", "ddpm", "dpm++"], ["ddim", "ddpm"]))
def test_a_hybrid_is_enlarged_with_its_components(sampler, stage):
    views, how = Factorized((3, 16, 16), get_components("pass")), joint(PAIR, 2, 3.0, sampler=sampler)
    z = F.interpolate(pictures(1), (16, 16), mode="bilinear")
    x = last(upscale(how, stage, views, z, rngs(0), noise_level=LEVEL))
    assert x.shape == (1, 3, 64, 64) and torch.isfinite(x).all() and x.std() > 0.05


@pytest.mark.parametrize(
    "how",
    quick_ones(
        [{}, {"eta": 1.0, "sync": "eps"}, {"sync": "none", "space": "instance"}]
        + [{"sampler": name} for name in (*NOISY_SAMPLERS, "dpm++")],
        [{"eta": 1.0, "sync": "eps"}, {"sampler": "tcd"}, {"sync": "none", "space": "instance"}],
    ),
    ids=label,
)
def test_a_latent_upscaler_is_synchronized_in_pixels(how: dict[str, Any], tiny_x4):
    """Of any size, not only its own (64 pixels), and whatever the stages before it did."""
    x4 = load_upscaler(str(tiny_x4), device="cpu", dtype="float32")
    z, names = pictures(2), ("identity", "rotate_cw")
    joint_sampler = joint(PAIR, 2, 3.0, **how)
    steps = list(upscale(joint_sampler, x4, views_of(*names, canvas=SMALL), z, rngs(0, 1), noise_level=20))
    assert steps[0].x.shape == (4, 4, 8, 8), "latents, a row a view"
    assert steps[-1].canvas.shape == (2, 3, 32, 32) and torch.isfinite(steps[-1].x).all()
    one = last(upscale(joint_sampler, x4, views_of(*names, canvas=SMALL), z[1:], rngs(1), noise_level=20))
    assert (steps[-1].canvas[1:] - one).abs().max() < 1e-3


def test_views_of_a_latent_upscaler_agree(tiny_x4):
    x4 = load_upscaler(str(tiny_x4), device="cpu", dtype="float64")
    z, views = pictures(1).double(), views_of("identity", "rotate_cw", canvas=SMALL)
    fine = PixelSpace(views.scaled(4), x4.encode, x4.decode)
    synced, apart = (
        list(upscale(joint(PAIR, 2, 3.0, sync=sync, space="instance"), x4, views, z, rngs(0), noise_level=20))
        for sync in ("x0", "none")
    )

    def apart_by(steps) -> Tensor:
        with torch.no_grad():
            x0 = steps[-1].x0
            return (x4.decode(x0) - fine.inner.project(fine.unproject(x0))).square().mean()

    assert apart_by(synced) < apart_by(apart)
