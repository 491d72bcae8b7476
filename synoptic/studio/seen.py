"""Pictures as views show them. Imported when the first is asked for: the page does not wait for torch."""

from __future__ import annotations

from collections.abc import Sequence

from PIL.Image import Image

from synoptic.io import from_pil, to_pil
from synoptic.views.registry import get_view


def seen(image: Image, views: Sequence[str]) -> list[Image]:
    """Return a picture as each of the views shows it."""
    return [to_pil(get_view(name).view(from_pil(image)))[0] for name in views]
