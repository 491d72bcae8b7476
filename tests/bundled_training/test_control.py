"""The maps that ControlNets learn from, as they are shown: mirrored with their pictures, steeper or flatter."""

from __future__ import annotations

import torch

from bundled_training.train.control import mapped, mirrored, steeper
from synoptic.controlnet.annotators.normal import normal_map


def relief() -> torch.Tensor:
    """A depth map (1, 1, 64, 64) that rises to the right and has a bump above the middle."""
    down, right = torch.meshgrid(*(torch.linspace(-1, 1, 64),) * 2, indexing="ij")
    return (0.4 + 0.2 * right + 0.3 * torch.exp(-8 * (right**2 + (down + 0.3) ** 2)))[None, None]


def test_mirrored_normals_are_those_of_the_mirrored_depth():
    torch.testing.assert_close(mirrored("normal", normal_map(relief())), normal_map(relief().flip(3)), atol=1e-5, rtol=0)
    assert torch.equal(mirrored("depth", relief()), relief().flip(3))


def test_steeper_normals_are_those_of_a_depth_so_many_times_as_deep():
    torch.manual_seed(0)
    flat, varied = (2 * normals - 1 for normals in (normal_map(relief()), steeper(normal_map(relief()))))
    torch.testing.assert_close(varied.norm(dim=1), torch.ones(1, 64, 64))
    factor = (varied[:, :2] / varied[:, 2:] / (flat[:, :2] / flat[:, 2:]))[flat[:, :2].abs() > 0.05]
    assert 0.6 <= factor.mean() <= 1.6 and factor.std() < 1e-3
    torch.testing.assert_close(normal_map(factor.mean() * relief()) * 2 - 1, varied, atol=1e-3, rtol=0)


def test_maps_are_of_8_bits():
    pictures, depths = torch.rand(2, 3, 64, 64), (255 * relief()).byte().expand(2, -1, -1, -1)
    maps = mapped(["canny", "depth", "normal"], pictures, depths)
    assert [one.shape[1] for one in maps] == [1, 1, 3] and all(one.dtype == torch.uint8 for one in maps)
    assert torch.equal(maps[1], depths)
