"""A seed that nobody chose: drawn once, then recorded like any other."""

from __future__ import annotations

import os
import secrets

from synoptic.errors import InputError

RANDOM = -1  # as --seed


def drawn_seed() -> int:
    """Return a random seed of 32 bits. Raises InputError where several processes would draw apart."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise InputError("--seed -1 draws a seed in every process, and there are several: give one", rule="seed-processes")
    return secrets.randbelow(2**32)
