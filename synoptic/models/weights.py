"""Weight files, checked without reading them: whole safetensors, never pickle. Imports nothing heavy."""

from __future__ import annotations

import json
from pathlib import Path

from synoptic.check import BadInput


def check_weights(folder: Path) -> None:
    """Raises BadInput unless the folder holds safetensors files whose headers and lengths are whole."""
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        pickles = [p.name for p in folder.glob("*") if p.suffix in (".bin", ".pt", ".pth", ".ckpt", ".pkl")]
        if pickles:
            raise BadInput(
                f"weights must be safetensors, {folder} holds only the pickle {pickles[0]}, which can run code: convert it"
                " (save_pretrained with safe_serialization) or take another copy"
            )
        raise BadInput(f"weights must be safetensors, {folder} holds none: check the path, or use --model bundled")
    for path in files:
        fault = _fault(path)
        if fault:
            raise BadInput(f"a weight file must be whole, {path} is corrupt ({fault}): copy or download it again")


def _fault(path: Path) -> str | None:
    """The first fault of a safetensors file: 8 bytes of header length, a JSON header, then the tensors' bytes."""
    with path.open("rb") as f:
        length = int.from_bytes(f.read(8), "little")
        if not 2 <= length <= 100_000_000:
            return "no safetensors header"
        try:
            header = json.loads(f.read(length))
            end = max((tensor["data_offsets"][1] for name, tensor in header.items() if name != "__metadata__"), default=0)
            expected = 8 + length + end
        except (ValueError, TypeError, KeyError, IndexError, AttributeError):
            return "unreadable header"
    size = path.stat().st_size
    return None if size == expected else f"{size} bytes instead of {expected}"
