"""The sphere's geometry: against py360convert, by round trips, and with a letter that must not be mirrored."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from synoptic.io import from_pil
from synoptic.views import sphere
from synoptic.views.directions import Direction, spread_directions
from synoptic.views.sphere import canvas_rays, index_of, perspective, place_picture, seen_by, stitch, view_rays, views_of

AUTHORS = json.loads(Path(__file__).with_name("py360convert.json").read_text())["rays"]


@pytest.mark.parametrize("place", AUTHORS)
def test_the_rays_of_a_view_are_py360converts(place):
    azimuth, elevation = map(float, place.split(","))
    mine = view_rays(Direction(azimuth, elevation), 80.0, (4, 4))
    assert (mine - torch.tensor(AUTHORS[place])).abs().max() < 6e-4  # it is kept to three digits


def test_a_pixel_of_the_canvas_is_met_by_its_own_ray():
    assert torch.equal(index_of(canvas_rays(9), 9), torch.arange(9 * 18).view(9, 18))


@pytest.mark.parametrize("direction", [Direction(30.0, 20.0), Direction(0.0, 90.0), Direction(0.0, -90.0)])
def test_a_view_sees_its_own_rays_where_they_are(direction):
    rays = view_rays(direction, 70.0, (5, 5)).view(-1, 3)
    seen, at = seen_by(direction, 70.0, rays)
    centers = (torch.arange(5, dtype=torch.float64) + 0.5) * 2 / 5 - 1
    assert torch.equal(seen, torch.arange(25))
    torch.testing.assert_close(at.view(5, 5, 2)[..., 0], centers.expand(5, -1), rtol=0, atol=1e-12)
    torch.testing.assert_close(at.view(5, 5, 2)[..., 1], centers[:, None].expand(-1, 5), rtol=0, atol=1e-12)
    assert not len(seen_by(direction, 70.0, -rays)[0])


def smooth(height: int) -> Tensor:
    """A canvas whose colors are its directions: (1, 3, H, 2H)."""
    return canvas_rays(height).permute(2, 0, 1)[None]


@pytest.mark.parametrize("azimuth", [0.0, 100.0, 180.0])
@pytest.mark.parametrize("elevation", [-90.0, -60.0, 0.0, 90.0])
def test_a_perspective_view_of_directions_shows_its_rays_across_the_closing_edge_and_the_poles(azimuth, elevation):
    direction = Direction(azimuth, elevation)
    seen = perspective(smooth(256), direction, 60.0, (24, 40))[0].permute(1, 2, 0)
    assert (seen - view_rays(direction, 60.0, (24, 40))).abs().max() < 2e-4


def test_views_of_directions_are_stitched_to_the_directions():
    directions = spread_directions(18)
    views = torch.stack([view_rays(d, 80.0, (64, 64)).permute(2, 0, 1) for d in directions])
    assert (stitch(views, directions, 80.0, 96) - smooth(96)).abs().max() < 0.01
    flat = torch.full((18 * 2, 1, 8, 8), 0.25)
    torch.testing.assert_close(stitch(flat, directions, 80.0, 16), torch.full((2, 1, 16, 32), 0.25))


def test_a_letter_is_not_mirrored_nor_upside_down():
    letter = Image.new("RGB", (32, 32), "white")
    ImageDraw.Draw(letter).text((6, -1), "R", "black", ImageFont.load_default(30))
    canvas = torch.ones(1, 3, 128, 256)
    canvas[..., 48:80, 112:144] = from_pil(letter)
    seen = perspective(canvas, Direction(0.0, 0.0), 46.0, (32, 32))  # 32 of 256 columns are 45 degrees
    away = {name: (seen - other).abs().mean() for name, other in variants(from_pil(letter)).items()}
    assert min(away, key=lambda name: away[name]) == "itself" and away["itself"] < 0.7 * away["mirrored"]
    to_the_right = perspective(canvas, Direction(20.0, 0.0), 46.0, (32, 32))
    assert to_the_right[..., :16].mean() < to_the_right[..., 16:].mean()  # it has moved to the left


def variants(x: Tensor) -> dict[str, Tensor]:
    return {"itself": x, "mirrored": x.flip(-1), "upside down": x.flip(-2), "turned": x.flip(-1, -2)}


@pytest.mark.parametrize("fov", [40.0, 90.0])
def test_a_picture_that_is_placed_is_what_a_view_to_the_front_shows(fov):
    picture = view_rays(Direction(0.0, 0.0), fov, (40, 60)).permute(2, 0, 1)[None].float()
    canvas, weight = place_picture(picture, fov, 256)
    inside = weight > 0
    assert (canvas - canvas_rays(256).permute(2, 0, 1))[:, inside].abs().max() < 0.02
    assert (canvas[:, ~inside] == 0).all() and weight[128, 256] == 1 and weight[128, 0] == 0
    area = canvas_rays(256)[..., :2].square()  # cos² of the elevation is x² + z²
    share = ((1 - area[..., 1]).sqrt() * inside).sum() / (1 - area[..., 1]).sqrt().sum()
    u, v = math.tan(math.radians(fov) / 2), math.tan(math.radians(fov) / 2) * 2 / 3
    solid = 4 * math.asin(u * v / math.sqrt((1 + u * u) * (1 + v * v)))
    assert share == pytest.approx(solid / (4 * math.pi), rel=0.03)


def test_views_of_a_finer_panorama_are_its_means():
    """Every other pixel white is gray, where reading between four pixels would show some of them."""
    fine = (torch.arange(512)[:, None] + torch.arange(1024)).remainder(2).float()[None, None]
    directions = [Direction(20.0, 0.0), Direction(180.0, 40.0)]
    found = views_of(fine, directions, 80.0, 16)
    assert found.shape == (2, 1, 16, 16) and (found - 0.5).abs().max() < 0.1
    assert (perspective(fine, directions[0], 80.0, (16, 16)) - 0.5).abs().max() > 0.3
    coarse = torch.rand(1, 2, 16, 32, generator=torch.Generator().manual_seed(0))
    exact = torch.cat([perspective(coarse, d, 80.0, (16, 16)) for d in directions])
    assert torch.equal(views_of(coarse, directions, 80.0, 16), exact)


def test_a_canvas_is_stitched_in_pieces_as_at_once(monkeypatch):
    directions = spread_directions(18)
    views = torch.rand(2 * 18, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    whole = stitch(views, directions, 80.0, 40)
    for piece in (1, 300, 80 * 7):
        monkeypatch.setattr(sphere, "PIECE", piece)
        assert torch.equal(stitch(views, directions, 80.0, 40), whole)
