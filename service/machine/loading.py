"""The garbage collector while a process loads its modules."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """Import without garbage collections, and let later ones pass over what was imported.

    Modules make hundreds of thousands of objects that live as long as the process. Each full collection would look
    through all of them: while they are made, while the process works, in each process forked from it, and at its end.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()
