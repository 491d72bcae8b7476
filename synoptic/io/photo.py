"""Pictures that people bring: any kind of file, as it is meant to be seen."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

SIXTEEN_BIT_MODES = ("I", "I;16", "I;16B", "I;16L", "I;16N")  # 16 bits a pixel, which PIL would cut off at 8, not scale


def load_photo(path: Path) -> Image.Image:
    """A picture's file as RGB: upright as its EXIF says, transparency over white, 16 bits scaled to 8.

    Raises ValueError, with the rule and the cure, for what is no picture, is broken, animated, of many pages, or too large.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return _read(path)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        most = f"{(Image.MAX_IMAGE_PIXELS or 0) / 1e6:.0f} megapixels"
        raise ValueError(f"a picture must have at most {most}, {path} has more: make it smaller") from None
    except (OSError, SyntaxError, EOFError) as e:
        reason = "its content is none" if isinstance(e, Image.UnidentifiedImageError) else e
        raise ValueError(f"a picture's file is needed, {path} cannot be read as one ({reason}): check it") from None


def _read(path: Path) -> Image.Image:
    with Image.open(path) as image:
        frames = getattr(image, "n_frames", 1)
        if frames > 1 and image.format != "MPO":  # a telephone's, with a preview behind it
            raise ValueError(f"a picture must stand still, {path} has {frames} frames or pages: save one of them")
        if image.mode == "F":
            raise ValueError(f"a picture's values must have a known range, {path} holds any numbers: save it as PNG")
        upright = ImageOps.exif_transpose(image)
        if upright.mode in SIXTEEN_BIT_MODES:
            return Image.fromarray((np.asarray(upright).clip(0, 65535) // 257).astype(np.uint8)).convert("RGB")
        if not upright.has_transparency_data:
            return upright.convert("RGB")
        clear = upright.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear).convert("RGB")
