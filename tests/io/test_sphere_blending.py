"""Pastes into panoramas: what is kept stays to the bit, and there is no seam at the edges, which are none."""

from __future__ import annotations

import pytest
import torch

from synoptic.io import sphere_blending
from synoptic.io.blending import composite
from synoptic.io.sphere_blending import composite_panorama, extend_sphere
from synoptic.views.directions import Direction
from synoptic.views.sphere import canvas_rays, perspective, place_of


def smooth(height: int, seed: int) -> torch.Tensor:
    """(1, 3, H, 2H), linear in the place on the sphere, so that no edge and no pole can be seen in it."""
    by = torch.randn(3, 3, generator=torch.Generator().manual_seed(seed))
    return (canvas_rays(height).float() @ by.T).permute(2, 0, 1)[None] / 4


def box(height: int, top: int, bottom: int, left: int, right: int) -> torch.Tensor:
    """A mask whose columns are counted around the back."""
    mask = torch.zeros(1, 1, height, 2 * height)
    mask[..., top:bottom, left:right] = 1
    return mask


def test_beyond_an_edge_is_the_other_one_and_beyond_a_pole_the_other_side():
    H, m = 8, 3
    places = canvas_rays(H).permute(2, 0, 1)
    wide = extend_sphere(places, m)
    assert torch.equal(wide[:, m:-m, m:-m], places) and torch.equal(wide[:, m:-m, :m], places[..., -m:])
    row, column = torch.meshgrid(torch.arange(-m, H + m) + 0.5, torch.arange(-m, 2 * H + m) + 0.5, indexing="ij")
    lat, lon = (0.5 - row / H).double() * torch.pi, (column / (2 * H) - 0.5).double() * 2 * torch.pi  # past 90 degrees
    exact = torch.stack([lat.cos() * lon.sin(), lat.sin(), -lat.cos() * lon.cos()])
    torch.testing.assert_close(wide, exact, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "where",
    [
        (20, 44, 0, 20),
        *(pytest.param(box, marks=pytest.mark.slow) for box in ((0, 20, 0, 128), (20, 44, 30, 60), (40, 64, 0, 128))),
    ],
)
def test_what_is_kept_stays_to_the_bit_and_pieces_are_as_the_whole(where, monkeypatch):
    painted, known, mask = smooth(64, 0), smooth(64, 1), box(64, *where)
    whole = composite_panorama(painted, known, mask)
    assert torch.equal(whole[(mask == 0).expand_as(whole)], known[(mask == 0).expand_as(whole)])
    wide, there, white = (extend_sphere(x, 32) for x in (painted, known, mask))
    inside = composite(wide, there, white)[..., 32:-32, 32:-32]
    monkeypatch.setattr(sphere_blending, "TILE", 24)
    pieces = composite_panorama(painted, known, mask)
    assert (pieces - inside).abs().max() < 0.5 / 127.5 and (whole - inside).abs().max() < 0.5 / 127.5


def test_no_seam_shows_where_the_mask_goes_over_the_back_and_the_poles():
    """Both pictures are smooth; a step anywhere would be one of the paste, or of the canvas's edges."""
    H = 96
    row, _ = place_of(canvas_rays(H), H)
    mask = box(H, 30, 66, 0, 24) + box(H, 30, 66, 180, 192) + box(H, 0, 16, 0, 192)
    assert row.shape == mask.shape[2:]
    found = composite_panorama(smooth(H, 0), smooth(H, 0) + 0.3, mask)
    looks = [Direction(180.0, 0.0), Direction(200.0, 10.0), Direction(0.0, 90.0), Direction(150.0, 60.0)]
    steps = []
    for direction in looks:
        seen = perspective(found, direction, 60.0, (48, 48))
        steps += [seen.diff(dim=-1).abs().max().item(), seen.diff(dim=-2).abs().max().item()]
    assert max(steps) < 0.12  # a bare paste steps by 0.3


def test_a_gray_mask_mixes():
    painted, known = smooth(32, 0), smooth(32, 1)
    mask = torch.full((1, 1, 32, 64), 0.25)
    torch.testing.assert_close(composite_panorama(painted, known, mask), 0.25 * painted.clamp(-1, 1) + 0.75 * known)
