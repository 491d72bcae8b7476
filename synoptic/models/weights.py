"""Weight files, checked without reading them: whole safetensors, never pickle. Imports nothing heavy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from synoptic.errors import InputError


def check_weights(folder: Path) -> None:
    """Raises InputError unless the folder holds safetensors files whose headers and lengths are whole."""
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        pickles = [p.name for p in folder.glob("*") if p.suffix in (".bin", ".pt", ".pth", ".ckpt", ".pkl")]
        if pickles:
            raise InputError(
                f"weights must be safetensors, {folder} holds only the pickle {pickles[0]}, which can run code: convert it"
                " (save_pretrained with safe_serialization) or take another copy"
            )
        raise InputError(f"weights must be safetensors, {folder} holds none: check the path, or use --model bundled")
    for path in files:
        fault = _fault(path)
        if fault:
            raise InputError(f"a weight file must be whole, {path} is corrupt ({fault}): copy or download it again")


def read_safetensors_header(path: Path) -> tuple[dict[str, Any], int]:
    """What a safetensors file holds, and where the tensors' bytes begin: 8 bytes of length, JSON, then those.

    Raises ValueError where it is no such file.
    """
    with path.open("rb") as f:
        length = int.from_bytes(f.read(8), "little")
        if not 2 <= length <= 100_000_000:
            raise ValueError("no safetensors header")
        try:
            return json.loads(f.read(length)), 8 + length
        except ValueError:
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
