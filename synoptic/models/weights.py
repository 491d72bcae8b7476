"""Weight files, checked without reading them: whole safetensors, never pickle. Imports nothing heavy."""

from __future__ import annotations

import json
from pathlib import Path

from synoptic.errors import DeniedError, InputError
from synoptic.utils.json_objects import JsonObject

POINTER = b"version https://git-lfs"  # begins the file that Git leaves in place of a large one


def check_content(path: Path) -> None:
    """Raise InputError where a file may not be read, or is but a pointer to it, as cloning without Git LFS leaves it."""
    try:
        with path.open("rb") as f:
            is_pointer = f.read(len(POINTER)) == POINTER
    except PermissionError as e:
        raise DeniedError(
            f"a model's files must be ones that may be read, {path} may not ({e.strerror}): allow it, or copy them",
            rule="model-file-denied",
        ) from None
    except OSError:
        return  # whoever reads it says more
    if is_pointer:
        raise InputError(
            f"a model's files must be here, {path} is a pointer of Git LFS to one: run git lfs pull in its folder",
            rule="file-pointer",
        )


def check_weights(path: Path) -> None:
    """Raise InputError unless `path` is a safetensors file whose header and length are whole."""
    check_content(path)
    fault = weights_fault(path)
    if fault:
        raise InputError(
            f"a weight file must be whole, {path} is corrupt ({fault}): copy or download it again", rule="weights-corrupt"
        )


def read_safetensors_header(path: Path) -> tuple[JsonObject, int]:
    """Return what a safetensors file holds, and where the tensors' bytes begin: 8 bytes of length, JSON, then those.

    Raises ValueError where it is no such file.
    """
    if not path.is_file():
        raise ValueError("it is no file")
    with path.open("rb") as f:
        length = int.from_bytes(f.read(8), "little")
        if not 2 <= length <= 100_000_000:
            raise ValueError("no safetensors header")
        try:
            return json.loads(f.read(length)), 8 + length
        except (ValueError, RecursionError):
            raise ValueError("unreadable header") from None


def is_size(value: object) -> bool:
    return isinstance(value, int) and value >= 0


def axis_size(header: JsonObject, name: str, axis: int) -> int:
    """Return a tensor's size along an axis; 0 where there is no such tensor, or axis."""
    shape = header[name]["shape"] if name in header else []
    return shape[axis] if -len(shape) <= axis < len(shape) else 0


def weights_fault(path: Path) -> str | None:
    """Return the first fault of a safetensors file."""
    try:
        found, begin = read_safetensors_header(path)
        tensors = [about for name, about in found.items() if name != "__metadata__"]
        expected = begin + max((about["data_offsets"][1] for about in tensors), default=0)
        if not all(isinstance(about["shape"], list) and all(map(is_size, about["shape"])) for about in tensors):
            return "unreadable header"
    except (TypeError, LookupError, AttributeError):
        return "unreadable header"
    except ValueError as e:
        return str(e)
    size = path.stat().st_size
    return None if size == expected else f"{size} bytes instead of {expected}"
