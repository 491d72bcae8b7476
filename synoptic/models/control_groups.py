"""What Linux's control groups leave a process: the memory limit of a container, of a cluster's job, of a service."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

MOUNT = Path("/sys/fs/cgroup")
SELF = Path("/proc/self/cgroup")


def control_group_memory(mount: Path = MOUNT, groups: Path = SELF) -> int:
    """Return the bytes that the control groups of this process, of version 1 or 2, leave it; sys.maxsize without a limit.

    What the kernel keeps of files for a group, and can drop, counts as free.
    """
    left = sys.maxsize
    for folder, limit, used, kept in memory_groups(mount, groups):
        with suppress(OSError, ValueError):  # no limit is the word "max", and a group may be another's to see
            most, statistics = int((folder / limit).read_text("utf-8")), (folder / "memory.stat").read_text("utf-8")
            dropped = dict(line.split() for line in statistics.splitlines()).get(kept, "0")
            left = min(left, most - int((folder / used).read_text("utf-8")) + int(dropped))
    return max(0, left)


def memory_groups(mount: Path, groups: Path) -> Iterator[tuple[Path, str, str, str]]:
    """Yield the folders of this process's groups and of those around them, with the names of their files and figures."""
    try:
        lines = groups.read_text("utf-8").splitlines()
    except OSError:  # no Linux
        return
    for line in lines:
        number, controllers, path = line.split(":", 2)
        if number == "0":
            top, names = mount, ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            top, names = mount / "memory", ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        place = top / path.lstrip("/")
        for folder in (place, *place.parents):
            if folder.is_relative_to(top):
                yield folder, *names
