"""What a container's control groups allow, wherever the limit stands."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from service.machine import container
from service.machine.container import core_limit, cores, memory_limit

VERSION_2 = "0::/kubepods/pod7/box\n"
VERSION_1 = "12:pids:/docker/box\n5:cpu,cpuacct:/docker/box\n4:memory:/docker/box\n0::/docker/box\n"


class Groups:
    """A folder of control groups, and the file that says in which of them this process is."""

    def __init__(self, folder: Path, ours: str) -> None:
        self.root, self.ours, self.mounts = folder / "groups", folder / "ours", folder / "mounts"
        self.ours.write_text(ours)

    def write(self, **files: str) -> None:
        """Write files by their paths."""
        for name, text in files.items():
            file = self.root / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)

    @property
    def memory(self) -> int | None:
        return memory_limit(self.root, self.ours, self.mounts)

    @property
    def cores(self) -> float | None:
        return core_limit(self.root, self.ours, self.mounts)

    def mount(self, kind: str, root: str, place: str, options: str = "rw") -> None:
        """Say that a tree of groups is mounted; `place` is relative to the folder."""
        point = str(self.root.parent / place).replace(" ", "\\040")
        with self.mounts.open("a") as file:
            file.write(f"31 23 0:28 {root} {point} rw,relatime shared:9 - {kind} {kind} {options}\n")


@pytest.mark.parametrize("where", ["memory.max", "kubepods/memory.max", "kubepods/pod7/box/memory.max"])
def test_a_limit_on_memory_counts_at_every_depth_of_version_2(tmp_path: Path, where: str) -> None:
    groups = Groups(tmp_path, VERSION_2)
    groups.write(**{"kubepods/pod7/memory.max": "max\n", "other/memory.max": "5\n"})
    assert groups.memory is None
    groups.write(**{where: "50000000\n"})
    assert groups.memory == 50_000_000


@pytest.mark.parametrize("where", ["memory/docker/box", "memory/docker", "memory"])
def test_a_limit_on_memory_counts_at_every_depth_of_version_1(tmp_path: Path, where: str) -> None:
    groups = Groups(tmp_path, VERSION_1)
    groups.write(**{"memory/memory.limit_in_bytes": "9223372036854771712\n"})
    groups.write(**{f"{where}/memory.limit_in_bytes": "50000000\n"})
    assert groups.memory == 50_000_000


@pytest.mark.parametrize(
    "ours, files, expected",
    [
        (VERSION_2, {"kubepods/pod7/box/cpu.max": "50000 100000\n"}, 0.5),
        (VERSION_2, {"kubepods/pod7/box/cpu.max": "max 100000\n", "kubepods/cpu.max": "300000 200000\n"}, 1.5),
        (VERSION_2, {"kubepods/pod7/cpu.max": "200000 100000\n", "kubepods/cpu.max": "100000 100000\n"}, 1.0),
        (VERSION_2, {"cpu.max": "max 100000\n"}, None),
        (VERSION_2, {"cpu.max": "damaged"}, None),
        ("0::/\n", {"cpu.max": "50000 100000\n"}, 0.5),
        (
            VERSION_1,
            {f"cpu,cpuacct/docker/box/cpu.cfs_{n}_us": t for n, t in (("quota", "-1\n"), ("period", "1\n"))},
            None,
        ),
        (VERSION_1, {f"cpu/docker/cpu.cfs_{n}_us": t for n, t in (("quota", "50000\n"), ("period", "20000\n"))}, 2.5),
        (VERSION_1, {f"cpu/cpu.cfs_{n}_us": t for n, t in (("quota", "5\n"), ("period", "10\n"))}, 0.5),
        (VERSION_1, {"unified/docker/cpu.max": "5 10\n"}, 0.5),
        ("", {}, None),
    ],
)
def test_a_quota_of_cores_counts_in_both_versions(
    tmp_path: Path, ours: str, files: dict[str, str], expected: float | None
) -> None:
    groups = Groups(tmp_path, ours)
    groups.write(**files)
    assert groups.cores == expected


def test_lines_of_another_form_say_nothing(tmp_path: Path) -> None:
    groups = Groups(tmp_path, "garbage\n0:\n\n0::/pod\n")
    groups.mounts.write_text("garbage\n1 2 - cgroup2\n - cgroup none cpu\n\n")
    groups.write(**{"pod/memory.max": "50000000\n"})
    assert groups.memory == 50_000_000
    assert groups.cores is None


def test_without_control_groups_there_is_no_limit(tmp_path: Path) -> None:
    nothing = (tmp_path / "none", tmp_path / "no file", tmp_path / "no mounts")
    assert memory_limit(*nothing) is None
    assert core_limit(*nothing) is None


@pytest.mark.parametrize(
    ("ours", "root", "group"),
    [
        ("0::/pod/box/inner\n", "/", "pod/box/inner"),
        ("0::/pod/box/inner\n", "/pod/box", "inner"),  # without a namespace of its own
        ("0::/pod/box/inner\n", "/pod/box", "."),
        ("0::/\n", "/", "."),  # with one
        ("0::/\n", "/../..", "."),  # mounted from outside of it
        ("0::/../other\n", "/", "."),
        ("0::/pod/box\n", "/pod/bo", "."),
    ],
)
def test_groups_count_wherever_their_tree_is_mounted(tmp_path: Path, ours: str, root: str, group: str) -> None:
    groups = Groups(tmp_path, ours)
    groups.mount("proc", "/", "proc")
    groups.mount("cgroup2", root, "some where")
    (tmp_path / "some where" / group).mkdir(parents=True)
    (tmp_path / "some where" / group / "cpu.max").write_text("150000 100000\n")
    (tmp_path / "some where" / group / "memory.high").write_text("70000000\n")
    assert groups.cores == 1.5
    assert groups.memory == 70_000_000


def test_a_tree_of_version_1_counts_for_its_controllers(tmp_path: Path) -> None:
    groups = Groups(tmp_path, "5:cpu,cpuacct:/docker/box/inner\n4:memory:/docker/box/inner\n0::/\n")
    groups.mount("cgroup", "/docker/box", "groups/cpuacct,cpu", "rw,cpuacct,cpu")
    groups.mount("cgroup", "/docker/box", "groups/mem", "rw,memory")
    files = {f"cpuacct,cpu/inner/cpu.cfs_{n}_us": t for n, t in (("quota", "50000\n"), ("period", "100000\n"))}
    stat = "cache 5\nhierarchical_memory_limit 80000000\nhierarchical_memsw_limit 7\n"
    groups.write(**files, **{"mem/inner/memory.stat": stat, "mem/memory.limit_in_bytes": "90000000\n"})
    groups.write(**{"mem/cpu.cfs_quota_us": "1\n", "mem/cpu.cfs_period_us": "100\n"})
    assert groups.cores == 0.5
    assert groups.memory == 80_000_000


@pytest.mark.parametrize("limit, expected", [(None, 8), (0.5, 1), (2.5, 2), (2.6, 3), (64.0, 8)])
def test_a_process_keeps_no_more_cores_busy_than_it_may(
    monkeypatch: pytest.MonkeyPatch, limit: float | None, expected: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)))
    monkeypatch.setattr(container, "core_limit", lambda: limit)
    assert cores() == expected
