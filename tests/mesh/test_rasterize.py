"""The z-buffer against Embree's rays, and what a fused texture shows of what was painted."""

from __future__ import annotations

import pytest
import torch

from synoptic.mesh.fuse_texture import fuse, multi_view_psnr
from synoptic.mesh.painted_surface import PaintedSurface
from synoptic.mesh.rasterize import _cast, rasterize, z_buffer
from synoptic.mesh.surface_maps import FRONT, choose_views, depth_maps
from synoptic.nerf.cameras import turntable_cameras
from tests.mesh.shapes import CUBE


def test_both_rasterizers_see_the_same_faces(surface):
    camera = turntable_cameras(4)
    by_rays, by_buffer = _cast(surface.triangles, camera, 128), z_buffer(surface.triangles, camera, 128)
    assert (by_rays == by_buffer).double().mean() >= 0.9999 and (by_rays >= 0).double().mean() > 0.1


@pytest.mark.slow
def test_colors_by_place_come_back_from_their_pictures(surface):
    chosen = choose_views(surface, 8)
    assert chosen.seen > 0.9 and len(chosen.camera.eye) <= 8
    seen = rasterize(surface.triangles, chosen.camera, 128)
    place = surface.place(seen.face.clamp(min=0), seen.share)
    pictures = torch.where(seen.face[..., None] >= 0, place, torch.ones(3)).permute(0, 3, 1, 2)
    fused = fuse(surface, chosen.camera, pictures, 256)
    assert multi_view_psnr(surface, fused.texture, chosen.camera, pictures) > 35 and fused.seen > 0.7
    texels = surface.texels(256)
    away = (fused.texture.flatten(1).T[texels.number] - texels.place).norm(dim=1)
    assert away.quantile(0.9) < 0.1, "unseen texels too, which are filled from beside them on the surface"


def test_every_texel_is_filled(surface):
    """Those inside of faces, seen or not, and those outside: nothing is left at 0, which no picture shows."""
    camera = choose_views(surface, 1).camera
    fused = fuse(surface, camera, torch.full((1, 3, 96, 96), 0.5), 128)
    assert fused.seen < 0.5 and (fused.texture - 0.5).abs().max() < 1e-5


@pytest.mark.slow
def test_views_are_filled_and_the_nearest_place_is_white(surface):
    camera = choose_views(surface, 8).camera
    seen = rasterize(surface.triangles, camera, 128).face >= 0
    sides = [(m.any(0).sum().item(), m.any(1).sum().item()) for m in seen]
    assert all(abs(max(pair) / 128 - 0.8) < 0.03 or max(pair) / 128 >= 0.8 / 1.5 - 0.03 for pair in sides)
    assert max(max(pair) for pair in sides) < 0.83 * 128
    assert not seen[:, [0, -1]].any() and not seen[..., [0, -1]].any()
    maps = depth_maps(surface, camera, 128)[:, 0]
    assert (maps.amax((1, 2)) == 1).all() and not maps[~seen].any() and maps[seen].min() >= 0.03


@pytest.mark.slow
def test_views_are_from_where_pictures_are_taken_but_for_what_is_seen_from_elsewhere_alone(tmp_path):
    """A cube has its walls from a little above, its lid from above and its bottom from below."""
    file = tmp_path / "cube.obj"
    file.write_text(CUBE)
    surface = PaintedSurface.read(file)
    chosen = choose_views(surface, 10)
    elevation = chosen.camera.elevation.rad2deg().round()
    assert (elevation == FRONT).sum() == 8 and (elevation < 0).sum() == 1 and chosen.seen > 0.99
    wall, bottom = torch.ones(3, 32, 32), -torch.ones(3, 32, 32)
    pictures = torch.where((chosen.camera.elevation < 0)[:, None, None, None], bottom, wall)
    texels = surface.texels(128)
    color = fuse(surface, chosen.camera, pictures, 128).texture.flatten(1).T[texels.number, 0]
    normal = surface.normals[texels.face]
    assert color[normal[:, 1] < -0.9].median() < -0.99 and color[normal[:, 1].abs() < 0.1].median() > 0.99
