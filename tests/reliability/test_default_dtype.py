"""Pictures do not depend on torch's default dtype, which libraries change for all threads while they load a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
import trimesh
from PIL import Image

import synoptic as syn
from synoptic.animate import animate
from synoptic.models.unet import guidance_embedding
from tests.drawings import hills
from tests.quick import quick_ones

PROMPT = "a photo of a lemon"
Given = dict[str, Any]


@contextmanager
def half_by_default() -> Iterator[None]:
    """As it is while another thread loads a network in half precision."""
    torch.set_default_dtype(torch.bfloat16)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


def rings() -> Image.Image:
    """Distances all around."""
    rows, columns = np.mgrid[:64, :128]
    return Image.fromarray((3 + np.cos(columns / 9) + rows / 64).astype(np.float32))


CALLS: dict[str, Callable[[Given], syn.Result]] = {
    "wide": lambda given: syn.wide(given["latents"], PROMPT, width=384, steps=2),
    "wide by regions": lambda given: syn.wide(
        given["latents"], PROMPT, width=384, steps=2, region=["0,0,0.5,1: a photo of a lake"]
    ),
    "wide, fast": lambda given: syn.wide(given["latents"], PROMPT, width=384, steps=4, fast=True),
    "wide along lines": lambda given: syn.wide(given["latents"], PROMPT, control=given["hills"], condition="canny", steps=2),
    "pixels, enlarged": lambda given: syn.generate(given["pixels"], PROMPT, steps=2, upscaler_steps=2),
    "ancestral": lambda given: syn.generate(given["latents"], PROMPT, steps=3, sampler="ddpm", upscalers="none"),
    "anagram": lambda given: syn.anagram(given["latents"], "a lion", "a cat", steps=2),
    "panorama": lambda given: syn.panorama(given["latents"], PROMPT, steps=2),
    "panorama along a depth": lambda given: syn.panorama(given["latents"], PROMPT, steps=2, depth=given["rings"]),
    "texture": lambda given: syn.texture(
        given["latents"], given["mesh"], "a yellow house", steps=2, texture_size=64, num_views=4
    ),
    "along a depth": lambda given: syn.control(given["latents"], given["hills"], PROMPT, condition="depth", steps=2),
    "vsd": lambda given: syn.distill(given["latents"], PROMPT, loss="vsd", steps=2),
    "text to 3D": lambda given: syn.text_to_3d(given["pixels"], "a yellow house", steps=2, resolution=16, frames=2),
}


def test_a_time_between_whole_ones_does_not_depend_on_the_default_dtype(sd32):
    """As schedules of Karras' spacing have them: in half precision 700.7 is 700."""
    x, cond = torch.ones(1, 8, 8, 8), sd32.embed([PROMPT])
    alone = sd32.predict(x, 700.7, cond).eps
    with half_by_default():
        assert torch.equal(sd32.predict(x, 700.7, cond).eps, alone)
    assert not torch.equal(sd32.predict(x, 700, cond).eps, alone)


def test_the_guidance_that_a_network_is_conditioned_on_does_not_depend_on_the_default_dtype():
    alone = guidance_embedding(256)
    with half_by_default():
        assert torch.equal(guidance_embedding(256), alone)


@pytest.mark.parametrize("name", ["rotate_cw", "skew"])
def test_views_and_their_films_do_not_depend_on_the_default_dtype(name):
    picture = torch.rand(1, 3, 192, 192, generator=torch.Generator().manual_seed(0))
    small = hills().resize((64, 64))

    def shown() -> list[np.ndarray]:
        view = syn.get_view(name)
        frames = animate(small, [syn.get_view("identity"), view], ["", ""], seconds=1, fps=6)
        return [view.view(picture).numpy(), *map(np.asarray, frames)]

    alone = shown()
    with half_by_default():
        meanwhile = shown()
    assert all(np.array_equal(one, other) for one, other in zip(alone, meanwhile, strict=True))


@pytest.mark.parametrize("name", quick_ones(CALLS, ["vsd", "text to 3D"]))
def test_pictures_do_not_depend_on_the_default_dtype(name, sd32, pixel32, tmp_path):
    mesh = tmp_path / "cube.glb"
    trimesh.creation.box().export(mesh)
    given = {"latents": sd32, "pixels": pixel32, "hills": hills(), "rings": rings(), "mesh": str(mesh)}
    alone = CALLS[name](given).images
    with half_by_default():
        meanwhile = CALLS[name](given).images
    assert all(np.array_equal(one, other) for one, other in zip(alone, meanwhile, strict=True))
