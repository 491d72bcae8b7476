"""Pictures, films and lettering: the only folder that knows PIL and file formats."""

from synoptic.io.grid import caption_strip, image_grid
from synoptic.io.images import (
    METADATA_KEY,
    atomic_write,
    from_pil,
    load_image,
    read_settings,
    remove_parts,
    save_image,
    to_pil,
)
from synoptic.io.plot import plot_lines
from synoptic.io.video import require_video, save_gif, save_video

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
]
