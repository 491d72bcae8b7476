"""Keys and values computed once a run, and compiled networks: the same predictions."""

from __future__ import annotations

import pytest
import torch

from synoptic.guidance.batching import predict_branches
from synoptic.models.base import Conditioning
from synoptic.models.compile import CompiledNet
from synoptic.models.load import load
from synoptic.models.unet import UNet

PROMPTS = ["a photo of a horse", "an oil painting of a village"]


@pytest.fixture(autouse=True)
def without_gradients():
    with torch.no_grad():
        yield


def noise(model, rows, side=16):
    rng = torch.Generator().manual_seed(0)
    return torch.randn(rows, model.shape[0], side, side, generator=rng).to(model.dtype)


@pytest.mark.parametrize("name", ["sd64", "pixel64"])
def test_keys_computed_once_are_those_of_every_call(name, request):
    model = request.getfixturevalue(name)
    cond = model.embed(PROMPTS)
    text = cond.text_only()
    assert cond.text_keys is not None and text.text_keys is None and len(model.unet.text_kv_cache) == 7
    once, every = (model.predict(noise(model, 2), 500, c) for c in (cond, text))
    assert torch.allclose(once.eps, every.eps, rtol=0, atol=1e-12)
    other = model.predict(noise(model, 2), 500, cond.rows([1, 0]))
    assert (other.eps - once.eps).abs().max() > 1e-2


@pytest.mark.slow
def test_views_of_a_picture_share_its_keys(sd64, monkeypatch):
    """However many views and steps: the text goes through each projection once."""
    made = []
    plain = type(sd64.unet.text_kv_cache).__call__
    monkeypatch.setattr(
        type(sd64.unet.text_kv_cache), "__call__", lambda keys, text: made.append(len(text)) or plain(keys, text)
    )
    cond = {"cond": sd64.embed(PROMPTS), "null": sd64.embed(["", ""])}
    ask, projected = predict_branches(sd64, cond, max_rows=5), []
    hook = sd64.unet.text_kv_cache.layers[0].to_k.register_forward_hook(lambda *_: projected.append(1))
    for t in (900, 500, 100):
        ask(noise(sd64, 6), t)
    hook.remove()
    assert made == [2, 2] and not projected


def test_a_batch_is_filled_up_to_a_size_that_is_there():
    net = CompiledNet(torch.nn.Identity())
    assert [net.padded_batch(n) for n in (82, 70, 65, 12, 11, 9, 82)] == [82, 82, 65, 12, 12, 9, 82]


@pytest.fixture
def recorded(monkeypatch):
    """The bundled model "compiled" by a backend that only counts its graphs, so that the test takes no minute."""
    graphs, compiled = [], torch.compile

    def backend(graph, _):
        graphs.append(graph)
        return graph.forward

    monkeypatch.setattr(torch, "compile", lambda net, **how: compiled(net, backend=backend, fullgraph=True, **how))
    torch.compiler.reset()
    yield graphs
    torch.compiler.reset()


@pytest.mark.slow
def test_a_compiled_network_has_one_graph_a_size_whatever_the_time(recorded, sd32):
    model = load("bundled", device="cpu", dtype="float32", compile=True)
    cond, x = model.embed(PROMPTS * 3), noise(model, 6, 8)
    for t in (900, 500, 20):
        expected = sd32.predict(x, t, cond)
        assert torch.allclose(model.predict(x, t, cond).eps, expected.eps, rtol=0, atol=1e-5)
    less = model.predict(x[:5], 500, cond.rows(slice(5)))
    assert torch.allclose(less.eps, model.predict(x, 500, cond).eps[:5], rtol=0, atol=1e-5)
    assert len(recorded) == 1 and len(less.eps) == 5


@pytest.mark.slow
def test_branches_are_filled_up_each_on_its_own(recorded, sd32):
    """Six pictures under two prompts, then five: one graph, and the right rows."""
    model = load("bundled", device="cpu", dtype="float32", compile=True)
    conds, x = {"cond": sd32.embed(PROMPTS[:1] * 6), "null": sd32.embed([""] * 6)}, noise(model, 6, 8)
    five = {name: cond.rows(slice(5)) for name, cond in conds.items()}
    for some, t, branches in ((x, 900, conds), (x[:5], torch.tensor([900, 700, 500, 300, 20]), five)):
        found, expected = predict_branches(model, branches)(some, t), predict_branches(sd32, branches)(some, t)
        for name in branches:
            assert torch.allclose(found[name].eps, expected[name].eps, rtol=0, atol=1e-5)
    assert len(recorded) == 1


@pytest.mark.slow
def test_where_gradients_pass_blocks_are_compiled(recorded, sd32):
    model = load("bundled", device="cpu", dtype="float32", compile=True)
    cond, x = model.embed(PROMPTS), noise(model, 2, 8)
    slopes, graphs = [], []
    for m in (sd32, model, model):
        start = x.clone().requires_grad_()
        with torch.enable_grad():
            m.decode(m.predict(start, 500, cond).x0).square().mean().backward()
        slopes.append(start.grad)
        graphs.append(len(recorded))
    assert torch.allclose(slopes[0], slopes[1], rtol=0, atol=1e-4 * float(slopes[0].abs().max()))
    assert 0 == graphs[0] < graphs[1] == graphs[2]
    image = model.decode(x)
    assert torch.allclose(image, sd32.decode(x), rtol=0, atol=1e-4) and model.encode(image).shape == x.shape
    assert len(recorded) == graphs[2]


def test_a_net_whose_text_is_added_to_the_picture_has_no_keys():
    """DeepFloyd IF's attention."""
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    how = {"block_out_channels": (8, 16), "norm_num_groups": 4, "cross_attention_dim": 8, "attention_head_dim": 4}
    kinds = {"down_block_types": ("DownBlock2D", "SimpleCrossAttnDownBlock2D"), "layers_per_block": 1, "sample_size": 8}
    kinds |= {"up_block_types": ("SimpleCrossAttnUpBlock2D", "UpBlock2D"), "mid_block_type": "UNetMidBlock2DSimpleCrossAttn"}
    unet = UNet(UNet2DConditionModel(**kinds, **how, in_channels=3, out_channels=3))
    cond = Conditioning(text=torch.randn(1, 5, 8))
    assert len(unet.text_kv_cache) == 0 and unet.cache_text_keys(cond) is cond
    assert unet(torch.randn(1, 3, 8, 8), 500, cond).shape == (1, 3, 8, 8)
