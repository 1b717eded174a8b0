"""The folder in which the processes of a host keep what they counted, so that each of them can show all of it.

prometheus_client looks at its variable when it is imported, so this comes before that and imports none of it.
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
NAMESPACE = Path("/proc/self/ns/pid")  # in which process ids mean something: containers may share the memory


def prefix() -> str:
    """How the names of folders begin whose makers this process can look after; the maker's process id follows."""
    try:
        return f"nst-metrics-{NAMESPACE.stat().st_ino}-"
    except OSError:  # no Linux
        return "nst-metrics-0-"


@contextmanager
def metrics_folder() -> Iterator[bool]:
    """A fresh folder for this process and its children, removed in the end; whether one had to be made.

    Where the variable is set the folder is somebody else's, who made it and shows what is in it.
    """
    if os.environ.get(VARIABLE):
        yield False
        return
    make_folder()
    owner = os.getpid()
    try:
        yield True
    finally:
        if os.getpid() == owner:  # and no fork of it
            remove_own_folder()


def make_folder() -> None:
    """Makes it, and removes those that killed processes of ours left."""
    parent = MEMORY if os.access(MEMORY, os.W_OK) else Path(tempfile.gettempdir())
    for folder in parent.glob(f"{prefix()}*"):
        if not _is_anothers(folder):
            shutil.rmtree(folder, ignore_errors=True)
    os.environ[VARIABLE] = tempfile.mkdtemp(prefix=f"{prefix()}{os.getpid()}-", dir=parent)


def remove_own_folder() -> None:
    """Removes the folder if this process made it; also after it has become another program."""
    folder = Path(os.environ.get(VARIABLE, ""))
    if folder.name.startswith(f"{prefix()}{os.getpid()}-"):
        del os.environ[VARIABLE]
        shutil.rmtree(folder, ignore_errors=True)


def _is_anothers(folder: Path) -> bool:
    """Whether another process that lives made a folder; in a container that was restarted ids come again."""
    digits = folder.name.removeprefix(prefix()).partition("-")[0]
    return not digits.isdigit() or (int(digits) != os.getpid() and is_alive(int(digits)))
