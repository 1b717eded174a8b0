"""The folder in which the processes of a host share their metrics, so that each of them can show all.

prometheus_client reads its variable at import, so this module runs before that and doesn't import it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service.machine.processes import is_alive

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
MEMORY = Path("/dev/shm")  # noqa: S108 - a file there never waits for a disk
NAMESPACE = Path("/proc/self/ns/pid")  # of process ids: containers may share the memory but not the ids


def prefix() -> str:
    """Return the prefix of folders made in our namespace of process ids; the maker's process id follows."""
    try:
        return f"nst-metrics-{NAMESPACE.stat().st_ino}-"
    except OSError:  # no Linux
        return "nst-metrics-0-"


@contextmanager
def metrics_folder() -> Iterator[bool]:
    """Provide a folder for this process and its children, removed at the end; yield whether it was made here.

    If the variable is set, the folder belongs to another process, which made it and exposes it.
    """
    if os.environ.get(VARIABLE):
        yield False
        return
    make_folder()
    owner = os.getpid()
    try:
        yield True
    finally:
        if os.getpid() == owner:  # not in a fork
            remove_own_folder()


def make_folder() -> None:
    """Make the folder, and remove those that killed processes left."""
    parent = MEMORY if os.access(MEMORY, os.W_OK) else Path(tempfile.gettempdir())
    for folder in parent.glob(f"{prefix()}*"):
        if not _is_anothers(folder):
            shutil.rmtree(folder, ignore_errors=True)
    os.environ[VARIABLE] = tempfile.mkdtemp(prefix=f"{prefix()}{os.getpid()}-", dir=parent)


def remove_own_folder() -> None:
    """Remove the folder if this process made it, even after an exec."""
    folder = Path(os.environ.get(VARIABLE, ""))
    if folder.name.startswith(f"{prefix()}{os.getpid()}-"):
        del os.environ[VARIABLE]
        shutil.rmtree(folder, ignore_errors=True)


def _is_anothers(folder: Path) -> bool:
    """Return whether another live process made the folder.

    A folder of our own id is left from before: a restarted container reuses ids.
    """
    digits = folder.name.removeprefix(prefix()).partition("-")[0]
    return not digits.isdigit() or (int(digits) != os.getpid() and is_alive(int(digits)))
