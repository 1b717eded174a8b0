"""Two lanes of decoding, fast and slow: a quick file never waits behind a slow one."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict

from service.decoding.allowance import Allowance
from service.decoding.decoders import DECODERS, Files, TooSlow
from service.decoding.lane import Lane, Rank
from service.decoding.messages import Order, Reply
from service.decoding.unread import Unread

FAST_S = 0.5  # CPU seconds in the fast lane; to check a photo of 12 megapixels takes 0.1 to 0.25
CHECK, WHOLE = 0.025e-6, 0.08e-6  # CPU seconds that a pixel takes to be read, and to be brought to sRGB as well
CHEAP = ("check", "lightest", "thumbnail")  # tasks that bring few pixels to sRGB, or none
FAST_PLACES, SLOW_PLACES = 2, 1  # files that are decoded at a time
SLOW_WAITING = 7  # files that may wait for the slow lane; with the one in it, half of the default NST_WEB_THREADS
WALL = 4.0  # seconds on the clock for each CPU second, at least WALL_S in all
WALL_S = 10.0
REMEMBERED, REMEMBERED_S = 512, 600.0  # files in Slow, and for how many seconds
OF_REQUESTS = ("check", "lightest", "transcode", "thumbnail")
"""Tasks that requests wait for. In the slow lane they run at a lower priority (nice); a worker's tasks don't."""


class Slow:
    """The digests of recent files that took too long, each with the CPU seconds that weren't enough."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._known: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def longer_than(self, digest: str) -> float:
        """Return the CPU seconds that are known not to be enough for a file; 0 for an unknown file."""
        with self._lock:
            seconds, learned = self._known.get(digest, (0.0, 0.0))
        return seconds if time.monotonic() < learned + REMEMBERED_S else 0.0

    def remember(self, digest: str, seconds: float) -> None:
        """Remember that this many CPU seconds weren't enough for a file."""
        with self._lock:
            before, _ = self._known.pop(digest, (0.0, 0.0))
            self._known[digest] = (max(seconds, before), time.monotonic())
            while len(self._known) > self._size:
                self._known.popitem(last=False)


_fast, _slow = Lane(FAST_PLACES), Lane(SLOW_PLACES, SLOW_WAITING)
_known = Slow(REMEMBERED)


def run(task: str, file: Unread, seconds: float, allowance: Allowance, **settings: object) -> tuple[Reply, Files]:
    """Decode a file within `seconds` of CPU time, in the lane that it belongs to.

    A file that should be done in FAST_S is tried in the fast lane. If it isn't done by then, it begins again in the
    slow lane; a file that was too slow before goes there at once. Its bytes are read when it has a place.

    The request whose allowance has spent the least goes first. What decoders take is spent, however they end. The
    allowance's `tick` is called meanwhile; an exception that it raises ends the decoding.

    If the file can't be decoded, the reply says so.

    Raises:
        TooSlow: it takes longer than `seconds`.
        UnreadableImage: its decoder crashed.
        Unavailable: too many pictures are being read, or the machine is too busy.
        Exception: what reading the file's bytes raises.
    """
    known = _known.longer_than(file.sha256)
    if known >= seconds:
        raise TooSlow("takes too long to decode")
    pixels = file.head.pixels or 0
    rank = Rank(allowance.spent, pixels)
    if not known and pixels * (CHECK if task in CHEAP else WHOLE) <= FAST_S:
        order = Order(task, min(FAST_S, seconds), WALL_S, settings=settings)
        try:
            return _decoded(_fast, rank, order, file, allowance)
        except TooSlow:
            if seconds <= FAST_S:
                raise
            allowance.left += FAST_S  # that it begins again leaves no less to the pictures after it
    order = Order(task, seconds, max(WALL_S, WALL * seconds), patient=task in OF_REQUESTS, settings=settings)
    return _decoded(_slow, rank, order, file, allowance)


def _decoded(lane: Lane, rank: Rank, order: Order, file: Unread, allowance: Allowance) -> tuple[Reply, Files]:
    """Carry out an order in a lane, and remember a file that is too slow."""
    with lane.place(rank, allowance.tick):
        try:
            return DECODERS.run(order, file.read(), allowance.tick, allowance.spend)
        except TooSlow:
            _known.remember(file.sha256, order.cpu_s)
            raise
