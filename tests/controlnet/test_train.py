"""Training a ControlNet: it begins as nothing, only it learns, and neither batches nor kills change what it becomes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from accelerate import Accelerator

from synoptic.controlnet.dataset import epoch_order, training_row
from synoptic.controlnet.fidelity import control_fidelity
from synoptic.controlnet.init import init_controlnet
from synoptic.controlnet.train import Batch, output_from_pred, train, training_loss
from synoptic.diffusion.equations import Pred, pred_from_output
from synoptic.diffusion.schedules import schedule_from_config
from synoptic.models.checkpoint import BUNDLED_DIR
from synoptic.models.controlnet import controlnet_residuals
from synoptic.models.load import load


@pytest.fixture(scope="module")
def model() -> Any:
    return load("bundled", device="cpu", dtype="float32")


def net_for(model: Any, slim: bool = True) -> Any:
    return init_controlnet(model.unet.net, model.factor, attention=not slim).train()


def lesson(model: Any, *numbers: int) -> Batch:
    """Rows that depend on their number alone, on latents of 16 x 16."""
    side, channels = 16, model.shape[0]
    rows = [training_row(n, 5, 7, (channels, side, side), 1000, 0.3) for n in numbers]
    rngs = [torch.Generator().manual_seed(r.k) for r in rows]
    x0 = torch.stack([torch.randn(channels, side, side, generator=rng) for rng in rngs])
    seen = torch.stack([torch.rand(3, model.factor * side, model.factor * side, generator=rng).round() for rng in rngs])
    cond = model.embed(["" if r.drop_caption else f"a photo of {r.k} apples" for r in rows])
    return Batch(x0, torch.stack([r.eps for r in rows]), torch.tensor([r.t for r in rows]), cond, seen)


@pytest.mark.parametrize("slim", [False, True])
def test_a_new_net_changes_nothing_at_all(model, slim):
    net, (x, _, t, cond, seen) = net_for(model, slim), lesson(model, 0, 1)
    added = controlnet_residuals(net, x, t, cond, seen)
    assert len(added) == 7 and not any(level.any() for level in added)
    with torch.no_grad():
        plain, controlled = (model.predict(x, t, c) for c in (cond, replace(cond, control_residuals=tuple(added))))
    assert torch.equal(plain.x0, controlled.x0) and torch.equal(plain.eps, controlled.eps)


def test_a_new_net_is_the_encoder_and_a_slim_one_as_much_of_it_as_fits(model):
    theirs, whole, slim = model.unet.net.state_dict(), net_for(model, False).state_dict(), net_for(model).state_dict()
    encoder = [name for name in theirs if name.startswith(("conv_in.", "time_embedding.", "down_blocks."))]
    assert len(encoder) > 50 and all(torch.equal(theirs[name], whole[name]) for name in encoder)
    assert slim.keys() < whole.keys() and all(torch.equal(slim[name], whole[name]) for name in slim)
    assert not any("attentions" in name for name in slim)
    assert torch.equal(slim["controlnet_cond_embedding.conv_in.weight"], begun_again(model))


def begun_again(model: Any) -> torch.Tensor:
    torch.rand(3)  # whatever else was drawn
    return net_for(model).controlnet_cond_embedding.conv_in.weight


def test_a_map_that_the_net_cannot_be_led_down_from_is_refused(model):
    for factor in (3, 16):
        with pytest.raises(ValueError, match=r"1, 2, 4 or 8"):
            init_controlnet(model.unet.net, factor)


def test_the_loss_moves_the_net_alone_and_first_its_zero_convolutions(model):
    net = net_for(model)
    training_loss(net, model, lesson(model, 0, 1)).backward()
    frozen = [*model.unet.net.parameters(), *model.vae.parameters(), *model.text_encoder.tower.encoder.parameters()]
    assert all(p.grad is None and not p.requires_grad for p in frozen)
    for name, p in net.named_parameters():
        zero = name.startswith(("controlnet_down_blocks", "controlnet_mid_block"))
        assert p.grad is not None and bool(p.grad.any()) == zero, name


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample"])
def test_what_a_network_ought_to_say_means_the_picture_and_its_noise(kind):
    s = schedule_from_config({"prediction_type": kind, "beta_schedule": "scaled_linear"})
    x0, eps = torch.randn(2, 3, 4, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    t = torch.tensor([3, 500, 900])
    a, sigma = (u.view(-1, 1, 1, 1) for u in s(t))
    found = pred_from_output(s, a * x0 + sigma * eps, output_from_pred(s, Pred(x0, eps), t), t)
    assert torch.allclose(found.x0, x0, atol=1e-12) and torch.allclose(found.eps, eps, atol=1e-12)


def test_every_picture_is_seen_once_a_turn_and_rows_know_no_batches():
    rows = [training_row(n, 7, 3, (1, 2, 2), 1000, 0.5) for n in range(21)]
    for turn in range(3):
        assert sorted(r.k for r in rows[7 * turn : 7 * turn + 7]) == list(range(7))
    assert epoch_order(7, 3, 0) != epoch_order(7, 3, 1) and epoch_order(7, 3, 0) != epoch_order(7, 4, 0)
    assert len({r.eps.sum().item() for r in rows}) == 21 and {r.drop_caption for r in rows} == {False, True}
    assert torch.equal(training_row(20, 7, 3, (1, 2, 2), 1000, 0.5).eps, rows[20].eps)
    assert len({training_row(n, 1, 3, (1,), 1000, 0).t // 100 for n in range(200)}) == 10


def trained(model: Any, steps: int, accumulate: int, state: Any = None) -> Iterator[Any]:
    """Two rows a step, in one batch or in two."""
    each = 2 // accumulate
    batches = lambda i: [lesson(model, *range(n, n + each)) for n in range(2 * i, 2 * i + 2, each)]  # noqa: E731
    gathering = Accelerator(cpu=True, gradient_accumulation_steps=accumulate)
    return train(net_for(model), model, batches, gathering, steps=steps, lr=1e-3, state=state)


def test_a_killed_training_goes_on_to_the_bit(model):
    whole = [step.state() for step in trained(model, 3, 1)]
    gone_on = [step.state() for step in trained(model, 3, 1, {k: v.clone() for k, v in whole[0].items()})]
    assert len(gone_on) == 2 and whole[2].keys() == gone_on[1].keys()
    assert all(torch.equal(whole[2][name], gone_on[1][name]) for name in whole[2])
    assert not torch.equal(whole[0]["net/conv_in.weight"], whole[2]["net/conv_in.weight"])


@pytest.mark.slow
def test_two_batches_of_one_are_a_batch_of_two(model):
    (one,) = trained(model, 1, 1)
    a = one.state()
    (two,) = trained(model, 1, 2)
    b = two.state()
    assert torch.allclose(one.loss, two.loss, rtol=1e-5)
    moments = [name for name in a if name.endswith("exp_avg")]
    scale = max(a[name].abs().max().item() for name in moments)
    assert scale > 1e-4 and all(torch.allclose(a[name], b[name], rtol=0, atol=1e-5 * scale) for name in moments)


def test_a_picture_follows_its_own_map_and_not_another():
    from synoptic.controlnet.annotators.canny import canny
    from synoptic.controlnet.annotators.scribble import scribble

    x = -torch.ones(2, 3, 64, 64)
    x[0, :, 16:48, 16:48], x[1, :, :, :8] = 1.0, 1.0
    for kind, seen in {"canny": canny(x), "scribble": scribble(x), "map": (x + 1) / 2}.items():
        own, other = control_fidelity(kind, x, seen), control_fidelity(kind, x, seen.roll(1, 0))
        assert (own > 0.99).all() and (other < 0.5).all(), kind


def test_the_bundled_nets_are_what_slim_makes(model):
    from diffusers.models.controlnets.controlnet import ControlNetModel

    loader: Any = ControlNetModel
    theirs = loader.from_pretrained(BUNDLED_DIR / "control-canny").state_dict()
    ours = {name: value for name, value in net_for(model).state_dict().items() if "cond_embedding" not in name}
    assert ours.keys() == {name for name in theirs if "cond_embedding" not in name}
    assert all(theirs[name].shape == value.shape for name, value in ours.items())
