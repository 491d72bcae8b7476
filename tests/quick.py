"""The cases of a wide parametrization that `make test` takes; `make test-all` takes the others."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import pytest


def quick_ones(cases: Iterable[Any], quick: Collection[Any]) -> list[Any]:
    """Mark all cases slow but the quick ones, which are among them; a tuple is a case of several arguments."""
    cases = list(cases)
    assert all(case in cases for case in quick), [case for case in quick if case not in cases]
    return [
        case if case in quick else pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.slow)
        for case in cases
    ]


def slow_ones(cases: Iterable[Any], slow: Collection[Any]) -> list[Any]:
    """Mark these cases slow, which are among them."""
    cases = list(cases)
    assert all(case in cases for case in slow), [case for case in slow if case not in cases]
    return quick_ones(cases, [case for case in cases if case not in slow])
