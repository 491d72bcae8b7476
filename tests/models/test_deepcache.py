"""DeepCache: whole where it was asked for, exact where nothing changed, and less work elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch

from synoptic.guidance.batching import predict_branches
from synoptic.models.deepcache import gather_rows
from synoptic.models.unet import with_deepcache

PROMPTS = ["a photo of a horse", "an oil painting of a village"]


@pytest.fixture(autouse=True)
def without_gradients():
    with torch.no_grad():
        yield


def noise(model, n, side=16):
    return torch.randn(n, model.shape[0], side, side, generator=torch.Generator().manual_seed(0))


@contextmanager
def calls(model) -> Iterator[list[int]]:
    """How many rows each call of the network's middle has."""
    seen: list[int] = []
    hook = model.unet.net.mid_block.register_forward_pre_hook(lambda _, args: seen.append(len(args[0])))
    yield seen
    hook.remove()


class Clock(float):
    """A time that equals only itself."""

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other

    def __ne__(self, other: object) -> bool:
        return self is not other


@pytest.mark.parametrize("name", ["sd32", "pixel32"])
@pytest.mark.parametrize("controlled", [False, True])
def test_what_has_not_changed_is_the_same_without_the_deep_levels(name, controlled, request):
    model = request.getfixturevalue(name)
    x, cond = noise(model, 2), model.embed(PROMPTS)
    if controlled:
        cond = replace(cond, control_residuals=residuals(model, x, cond))
    first, again = Clock(500), Clock(500)
    unet = with_deepcache(model, {first}).unet
    plain = model.unet(x, 500, cond)
    assert torch.equal(unet(x, first, cond), plain)
    with calls(model) as seen:
        assert torch.equal(unet(x, again, cond), plain)
        other = unet(x, 400, cond)
    assert not seen and 0 < (other - model.unet(x, 400, cond)).norm() < 0.3 * other.norm()


def residuals(model, x, cond) -> tuple[torch.Tensor, ...]:
    """Of a ControlNet: something to add to every level."""
    sizes: list[torch.Size] = []
    hooks = [
        block.register_forward_hook(lambda *a: sizes.extend(u.shape for u in a[-1][1]))
        for block in model.unet.net.down_blocks
    ]
    hooks += [model.unet.net.conv_in.register_forward_hook(lambda *a: sizes.append(a[-1].shape))]
    hooks += [model.unet.net.mid_block.register_forward_hook(lambda *a: sizes.append(a[-1].shape))]
    model.unet(x, 500, cond)
    for hook in hooks:
        hook.remove()
    return tuple(0.1 * torch.randn(size) for size in sizes)


@pytest.mark.slow
def test_whole_at_every_time_is_the_plain_network(sd32):
    x, cond = noise(sd32, 2), sd32.embed(PROMPTS)
    model = with_deepcache(sd32, {900, 500, 100})
    for t in (900, 500, 100, 900):
        assert torch.equal(model.predict(x, t, cond).eps, sd32.predict(x, t, cond).eps)
    assert sd32.unet.deepcache is None


def test_rows_are_known_whatever_the_calls(sd32):
    """Guided rows in calls of three, then in calls of four, then the conditional ones alone."""
    conds = {"cond": sd32.embed(PROMPTS), "null": sd32.embed(["", ""])}
    alone, x = {"cond": conds["cond"]}, noise(sd32, 4)
    model, other = with_deepcache(sd32, {900}), with_deepcache(sd32, {900})
    predict_branches(model, conds, max_rows=3)(x, 900)
    predict_branches(other, conds)(x, 900)
    with calls(sd32) as seen:
        for some, limit, t in ((conds, 4, 800), (alone, 3, 700)):
            a, b = predict_branches(model, some, max_rows=limit)(x, t), predict_branches(other, some)(x, t)
            for name in some:
                torch.testing.assert_close(a[name].eps, b[name].eps, rtol=0, atol=1e-5)
    assert not seen


def test_rows_that_nothing_was_kept_of_run_whole(sd32):
    x, cond = noise(sd32, 2), sd32.embed(PROMPTS)
    model = with_deepcache(sd32, {900})
    one = cond.rows(slice(1))
    with calls(sd32) as seen:
        model.predict(x[:1], 900, one)
        a = model.predict(x, 800, cond)
    assert seen == [1, 2] and torch.equal(a.eps, sd32.predict(x, 800, cond).eps)


def test_rows_of_tensors():
    a, b = torch.arange(3), torch.arange(3, 5)
    assert gather_rows([(a, 0), (a, 1), (a, 2)]) is a
    assert gather_rows([(a, 2), (a, 0)]).tolist() == [2, 0]
    assert gather_rows([(b, 1), (a, 2)]).tolist() == [4, 2]
