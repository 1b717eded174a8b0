"""The folder in which the processes of a host share their metrics, so that each of them can show all.

prometheus_client reads its variable at import, so this module runs before that and doesn't import it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service.errors import Unavailable
from service.machine.scratch import make_scratch, remove_scratch, scratch_place, why_no_place, why_unusable

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
PREFIX = "nst-run-metrics-"  # of folders made here; the maker's process id follows


@contextmanager
def metrics_folder(data: Path) -> Iterator[bool]:
    """Provide a folder for this process and its children, removed at the end; yield whether it was made here.

    If the variable is set, the folder belongs to another process, which made it and exposes it. `data` is NST_DATA.

    Raises:
        Unavailable: no place for it can be written to.
    """
    if given := os.environ.get(VARIABLE):
        if problem := why_unusable(Path(given), room=0):
            raise Unavailable(f"{VARIABLE}: {given} can't be written to: {problem}")
        yield False
        return
    make_folder(data)
    owner = os.getpid()
    try:
        yield True
    finally:
        if os.getpid() == owner:  # not in a fork
            remove_own_folder()


def make_folder(data: Path) -> None:
    """Make the folder, and remove those that killed processes left. Raises Unavailable."""
    place = scratch_place(data)
    if place is None:
        raise Unavailable(
            f"there is no place for temporary files ({why_no_place(data)}): "
            "set TMPDIR, or NST_DATA, to a folder that can be written to"
        )
    os.environ[VARIABLE] = str(make_scratch(PREFIX, place))


def remove_own_folder() -> None:
    """Remove the folder if this process made it, even after an exec."""
    folder = Path(os.environ.get(VARIABLE, ""))
    if folder.name.startswith(f"{PREFIX}{os.getpid()}-"):
        del os.environ[VARIABLE]
        remove_scratch(Path(folder))
