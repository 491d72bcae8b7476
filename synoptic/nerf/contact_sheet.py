"""Pictures of a scene from all around, in one: colours over white, and normals below them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

    from synoptic.nerf.scene import Radiance

ABOVE = 75  # degrees
FOUR = {"front": 0, "right": 90, "back": 180, "left": 270}
EIGHT = {f"{angle}°": angle for angle in range(0, 360, 45)}


def sheet(scene: Radiance, sides: dict[str, int], title: str = "", side: int = 64, cell: int = 128) -> Image:
    """Views from these azimuths in degrees, and from above, under their names; the first name has the title before it."""
    import math

    import torch

    from synoptic import io as images
    from synoptic.nerf.cameras import orbit

    angles = torch.tensor([*sides.values(), 0]).deg2rad()
    elevation = torch.tensor([*[15.0] * len(sides), ABOVE]).deg2rad()
    seen = scene.show(orbit(angles, elevation, 3.3, math.radians(35)), side)
    white = 1 - seen.opacity
    rows = torch.cat([seen.colour + white, seen.normal / 2 + seen.opacity / 2 + white])
    names = [*sides, "from above"]
    labels: Sequence[str] = [f"{title} {names[0]}".strip(), *names[1:], "normals", *[""] * len(sides)]
    return images.grid(images.to_pil(2 * rows.nan_to_num() - 1), labels, len(names), cell=cell)
