"""Places for requests with a body that threads work on, shared among tenants."""

from __future__ import annotations

from collections import Counter, deque

from service.storage.schema import DEFAULT_TENANT
from service.web.connection import Connection, State


class BodyPlaces:
    """The places of a web process, and the whole requests that wait for one.

    The next one is of the tenant whose last turn is longest ago. A tenant other than the default one takes another
    place only while its places, with that one, stay below twice the free ones: of 16 it has 11 at most, and it takes
    the last one only if it has none. So requests of many pictures leave places to tenants that come later.
    """

    def __init__(self, places: int) -> None:
        self._free = places
        self._taken: Counter[str] = Counter()  # by tenant
        self._ready: dict[str, deque[Connection]] = {}  # by tenant, in the order of their last turns

    @property
    def are_all_taken(self) -> bool:
        """Return whether no place is free."""
        return not self._free

    def wait(self, connection: Connection, tenant: str) -> None:
        """Have a tenant's request wait for a place."""
        self._ready.setdefault(tenant, deque()).append(connection)

    def take(self) -> Connection | None:
        """Give the next request its place, and return it; None if none may have one now."""
        for tenant in list(self._ready):
            if self._may_take(tenant) and (connection := self._next_of(tenant)):
                self._free -= 1
                self._taken[tenant] += 1
                connection.place_of = tenant
                return connection
        return None

    def free(self, connection: Connection) -> None:
        """Take back the place of a request, if it has one."""
        if connection.place_of is not None:
            self._free += 1
            self._taken[connection.place_of] -= 1
            connection.place_of = None

    def _may_take(self, tenant: str) -> bool:
        return self._free > 0 and (tenant == DEFAULT_TENANT or self._taken[tenant] + 1 < 2 * self._free)

    def _next_of(self, tenant: str) -> Connection | None:
        """Remove a tenant's next request, and return it; the tenant is the last in the order then."""
        waiting = self._ready.pop(tenant)
        while waiting:
            connection = waiting.popleft()
            if connection.state is State.READY:  # it isn't refused meanwhile
                if waiting:
                    self._ready[tenant] = waiting
                return connection
        return None
