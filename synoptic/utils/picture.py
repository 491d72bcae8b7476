"""Pictures that people bring: any kind of file, as it is meant to be seen. Needs PIL alone."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import warnings
from typing import TYPE_CHECKING, Any, cast

from PIL import Image, ImageChops, ImageCms, ImageOps

from synoptic.errors import InputError, user_path
from synoptic.utils.image_formats import FORMATS

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

PictureSource = str | Image.Image  # a file's path, or the picture itself
SIXTEEN_BIT_MODES = ("I", "I;16", "I;16B", "I;16L", "I;16N")  # 16 bits a pixel, which PIL would cut off at 8, not scale
TOLERANCE = 1e-3  # by which a tensor may leave [-1, 1]: half precision
TO_8_BITS = [value // 257 for value in range(65536)]


def convert_picture(value: Any) -> PictureSource:
    """Return a path as a string, a PIL image as it is, an array or a tensor as a PIL image. Raises TypeError.

    An array is uint8 (H, W, 3); a tensor float (3, H, W) or (1, 3, H, W) in [-1, 1], as models have it.
    """
    if isinstance(value, Image.Image):
        return whole_picture(value)
    if isinstance(value, str | os.PathLike):
        return os.fspath(value)
    try:
        return whole_picture(Image.fromarray(tensor_to_array(value) if hasattr(value, "detach") else value))
    except (TypeError, AttributeError) as e:
        if "picture" in str(e):
            raise
        raise TypeError("a file's path, a PIL image, an array of uint8 (H, W, 3) or a tensor (3, H, W) in [-1, 1]") from None


def whole_picture(image: Image.Image) -> Image.Image:
    """Return a PIL image itself, its pixels read. Raises TypeError where it is closed, broken, or has none."""
    try:
        image.load()
    except (OSError, SyntaxError, ValueError) as e:
        raise TypeError(f"a picture that is whole and open ({e})") from None
    if 0 in image.size:
        raise TypeError("a picture of one pixel or more")
    return image


def tensor_to_array(x: Tensor) -> np.ndarray:
    """Return a tensor (3, H, W) or (1, 3, H, W) in [-1, 1] as an array of uint8 (H, W, 3). Raises TypeError."""
    if x.is_meta or str(x.layout) != "torch.strided":  # which have no numbers, or not all of them
        raise TypeError
    x = x[0] if x.ndim == 4 and len(x) == 1 else x
    if x.ndim != 3 or len(x) != 3 or not x.is_floating_point() or not bool((x.abs() <= 1 + TOLERANCE).all()):
        raise TypeError
    return ((x.detach().float().clamp(-1, 1) + 1) * 127.5).round().permute(1, 2, 0).cpu().byte().numpy()


def is_file(source: PictureSource) -> bool:
    return isinstance(source, str) and user_path(source).is_file()


def picture_hash(source: PictureSource | None) -> str | None:
    """Return the SHA-256 of a picture's file, or of a PIL image's mode, size and pixels; None where there is neither."""
    if isinstance(source, Image.Image):
        return hashlib.sha256(f"{source.mode} {source.size} ".encode() + source.tobytes()).hexdigest()
    if source is None or not is_file(source):
        return None
    return hashlib.sha256(user_path(source).read_bytes()).hexdigest()


def picture_name(source: PictureSource) -> str:
    """Return how messages call a picture: its path."""
    return source if isinstance(source, str) else "the picture"


def read_picture(source: PictureSource) -> Image.Image:
    """Read a picture as RGB: upright as its EXIF says, transparency over white, 16 bits scaled to 8.

    Raises InputError, with the rule and the cure, for what is no picture, is broken, animated, of many pages, or too large.
    """
    if isinstance(source, Image.Image):
        return as_rgb(source, picture_name(source))
    file = user_path(source)
    if not file.is_file():
        raise InputError(f"a picture's file is needed, {source} is none: check the path", rule="picture-missing")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file, formats=FORMATS) as image:
                return as_rgb(image, source)
    except InputError:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        most = f"{(Image.MAX_IMAGE_PIXELS or 0) / 1e6:.0f} megapixels"
        raise InputError(
            f"a picture must have at most {most}, {source} has more: make it smaller", rule="picture-megapixels"
        ) from None
    except (OSError, SyntaxError, EOFError, ValueError, TypeError, IndexError, KeyError, MemoryError, struct.error) as e:
        reason = "its content is none" if isinstance(e, Image.UnidentifiedImageError) else e
        raise InputError(
            f"a picture's file is needed, {source} cannot be read as one ({reason}): check it", rule="picture-unreadable"
        ) from None


def read_upload(source: PictureSource) -> Image.Image:
    """Read a picture to be kept as PNG: as `read_picture`, but with its 16 bits, or its transparency, where it has those.

    A map of depth and a mask are read from what was kept: neither is what RGB makes of it. Raises InputError.
    """
    found = read_picture(source)
    if isinstance(source, Image.Image):
        return found
    with Image.open(user_path(source), formats=FORMATS) as opened:
        if opened.mode in SIXTEEN_BIT_MODES:
            return ImageOps.exif_transpose(opened)
        return to_srgb(ImageOps.exif_transpose(opened)).convert("RGBA") if opened.has_transparency_data else found


def read_mask(source: PictureSource) -> Image.Image:
    """Read a mask in gray, upright as its EXIF says: white counts, black does not, nor does what is transparent.

    Raises InputError as `read_picture` does, and where nothing is white.
    """
    if isinstance(source, str):
        read_picture(source)  # which says what is wrong with it
        with Image.open(user_path(source), formats=FORMATS) as opened:
            image = ImageOps.exif_transpose(opened)
    else:
        image = source
    gray = as_rgb(image, picture_name(source)).convert("L")
    if image.has_transparency_data:
        clear = image.convert("RGBA")
        seen = gray if image.mode in SIXTEEN_BIT_MODES else clear.convert("RGB").convert("L")  # not over white, which counts
        gray = ImageChops.multiply(seen, clear.getchannel("A"))
    if gray.getbbox() is None:
        raise InputError(
            f"a mask is white where it counts, {picture_name(source)} is black: make some of it white", rule="mask-black"
        )
    return gray


def check_mask_size(mask: PictureSource, size: tuple[int, int], owner: str) -> Image.Image:
    """Read a mask in gray. Raises InputError as `read_mask` does, and where it is not as large as what it is of."""
    found = read_mask(mask)
    if found.size != size:
        (w, h), (v, g) = found.size, size
        raise InputError(
            f"a mask must have its {owner}'s size, {v}x{g}; {picture_name(mask)} is {w}x{h}: resize one of them",
            rule="mask-size",
        )
    return found


def as_rgb(image: Image.Image, name: str) -> Image.Image:
    """Return an opened picture as RGB. Raises InputError where it is animated or its values have no known range."""
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":  # a telephone's, with a preview behind it
        raise InputError(
            f"a picture must stand still, {name} has {frames} frames or pages: save one of them", rule="picture-frames"
        )
    if image.mode == "F" or (image.mode == "I" and not is_16_bit(image)):
        raise InputError(
            f"a picture's values must have a known range, {name} holds any numbers: save it as PNG", rule="picture-range"
        )
    upright = to_srgb(ImageOps.exif_transpose(image))
    if upright.mode in SIXTEEN_BIT_MODES:
        return upright.convert("I").point(TO_8_BITS, "L").convert("RGB")
    if not upright.has_transparency_data:
        return upright.convert("RGB")
    clear = upright.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear).convert("RGB")


def is_16_bit(image: Image.Image) -> bool:
    """Return whether a picture of whole numbers has those of 16 bits."""
    low, high = cast(tuple[int, int], image.getextrema())
    return low >= 0 and high < 2**16


def to_srgb(image: Image.Image) -> Image.Image:
    """Return a picture that carries another color profile in sRGB; a profile that cannot be read is left out."""
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in ("RGB", "CMYK"):
        return image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "sRGB" in ImageCms.getProfileDescription(source):
            return image
        return ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB") or image
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image
