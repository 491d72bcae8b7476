"""Arrays of numbers in files of numpy. Imports nothing heavy at the top."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def read_npy(file: Path) -> np.ndarray:
    """Return the array of a .npy file. Raises ValueError, EOFError, OSError or MemoryError where it holds none."""
    import numpy as np

    found = np.load(file)  # numpy refuses pickled objects unless asked
    if isinstance(found, np.ndarray):
        return found
    with found:
        raise ValueError(f"it is an archive, .npz, of {', '.join(found.files)[:80] or 'nothing'}")
