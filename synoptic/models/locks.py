"""One thread at a time in what several would disturb: networks whose layers have hooks, and tokenizers."""

from __future__ import annotations

import threading
from weakref import WeakKeyDictionary

_locks: WeakKeyDictionary[object, threading.RLock] = WeakKeyDictionary()
_lock = threading.Lock()


def lock_of(shared: object) -> threading.RLock:
    """Return the lock of this object, the same for every caller; a thread that holds it may take it again."""
    with _lock:
        return _locks.setdefault(shared, threading.RLock())
