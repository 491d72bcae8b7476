"""What a call of views needs is on the canvas's device already, so that a GPU need not wait for it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from synoptic.sampling.diffcollage import Crops
from synoptic.views.device_copies import DeviceCopies
from synoptic.views.directions import spread_directions
from synoptic.views.equirectangular import Equirectangular, matching_height
from synoptic.views.factorized import Factorized
from synoptic.views.gather import GatheredViews
from synoptic.views.horizon import HorizonRing
from synoptic.views.inner_circle import inner_rotate
from synoptic.views.known_part import KnownPart
from synoptic.views.regions import WindowsWithRegions, make_region
from synoptic.views.subset import ViewSubset, among_all
from synoptic.views.windows import Windows

SIDE, FOV = 8, 80.0
HEIGHT = matching_height(FOV, SIDE)
CANVAS = (2, HEIGHT, 2 * HEIGHT)
SPHERE = Equirectangular(CANVAS, spread_directions(18), FOV, SIDE)
WINDOWS = Windows(CANVAS, (8, 8), (4, 4))
RIGHT = torch.arange(2 * HEIGHT).expand(HEIGHT, -1) >= 2 * HEIGHT - 10
SURFACE = torch.arange(2 * SIDE**2).view(2, SIDE, SIDE) % 100 - 1  # cells, -1 for a background
VIEWS = {
    "sphere": SPHERE,
    "horizon": HorizonRing(SPHERE),
    "surface": GatheredViews((2, 1, 99), SURFACE, torch.ones(SURFACE.shape), torch.arange(99)),
    "windows": WINDOWS,
    "regions": WindowsWithRegions(WINDOWS, [make_region(RIGHT, 2, (8, 8), (4, 4))]),
    "photograph": KnownPart(SPHERE, torch.zeros(CANVAS), torch.zeros(CANVAS[1:], dtype=torch.bool)),
    "hybrid": Factorized((2, 8, 8), [lambda x: x / 2, lambda x: x / 2], known=torch.ones(1, 2, 8, 8)),
}


class Operations(TorchDispatchMode):
    """The operations within, by name, and which of them had a tensor of the CPU or gave a number to Python."""

    def __init__(self) -> None:
        super().__init__()
        self.names, self.of_cpu = list[str](), list[str]()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        self.names.append(str(func))
        of_cpu = any(isinstance(leaf, Tensor) and leaf.is_cpu for leaf in tree_leaves((args, kwargs, out)))
        if of_cpu or "_local_scalar_dense" in str(func):
            self.of_cpu.append(str(func))
        return out


def on_device(*shape: int) -> Tensor:
    """A tensor of a device without numbers, which cannot be read back."""
    return torch.zeros(shape, device="meta")


def both_ways(views: Any) -> None:
    z = on_device(2, *views.canvas)
    x = views.project(z, onto=views.project(z))
    assert views.unproject(x).shape == z.shape


@pytest.mark.parametrize("name", VIEWS)
def test_from_the_second_call_on_nothing_is_copied_or_read_back(name):
    both_ways(VIEWS[name])
    with Operations() as seen:
        both_ways(VIEWS[name])
    assert seen.names and not seen.of_cpu


def test_nor_by_parts_of_the_views_crops_and_a_disc():
    def calls() -> None:
        x = on_device(36, 2, SIDE, SIDE)
        some = [ViewSubset(SPHERE, list(rows)) for rows in (range(0, 18, 2), range(1, 18, 2))]
        assert among_all(some, [part.select(x) for part in some]).shape == x.shape
        crops.sum(crops.project(on_device(2, *CANVAS)))
        disc.inverse_view(disc.view(on_device(2, 2, 8, 8)))

    crops, disc = Crops(CANVAS, (8, 8), [(0, 0), (4, 6)]), inner_rotate(45)
    calls()
    with Operations() as seen:
        calls()
    assert seen.names and not seen.of_cpu


def test_a_sphere_is_gathered_once_and_added_up_once():
    z = on_device(1, *CANVAS)
    x = SPHERE.project(z)
    with Operations() as there:
        SPHERE.project(z)
    with Operations() as back:
        SPHERE.unproject(x)

    def computed(seen: Operations) -> list[str]:
        reshaped = ("view", "transpose", "unsqueeze", "squeeze", "expand", "slice", "clone")
        return [name.split(".")[1] for name in seen.names if name.split(".")[1] not in reshaped]

    assert computed(there) == ["index"]
    assert computed(back) == ["new_zeros", "mul", "index_add_", "index"]  # the last one fills what no view reads


def test_a_copy_is_of_the_dtype_asked_for_and_made_once():
    copies = DeviceCopies(torch.arange(3))
    half = copies.like(on_device(1).half())
    assert (half.device.type, half.dtype) == ("meta", torch.float16) and copies.like(on_device(1).half()) is half
    assert copies.on(torch.device("meta")).dtype == torch.int64 and copies.on(torch.device("cpu")) is copies.tensor


@pytest.mark.parametrize("kinds", [[[0, 2, 5], [1, 3, 4]], [[0, 1, 2, 3, 4, 5]], [[5, 4], [3], [2, 0, 1]]])
def test_parts_of_the_views_come_back_to_their_places(kinds):
    views = Windows((1, 4, 14), (4, 4), (2, 2))
    x = torch.randn(2 * 6, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    some = [ViewSubset(views, kind) for kind in kinds]
    assert torch.equal(among_all(some, [part.select(x) for part in some]), x)
