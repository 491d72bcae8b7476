"""A user's own permutation, from a file. Imports nothing heavy."""

from __future__ import annotations

import json

from synoptic.errors import InputError, user_path
from synoptic.utils.npy import read_npy

SUFFIXES = (".npy", ".json")


def read_permutation(path: str) -> list[int]:
    """Return the n*n numbers of a .npy array or a .json list, flat or n lists of n: piece p of
    the view shows piece order[p].

    Raises InputError where the file is missing or holds anything else than each of 0 … n*n - 1 once.
    """
    file = user_path(path)
    if not file.is_file():
        raise InputError(
            f"a view from a file needs the file, {path} is none: check the path, or see: synoptic views",
            rule="permutation-missing",
        )
    rule = f"a permutation's file holds each of 0 … n*n - 1 once, {path} does not"
    try:
        values = read_npy(file).tolist() if file.suffix == ".npy" else json.loads(file.read_text("utf-8-sig"))
        numbers = [n for row in values for n in (row if isinstance(row, list) else [row])]
    except (ValueError, TypeError, EOFError, OSError, AttributeError, MemoryError, RecursionError) as e:
        raise InputError(f"{rule} ({e}): write it with numpy.save or json.dump", rule="permutation-unreadable") from None
    side = round(len(numbers) ** 0.5)
    if not numbers or side * side != len(numbers):
        raise InputError(f"{rule}: it has {len(numbers)} numbers, which is no square", rule="permutation-square")
    if any(type(n) is not int for n in numbers) or sorted(numbers) != list(range(len(numbers))):
        raise InputError(f"{rule}: start from numpy.random.permutation({len(numbers)})", rule="permutation-values")
    return numbers
