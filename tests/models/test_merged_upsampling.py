from typing import Any

import pytest
import torch
import torch.nn.functional as F
from diffusers.models.upsampling import Upsample2D
from torch import nn

from synoptic import load
from synoptic.models.merged_upsampling import MergedUpsample2D, merge_upsampling


def upsample(channels=16, out=24, bias=True):
    torch.manual_seed(0)
    return Upsample2D(channels, use_conv=True, out_channels=out, bias=bias).requires_grad_(False)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
@pytest.mark.parametrize(("rows", "h", "w"), [(1, 1, 1), (2, 5, 8), (1, 16, 3)])
def test_it_is_the_enlarged_picture_convolved_in_float64_to_rounding(rows, h, w, layout, bias):
    plain = upsample(bias=bias)
    x = torch.randn(rows, 16, h, w).contiguous(memory_format=layout)
    weight, b = plain.get_parameter("conv.weight").double(), plain.get_parameter("conv.bias").double() if bias else None
    exact = F.conv2d(x.double().repeat_interleave(2, 2).repeat_interleave(2, 3), weight, b, padding=1)
    out = MergedUpsample2D(plain)(x)
    assert out.is_contiguous(memory_format=torch.channels_last)
    assert (out - exact).abs().max() < 3e-6 and (plain(x) - exact).abs().max() < 3e-6


def test_gradients_given_sizes_and_other_precisions_take_the_plain_layer():
    plain = upsample()
    merged, x = MergedUpsample2D(plain), torch.randn(1, 16, 4, 6)
    assert torch.equal(merged(x, (9, 13)), plain(x, (9, 13)))
    x.requires_grad_()
    (there,) = torch.autograd.grad(merged(x).square().sum(), x)
    (also,) = torch.autograd.grad(plain(x).square().sum(), x)
    assert torch.equal(there, also)
    assert torch.equal(merged.double()(x.detach().double()), plain.double()(x.detach().double()))


def test_weights_that_change_are_seen():
    plain, x = upsample(), torch.randn(1, 16, 4, 4)
    merged = MergedUpsample2D(plain)
    merged(x)
    plain.get_parameter("conv.weight").data.mul_(-2)
    torch.testing.assert_close(merged(x), plain(x), rtol=0, atol=1e-5)


def test_only_what_is_suitable_is_replaced_and_the_weights_keep_their_names():
    unlike = [Upsample2D(8), Upsample2D(8, use_conv_transpose=True), Upsample2D(8, use_conv=True, name="Conv2d_0")]
    unlike += [Upsample2D(8, use_conv=True, interpolate=False), Upsample2D(8, use_conv=True, norm_type="rms_norm", eps=1e-6)]
    unlike += [Upsample2D(8, use_conv=True, kernel_size=1, padding=0), upsample().to(torch.bfloat16)]
    net = nn.Sequential(upsample(), *unlike)
    names, random = list(net.state_dict()), torch.get_rng_state()
    merge_upsampling(net)
    assert [type(part) is MergedUpsample2D for part in net] == [True, *[False] * len(unlike)]
    assert list(net.state_dict()) == names and torch.equal(torch.get_rng_state(), random)


def test_the_bundled_decoder_says_the_same(monkeypatch):
    fast: Any = load("bundled", device="cpu", dtype="float32")
    assert sum(isinstance(part, MergedUpsample2D) for part in fast.vae.modules()) == 3
    monkeypatch.setattr("synoptic.models.latent.merge_upsampling", lambda net: None)
    x = torch.randn(1, 8, 6, 10)
    plain: Any = load("bundled", device="cpu", dtype="float32")
    assert not any(isinstance(part, MergedUpsample2D) for part in plain.vae.modules())
    with torch.no_grad():
        torch.testing.assert_close(fast.decode(x), plain.decode(x), rtol=0, atol=2e-5)
