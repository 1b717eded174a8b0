"""Whose turn it is to be decoded: what is soon done never waits behind what takes long."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from service.decoding.decoders import DECODERS, Files, TooSlow
from service.decoding.formats import head_of
from service.decoding.messages import Order, Reply
from service.errors import Unavailable

FAST_S = 0.5  # CPU seconds in the fast lane; to check a photo of 12 megapixels takes 0.1 to 0.25
CHECK, WHOLE = 0.025e-6, 0.08e-6  # CPU seconds that a pixel takes to be read, and to be brought to sRGB as well
CHEAP = ("check", "lightest", "thumbnail")  # tasks that bring few pixels to sRGB, or none
FAST_PLACES, SLOW_PLACES = 2, 1  # files that are decoded at a time
SLOW_WAITING = 7  # files that wait for a place in the slow lane at most: half of the requests that a process works on
WAIT_S = 20.0  # for which one waits at most
WALL = 4.0  # seconds on the clock for each one on the CPU, at least WALL_S
WALL_S = 10.0
REMEMBERED, REMEMBERED_S = 512, 600.0  # files, and for how many seconds
OF_REQUESTS = ("check", "lightest", "transcode", "thumbnail")
"""Tasks that requests wait for. In the slow lane they give way to others on the machine; a worker's tasks don't."""


class Lane:
    """A number of places, and one of those who may wait for one."""

    def __init__(self, places: int, waiting: int | None = None) -> None:
        self._entrance = None if waiting is None else threading.BoundedSemaphore(places + waiting)
        self._places = threading.BoundedSemaphore(places)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place. Raises Unavailable where too many wait, or for too long."""
        if self._entrance is not None and not self._entrance.acquire(blocking=False):
            raise self._full()
        try:
            if not self._places.acquire(timeout=WAIT_S):
                raise self._full()
            try:
                yield
            finally:
                self._places.release()
        finally:
            if self._entrance is not None:
                self._entrance.release()

    def _full(self) -> Unavailable:
        return Unavailable("too many large pictures are being read at the same time", retry_after=WAIT_S / 4)


class Slow:
    """Digests of the files that took long, the last ones for a while; of each the CPU seconds that weren't enough."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._known: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def longer_than(self, digest: str) -> float:
        """The CPU seconds that are known not to be enough for a file."""
        with self._lock:
            seconds, learned = self._known.get(digest, (0.0, 0.0))
        return seconds if time.monotonic() < learned + REMEMBERED_S else 0.0

    def remember(self, digest: str, seconds: float) -> None:
        """Keep that so many CPU seconds weren't enough."""
        with self._lock:
            before, _ = self._known.pop(digest, (0.0, 0.0))
            self._known[digest] = (max(seconds, before), time.monotonic())
            while len(self._known) > self._size:
                self._known.popitem(last=False)


_fast, _slow = Lane(FAST_PLACES), Lane(SLOW_PLACES, SLOW_WAITING)
_known = Slow(REMEMBERED)


def run(
    task: str, data: bytes, digest: str, seconds: float, tick: Callable[[], None], **settings: object
) -> tuple[Reply, Files]:
    """Have a file decoded within so many CPU seconds, in the lane that it belongs to.

    A file that should be done in FAST_S is tried in the fast lane. If it isn't done by then, it begins again in the
    slow lane; so does a file that was too slow before.

    The reply says it where the file can't be read.

    Raises:
        TooSlow: it takes longer.
        UnreadableImage: its decoder crashed.
        Unavailable: too many large pictures are being read, or the machine is too busy.
    """
    known = _known.longer_than(digest)
    if known >= seconds:
        raise TooSlow("takes too long to decode")
    if not known and (head_of(data).pixels or 0) * (CHECK if task in CHEAP else WHOLE) <= FAST_S:
        try:
            with _fast.place():
                return DECODERS.run(Order(task, min(FAST_S, seconds), WALL_S, settings=settings), data, tick)
        except TooSlow:
            _known.remember(digest, min(FAST_S, seconds))
            if seconds <= FAST_S:
                raise
    with _slow.place():
        try:
            order = Order(task, seconds, max(WALL_S, WALL * seconds), patient=task in OF_REQUESTS, settings=settings)
            return DECODERS.run(order, data, tick)
        except TooSlow:
            _known.remember(digest, seconds)
            raise
