"""A VAE's attention as matrix products: diffusers' own numbers and gradients, at the calls that it suits."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers.models.attention_processor import Attention, AttnProcessor2_0
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from synoptic.models.attention_products import ProductsAttnProcessor, suits_products, use_attention_products
from synoptic.models.latent import LatentSpace


def attention(channels: int = 512, heads: int = 1, **more) -> Any:
    """A VAE's, as diffusers makes it; scores far from even."""
    torch.manual_seed(0)
    layer: Any = Attention(
        channels,
        heads=heads,
        dim_head=channels // heads,
        norm_num_groups=4,
        residual_connection=True,
        bias=True,
        upcast_softmax=True,
        _from_deprecated_attn_block=True,
        **more,
    ).requires_grad_(False)
    for part in (layer.to_q, layer.to_k):
        part.weight.mul_(4)
    return layer


def there_and_back(processor, layer: Any, x: Tensor) -> list[Tensor]:
    x = x.clone().requires_grad_()
    out = processor(layer, x)
    return [out.detach(), torch.autograd.grad((out - x).square().sum(), x)[0]]


@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_products_are_diffusers_attention_and_its_gradient_to_rounding(rows, layout):
    plain, layer = attention(), attention()
    use_attention_products(layer)
    assert isinstance(layer.processor, ProductsAttnProcessor)
    x = torch.randn(rows, 512, 6, 9).contiguous(memory_format=layout)
    right = there_and_back(AttnProcessor2_0(), plain.double(), x.double())
    for processor in (layer.processor.products, layer.processor.kernel):
        for found, exact in zip(there_and_back(processor, layer, x), right, strict=True):
            assert (found - exact).abs().max() < 1e-5 * exact.abs().max()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_in_half_precision_they_are_about_as_near_to_float64_as_the_kernel(dtype):
    plain, layer = attention(), attention()
    use_attention_products(layer)
    x = torch.randn(1, 512, 8, 8)
    right = there_and_back(AttnProcessor2_0(), plain.double(), x.double())
    both = (there_and_back(p, layer.to(dtype), x.to(dtype)) for p in (layer.processor.products, layer.processor.kernel))
    for exact, products, kernel in zip(right, *both, strict=True):
        assert (products - exact).norm() < 1.5 * (kernel - exact).norm()


def suits(device: str, shape: tuple[int, ...], dtype=torch.float16, passes: bool = True, heads: int = 1) -> bool:
    """Whether products suit x on a device, of which its shape is all that is known: a GPU need not be here."""
    layer = attention(shape[1], heads)
    with FakeTensorMode():
        return suits_products(layer, torch.empty(shape, device=device, dtype=dtype, requires_grad=passes))


def test_products_suit_wide_heads_through_which_gradients_pass_on_a_gpu_while_scores_are_few():
    native = 1, 512, 64, 64
    assert suits("cuda", native) and suits("cuda", native, torch.float32)
    assert suits("cuda", (8, *native[1:])) and suits("cuda", (1, 512, 128, 128))
    assert not suits("cuda", (1, 512, 128, 129))  # more scores than a map holds
    assert not suits("cuda", (1, 512, 128, 128), torch.float32)
    assert not suits("cuda", native, passes=False) and not suits("cuda", native, heads=2)
    assert not suits("cuda", (1, 512, 64)) and not suits("cpu", native)
    with torch.no_grad():
        assert not suits("cuda", native)


class Products(TorchDispatchMode):
    """Follow whether the scores are made as a product."""

    called = False

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.called |= func is torch.ops.aten.baddbmm.default
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("suited", [True, False])
def test_each_call_of_the_layer_is_decided(suited, monkeypatch):
    monkeypatch.setattr("synoptic.models.attention_products.suits_products", lambda attn, x: suited)
    layer, x = attention(), torch.randn(1, 512, 4, 4)
    use_attention_products(layer)
    with Products() as alone:
        layer(x, temb=None)
    with Products() as text:
        layer(x.flatten(2).mT, encoder_hidden_states=torch.randn(1, 3, 512))
    assert alone.called == suited and not text.called


def test_attentions_that_the_processors_compute_apart_are_left_as_they_were():
    normed, own = attention(qk_norm="layer_norm"), attention()
    own.set_processor(chosen := ProductsAttnProcessor().products)
    for layer in (normed, own):
        use_attention_products(layer)
    assert type(normed.processor) is AttnProcessor2_0 and own.processor is chosen


def test_a_vae_keeps_its_tensors_its_config_and_its_numbers_on_a_cpu():
    def vae() -> Any:
        torch.manual_seed(0)
        net: Any = AutoencoderKL(block_out_channels=(320,), norm_num_groups=8, sample_size=16)
        return net.to(torch.bfloat16)

    plain, ours = vae().requires_grad_(False), vae()
    space = LatentSpace(ours, (4, 16, 16), torch.contiguous_format)
    assert all(isinstance(p, ProductsAttnProcessor) for p in ours.attn_processors.values()) and ours.attn_processors
    assert list(ours.state_dict()) == list(plain.state_dict()) and ours.config == plain.config
    x = torch.randn(1, 3, 16, 16).to(torch.bfloat16)
    images = [x.clone().requires_grad_() for _ in range(2)]
    codes = plain.encode(images[0]).latent_dist.mode(), space.codec.encode(images[1])
    gradients = [torch.autograd.grad(code.sum(), image)[0] for code, image in zip(codes, images, strict=True)]
    assert torch.equal(*codes) and torch.equal(*gradients)
