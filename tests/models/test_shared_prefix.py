"""What comes before the text is computed once for all branches of guidance: the same predictions, for less."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from synoptic.guidance.batching import predict_branches
from synoptic.models.base import Conditioning
from synoptic.models.shared_prefix import layers_before_text
from synoptic.models.unet import UNet
from tests.quick import slow_ones

PROMPTS = ["a photo of a horse", "an oil painting of a village", "a photo of a lake"]


def noise(model: Any, n: int) -> torch.Tensor:
    return torch.randn(n, model.shape[0], 16, 16, generator=torch.Generator().manual_seed(0), dtype=model.dtype)


def small(**more: Any) -> UNet:
    """Stable Diffusion's kind: its first block looks at the text already."""
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    torch.manual_seed(0)
    how: dict[str, Any] = {"block_out_channels": (8, 16), "norm_num_groups": 4, "cross_attention_dim": 8, "sample_size": 8}
    how |= {
        "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
    }
    return UNet(UNet2DConditionModel(**how, attention_head_dim=4, layers_per_block=1, **more).double())


class Rows:
    """How many rows each of these layers is given."""

    def __init__(self, *layers: Any) -> None:
        self.seen: list[int] = []
        self.hooks = [layer.register_forward_hook(lambda _, args, out: self.seen.append(len(out))) for layer in layers]

    def __enter__(self) -> list[int]:
        return self.seen

    def __exit__(self, *_: object) -> None:
        for hook in self.hooks:
            hook.remove()


@pytest.mark.parametrize("rows", slow_ones([1000, 4, 1], [1000, 1]))
def test_branches_are_what_each_prompt_alone_predicts(sd64, rows):
    x = noise(sd64, 3)
    conds = {"cond": sd64.embed(PROMPTS), "null": sd64.embed([""] * 3), "negative": sd64.embed(["blurred"] * 3)}
    with torch.no_grad():
        together = predict_branches(sd64, conds, max_rows=rows)(x, torch.tensor([900, 400, 10]))
        for name, cond in conds.items():
            alone = sd64.predict(x, torch.tensor([900, 400, 10]), cond)
            assert (together[name].eps - alone.eps).abs().max() < 1e-12


def test_layers_before_the_text_see_every_x_once_and_those_after_it_every_row(sd64):
    net, x = sd64.unet.net, noise(sd64, 3)
    conds = {"cond": sd64.embed(PROMPTS), "null": sd64.embed([""] * 3)}
    first = net.down_blocks[1]
    before = (
        net.down_blocks[0].resnets[0].conv1,
        first.resnets[0].conv2,
        first.attentions[0].transformer_blocks[0].attn1.to_q,
    )
    with torch.no_grad():
        with Rows(*before) as seen:
            predict_branches(sd64, conds)(x, 500)
        assert seen == [3, 3, 3]
        with Rows(first.attentions[0].transformer_blocks[0].attn2.to_q, net.mid_block.resnets[0].conv1) as seen:
            predict_branches(sd64, conds)(x, 500)
        assert seen == [6, 6]
        with Rows(*before) as seen:
            sd64.predict(x, 500, conds["cond"])
        assert seen == [3, 3, 3], "a batch of its own is whole"


def test_gradients_are_those_of_the_sum(sd64):
    x, conds = noise(sd64, 1), {"cond": sd64.embed(PROMPTS[:1]), "null": sd64.embed([""])}
    a, b = (x.clone().requires_grad_() for _ in range(2))
    found = predict_branches(sd64, conds)(a, 500)
    (found["cond"].eps - 3 * found["null"].eps).square().sum().backward()
    apart = [sd64.predict(b, 500, cond).eps for cond in conds.values()]
    (apart[0] - 3 * apart[1]).square().sum().backward()
    assert a.grad is not None and b.grad is not None
    assert torch.allclose(a.grad, b.grad, rtol=0, atol=1e-9 * float(b.grad.abs().max()))


def test_up_to_the_first_look_at_the_text():
    unet = small()
    block, place = unet.net.down_blocks[0], torch.cartesian_prod(torch.arange(2), torch.arange(3))
    own = block.attentions[0].transformer_blocks[0]
    expected = [
        unet.net.conv_in,
        block.resnets[0],
        block.attentions[0].norm,
        block.attentions[0].proj_in,
        own.norm1,
        own.attn1,
    ]
    assert list(layers_before_text(unet.net)) == expected
    x, text = torch.randn(3, 4, 8, 8).double().repeat(2, 1, 1, 1), torch.randn(6, 5, 8).double()
    with torch.no_grad():
        whole = unet(x, 500, Conditioning(text=text))
        with Rows(own.attn1.to_q, own.attn2.to_q) as seen:
            shared = unet(x, 500, Conditioning(text=text, branch_rows=place))
    assert torch.allclose(shared, whole, rtol=0, atol=1e-12) and seen == [3, 6]


def test_where_the_text_is_in_every_layer_nothing_is_shared(pixel32):
    assert not list(layers_before_text(pixel32.unet.net)), "DeepFloyd IF adds it to the time's embedding"
    assert not list(layers_before_text(small(only_cross_attention=True).net))


def test_rows_that_are_told_more_are_computed_one_by_one():
    """Classes, or whatever else a condition holds, reach every layer."""
    unet, x = small(num_class_embeds=5), torch.randn(1, 4, 8, 8).double().expand(2, -1, -1, -1)
    conditioning = Conditioning(text=torch.randn(1, 5, 8).double().expand(2, -1, -1), noise_level=torch.tensor([1, 4]))
    place = torch.tensor([[0, 0], [1, 0]])
    with torch.no_grad(), Rows(unet.net.down_blocks[0].resnets[0].conv1) as seen:
        out = unet(x, 500, replace(conditioning, branch_rows=place))
    assert seen == [2] and (out[0] - out[1]).abs().max() > 1e-3


def test_outside_of_guidance_the_network_is_its_own():
    """Even after a call that failed."""
    unet, x = small(), torch.randn(2, 4, 8, 8).double()
    place, text = torch.tensor([[0, 0], [1, 0]]), torch.randn(2, 5, 8).double()
    with torch.no_grad():
        expected = unet.net(x, 500, text, return_dict=False)[0]
        with pytest.raises(RuntimeError):
            unet(x, 500, Conditioning(text=text[..., :3], branch_rows=place))
        assert torch.equal(unet.net(x, 500, text, return_dict=False)[0], expected)
        unet(x, 500, Conditioning(text=text, branch_rows=place))
        assert torch.equal(unet.net(x, 500, text, return_dict=False)[0], expected)
