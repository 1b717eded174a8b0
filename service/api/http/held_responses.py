"""What a web process holds for its responses until their clients have read them: memory, and places."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from werkzeug.wsgi import ClosingIterator

from service.api.http.clients import cut
from service.errors import Unavailable

LARGE = 2**20  # bytes: smaller responses don't count, as the threads bound them
LEAST = 3 * 2**26  # bytes of large responses: one tenant has 2**27 of them, so that a page shows its pictures
LEAST_ZIPS = 3  # zip files at a time: one tenant has two of them
SLOW_S = 60.0  # seconds that a response may take its client while others find no room
RETRY_S = 2.0
HELD = "nst.held"  # key in a request's environment

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Holding:
    """What one response holds; `connection` is that of its client, `since` (monotonic) when it began."""

    tenant: str
    amount: int
    connection: socket.socket | None
    since: float = field(default_factory=time.monotonic)

    @property
    def slow_s(self) -> float:
        """Return for how many seconds a response has been on its way that waits for its client to read; else 0."""
        is_waiting = getattr(self.connection, "unread_since", None) is not None
        return time.monotonic() - self.since if is_waiting else 0.0


class HeldResponses:
    """What responses hold until they are sent, `most` in all: bytes, or one place each.

    A tenant's first response needs only room. With further ones it may hold twice what is then left to others. What
    is larger than `most` is sent while there is nothing else.

    If there is no room, responses are cut that have been on their way for `slow_s`, and wait for their clients to
    read: of the tenant that holds most, the one that began first. Nobody's are cut for a tenant that holds more.

    Args:
        what: the responses that are counted, as a refusal names them.
    """

    def __init__(self, most: int, what: str, slow_s: float = SLOW_S) -> None:
        self._most = most
        self._what = what
        self._slow_s = slow_s
        self._lock = threading.Lock()
        self._holdings: set[Holding] = set()

    def hold(self, environ: WSGIEnvironment, tenant: str, amount: int) -> None:
        """Hold so much until a request is answered, in place of what it held before.

        Raises Unavailable if there is no room for more than that.
        """
        held: dict[HeldResponses, Holding] = environ.setdefault(HELD, {})
        with self._lock:
            before = held.get(self)
            if before is not None and amount <= before.amount:
                held[self] = replace(before, amount=amount)
                self._holdings = self._holdings - {before} | {held[self]}
                return
            others = self._holdings - {before}
            for slow in self._slow_ones_in_the_way(others, tenant, amount):
                logger.warning("a response that its client reads slowly was cut: there are too many %s", self._what)
                cut(slow.connection)
                others.remove(slow)
            held[self] = Holding(tenant, amount, environ.get("gunicorn.socket"))
            self._holdings = others | {held[self]}

    def free(self, holding: Holding) -> None:
        """Give back what a response held."""
        with self._lock:
            self._holdings.discard(holding)

    def _slow_ones_in_the_way(self, others: Iterable[Holding], tenant: str, amount: int) -> list[Holding]:
        """Return what must be cut to make room; nothing if there is room. Raises Unavailable if that isn't enough."""
        left, found = set(others), list[Holding]()
        while not self._has_room(left, tenant, amount):
            held = _by_tenant(left)
            slow = [one for one in left if one.slow_s > self._slow_s and held[one.tenant] >= held[tenant]]
            if not slow:
                raise Unavailable(f"too many {self._what} are being sent at the same time", retry_after=RETRY_S)
            found.append(max(slow, key=lambda one: (held[one.tenant], one.slow_s)))
            left.remove(found[-1])
        return found

    def _has_room(self, others: set[Holding], tenant: str, amount: int) -> bool:
        held = _by_tenant(others)
        free, own = self._most - held.total() - amount, held[tenant]
        return not others or (free >= 0 and (not own or own + amount <= 2 * free))


def _by_tenant(holdings: Iterable[Holding]) -> Counter[str]:
    held = Counter[str]()
    for one in holdings:
        held[one.tenant] += one.amount
    return held


def free(environ: WSGIEnvironment) -> None:
    """Give back all that a request holds."""
    for responses, holding in environ.pop(HELD, {}).items():
        responses.free(holding)


class FreeResponses:
    """WSGI middleware that frees what a response holds: once it is sent, its client is gone, or it failed."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            return ClosingIterator(self._app(environ, start_response), partial(free, environ))
        except BaseException:
            free(environ)
            raise
