"""Pictures that people bring: any kind of file, as it is meant to be seen. Needs PIL alone."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from PIL import ExifTags, Image, ImageChops, ImageCms, ImageOps

from synoptic.errors import InputError, is_encodable, user_path
from synoptic.utils.image_formats import FORMATS

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

PictureSource = str | Image.Image  # a file's path, or the picture itself
SIXTEEN_BIT_MODES = ("I", "I;16", "I;16B", "I;16L", "I;16N")  # 16 bits a pixel, which PIL would cut off at 8, not scale
KINDS = "a file's path, a PIL image, an array of uint8 (H, W, 3) or a tensor (3, H, W) in [-1, 1]"
TOLERANCE = 1e-3  # by which a tensor may leave [-1, 1]: half precision
TO_8_BITS = [value // 257 for value in range(65536)]
BROKEN = (SyntaxError, EOFError, ValueError, TypeError, IndexError, KeyError, struct.error)  # what PIL raises beside OSError
BITS_PER_SAMPLE, PHOTOMETRIC, WHITE_IS_ZERO = 258, 262, 0  # tags of TIFF, and a value of the second


def convert_picture(value: Any) -> PictureSource:
    """Return a path as a string, a PIL image as it is, an array or a tensor as a PIL image. Raises TypeError.

    An array is uint8 (H, W, 3); a tensor float (3, H, W) or (1, 3, H, W) in [-1, 1], as models have it.
    """
    if isinstance(value, Image.Image):
        return whole_picture(value)
    if isinstance(value, str | os.PathLike):
        path = os.fspath(value)
        if isinstance(path, bytes):
            raise TypeError(KINDS)
        if not is_encodable(path):
            raise ValueError("a path in UTF-8, without NUL (rename the file)")
        return path
    try:
        return whole_picture(Image.fromarray(tensor_to_array(value) if hasattr(value, "detach") else value))
    except (TypeError, AttributeError, IndexError) as e:
        if "picture" in str(e):
            raise
        raise TypeError(KINDS) from None


def whole_picture(image: Image.Image) -> Image.Image:
    """Return a PIL image itself, its pixels read. Raises TypeError where it is closed, broken, or has none."""
    try:
        image.load()
    except (OSError, *BROKEN) as e:
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
    if x.numel() and 0 <= x.amin() < 1:
        says = (
            "a tensor is a picture in [-1, 1], this one has nothing below 0 and is pale so: of one in [0, 1] give 2 * x - 1"
        )
        warnings.warn(says, stacklevel=2)
    return ((x.detach().float().clamp(-1, 1) + 1) * 127.5).round().permute(1, 2, 0).cpu().byte().numpy()


def is_file(source: PictureSource) -> bool:
    return isinstance(source, str) and user_path(source).is_file()


def picture_hash(source: PictureSource | None) -> str | None:
    """Return the SHA-256 of a picture's file, or of all that decides how a PIL image looks; None where there is neither."""
    if isinstance(source, Image.Image):
        turned, info = source.getexif().get(ExifTags.Base.Orientation), source.info
        beside = (source.getpalette("RGBA"), info.get("transparency"), info.get("icc_profile"), turned)
        about = f"{source.mode} {source.size} " + (repr(beside) if any(value is not None for value in beside) else "")
        return hashlib.sha256(about.encode() + source.tobytes()).hexdigest()
    if source is None or not is_file(source):
        return None
    return hashlib.sha256(user_path(source).read_bytes()).hexdigest()


def picture_name(source: PictureSource) -> str:
    """Return how messages call a picture: its path."""
    return source if isinstance(source, str) else "the picture"


def read_picture(source: PictureSource) -> Image.Image:
    """Read a picture as RGB: upright as its EXIF says, in sRGB, transparency over white, 16 bits scaled to 8.

    Raises InputError, with the rule and the cure, for what is no picture, is broken, animated, of many pages, too large, or
    of numbers without a known range.
    """
    return read_from(source, as_rgb)


def read_upload(source: PictureSource) -> Image.Image:
    """Read a picture to be kept as PNG: as `read_picture`, but with its 16 bits, or its transparency, where it has those.

    A map of depth and a mask are read from what was kept: neither is what RGB makes of it. Raises InputError.
    """
    return read_from(source, as_seen)


def read_mask(source: PictureSource) -> Image.Image:
    """Read a mask in gray, upright as its EXIF says: white counts, black does not, nor does what is transparent.

    Raises InputError as `read_picture` does, and where nothing is white.
    """
    gray = read_from(source, as_mask)
    if gray.getbbox() is None:
        raise InputError(
            f"a mask is white where it counts, {picture_name(source)} is black: make some of it white", rule="mask-black"
        )
    return gray


def read_from(source: PictureSource, read: Callable[[Image.Image, str], Image.Image]) -> Image.Image:
    """Return read(picture, its name in messages) of a file or a PIL image. Raises InputError."""
    if isinstance(source, Image.Image):
        return read(source, picture_name(source))
    file = user_path(source)
    if not file.is_file():
        cure = "download it first" if "://" in source else "check the path"
        raise InputError(f"a picture's file is needed, {source} is none: {cure}", rule="picture-missing")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file, formats=FORMATS) as image:
                return read(image, source)
    except InputError:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        most = f"{(Image.MAX_IMAGE_PIXELS or 0) / 1e6:.0f} megapixels"
        raise InputError(
            f"a picture must have at most {most}, {source} has more: make it smaller", rule="picture-megapixels"
        ) from None
    except Image.UnidentifiedImageError:
        raise InputError(
            f"a picture's file is needed, {source} cannot be read as {', '.join(FORMATS)}: save the picture as PNG",
            rule="picture-unreadable",
        ) from None
    except (OSError, MemoryError, *BROKEN) as e:
        raise InputError(
            f"a picture's file is needed, {source} cannot be read as one ({e}): check it", rule="picture-unreadable"
        ) from None


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
    """Return an opened picture as RGB. Raises InputError as `as_seen` does, and of 16 bits that nothing uses."""
    seen = in_8_bits(as_seen(image, name), name)
    if seen.mode == "RGBA":
        seen = Image.alpha_composite(Image.new("RGBA", seen.size, "white"), seen)
    return seen.convert("RGB")


def as_mask(image: Image.Image, name: str) -> Image.Image:
    """Return an opened mask in gray, black where it is transparent. Raises InputError as `as_rgb` does."""
    seen = in_8_bits(as_seen(image, name), name)
    gray = seen.convert("RGB").convert("L")  # of what is transparent its own color, not the white behind it, which counts
    return ImageChops.multiply(gray, seen.getchannel("A")) if seen.mode == "RGBA" else gray


def as_seen(image: Image.Image, name: str) -> Image.Image:
    """Return an opened picture as it is meant to be seen, upright and in sRGB, as RGB, RGBA, or gray of 16 bits.

    Raises InputError where it is animated or its values have no known range.
    """
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":  # a telephone's, with a preview behind it
        raise InputError(
            f"a picture must stand still, {name} has {frames} frames or pages: save one of them", rule="picture-frames"
        )
    if image.mode == "F" or (image.mode == "I" and not is_16_bit(image)):
        raise InputError(
            f"a picture's values must have a known range, {name} holds any numbers: convert it to 8 bits",
            rule="picture-range",
        )
    clear, step = image.info.get("transparency"), gray_step(image)
    upright = ImageOps.exif_transpose(image)
    if upright.mode in SIXTEEN_BIT_MODES:
        gray = in_16_bits(upright, getattr(image, "tag_v2", {}))
        if clear is None:
            return gray.convert("I;16")
        alpha = gray.point([0 if value == clear else 255 for value in range(65536)], "L")
        return Image.merge("RGBA", [gray.point(TO_8_BITS, "L")] * 3 + [alpha])
    if step > 1 and clear is not None:
        upright.info["transparency"] = clear * step
    if upright.mode == "La":  # which PIL makes into this alone
        upright = upright.convert("LA")
    return in_srgb(upright)


def gray_step(image: Image.Image) -> int:
    """Return how far grays are apart, of 255: of a PNG of 2 or 4 bits PIL says the transparent gray by its number."""
    tiles = getattr(image, "tile", ()) if image.format == "PNG" else ()  # which are read as "L;4", say; none once they are
    return next(({"L;2": 85, "L;4": 17}.get(tile.args, 1) for tile in tiles), 1)


def in_16_bits(image: Image.Image, tags: Mapping[int, Any]) -> Image.Image:
    """Return a gray picture of mode I, white as 65535; `tags` of a TIFF may say 12 bits, or that white is 0."""
    gray = image.convert("I")
    if image.mode == "I":
        return gray
    (bits, *_), inverted = tags.get(BITS_PER_SAMPLE, (16,)), tags.get(PHOTOMETRIC) == WHITE_IS_ZERO
    scale = 65535 / (2**bits - 1)
    scale, offset = (-scale, 65535) if inverted else (scale, 0)
    return gray.point(lambda value: value * scale + offset)


def in_8_bits(image: Image.Image, name: str) -> Image.Image:
    """Return a picture with 16 bits scaled to 8. Raises InputError where no value needs them: all of it would be black."""
    if image.mode not in SIXTEEN_BIT_MODES:
        return image
    high = cast(tuple[int, int], image.getextrema())[1]
    if 0 < high < 256:
        raise InputError(
            f"a picture of 16 bits is white at 65535, {name} has no value above {high} and is black so: save it with 8 bits",
            rule="picture-range",
        )
    return image.convert("I").point(TO_8_BITS, "L")


def is_16_bit(image: Image.Image) -> bool:
    """Return whether a picture of whole numbers has those of 16 bits."""
    low, high = cast(tuple[int, int], image.getextrema())
    return low >= 0 and high < 2**16


def in_srgb(image: Image.Image) -> Image.Image:
    """Return a picture as RGB or RGBA, from the color profile that it carries to sRGB; one that cannot be read is none."""
    plain = image.convert("RGBA" if image.has_transparency_data else "RGB")
    profile = image.info.get("icc_profile")
    if not profile:
        return plain
    colors = image if image.mode == "CMYK" else plain.convert("L" if image.mode in ("L", "LA") else "RGB")
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "sRGB" in ImageCms.getProfileDescription(source):
            return plain
        found = ImageCms.profileToProfile(colors, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return plain
    assert found is not None
    if plain.mode == "RGBA":
        found.putalpha(plain.getchannel("A"))
    return found
