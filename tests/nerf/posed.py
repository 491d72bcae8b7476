"""A known object, its pictures from all around by ray casting, and a radiance field that is shown nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from synoptic.distillation.optimize import OptimStep, optimize
from synoptic.mesh.raycast import raycast
from synoptic.nerf.background import RandomBackground
from synoptic.nerf.cameras import Camera, Orbit, camera_rays
from synoptic.nerf.encoding import HashGrid
from synoptic.nerf.field import NeuralField
from synoptic.nerf.regularizers import Penalties, constant
from synoptic.nerf.scene import RadianceScene, ViewSample

SIDE, FINE = 64, 4  # pixels, and rays across one


class Posed(NamedTuple):
    """Pictures (N, 3, SIDE, SIDE) in [0, 1] times their masks (N, 1, SIDE, SIDE), and the cameras (N) that saw them."""

    colour: Tensor
    mask: Tensor
    camera: Camera


def toy() -> Any:
    """A striped ball on a box in a ring, painted face by face: corners, curves, a hole, and a back unlike the front."""
    import trimesh

    ball = trimesh.creation.icosphere(5, 0.33).apply_translation((0, 0.25, 0))
    box = (
        trimesh.creation.box((0.62, 0.3, 0.42))
        .subdivide()
        .subdivide()
        .subdivide()
        .subdivide()
        .apply_translation((0, -0.2, 0))
    )
    ring = trimesh.creation.torus(0.62, 0.08, 96, 32).apply_transform(
        trimesh.transformations.rotation_matrix(1.57, (1, 0, 0))
    )
    mesh: Any = trimesh.util.concatenate([ball, box, ring.apply_translation((0, -0.35, 0))])
    x, y, z = mesh.triangles_center.T
    paint = np.where((np.sin(9 * y + 4 * x) > 0)[:, None], (220, 50, 40), (250, 220, 90))
    paint = np.where((np.arange(len(x)) >= len(ball.faces))[:, None], (40, 90, 200), paint)
    paint = np.where(((np.arange(len(x)) >= len(ball.faces)) & (z > 0))[:, None], (60, 160, 80), paint)
    paint = np.where((np.arange(len(x)) >= len(ball.faces) + len(box.faces))[:, None], (120, 60, 140), paint)
    mesh.visual.face_colors = np.concatenate([paint, np.full((len(x), 1), 255)], 1).astype(np.uint8)
    return mesh


def pictures(mesh: Any, camera: Camera, side: int = SIDE) -> Posed:
    """What the cameras see of a painted mesh, FINE x FINE rays a pixel."""
    origin, direction = camera_rays(camera, side * FINE)
    hits = raycast(mesh, origin.flatten(0, 1), direction.flatten(0, 1))
    paint = torch.from_numpy(np.asarray(mesh.visual.face_colors)[:, :3] / 255).float()
    mask = (hits.face >= 0).float()[:, None]
    rgba = torch.cat([paint[hits.face] * mask, mask], 1).view(len(origin), side * FINE, side * FINE, 4)
    rgba = torch.nn.functional.avg_pool2d(rgba.permute(0, 3, 1, 2), FINE)
    return Posed(rgba[:, :3], rgba[:, 3:], camera)


class Shown(torch.nn.Module):
    """A radiance scene that looks only from where there are pictures: its camera is the picture's number and a look."""

    def __init__(self, scene: RadianceScene, seen: Posed) -> None:
        super().__init__()
        self.scene, self.seen = scene, seen

    def camera(self, rngs: Sequence[torch.Generator], step: int) -> tuple[Tensor, ViewSample]:
        which = torch.stack([torch.randint(len(self.seen.mask), (), generator=rng) for rng in rngs])
        look = self.scene.camera(rngs, step)
        return which, look._replace(camera=Camera(*(part[which] for part in self.seen.camera)))

    def render(self, camera: tuple[Tensor, ViewSample]):
        return self.scene.render(camera[1])


def fresh(seed: int = 0, **how: Any) -> RadianceScene:
    rng = torch.Generator().manual_seed(seed)
    return RadianceScene(
        NeuralField(HashGrid(rng=rng), rng=rng), RandomBackground(), penalties=Penalties(entropy=constant(1.0)), **how
    )


def fitted(scene: RadianceScene, seen: Posed, steps: int, lr: Callable[[int], float] | None = None) -> Iterator[OptimStep]:
    """Least squares on the pictures, one a step, each over a color drawn anew."""

    def loss(x: Tensor, step: int, camera: Any, rngs: Sequence[torch.Generator]) -> Tensor:
        which, look = camera  # (Tensor, ViewSample)
        behind = look.uniforms[:, :3, None, None]
        target = seen.colour[which] + (1 - seen.mask[which]) * behind
        return (x - (2 * target - 1)).square().sum()

    rngs = [torch.Generator().manual_seed(7)]
    rate = lr or (lambda i: 1e-2 * 0.1 ** (i / steps))
    adam = partial(torch.optim.Adam, eps=1e-15)
    return optimize(Shown(scene, seen), loss, lambda image: image, steps=steps, lr=rate, rngs=rngs, optimizer=adam)


def psnr(scene: RadianceScene, seen: Posed) -> float:
    """Of renders over white against the pictures over white, dB."""
    shown = scene.render_views(seen.camera, seen.mask.shape[-1])
    found, target = (a + 1 - o for a, o in ((shown.color, shown.opacity), (seen.colour, seen.mask)))
    return float(-10 * (found - target).square().mean().log10())


def views(n: int, seed: int) -> Camera:
    return Orbit().sample([torch.Generator().manual_seed(1000 * seed + k) for k in range(n)])
