"""Meshes of fields that are known, and of shapes that are not fit to be meshes; the files open elsewhere."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
import trimesh
from torch import Tensor

from synoptic.mesh import marching_cubes, require_mesh
from synoptic.mesh.backproject_color import backproject_color, field_color_at_surface
from synoptic.mesh.export import export_mesh
from synoptic.mesh.marching_cubes import ExtractedMesh, agreement, extract_mesh
from synoptic.mesh.raycast import raycast
from synoptic.mesh.surface import best_threshold, extract_surface, sample_density
from synoptic.mesh.texture import bake_texture
from synoptic.nerf.background import SolidBackground
from synoptic.nerf.cameras import turntable_cameras
from synoptic.nerf.scene import RadianceScene
from tests.exact import normal
from tests.nerf.known import Known, ball


def dumbbell(x: Tensor) -> Tensor:
    """Two balls and a bar."""
    bar = torch.maximum(x[:, 1:].norm(dim=1) - 0.12, x[:, 0].abs() - 0.4)
    gap = torch.minimum(
        (x - x.new_tensor([0.4, 0, 0])).norm(dim=1) - 0.35, (x + x.new_tensor([0.4, 0, 0])).norm(dim=1) - 0.25
    )
    return 100 * (-torch.minimum(gap, bar) / 0.03).clamp(0, 1)


def stripes(x: Tensor) -> Tensor:
    return 0.5 + 0.4 * torch.stack([(9 * x[:, 0]).sin(), (6 * x[:, 1]).cos(), (4 * x[:, 2] + 1).sin()], 1)


@pytest.fixture(scope="module")
def scene() -> RadianceScene:
    return RadianceScene(Known(dumbbell, stripes), SolidBackground())


@pytest.fixture(scope="module")
def made(scene: RadianceScene) -> ExtractedMesh:
    return extract_mesh(scene, grid=80, faces=6000, texture=256)


@pytest.mark.slow
def test_a_mesh_is_closed_and_looks_like_its_field_from_where_it_was_not_made(made: ExtractedMesh):
    assert made.watertight and len(made.textured.mesh.faces) <= 6000
    assert len(made.agreement.psnr) == 20 and made.agreement.psnr.min() > 20 and made.agreement.psnr.mean() > 25
    assert made.threshold.overlap > 0.97 and made.agreement.overlap.min() > 0.93
    assert "watertight" in str(made) and "not watertight" not in str(made)


@pytest.mark.slow
def test_another_meshs_agreement_is_worse(scene: RadianceScene, made: ExtractedMesh):
    camera = turntable_cameras(4)
    own = agreement(made.textured, scene, camera)
    pale = agreement(made.textured._replace(texture=1 - made.textured.texture), scene, camera)
    small: Any = made.textured.mesh.copy()
    small.apply_scale(0.8)
    shrunk = agreement(made.textured._replace(mesh=small), scene, camera)
    assert (
        (own.psnr > pale.psnr + 5).all()
        and (own.psnr > shrunk.psnr + 3).all()
        and (own.overlap > shrunk.overlap + 0.1).all()
    )


def test_texels_have_the_fields_colours(scene: RadianceScene, made: ExtractedMesh):
    mesh = made.textured.mesh
    origin = 2 * torch.nn.functional.normalize(normal(300, 3).float(), dim=1)
    hits = raycast(mesh, origin, -origin / 2)
    met = hits.face >= 0
    at = (origin - origin / 2 * hits.distance[:, None])[met]
    assert met.sum() > 100 and (made.textured.color_at(hits)[met] - stripes(at)).abs().mean() < 0.03


def test_files_open_elsewhere(made: ExtractedMesh, tmp_path):
    files = {file.suffix: file for file in export_mesh(made.textured, tmp_path)}
    assert sorted(files) == [".glb", ".mtl", ".obj", ".ply", ".png"]
    for suffix in (".glb", ".obj"):
        back: Any = trimesh.load(files[suffix], force="mesh")
        assert len(back.faces) == len(made.textured.mesh.faces)
        assert back.visual.kind == "texture" and back.visual.material is not None
        middle = back.visual.uv[back.faces].mean(1)
        place = back.triangles_center
        picture = made.textured.texture.permute(1, 2, 0).numpy()
        side = len(picture)
        shown = picture[((1 - middle[:, 1]) * side).astype(int).clip(0, side - 1), (middle[:, 0] * side).astype(int)]
        assert abs(shown - stripes(torch.tensor(place)).numpy()).mean() < 0.05  # v the right way up
    cloud: Any = trimesh.load(files[".ply"])
    shown = torch.tensor(cloud.colors[:, :3] / 255)
    assert len(cloud.vertices) == 50_000 and (shown - stripes(torch.tensor(cloud.vertices))).abs().mean() < 0.03


def test_a_ball_has_a_balls_volume_and_its_caves_and_crumbs_are_gone():
    hollow = sample_density(lambda x: torch.minimum(ball(0.6)(x), 200 * (x.norm(dim=1) > 0.3)), 64)
    crumb = sample_density(lambda x: ball(0.06)(x - x.new_tensor([0.0, 0.8, 0.0])), 64)
    mesh = extract_surface(hollow + crumb, 100.0, 4000)
    assert mesh.is_watertight and mesh.body_count == 1
    assert mesh.volume == pytest.approx(4 / 3 * math.pi * 0.585**3, rel=0.03)
    with pytest.raises(ValueError, match="within the densities"):
        extract_surface(hollow, 300.0)


def test_a_rough_ball_that_tears_with_few_faces_is_smoothed():
    rough = torch.rand(64, 64, 64, generator=torch.Generator().manual_seed(1))
    distance = torch.cartesian_prod(*[torch.linspace(-1, 1, 64)] * 3).norm(dim=1).view(64, 64, 64)
    grid = 100 * torch.exp(4 * rough - 2 - ((distance - 0.6) / 0.15) ** 2) * (distance <= 0.95)
    mesh = extract_surface(grid, 40.0, 1000)  # 33,000 faces: none of 1000, 2000 or 4000 leave it closed as it is
    assert mesh.is_watertight and len(mesh.faces) < 6000
    assert mesh.volume == pytest.approx(extract_surface(grid, 40.0, 10**6).volume, rel=0.02)


def test_the_threshold_is_where_silhouettes_match():
    grid = sample_density(lambda x: 100 * (1 - x.norm(dim=1)).clamp(min=0), 64)  # radius r has density 100 (1 - r)
    camera = turntable_cameras(3, elevation=0.2)
    for radius in (0.4, 0.7):
        seen = (
            RadianceScene(Known(ball(radius, edge=0.01, height=1000)), SolidBackground(), samples=200)
            .render_views(camera, 48)
            .opacity[:, 0]
        )
        found = best_threshold(grid, camera, seen > 0.5)
        assert found.density == pytest.approx(100 * (1 - radius), rel=0.12) and found.overlap > 0.95
    with pytest.raises(ValueError, match="all masks are empty"):
        best_threshold(grid, camera, seen > 2)


def test_a_torn_surface_is_said_to_be_torn(scene: RadianceScene, made: ExtractedMesh):
    assert "not watertight" in str(made._replace(watertight=False))
    torn: Any = made.textured.mesh.copy()
    torn.update_faces(torch.arange(len(torn.faces)).numpy() % 50 > 0)
    assert not torn.is_watertight
    whole = bake_texture(trimesh.creation.icosphere(3, 0.5), lambda x, n: (n + 1) / 2, 128)
    assert (
        whole.color_at(raycast(whole.mesh, torch.tensor([[0.0, 0, 2]]), torch.tensor([[0.0, 0, -1]])))
        - torch.tensor([0.5, 0.5, 1])
    ).abs().max() < 0.05


def test_every_part_of_the_extra_is_named_where_one_is_missing(monkeypatch):
    require_mesh()
    monkeypatch.setattr("synoptic.mesh.REQUIRED_PACKAGES", ("trimesh", "no_such_library"))
    with pytest.raises(ImportError, match=r"no_such_library.*synoptic-diffusion\[mesh\]"):
        require_mesh()


def test_held_out_views_are_not_those_it_was_cut_by():
    held = marching_cubes._spread_cameras(20, 0.5)
    for made in (marching_cubes._spread_cameras(12, 0.0), marching_cubes._spread_cameras(20, 0.0)):
        assert (made.eye[:, None] - held.eye).norm(dim=2).min() > 0.1


def test_paint_is_what_those_show_who_see_a_place_and_where_none_does_the_skin(scene: RadianceScene, made: ExtractedMesh):
    mesh = made.textured.mesh
    x, n = (torch.from_numpy(np.array(part, np.float32)) for part in (mesh.vertices, mesh.vertex_normals))
    front = turntable_cameras(1, elevation=0.0)
    grey = backproject_color(scene, mesh, front, torch.full((1, 3, 8, 8), 0.5))(x, n)
    seen = (grey - 0.5).abs().lt(1e-6).all(1)
    assert n[seen, 2].min() > 0 and 0.25 < seen.float().mean() < 0.75
    torch.testing.assert_close(grey[~seen], field_color_at_surface(scene, x[~seen], n[~seen]))
    twice = backproject_color(
        scene, mesh, turntable_cameras(2, elevation=0.0), torch.tensor([0.2, 0.6])[:, None, None, None].expand(2, 3, 8, 8)
    )(x, n)
    level = (twice[..., None] - torch.tensor([0.2, 0.6])).abs().lt(1e-6).all(1).any(1)
    assert level[seen].float().mean() > 0.95  # opposite eyes share no place but on the rim
