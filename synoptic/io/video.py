"""Pictures in a row as a film: MP4 through PyAV (the extra `video`), GIF through PIL. Written whole or not at all."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from fractions import Fraction
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

from synoptic.errors import install_command
from synoptic.io.images import atomic_write, write_whole

TICKS = 100  # a GIF counts time in hundredths of a second
MIN_TICKS = 2  # ticks: browsers slow a GIF down to ten frames a second where a delay is shorter
NUM_COLORS = 255  # one of the 256 stays free: it marks what did not change since the last frame


def require_video() -> None:
    """Raise ImportError where MP4 cannot be written. Loads nothing: ask before the painting starts."""
    if find_spec("av") is None:
        raise ImportError(f"an MP4 needs PyAV, which is not installed: {install_command('video')}")


def save_video(path: Path, frames: Iterable[Image.Image], fps: float = 30) -> None:
    """Save frames of one size as MP4 that plays everywhere: H.264, 4:2:0, BT.709, odd sides padded by their last pixels.

    Raises ImportError without PyAV, ValueError for no frames, frames of unlike sizes and an fps that is not positive.
    """
    require_video()
    with tempfile.TemporaryDirectory() as scratch:  # faststart, the index first, needs a file with a name
        film = Path(scratch) / "film.mp4"
        _encode(film, _of_one_size(frames), _rate(fps))
        write_whole(path, film.read_bytes())


def save_gif(path: Path, frames: Iterable[Image.Image], fps: float = 30) -> None:
    """Save frames of one size as a GIF that loops for ever, one palette for all of it.

    Delays are whole hundredths of a second, so at 30 fps they alternate, 3, 4, 3 …, and the whole lasts as long as it
    should; frames that come faster than 50 a second are left out. Raises ValueError as `save_video` does.
    """
    rate, pictures = _rate(fps), list(_of_one_size(frames))
    ticks = [round(TICKS * i / rate) for i in range(len(pictures) + 1)]
    shown = [0]
    for i in range(1, len(pictures)):
        if ticks[i] - ticks[shown[-1]] >= MIN_TICKS:
            shown.append(i)
    delays = [max(ticks[b] - ticks[a], MIN_TICKS) * 1000 // TICKS for a, b in pairwise([*shown, len(pictures)])]
    palette = _palette([pictures[i] for i in shown])
    first, *rest = [pictures[i].quantize(palette=palette, dither=Image.Dither.NONE) for i in shown]
    options = {"save_all": True, "append_images": rest, "duration": delays, "loop": 0, "optimize": False}
    atomic_write(path, lambda f: first.save(f, "GIF", **options))


def _encode(path: Path, frames: Iterable[Image.Image], fps: Fraction) -> None:
    import av
    from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

    with av.open(str(path), "w", options={"movflags": "+faststart"}) as film:
        stream = film.add_stream("libx264", rate=fps, options={"crf": "18", "preset": "fast"})
        stream.pix_fmt = "yuv420p"
        stream.codec_context.colorspace, stream.codec_context.color_range = Colorspace.ITU709, ColorRange.MPEG
        stream.codec_context.color_primaries, stream.codec_context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        for frame in frames:
            even = np.pad(np.asarray(frame), ((0, frame.height % 2), (0, frame.width % 2), (0, 0)), "edge")
            if not stream.codec_context.is_open:
                stream.height, stream.width = even.shape[:2]
            rgb = av.VideoFrame.from_ndarray(even, "rgb24")
            film.mux(stream.encode(rgb.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709)))
        film.mux(stream.encode())


def _palette(frames: list[Image.Image], samples: int = 16) -> Image.Image:
    """Return the colors that serve all frames best, by every ninth pixel of at most `samples` of them, spread evenly."""
    seen = frames[:: -(-len(frames) // samples)]
    return Image.fromarray(np.concatenate([np.asarray(frame)[::3, ::3] for frame in seen])).quantize(NUM_COLORS, kmeans=1)


def _of_one_size(frames: Iterable[Image.Image]) -> Iterable[Image.Image]:
    """Return the frames as RGB. Raises ValueError at one of another size than the first, and where there are none."""
    size = None
    for frame in frames:
        size = size or frame.size
        if frame.size != size:
            raise ValueError(f"a film's frames share one size, {size} and {frame.size} were given: crop or resize them")
        yield frame.convert("RGB")
    if size is None:
        raise ValueError("a film needs at least one frame, none was given")


def _rate(fps: float) -> Fraction:
    if not fps > 0:
        raise ValueError(f"fps must be above 0, {fps} was given: 30 is smooth")
    return Fraction(fps).limit_denominator(1001)
