"""Pictures, films and lettering: the only room that knows PIL and file formats."""

from synoptic.io.grid import captioned, grid
from synoptic.io.images import KEY, atomic_write, from_pil, load, save, settings, to_pil
from synoptic.io.photo import photograph
from synoptic.io.plot import chart
from synoptic.io.video import gif, need_video, video

__all__ = [
    "KEY",
    "atomic_write",
    "captioned",
    "chart",
    "from_pil",
    "gif",
    "grid",
    "load",
    "need_video",
    "photograph",
    "save",
    "settings",
    "to_pil",
    "video",
]
