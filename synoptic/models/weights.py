"""Weight files, checked without reading them: whole safetensors, never pickle. Imports nothing heavy."""

from __future__ import annotations

import json
from pathlib import Path

from synoptic.errors import InputError
from synoptic.utils.json_objects import JsonObject


def check_weights(path: Path) -> None:
    """Raises InputError unless `path` is a safetensors file whose header and length are whole."""
    fault = _fault(path)
    if fault:
        raise InputError(
            f"a weight file must be whole, {path} is corrupt ({fault}): copy or download it again", rule="weights-corrupt"
        )


def read_safetensors_header(path: Path) -> tuple[JsonObject, int]:
    """What a safetensors file holds, and where the tensors' bytes begin: 8 bytes of length, JSON, then those.

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


def _fault(path: Path) -> str | None:
    """The first fault of a safetensors file."""
    try:
        found, begin = read_safetensors_header(path)
        expected = begin + max((one["data_offsets"][1] for name, one in found.items() if name != "__metadata__"), default=0)
    except (TypeError, LookupError, AttributeError):
        return "unreadable header"
    except ValueError as e:
        return str(e)
    size = path.stat().st_size
    return None if size == expected else f"{size} bytes instead of {expected}"
