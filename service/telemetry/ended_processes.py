"""Counts of ended processes: added up in one file for each kind of metric, so that their own files can go."""

from __future__ import annotations

import fcntl
import os
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from prometheus_client.mmap_dict import MmapedDict

from service.machine.processes import is_alive
from service.telemetry.metrics_folder import VARIABLE

LOCK = "ended.lock"
ADDED_UP = ("counter", "histogram", "summary")  # kinds of metrics that outlive their process
LIVE = "gauge_live"  # prefix of files that count only while their process lives


@contextmanager
def locked(folder: Path, how: int = fcntl.LOCK_SH) -> Iterator[None]:
    """Keep others from adding up files meanwhile. Raises OSError where the folder can't have a lock."""
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, how)
        yield
    finally:
        os.close(lock)


def add_up_ended(folder: Path | None = None) -> None:
    """Add the counters of ended processes to the files `…_ended.db`, and remove their own files and gauges.

    Each file has 64 KiB of memory, so that a service whose processes are killed again and again would fill it.
    A file that can't be read, or for whose sum there is no room, stays. Nothing is added to a sum that can't be read,
    which would be lost. `folder`: by default that of this process.
    """
    if folder is None:
        if not (given := os.environ.get(VARIABLE)):
            return
        folder = Path(given)
    with suppress(OSError), locked(folder, fcntl.LOCK_EX):
        for file in _of_ended(folder, LIVE):
            file.unlink(missing_ok=True)
        for kind in ADDED_UP:
            if left := list(_of_ended(folder, kind)):
                _add_up(folder / f"{kind}_ended.db", left)


def _of_ended(folder: Path, kind: str) -> Iterator[Path]:
    for file in folder.glob(f"{kind}*_*.db"):
        process = file.stem.rpartition("_")[2]
        if process.isdigit() and not is_alive(int(process)):
            yield file


def _add_up(total: Path, left: list[Path]) -> None:
    sums: defaultdict[str, float] = defaultdict(float)
    try:
        sums.update(_values(total))
    except FileNotFoundError:
        pass
    except Exception:  # noqa: BLE001 - a scrape logs it
        return
    added = []
    for file in left:
        with suppress(Exception):  # the file is broken: a scrape logs that
            for key, value in _values(file).items():
                sums[key] += value
            added.append(file)
    beside = total.with_suffix(".new")
    beside.write_bytes(_file_of(sums))
    beside.replace(total)
    for file in added:  # a process that is killed before this counts them twice
        file.unlink(missing_ok=True)


def _values(file: Path) -> dict[str, float]:
    """Return the values of a file by their keys. A broken file raises anything."""
    found = MmapedDict.read_all_values_from_file(str(file))  # type: ignore[no-untyped-call]
    return {key.rstrip(): value for key, value, *_ in found}  # keys are filled up with blanks


def _file_of(sums: Mapping[str, float]) -> bytes:
    """Return the bytes of a file with these values, made in memory: a mapped file on a full disk ends the process."""
    memory = os.memfd_create("ended", os.MFD_CLOEXEC)
    try:
        values = MmapedDict(f"/proc/self/fd/{memory}")  # type: ignore[no-untyped-call]
        for key, value in sums.items():
            values.write_value(key, value, 0.0)  # type: ignore[no-untyped-call]
        values.close()  # type: ignore[no-untyped-call]
        used = int.from_bytes(os.pread(memory, 4, 0), sys.byteorder)
        return os.pread(memory, used, 0)
    finally:
        os.close(memory)
