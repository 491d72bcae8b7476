"""Distances all around a camera, from a file: the depth that a panorama follows."""

from __future__ import annotations

import numpy as np
from PIL import Image

from synoptic.errors import InputError, user_path
from synoptic.utils.image_formats import FORMATS
from synoptic.utils.npy import read_npy
from synoptic.utils.picture import PictureSource, as_seen, is_file, picture_name, read_from


def read_radial_depth(source: PictureSource) -> np.ndarray:
    """Return distances from the camera, (H, 2H) float32 in any unit, of an equirectangular .npy array or gray picture.

    0 or infinity is where nothing is, such as the sky. Raises InputError for another shape, colors, NaN, distances below
    0, and where all are equal.
    """
    name, values = picture_name(source), np.asarray(_values(source))
    if values.ndim != 2 or values.dtype.kind not in "uif" or values.shape[1] != 2 * values.shape[0]:
        found = "x".join(map(str, values.shape[::-1]))
        raise InputError(
            f"--depth is equirectangular, numbers twice as wide as high, {name} is {found} of {values.dtype}: render it so",
            rule="depth-shape",
        )
    values = values.astype(np.float32)
    if np.isnan(values).any() or (values < 0).any():
        raise InputError(
            f"--depth holds distances, {name} has {'NaN' if np.isnan(values).any() else 'some below 0'}: write 0 where"
            " nothing is known",
            rule="depth-values",
        )
    if not _differ(values):
        raise InputError(
            f"--depth says what is near and what far, {name} is {values[0, 0]:g} everywhere: omit it", rule="depth-flat"
        )
    return values


def _differ(values: np.ndarray) -> bool:
    """Return whether any two distances differ, where 0 is as far as infinity."""
    away = np.where(values == 0, np.inf, values)
    return bool((away != away[0, 0]).any())


def _values(source: PictureSource) -> np.ndarray | Image.Image:
    """Return the array of a .npy file, or a gray picture in its own depth of color. Raises InputError."""
    kinds = f"--depth is an array in a .npy file, as numpy.save writes it, or a gray picture ({', '.join(FORMATS)})"
    try:
        if isinstance(source, str) and source.lower().endswith(".npy") and is_file(source):
            return read_npy(user_path(source))
        seen = read_from(source, _as_distances)
    except InputError as e:
        if e.rule != "picture-unreadable":
            raise
        raise InputError(f"{kinds}, {source} is neither: write one of them", rule="depth-unreadable") from None
    except (ValueError, EOFError, OSError, MemoryError) as e:
        raise InputError(f"{kinds}, {source} holds no array ({e}): write one of them", rule="depth-unreadable") from None
    if seen.mode in ("F", "I", "I;16"):
        return seen
    red, green, blue = seen.convert("RGB").split()
    if red.tobytes() != green.tobytes() or red.tobytes() != blue.tobytes():
        raise InputError(
            f"--depth is gray, the farther the lighter, {picture_name(source)} has colors: write the distances themselves",
            rule="depth-colors",
        )
    if seen.mode == "RGBA":  # what is transparent is not there
        red.paste(0, mask=seen.getchannel("A").point([255, *[0] * 255]))
    return red


def _as_distances(image: Image.Image, name: str) -> Image.Image:
    """Return an opened picture of any numbers as it is, another as it is seen. Raises InputError as `as_seen` does."""
    is_numbers = image.mode in ("F", "I") and getattr(image, "n_frames", 1) == 1
    return image.copy() if is_numbers else as_seen(image, name)
