"""Pictures, films and lettering: the only room that knows PIL and file formats."""

from synoptic.images.chart import chart
from synoptic.images.film import gif, need_video, video
from synoptic.images.lettering import captioned, grid
from synoptic.images.photograph import photograph
from synoptic.images.picture import KEY, atomically, from_pil, load, save, settings, to_pil

__all__ = [
    "KEY",
    "atomically",
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
