"""Pictures, films and lettering: the only folder that knows PIL and file formats.

torch is imported when a tensor is first turned into a picture or back: the studio shows its page before that.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from synoptic.io.grid import caption_strip, image_grid
from synoptic.io.images import (
    METADATA_KEY,
    atomic_write,
    load_image,
    read_settings,
    remove_parts,
    save_image,
    write_whole,
)
from synoptic.io.plot import plot_lines
from synoptic.io.video import require_video, save_gif, save_video

if TYPE_CHECKING:
    from synoptic.io.tensors import from_pil, to_pil

__all__ = [
    "METADATA_KEY",
    "atomic_write",
    "caption_strip",
    "from_pil",
    "image_grid",
    "load_image",
    "plot_lines",
    "read_settings",
    "remove_parts",
    "require_video",
    "save_gif",
    "save_image",
    "save_video",
    "to_pil",
    "write_whole",
]


def __getattr__(name: str) -> object:
    """Return what turns tensors into pictures or back."""
    if name not in ("from_pil", "to_pil"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.tensors"), name)
