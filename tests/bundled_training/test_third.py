"""The third generation's pictures: two designs of each word, whole things on quiet grounds; and its training legs."""

from __future__ import annotations

import importlib
from random import Random
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from bundled_training.evaluate.renders import Renders, held_out
from bundled_training.render import Renderer, glyphs_3d, styles_3
from bundled_training.render.bank import bank, halved
from bundled_training.render.captions import NAMES, Spec, specs, vocabulary
from bundled_training.render.standing import GROUNDED, STACKED, contact, studio
from bundled_training.render.words import STORIES
from bundled_training.render.worlds import SECOND, THIRD, USUAL, world
from bundled_training.train.contrastive import contrast, ruined
from bundled_training.train.legs import rounded_mantissa
from synoptic.models.checkpoint import BUNDLED_DIR

diffusers: Any = importlib.import_module("diffusers")
THING = 0.84  # a pasted thing's depth is larger


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer("cpu", THIRD)


@pytest.mark.slow
def test_every_word_has_two_designs():
    tiles, designs = glyphs_3d.load("cpu")
    assert tiles.shape[1:] == (4, 192, 192) and tuple(designs) == THIRD.names
    assert set(NAMES) < set(designs) and len(designs) > 450
    assert all(set(kinds) == {"fluent", "noto"} and all(kinds.values()) for kinds in designs.values())
    used = {number for kinds in designs.values() for numbers in kinds.values() for number in numbers}
    assert used == set(range(len(tiles)))
    assert (tiles[:, 3].flatten(1).float().mean(1) > 15).all()
    assert set(designs) >= USUAL and set(THIRD.synonyms) <= set(designs) and THIRD.undyed <= set(designs)
    assert {name for story in STORIES for choices in story.things for name in choices} <= set(designs)


def test_the_world_goes_with_the_size():
    assert world(256) is THIRD and world(128) is world(64) is SECOND
    assert specs(50, Random(1), world=THIRD) == specs(50, Random(1), world=THIRD) != specs(50, Random(1))
    never = specs(200, Random(2), held_out=True, world=THIRD)
    pairs = {(spec.style, spec.content) for spec in specs(3000, Random(1), world=THIRD)}
    assert not pairs & {(spec.style, spec.content) for spec in never}
    assert {"astronaut", "sushi", "sofa", "pixel"} <= set(vocabulary(8000, THIRD)["words"])


@pytest.mark.slow
def test_held_out_pictures_can_be_measured():
    some = held_out(3, 1, about=THIRD)
    assert len({spec.caption for spec in some}) == 3
    assert Renders(torch.device("cpu"), THIRD)(some, 64, 0).shape == (3, 3, 64, 64)


@pytest.mark.slow
def test_every_kind_of_picture_in_range():
    pictures, captions, depths = bank(12, 256, "cpu", seed=1, depth=True)
    assert pictures.shape == (12, 3, 256, 256) and depths.shape == (12, 1, 256, 256) and len(captions) == 12
    assert pictures.float().flatten(1).std(1).min() > 2
    small, same = halved(12, 256, "cpu", seed=1)
    assert same == captions and small.shape == (12, 3, 128, 128)
    mean = torch.nn.functional.avg_pool2d(pictures.float(), 2)
    assert (small.float() - mean).abs().max() <= 0.5


@pytest.mark.slow
@pytest.mark.parametrize("style", styles_3.STYLES)
def test_a_thing_is_whole_and_seen_in_every_style(renderer, style):
    torch.manual_seed(1)
    some = [Spec(f"a {name}", style, "one", (name,), "one") for name in ("dog", "old man", "bicycle", "penguin")]
    image, depth = renderer.render(some, 256)
    assert image.isfinite().all() and image.min() >= 0 and image.max() <= 1
    near = depth[:, 0] > THING
    border = torch.cat([near[:, 0], near[:, -1], near[:, :, 0], near[:, :, -1]], 1)
    assert not border.any() and near.float().mean((1, 2)).min() > 0.08
    inside = torch.where(near[:, None], image, 0.0).sum((2, 3)) / near.sum((1, 2)).view(-1, 1)
    spread = (image - inside[..., None, None]).abs().mean(1)
    assert spread[near].mean() > 0.04  # not one flat blob


@pytest.mark.slow
def test_untold_grounds_are_quiet(renderer):
    grounds = studio(torch.ones(64, 3), torch.zeros(64), 64)
    assert (grounds.amax(1) - grounds.amin(1)).max() < 0.15 and grounds.amin() > 0.6
    colored = studio(torch.tensor([[0.85, 0.12, 0.12]]), torch.ones(1), 64)
    assert (colored[:, 0] - colored[:, 1]).min() > 0.5
    spec = Spec("a photo of an apple on a white background", "photo", "one", ("apple",), "one", background="white")
    assert renderer.render([spec] * 3, 256)[0][:, :, :8, :8].mean() > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("style", ["photo", "oil"])
def test_two_things_are_apart(renderer, style):
    torch.manual_seed(2)
    pairs = [("dog", "cat"), ("car", "horse"), ("tree", "pizza"), ("bicycle", "owl"), ("cow", "castle")]
    some = [Spec("", style, "two", names, "across") for names in pairs]
    near = renderer.render(some, 256)[1][:, 0] > THING
    columns = near.any(1)
    for row in columns:
        assert not row[0] and not row[-1]
        middle = row[100:156]
        assert not middle.all(), "there is ground between the two"
        assert row[:128].sum() > 40 and row[128:].sum() > 40


@pytest.mark.slow
@pytest.mark.parametrize("layout", STACKED)
def test_a_thing_on_another_touches_it(renderer, layout):
    torch.manual_seed(3)
    near = renderer.render([Spec("", "photo", "two", ("apple", "table"), layout)] * 4, 256)[1][:, 0] > THING
    rows = near.any(2)
    for row in rows:
        seen = row.nonzero().flatten()
        assert seen[-1] - seen[0] + 1 - row.sum() <= 6, "no gap between the two"
        assert seen[0] > 0 and seen[-1] < 255


@pytest.mark.slow
@pytest.mark.parametrize("layout", GROUNDED)
def test_things_in_a_scene_stand_on_its_ground(renderer, layout):
    torch.manual_seed(4)
    some = [Spec("", "photo", "one", (name,), layout, scene="meadow") for name in ("horse", "car", "castle")]
    near = renderer.render(some, 256)[1][:, 0] > THING
    bottoms = [int(row.nonzero().amax()) / 256 for row in near.any(2)]
    (_, (low, high), _) = GROUNDED[layout]
    assert all(low - 0.04 < bottom < high + 0.04 for bottom in bottoms)


def test_a_shadow_lies_under_a_thing():
    alpha = torch.zeros(1, 1, 64, 64)
    alpha[:, :, 10:40, 20:44] = 1
    dark = contact(alpha, torch.tensor([0.36]))[0, 0]
    assert 0.1 < dark[40, 32] <= 0.7 and dark[5, 32] < 0.01 and dark[60, 5] < 0.02
    assert contact(alpha, torch.zeros(1)).max() == 0


def test_ruined_pictures_are_nobodys():
    x = torch.rand(4, 3, 48, 48)
    assert ruined(x).shape == x.shape and (ruined(x) - x).abs().mean() > 0.05
    text = torch.nn.functional.normalize(torch.randn(4, 8), dim=1)
    same, scale = torch.eye(4), torch.tensor(10.0)
    alone, rivals = contrast(text, text, scale, same), contrast(text, torch.cat([text, text[:2]]), scale, same)
    assert rivals > alone  # a ruined picture that looks as good as the whole one costs


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_leg_starts_from_the_shards_of_the_one_before(tmp_path):
    from bundled_training import tokenizers
    from bundled_training.train import legs
    from tests.bundled_training.test_train import run

    tokenizers.write(tmp_path / "tokenizers", 3000, THIRD)
    run(tmp_path, "contrastive conditioner", "--side", "256")
    run(tmp_path, "vae")
    legs.tower(tmp_path / "conditioner", tmp_path)
    (tmp_path / "conditioner").rename(tmp_path / "both")
    run(tmp_path, "sd", "--shards", str(tmp_path / "one"))
    files = list((tmp_path / "one").iterdir())
    assert len(files) <= 8 and all(file.stat().st_size <= 16e6 for file in files)
    (tmp_path / "checkpoints" / "sd.safetensors").unlink()
    run(tmp_path, "sd", "--init", str(tmp_path / "one"), "--shards", str(tmp_path / "two"), "--end", "0.5")
    legs.whole(tmp_path, tmp_path / "two", tmp_path / "sd")
    pipe = diffusers.DiffusionPipeline.from_pretrained(tmp_path / "sd")
    pipe.set_progress_bar_config(disable=True)
    assert pipe("a photo of a dog", num_inference_steps=2, output_type="pt").images.shape == (1, 3, 256, 256)


def test_shipped_weights_have_8_bits_of_mantissa():
    x = (10 * torch.randn(1000, generator=torch.Generator().manual_seed(0))).half()
    y = rounded_mantissa(x)
    assert ((y.double() - x.double()).abs() <= x.double().abs() * 2**-9).all() and not torch.equal(x, y)
    mantissa, _ = torch.frexp(y.double())
    assert torch.equal(mantissa * 2**9, (mantissa * 2**9).round())
    weights = load_file(BUNDLED_DIR / "sd/unet/diffusion_pytorch_model.safetensors")
    assert all(torch.equal(part, rounded_mantissa(part)) for part in weights.values())
