"""Pictures of a scene from all around, in one: colors over white, and normals below them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from PIL.Image import Image

from synoptic import io
from synoptic.nerf.cameras import orbit_cameras
from synoptic.nerf.scene import RadianceScene

ELEVATION_ABOVE = 75  # degrees
FOUR_SIDES = {"front": 0, "right": 90, "back": 180, "left": 270}
EIGHT_SIDES = {f"{angle}°": angle for angle in range(0, 360, 45)}


def contact_sheet(scene: RadianceScene, sides: Mapping[str, int], title: str = "", side: int = 64, cell: int = 128) -> Image:
    """Return views from these azimuths in degrees, and from above, under their names, the first of them behind the title."""
    angles = torch.tensor([*sides.values(), 0], dtype=torch.float32).deg2rad()
    elevation = torch.tensor([*[15.0] * len(sides), ELEVATION_ABOVE], dtype=torch.float32).deg2rad()
    views = scene.render_views(orbit_cameras(angles, elevation, 3.3, math.radians(35)), side)
    white = 1 - views.opacity
    rows = torch.cat([views.color + white, views.normal / 2 + views.opacity / 2 + white])
    names = [*sides, "from above"]
    labels: Sequence[str] = [f"{title} {names[0]}".strip(), *names[1:], "normals", *[""] * len(sides)]
    return io.image_grid(io.to_pil(2 * rows.nan_to_num() - 1), labels, len(names), cell=cell)
