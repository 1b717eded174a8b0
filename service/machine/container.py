"""Limits of this process's container: those of its control group, and of the groups that this one lies in.

A process may lie several groups deep, and each of them may have a limit of its own, in version 1 and 2 of Linux'
control groups alike: see "cgroups(7)". A container with a namespace of its own sees its own group at the root.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

GROUPS = Path("/sys/fs/cgroup")
OURS = Path("/proc/self/cgroup")  # a line for each hierarchy: number:controllers:path
HYBRID = "unified"  # where version 2 is mounted beside version 1


def memory_limit(groups: Path = GROUPS, ours: Path = OURS) -> int | None:
    """Return the least limit on memory in bytes; None without one."""
    files = ("memory.max", "memory.limit_in_bytes")
    found = (_number(folder / file) for folder in _folders("memory", groups, ours) for file in files)
    return min((limit for limit in found if limit is not None), default=None)


def core_limit(groups: Path = GROUPS, ours: Path = OURS) -> float | None:
    """Return how many cores' time the process may take at most, such as 0.5; None without a limit."""
    found = (_cores(folder) for folder in _folders("cpu", groups, ours))
    return min((limit for limit in found if limit is not None), default=None)


def cores() -> int:
    """Return the number of cores that this process can keep busy, at least 1."""
    allowed = len(os.sched_getaffinity(0))
    limit = core_limit()
    return allowed if limit is None else max(1, min(allowed, round(limit)))


def _cores(folder: Path) -> float | None:
    """Return the cores' time that one group allows."""
    version_1 = _text(folder / "cpu.cfs_quota_us") + _text(folder / "cpu.cfs_period_us")
    for text in (_text(folder / "cpu.max"), version_1):
        try:
            quota, period = map(int, text.split())
        except ValueError:  # no such file, or "max 100000"
            continue
        if quota > 0 and period > 0:  # version 1 has -1 where there is no limit
            return quota / period
    return None


def _folders(controller: str, groups: Path, ours: Path) -> Iterator[Path]:
    """Yield the folders of this process's groups and of all groups around them."""
    places = {(groups, "/"), (groups / controller, "/")}
    for line in _text(ours).splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            places |= {(groups, path), (groups / HYBRID, path)}
        elif controller in controllers.split(","):
            places |= {(groups / controller, path), (groups / controllers, path)}
    for mounted, path in places:
        own = PurePosixPath(path.lstrip("/"))
        for group in (own, *own.parents):
            yield mounted / group


def _number(file: Path) -> int | None:
    try:
        return int(_text(file))
    except ValueError:  # no such file, or "max"
        return None


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError):
        return ""
