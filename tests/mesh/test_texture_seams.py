"""Whether charts meet: the measure by colors that know nothing of charts, and what views of these become again."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
import torch
import trimesh
from torch import Tensor

from synoptic.mesh import diffuse
from synoptic.mesh.charts import Charts
from synoptic.mesh.diffuse import diffused
from synoptic.mesh.fuse_texture import _padded, fuse, render_texture
from synoptic.mesh.painted_surface import PaintedSurface
from synoptic.mesh.surface_maps import cameras_at, choose_views, surface_maps
from synoptic.mesh.texture_seams import CREASE, texture_seam_ratio
from synoptic.views.surface import SurfaceViews

SIDE = 256
Colors = Callable[[Tensor], Tensor]


def white(place: Tensor) -> Tensor:
    return torch.rand(place.shape, generator=torch.Generator().manual_seed(0))


def lattice(count: int) -> Colors:
    """Noise of a grid of count³ numbers in space, smooth between them."""
    grid = torch.rand(1, 3, count, count, count, generator=torch.Generator().manual_seed(0))
    return lambda p: torch.nn.functional.grid_sample(grid, p[None, None, None], align_corners=True)[0, :, 0, 0].T


def painted(surface: PaintedSurface, colors: Colors, side: int = SIDE) -> Tensor:
    """A texture of colors that are a function of the place alone."""
    texels = surface.texels(side)
    texture, covered = torch.zeros(side * side, 3), torch.zeros(side * side, dtype=torch.bool)
    texture[texels.number], covered[texels.number] = colors(texels.place), True
    return _padded(texture.view(side, side, 3), covered.view(side, side)).permute(2, 0, 1)


@pytest.mark.parametrize(
    "colors",
    [
        lambda p: (7 * p).sin(),
        lattice(80),
        white,
        *(pytest.param(c, marks=pytest.mark.slow) for c in (lambda p: p, lattice(20))),
    ],
)
def test_colors_that_know_no_charts_show_no_seam(surface, colors):
    ratio = texture_seam_ratio(surface, painted(surface, colors))
    assert ratio is not None and 0.9 < ratio < 1.1


def test_a_seam_is_told_where_charts_differ_in_brightness(surface):
    charts = Charts(surface)
    assert charts.cut.any() and not charts.cut.all()
    count = int(charts.chart.max()) + 1
    some = torch.rand(count, generator=torch.Generator().manual_seed(0))
    uneven = painted(surface, lambda p: p) + 0.4 * some[charts.shown(SIDE)].view(SIDE, SIDE)
    ratio = texture_seam_ratio(surface, uneven)
    assert ratio is not None and ratio > 5
    assert texture_seam_ratio(surface, torch.ones(3, SIDE, SIDE)) is None


@pytest.mark.slow
def test_what_differs_at_creases_alone_counts_where_they_are_counted(tmp_path: Path):
    """A can of few sides, whose walls meet flatly and its lids sharply, and lids of another color."""
    file = tmp_path / "can.stl"
    can: Any = trimesh.creation.cylinder(0.5, 1.0, sections=48)
    file.write_bytes(can.export(file_type="stl"))
    surface = PaintedSurface.read(file)
    charts = Charts(surface)
    angles = charts.angle[charts.angle > 1]
    assert torch.minimum((angles - 7.5).abs(), (angles - 90).abs()).max() < 0.1 and (charts.angle > 80).sum() == 96
    assert charts.cut[charts.angle > 80].all() and charts.cut[charts.angle < 30].any()

    def on_lids(place: Tensor) -> Tensor:  # of walls 0.7056 from the axis at least, and lids 0.7071 from the middle
        return (place[:, 2:].abs() > 0.707) & (place[:, :2].norm(dim=1, keepdim=True) < 0.7045)

    lids = painted(surface, lambda p: (7 * p).sin() + 2.0 * on_lids(p))
    every, smooth = texture_seam_ratio(surface, lids), texture_seam_ratio(surface, lids, CREASE)
    assert every is not None and every > 3 and smooth is not None and smooth < 1.2
    sharp = PaintedSurface.read(box_of(tmp_path))
    assert texture_seam_ratio(sharp, painted(sharp, lambda p: p), CREASE) is None


def box_of(folder: Path) -> Path:
    file = folder / "box.stl"
    box: Any = trimesh.creation.box()
    file.write_bytes(box.export(file_type="stl"))
    return file


@pytest.mark.slow
@pytest.mark.parametrize("colors", [lambda p: (7 * p).sin(), pytest.param(lattice(40), marks=pytest.mark.slow)])
def test_a_known_textures_views_become_a_texture_without_seams(surface, colors):
    """Seen from six sides, a part of it from none, it comes back with no more of a seam than it has."""
    camera = choose_views(surface, 6).camera
    views = render_texture(surface, painted(surface, colors, 2 * SIDE), camera, SIDE)
    ratio = texture_seam_ratio(surface, fuse(surface, camera, views, SIDE).texture)
    assert ratio is not None and ratio < 1.1


def test_unknown_colors_are_the_mean_of_those_around_them_on_the_surface(surface):
    """Of heights, which on the ball are nearly harmonic within a small cap; known places keep theirs."""
    texels = surface.texels(SIDE)
    known = (texels.place - surface.triangles.reshape(-1, 3)[0]).norm(dim=1) > 0.1
    height = texels.place[:, 1:2].expand(-1, 3)
    found = diffused(surface, texels.place, texels.face, torch.where(known[:, None], height, 0), known)
    assert (~known).sum() > 20 and torch.equal(found[known], height[known])
    assert (found - height)[~known].abs().max() < 0.03 < height[~known].std()


@pytest.fixture(scope="module")
def house() -> PaintedSurface:
    """Six kinds of folds, those of the eaves as sharp as 42 degrees; no view sees all that the roof hides."""
    return PaintedSurface.read(Path(__file__).parents[2] / "examples/house.obj")


def test_unknown_colors_go_on_over_a_sharp_fold_as_if_it_were_flat(house):
    """Laplace's equation on two planes, unfolded, has what is linear across the fold as a solution."""
    charts = Charts(house)
    eaves = int(charts.angle.argmax())
    assert charts.angle[eaves] > 135
    (start, end), (roof, below) = charts.ends[eaves], charts.faces[eaves].tolist()
    texels = house.texels(SIDE)
    line = torch.nn.functional.normalize(end - start, dim=0)
    away = texels.place - start
    along = away @ line / (end - start).norm()
    across = (away - (away @ line)[:, None] * line).norm(dim=1)
    normals = house.normals[texels.face]
    on_roof, under = ((normals @ house.normals[face] > 0.99) for face in (roof, below))
    height = torch.where(on_roof, across, -across)[:, None].expand(-1, 3)
    known = ~((on_roof | under) & (across < 0.05) & (along > 0.2) & (along < 0.8))
    found = diffused(house, texels.place, texels.face, torch.where(known[:, None], height, 0), known)
    assert torch.equal(found[known], height[known])
    for side in (on_roof, under):
        assert (side & ~known).sum() > 50
        assert (found - height)[side & ~known].abs().max() < 0.02 < 0.035 < height[side & ~known].abs().max()


@pytest.mark.slow
def test_a_house_of_known_colors_comes_back_without_seams(house):
    """Over folds of every angle, though views see few of them from both sides, and not all of the surface."""
    camera = choose_views(house, 6).camera
    given = painted(house, lattice(40), 2 * SIDE)
    fused = fuse(house, camera, render_texture(house, given, camera, SIDE), SIDE).texture
    ratio = texture_seam_ratio(house, fused)
    assert ratio is not None and ratio < 1.2


def test_filled_colors_do_not_depend_on_where_the_search_for_them_begins(house, monkeypatch):
    texels = house.texels(96)
    height = (texels.place - texels.place.min(0).values) / (texels.place.max(0).values - texels.place.min(0).values)
    known = house.normals[texels.face][:, 1] > -0.5
    assert 0.5 < known.double().mean() < 0.9  # what looks down is not
    begun = []
    for most in (1, 2**13):
        monkeypatch.setattr(diffuse, "MOST_NEAREST", most)
        begun.append(diffused(house, texels.place, texels.face, height.float(), known))
    assert (begun[0] - begun[1]).abs().max() < 0.02


@pytest.mark.slow
def test_views_that_disagree_go_over_into_each_other_where_faces_meet(tmp_path):
    """Views of one color each, agreed on: by the normals of faces the straightest would change at each fold, at once."""
    file = tmp_path / "ball.stl"
    ball: Any = trimesh.creation.icosphere(1)
    file.write_bytes(ball.export(file_type="stl"))
    surface, side = PaintedSurface.read(file), 96
    camera = cameras_at(torch.arange(6) * 60.0, torch.full((6,), 15.0))
    views = SurfaceViews(3, cache(partial(surface_maps, surface, camera)), side, 6.0)
    colors = torch.rand(len(views), 3, 1, 1, generator=torch.Generator().manual_seed(0)).expand(-1, -1, side, side)
    agreed = views.project(views.unproject(colors), onto=colors)
    ratio = texture_seam_ratio(surface, fuse(surface, camera, agreed, 128).texture)
    assert ratio is not None and ratio < 1.8
