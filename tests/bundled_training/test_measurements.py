"""The arithmetic of the evaluation against known answers, and its cheapest measurement in miniature."""

from __future__ import annotations

import json
import math

import pytest
import torch
from torch import Tensor

from bundled_training.evaluate import statistics
from bundled_training.evaluate.__main__ import main
from bundled_training.evaluate.discs import cap, count_discs, discs, label
from bundled_training.evaluate.plain import frame
from bundled_training.evaluate.renders import Renders, held_out
from bundled_training.evaluate.report import report
from bundled_training.evaluate.task import Findings, Task
from bundled_training.evaluate.upscale import bicubic, crops, detail
from bundled_training.evaluate.wide import SHORT
from bundled_training.render.captions import WIDE_PROMPTS, is_held_out
from synoptic.models.checkpoint import BUNDLED_DIR
from synoptic.views.anagram import Anagram
from synoptic.views.registry import get_view


def test_mean_and_its_error():
    mean, error = statistics.mean_error([1.0, 2.0, 3.0, 4.0])
    assert mean == 2.5 and error == pytest.approx(math.sqrt(5 / 3) / 2)


def test_the_error_of_a_ratio_is_the_delta_methods():
    rng = torch.Generator().manual_seed(0)
    below = 1 + 0.1 * torch.randn(400, 6, generator=rng, dtype=torch.float64)
    above = 0.9 + 0.1 * torch.randn(400, 6, generator=rng, dtype=torch.float64)
    ratio, error = statistics.ratio_error(above, below)
    expected = 0.9 * math.hypot(0.1 / 0.9, 0.1) / math.sqrt(2400)
    assert ratio == pytest.approx(0.9, abs=0.01) and error == pytest.approx(expected, rel=0.15)
    assert statistics.ratio_error(below, below) == (1.0, 0.0)


def test_ranks():
    cosines = torch.tensor([[0.9, 0.1, 0.2], [0.3, 0.1, 0.2]])
    assert statistics.ranks(cosines, torch.tensor([0, 1])).tolist() == [0, 2]


def test_area_under_the_curve_and_overlap():
    low, high = torch.tensor([-0.5, -0.4]), torch.tensor([0.5, 0.6])
    assert statistics.area_under_curve(high, low) == 1 and statistics.area_under_curve(low, high) == 0
    assert statistics.area_under_curve(low, low) == 0.5
    assert statistics.overlap(low, high) == 0 and statistics.overlap(low, low) == pytest.approx(1)


def test_frechet_distance_of_two_gaussians():
    rng = torch.Generator().manual_seed(0)
    a, b = (torch.randn(200_000, 2, generator=rng, dtype=torch.float64) for _ in range(2))
    b = b * torch.tensor([2.0, 3.0]) + torch.tensor([1.0, 0.0])
    assert statistics.frechet(a, b) == pytest.approx(1 + 1 + 4, rel=0.02)
    assert statistics.frechet(a, a) == pytest.approx(0, abs=1e-9)


def test_the_jackknife_gives_a_means_own_error():
    x = torch.randn(50, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    value, error = statistics.jackknife(lambda rows: x[rows].mean().item(), 50, groups=50)
    assert (value, error) == pytest.approx(statistics.mean_error(x))


def sky(*suns: tuple[float, float, float], ground: int = 128) -> Tensor:
    """A blue sky (3, 128, 768) with yellow suns (x, y, radius), and green from the row `ground` on."""
    y, x = torch.meshgrid(torch.arange(128.0), torch.arange(768.0), indexing="ij")
    picture = torch.tensor([0.4, 0.6, 0.9]).view(3, 1, 1).repeat(1, 128, 768)
    for at, height, radius in suns:
        inside = (radius + 0.5 - torch.hypot(x - at, y - height)).clamp(0, 1)
        picture = picture + (torch.tensor([1.0, 0.94, 0.5]).view(3, 1, 1) - picture) * inside
    picture[:, ground:] = torch.tensor([0.1, 0.4, 0.1]).view(3, 1, 1)
    return picture


def test_discs_are_counted_and_measured():
    suns = (100.0, 30.0, 8.0), (400.0, 40.0, 10.0), (700.0, 20.0, 7.0)
    assert count_discs(torch.stack([sky(*suns[:n]) for n in range(4)])).tolist() == [0, 1, 2, 3]
    (found,) = discs(sky(suns[1]))
    assert found == pytest.approx(suns[1], abs=2)


def test_a_sun_that_has_half_sunk_counts_and_a_bar_or_a_cloud_does_not():
    assert len(discs(sky((300.0, 60.0, 10.0), ground=64))) == 1
    bar, cloud = sky(), sky()
    bar[:, 30:38, 200:300] = 1.0
    cloud[:, 20:50, 200:235] = 0.9 + 0.1 * torch.rand(3, 30, 35, generator=torch.Generator().manual_seed(0))
    assert count_discs(torch.stack([bar, cloud])).tolist() == [0, 0]


def test_regions_are_labelled_once_however_they_wind():
    mask = torch.tensor([[1, 0, 1, 0, 1], [1, 0, 1, 0, 0], [1, 1, 1, 0, 1]], dtype=torch.bool).numpy()
    labels, count = label(mask)
    assert count == 3 and labels[0, 0] == labels[0, 2] == labels[2, 1] != 0
    assert len({labels[0, 0], labels[0, 4], labels[2, 4]}) == 3


def test_the_cap_of_a_circle():
    assert cap(2, 4) == pytest.approx(4 * math.pi) and cap(2, 2) == pytest.approx(2 * math.pi)


def test_the_frame_leaves_out_the_middle():
    picture = torch.ones(1, 3, 100, 100)
    picture[..., 8:92, 8:92] = 0
    assert frame(picture).item() == pytest.approx(1)


def test_the_views_of_readiness_keep_the_laws_and_turn_clockwise():
    z = torch.randn(2, 3, 8, 8)
    views = Anagram((3, 8, 8), [get_view("identity"), get_view("rotate_cw")])
    assert torch.equal(views.unproject(views.project(z)), z)
    corner = torch.zeros(1, 1, 4, 4)
    corner[..., 0, 0] = 1
    assert views.project(corner)[1, 0, 0, 3] == 1


def test_crops_are_at_full_scale_and_reach_every_corner():
    x = torch.rand(2, 3, 256, 256)
    found = crops(x)
    assert found.shape == (2, 9, 3, 96, 96)
    assert torch.equal(found[1, 0], x[1, :, :96, :96]) and torch.equal(found[1, 8], x[1, :, -96:, -96:])
    assert torch.equal(found[0, 5], x[0, :, 80:176, 160:])


@pytest.mark.slow
def test_the_distance_of_crops_sees_what_enlarging_loses(tmp_path):
    real = Renders(torch.device("cpu"))(held_out(6, 3), 256, 0)
    half, quarter = (bicubic(torch.nn.functional.interpolate(real, scale_factor=f, mode="area"), 256) for f in (0.5, 0.25))
    found = Findings({})
    detail(found, Task(BUNDLED_DIR, tmp_path, device="cpu"), real, {"bicubic": quarter, "half": half, "real": real})
    by = {(row.measure, row.pictures, row.clip_model): row for row in found.rows}
    for reference_clip in ("clip", "clip-grayscale"):
        coarse, fine, same = (
            by["Fréchet distance of crops to renders'", k, reference_clip].value for k in ("bicubic", "half", "real")
        )
        assert coarse > 2 * fine and fine > 0 and same == pytest.approx(0, abs=1e-6)
        gain = by["Fréchet distance of crops - bicubic's", "half", reference_clip]
        assert gain.value == pytest.approx(fine - coarse) and gain.error and gain.samples == 54


def test_prompts_are_held_out_and_distinct():
    found = held_out(100, 0)
    assert len({spec.caption for spec in found}) == len({(spec.style, spec.content) for spec in found}) == 100
    assert all(is_held_out(spec.style, spec.content) for spec in found)
    assert held_out(100, 0) == found != held_out(100, 1)
    assert len(SHORT) == len(WIDE_PROMPTS)


@pytest.mark.slow
def test_clip_models_in_miniature(tmp_path, capsys):
    for name in ("clip", "clip-grayscale"):
        (tmp_path / name).symlink_to(BUNDLED_DIR / name)
    main(["clip-models", "--family", str(tmp_path), "--out", str(tmp_path / "out"), "--quick"])
    found = json.loads((tmp_path / "out" / "clip-models.json").read_text())
    assert len(found["prompts"]) == 10 and found["settings"]["quick"] and (tmp_path / "out" / "clip-models.png").is_file()
    assert all(set(row) == {"measure", "pictures", "clip_model", "value", "error", "samples"} for row in found["rows"])
    assert "top-1 of 10\treal\tclip" in capsys.readouterr().out
    assert "| top-1 of 10 | clip-grayscale |" in report(tmp_path / "out")


@pytest.mark.slow
def test_a_member_that_is_missing_is_named_and_the_others_are_measured(tmp_path, capsys):
    for name in ("clip", "clip-grayscale"):
        (tmp_path / name).symlink_to(BUNDLED_DIR / name)
    with pytest.raises(SystemExit) as e:
        main(["if-ii", "views", "clip-models", "--family", str(tmp_path), "--out", str(tmp_path / "out"), "--quick"])
    said = capsys.readouterr()
    assert e.value.code == 1 and "if-ii left out" in said.err and "has no if-ii" in said.err and "has no sd" in said.err
    assert (tmp_path / "out" / "clip-models.json").is_file()
