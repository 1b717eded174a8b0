"""Limits of this process's container: those of its control group, and of the groups that this one lies in.

A process may lie several groups deep, and each of them may have a limit of its own, in version 1 and 2 of Linux'
control groups alike: see "cgroups(7)". A container with a namespace of its own sees its own group at the root. One
without may see only a part of the tree, which begins at its own group: "mountinfo" says where.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

GROUPS = Path("/sys/fs/cgroup")
OURS = Path("/proc/self/cgroup")  # a line for each hierarchy: number:controllers:path
MOUNTS = Path("/proc/self/mountinfo")  # a line for each file system, see "proc(5)"
HYBRID = "unified"  # where version 2 is mounted beside version 1


def memory_limit(groups: Path = GROUPS, ours: Path = OURS, mounts: Path = MOUNTS) -> int | None:
    """Return the least limit on memory in bytes; None without one.

    Above "memory.high" the kernel only slows a group down, but then hardly anything is done any more.
    """
    texts = (text for folder in _folders("memory", groups, ours, mounts) for text in _memory_texts(folder))
    return min((int(text) for text in texts if text.strip().isdecimal()), default=None)


def core_limit(groups: Path = GROUPS, ours: Path = OURS, mounts: Path = MOUNTS) -> float | None:
    """Return how many cores' time the process may take at most, such as 0.5; None without a limit."""
    found = (_cores(folder) for folder in _folders("cpu", groups, ours, mounts))
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


def _memory_texts(folder: Path) -> Iterator[str]:
    """Yield the texts of one group's limits on memory, each a number of bytes or something else."""
    for file in ("memory.max", "memory.high", "memory.limit_in_bytes"):
        yield _text(folder / file)
    # Version 1 says here what groups around this one allow, even those that a container doesn't see.
    yield from re.findall(r"^hierarchical_memory_limit (.*)$", _text(folder / "memory.stat"), re.MULTILINE)


def _folders(controller: str, groups: Path, ours: Path, mounts: Path) -> Iterator[Path]:
    """Yield the folders of this process's groups and of all groups around them."""
    places = {(groups, "/"), (groups / controller, "/")}
    seen = list(_mounted(controller, mounts))
    for line in _text(ours).splitlines():
        _, controllers, path = _fields(line, ":", 3)
        if not controllers:
            places |= {(groups, path), (groups / HYBRID, path)}
            places |= {(place, _below(root, path)) for kind, root, place in seen if kind == "cgroup2"}
        elif controller in controllers.split(","):
            places |= {(groups / controller, path), (groups / controllers, path)}
            places |= {(place, _below(root, path)) for kind, root, place in seen if kind == "cgroup"}
    for mounted, path in places:
        own = PurePosixPath("" if ".." in path.split("/") else path.lstrip("/"))  # "..": outside of our namespace
        for group in (own, *own.parents):
            yield mounted / group


def _mounted(controller: str, mounts: Path) -> Iterator[tuple[str, str, Path]]:
    """Yield kind, first group and place of each tree of control groups that is mounted and has the controller."""
    for line in _text(mounts).splitlines():
        about, _, system = line.partition(" - ")
        kind, _, options = _fields(system, " ", 3)
        if kind == "cgroup2" or (kind == "cgroup" and controller in options.split(",")):
            root, place = (re.sub(r"\\([0-7]{3})", _character, field) for field in _fields(about, " ", 6)[3:5])
            yield kind, root, Path(place)


def _fields(line: str, separator: str, number: int) -> list[str]:
    """Return so many fields of a line, empty ones where it lacks some, as in sandboxes that imitate Linux."""
    found = line.split(separator, number - 1)
    return found + [""] * (number - len(found))


def _character(octal: re.Match[str]) -> str:
    return chr(int(octal[1], 8))


def _below(root: str, path: str) -> str:
    """Return a group's path as it is below the group that a tree is mounted from."""
    outer, inner = PurePosixPath(root), PurePosixPath(path)
    return str(inner.relative_to(outer)) if inner.is_relative_to(outer) else "/"


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError):
        return ""
