"""What color a surface has: what renders from all around show there, so that the mesh looks as its field does."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from synoptic.mesh.raycast import raycast
from synoptic.nerf.cameras import Camera, project_points
from synoptic.nerf.normals import normalize
from synoptic.nerf.scene import RadianceScene
from synoptic.nerf.volume_rendering import render_weights

if TYPE_CHECKING:
    from trimesh import Trimesh

RAY_ABOVE, RAY_BELOW = 0.1, 0.8  # of a surface: where a look straight down at it begins and ends
VISIBILITY_OFFSET = 1e-3  # of a place that asks whether a camera sees it, above its own face
COSINE_POWER = 2  # the power of the cosine that a picture counts by


def backproject_color(
    scene: RadianceScene, mesh: Trimesh, camera: Camera, images: Tensor
) -> Callable[[Tensor, Tensor], Tensor]:
    """Return colors (M, 3) of places (M, 3) with normals (M, 3) on the mesh, as `textured` asks for them.

    The mean of what B cameras show there, images (B, 3, H, W) in [0, 1], of those that see it, by how straight they
    look; where none does, `field_color_at_surface`.
    """

    def color(x: Tensor, normal: Tensor) -> Tensor:
        total, count = (torch.zeros(len(x), n, dtype=torch.float32) for n in (3, 1))
        for eye, at, picture in zip(camera.eye, project_points(camera, x), images, strict=True):
            toward = normalize(eye - x)
            share = (toward * normal).sum(1).clamp(min=0) ** COSINE_POWER
            faced = share.nonzero()[:, 0]
            share[faced] *= raycast(mesh, x[faced] + VISIBILITY_OFFSET * normal[faced], toward[faced]).face < 0
            grid = (at * at.new_tensor([1.0, -1.0]))[None, None]
            found = F.grid_sample(picture[None], grid, align_corners=False, padding_mode="border")[0, :, 0].T
            total, count = total + share[:, None] * found, count + share[:, None]
        hidden = (count[:, 0] == 0).nonzero()[:, 0]
        total[hidden], count[hidden] = field_color_at_surface(scene, x[hidden], normal[hidden]).cpu(), 1
        return total / count

    return color


@torch.no_grad()
def field_color_at_surface(scene: RadianceScene, x: Tensor, normal: Tensor, samples: int = 80, chunk: int = 2**13) -> Tensor:
    """Return colors (M, 3) that the field shows, over white, to who looks at places (M, 3)
    straight down their normals (M, 3).
    """
    t = torch.linspace(RAY_ABOVE, -RAY_BELOW, samples + 1, dtype=torch.float32).to(scene.like)

    def some(x: Tensor, normal: Tensor) -> Tensor:
        places = (x[:, None] + t[:, None] * normal[:, None]).flatten(0, 1)
        density, albedo = scene.field(places)
        density = density * (places.square().sum(1) < 1)
        share = render_weights(density.view(-1, samples + 1) * ((RAY_ABOVE + RAY_BELOW) / samples))
        return (share[..., None] * albedo.view(*share.shape, 3)).sum(1) + 1 - share.sum(1, keepdim=True)

    pairs = zip(x.to(scene.like).split(chunk), normal.to(scene.like).split(chunk), strict=True)
    return torch.cat([some(*pair) for pair in pairs])
