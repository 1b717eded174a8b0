"""Fair scheduling of fetches: a few at a time, fewer for one tenant, and each tenant and request in turn."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass

from service.errors import ServiceError, TooManyFetches, Unavailable

AT_ONCE = 4  # fetches of a process at a time
TENANT_AT_ONCE = 2  # of these, fetches of one tenant
RETRY_S = 5.0


@dataclass(eq=False)
class Requester:
    """A request that asks for turns.

    Attributes:
        last: the number of its last turn; until it has had one, of the last turn that anybody had when it came.
        gone: whether it has ended, so that it wants no more turns.
    """

    tenant: str
    last: int
    gone: bool = False


@dataclass(eq=False)
class _Wait:
    """A fetch that waits for its turn."""

    requester: Requester


class Turns:
    """Turns to fetch.

    A turn goes to the tenant whose last one is longest ago, and there to the request whose last one is. So a request
    with one picture waits for one turn of each other request, not for all pictures of those that came before it.
    """

    def __init__(self) -> None:
        self._given = 0
        self._last: Counter[str] = Counter()  # tenant -> the number of its last turn
        self._under_way: Counter[str] = Counter()  # by tenant
        self._waiting: list[_Wait] = []  # in the order in which they came
        self._changed = threading.Condition()

    def requester(self, tenant: str) -> Requester:
        """Return a new request of a tenant."""
        with self._changed:
            return Requester(tenant, self._given)

    def end(self, requester: Requester) -> None:
        """Give a request no more turns."""
        with self._changed:
            requester.gone = True
            self._changed.notify_all()

    @contextmanager
    def turn(self, requester: Requester, wait_s: float) -> Iterator[None]:
        """Have a turn while the block runs.

        Raises:
            TooManyFetches, Unavailable: it did not come within `wait_s` seconds.
            CancelledError: the request has ended.
        """
        with self._changed:
            self._take(requester, wait_s)
        try:
            yield
        finally:
            with self._changed:
                self._under_way[requester.tenant] -= 1
                self._changed.notify_all()

    def _take(self, requester: Requester, wait_s: float) -> None:
        mine = _Wait(requester)
        self._waiting.append(mine)
        try:
            came = self._changed.wait_for(lambda: requester.gone or self._next() is mine, wait_s)
            if requester.gone:
                raise CancelledError
            if not came:
                raise self._refusal(requester.tenant)
            self._given += 1
            requester.last = self._last[requester.tenant] = self._given
            self._under_way[requester.tenant] += 1
        finally:
            self._waiting.remove(mine)
            self._changed.notify_all()  # there may be a turn for another one as well

    def _next(self) -> _Wait | None:
        """Return the fetch whose turn it is; None if none may begin."""
        if self._under_way.total() >= AT_ONCE:
            return None
        able = (wait for wait in self._waiting if self._under_way[wait.requester.tenant] < TENANT_AT_ONCE)
        return min(able, key=lambda wait: (self._last[wait.requester.tenant], wait.requester.last), default=None)

    def _refusal(self, tenant: str) -> ServiceError:
        if (used := self._under_way[tenant]) >= TENANT_AT_ONCE:
            detail = f"{TENANT_AT_ONCE} pictures of yours are being fetched, and no more may be at a time"
            return TooManyFetches("fetches", TENANT_AT_ONCE, used, detail, retry_after=RETRY_S)
        return Unavailable("too many pictures are being fetched", retry_after=RETRY_S)
