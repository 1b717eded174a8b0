"""A process that keeps more and more from its jobs, and begins anew before that is too much."""

from __future__ import annotations

import os
import sys

from service.decoding.decoders import DECODERS
from service.machine import pulse
from service.machine.memory import MIB, resident
from service.storage import opened

GROWTH = 64 * MIB  # bytes that a process may keep from its jobs beyond what it has kept at least
SOME = 32 * MIB  # bytes of these with which a process begins anew when it has nothing to do


class KeptMemory:
    """What a process keeps between two jobs, apart from its caches.

    torch's oneDNN keeps some kilobytes of each kernel that it has ever made, and it makes some 30 for each size of a
    picture. The formula of `service.machine.memory` has no room for that without end.
    """

    def __init__(self) -> None:
        self._least: int | None = None
        self._growth = 0

    def has_outgrown(self, cached: int) -> bool:
        """Return whether too much is kept after a job whose memory was given back; `cached` are bytes of caches."""
        kept = resident() - cached
        self._least = kept if self._least is None else min(kept, self._least)
        self._growth = kept - self._least
        return self._growth > GROWTH

    @property
    def has_grown(self) -> bool:
        """Whether so much is kept that the process should begin anew while nobody waits."""
        return self._growth > SOME


def begin_anew() -> None:
    """Replace this process's program by the same one at its beginning; its id, parent and environment stay."""
    pulse.begins_anew()
    opened.note_start()
    DECODERS.close()  # nobody would wait for its process
    os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - the command that it was started with
