"""Names of parametrized tests: the same in every process."""

from __future__ import annotations

import re


def label(value: object) -> str:
    """Return a value as text without addresses in memory."""
    return re.sub(r" at 0x\w+", "", str(value))
