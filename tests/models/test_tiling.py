"""Pictures coded in pieces: the same as whole where nothing looks far, and close where norms do."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from synoptic.models.tiling import tiled, tiled_in_batches


def enlarge(x: Tensor) -> Tensor:
    return interpolate(x, scale_factor=4.0)


def reduce(x: Tensor) -> Tensor:
    return avg_pool2d(x, 4)


@pytest.mark.parametrize("f", [enlarge, reduce])
@pytest.mark.parametrize("size", [(16, 200), (204, 16), (100, 132)])
def test_what_looks_only_at_its_own_place_is_the_same_in_pieces(f, size):
    x, seen = torch.rand((2, 3, *size), dtype=torch.float64), []

    def watched(part: Tensor) -> Tensor:
        seen.append(part.shape[-1] * part.shape[-2])
        return f(part)

    torch.testing.assert_close(tiled(watched, x, 1200, 8), f(x), rtol=0, atol=1e-12)
    assert len(seen) > 2 and max(seen) <= 1200 and min(seen) > 300


@pytest.mark.slow
@torch.no_grad()
def test_the_decoder_is_whole_up_to_eight_native_pictures_and_close_beyond(sd32):
    z = 0.5 * torch.randn((1, 8, 32, 272), generator=torch.Generator().manual_seed(0))
    assert torch.equal(sd32.decode(z[..., :256]), whole(sd32, z[..., :256]))
    grey = 127.5 * (sd32.decode(z) - whole(sd32, z)).abs()
    assert 0 < grey.mean() < 1 and grey.max() < 40


@pytest.mark.slow
@torch.no_grad()
def test_the_encoder_is_close_in_pieces(sd32):
    coarse = torch.rand((1, 3, 32, 272), generator=torch.Generator().manual_seed(0)) * 2 - 1
    image = interpolate(coarse, scale_factor=float(sd32.factor))
    mean = sd32.vae.encode(image).latent_dist.mode() * sd32.vae.config.scaling_factor
    assert 0 < (sd32.encode(image) - mean).abs().mean() < 0.02 * mean.abs().mean()


def whole(model, z: Tensor) -> Tensor:
    return model.vae.decode(z / model.vae.config.scaling_factor).sample


@pytest.mark.parametrize("most", [900, 1700, 100_000])
def test_pictures_are_coded_as_many_at_once_as_fit_and_fewer_where_memory_runs_out(most):
    x, seen = torch.rand((5, 3, 40, 40), dtype=torch.float64), []

    def limited(part: Tensor) -> Tensor:
        if part.numel() // 3 > most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        seen.append(part.numel() // 3)
        return enlarge(part)

    result = tiled_in_batches(limited, x, 10_000, 8, max_places=3 * 1600)
    torch.testing.assert_close(result, enlarge(x), rtol=0, atol=1e-12)
    assert max(seen) <= min(most, 3 * 1600) and len(seen) == {900: 15, 1700: 5, 100_000: 2}[most]


def test_memory_for_one_tile_must_be_there():
    def never(part: Tensor) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(torch.OutOfMemoryError):
        tiled_in_batches(never, torch.rand(2, 3, 64, 64), 10_000, 8, max_places=10_000)


@pytest.mark.parametrize(("scale", "unit"), [(1, 1), (8, 8)])
def test_a_picture_of_the_native_size_is_halved_too(scale, unit):
    """Down to tiles of 16x16 latents, which overlap by 8: a 64x64 native picture, with a decoder or an encoder."""
    x, seen = torch.rand((1, 3, 64 * scale, 64 * scale), dtype=torch.float64), []

    def limited(part: Tensor) -> Tensor:
        if part.numel() // 3 > 20 * 20 * scale**2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        seen.append(part.shape[-2:])
        return enlarge(part) if scale == 1 else avg_pool2d(part, scale)

    expected = enlarge(x) if scale == 1 else avg_pool2d(x, scale)
    area, overlap = (64 * scale) ** 2, 32 * scale
    result = tiled_in_batches(limited, x, area, overlap, max_places=area, unit=unit)
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-12)
    assert len(seen) > 16 and all(side % unit == 0 for size in seen for side in size)


@pytest.mark.slow
@torch.no_grad()
def test_a_decoder_of_large_pictures_is_given_one_at_once(sd32, monkeypatch):
    monkeypatch.setattr("synoptic.models.memory.MAP_BYTES", 1)  # as of a model of 4096 pixels
    z = 0.5 * torch.randn((3, 8, 32, 32), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(sd32.decode(z), whole(sd32, z), rtol=0, atol=1e-5)
    seen: list[int] = []
    tile = sd32._decode_tile
    monkeypatch.setattr(sd32, "_decode_tile", lambda z: seen.append(len(z)) or tile(z))
    sd32.decode(z)
    assert seen == [1, 1, 1]
