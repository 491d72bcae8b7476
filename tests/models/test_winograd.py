from copy import deepcopy
from fractions import Fraction
from unittest.mock import Mock

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from synoptic import load
from synoptic.models import unet, winograd
from synoptic.models.component_bytes import component_bytes
from synoptic.models.registry import resolve
from synoptic.models.winograd import WinogradConv2d, transforms, use_winograd


def conv(channels=64, out=96, bias=True, seed=0):
    torch.manual_seed(seed)
    return nn.Conv2d(channels, out, 3, padding=1, bias=bias).requires_grad_(False)


def test_the_transforms_give_a_correlation_in_exact_numbers():
    output, kernel, inputs = transforms()
    d, g = torch.randn(6, 6, dtype=torch.float64), torch.randn(3, 3, dtype=torch.float64)
    y = output @ ((kernel @ g @ kernel.T) * (inputs @ d @ inputs.T)) @ output.T
    torch.testing.assert_close(y, F.conv2d(d[None, None], g[None, None])[0, 0], rtol=0, atol=1e-12)


def test_the_transforms_are_the_same_in_every_process():
    """Nothing of a solver's rounding is in them, which differs with where memory lies: every entry is a small fraction."""
    for matrix in transforms():
        assert [float(Fraction(x).limit_denominator(3**6)) for x in matrix.flatten().tolist()] == matrix.flatten().tolist()


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("rows", "h", "w"), [(1, 4, 4), (3, 16, 8), (9, 32, 32), (40, 8, 8)])
def test_a_convolution_is_that_of_float64_to_rounding(rows, h, w, bias):
    direct = conv(bias=bias)
    x = torch.randn(rows, 64, h, w).contiguous(memory_format=torch.channels_last)
    exact = deepcopy(direct).double()(x.double())
    out = WinogradConv2d(direct)(x)
    assert out.is_contiguous(memory_format=torch.channels_last)
    assert (out - exact).abs().max() < 2e-5 and (direct(x) - exact).abs().max() < 2e-5


def test_the_layout_of_the_input_does_not_matter():
    fast, x = WinogradConv2d(conv()), torch.randn(2, 64, 8, 12)
    assert torch.equal(fast(x), fast(x.contiguous(memory_format=torch.channels_last)))


def test_gradients_odd_sides_and_other_precisions_take_the_direct_convolution():
    direct = conv()
    fast = WinogradConv2d(direct)
    odd = torch.randn(1, 64, 6, 8)
    assert torch.equal(fast(odd), direct(odd))
    x = torch.randn(1, 64, 8, 8, requires_grad=True)
    (there,) = torch.autograd.grad(fast(x).square().sum(), x)
    (also,) = torch.autograd.grad(direct(x).square().sum(), x)
    assert torch.equal(there, also)


def test_a_network_that_is_frozen_afterwards_convolves_without_a_gradient():
    fast = WinogradConv2d(conv().requires_grad_(True)).requires_grad_(False)
    assert not fast(torch.randn(1, 64, 8, 8)).requires_grad


def test_weights_that_change_are_seen():
    direct, x = conv(), torch.randn(1, 64, 8, 8)
    fast = WinogradConv2d(direct)
    before = fast(x)
    direct.weight.data = direct.weight.data.clone() * 2
    torch.testing.assert_close(fast(x), direct(x), rtol=0, atol=5e-5)
    direct.weight.mul_(-1)
    torch.testing.assert_close(fast(x), direct(x), rtol=0, atol=5e-5)
    assert (fast(x) - before).abs().max() > 0.1
    direct.weight.data.add_(1e-3)  # in place, which torch does not count
    torch.testing.assert_close(fast(x), direct(x), rtol=0, atol=5e-5)


def test_only_what_is_suitable_is_replaced_and_the_weights_keep_their_names():
    net = nn.Sequential(conv(), nn.Conv2d(64, 64, 3, stride=2, padding=1), nn.Conv2d(64, 64, 1), conv(32, 64), conv(64, 64))
    net.append(conv().to(torch.float8_e4m3fn))
    names = list(net.state_dict())
    use_winograd(net)
    assert [type(part) is WinogradConv2d for part in net] == [True, False, False, False, True, False]
    assert list(net.state_dict()) == names


def test_a_network_whose_kernels_would_take_too_much_memory_stays_as_it_is(monkeypatch):
    monkeypatch.setattr(winograd, "MAX_BYTES", 36 * 64 * 96 * 4 - 1)
    net = nn.Sequential(conv())
    use_winograd(net)
    assert type(net[0]) is nn.Conv2d


def test_kernels_for_which_memory_did_not_suffice_are_made_at_the_next_call(monkeypatch):
    fast, x = WinogradConv2d(conv()), torch.randn(2, 64, 8, 8)
    with monkeypatch.context() as m, pytest.raises(MemoryError):
        m.setattr(torch, "einsum", Mock(side_effect=MemoryError))
        fast(x)
    assert torch.equal(fast(x), WinogradConv2d(conv())(x))


@pytest.mark.slow
def test_the_bundled_network_says_the_same_and_half_precision_is_left_alone(monkeypatch):
    fast = load("bundled", device="cpu", dtype="float32")
    assert not any(isinstance(part, WinogradConv2d) for part in load("bundled", dtype="bfloat16").network.modules())
    monkeypatch.setattr(unet, "use_winograd", lambda net: None)
    direct = load("bundled", device="cpu", dtype="float32")
    assert sum(isinstance(part, WinogradConv2d) for part in fast.network.modules()) == 24
    x, cond = torch.randn(2, *fast.shape), fast.embed(["a lake", "a castle"])
    with torch.no_grad():
        torch.testing.assert_close(fast.predict(x, 500, cond).x0, direct.predict(x, 500, cond).x0, rtol=0, atol=5e-5)
    kept = sum(part.kernels.nbytes for part in fast.network.modules() if isinstance(part, WinogradConv2d))
    planned = component_bytes(resolve("bundled"), torch.device("cpu"), torch.float32)
    assert planned["convolution kernels"] == kept > 1e8
    assert "convolution kernels" not in component_bytes(resolve("bundled"), torch.device("cpu"), torch.bfloat16)
