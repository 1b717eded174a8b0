"""The limit on requests that read what they bring for long: batches, pictures by address, and packs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from service.api.places import Places
from service.errors import ServiceError, TooManyReads, Unavailable

RETRY_S = 5.0


class LongReads:
    """Such requests in this process, at most `places` at a time; a tenant has its share of them, as in Places."""

    def __init__(self, places: int) -> None:
        self._places = Places(places)

    @contextmanager
    def place(self, tenant: str) -> Iterator[None]:
        """Hold a place for a request of a tenant while the block runs.

        Raises:
            TooManyReads: the tenant has as many as it may have.
            Unavailable: all are taken.
        """
        if not self._places.take(tenant):
            raise self._refusal(tenant)
        try:
            yield
        finally:
            self._places.free(tenant)

    def _refusal(self, tenant: str) -> ServiceError:
        most = self._places.most_of(tenant)
        if self._places.taken_by(tenant) >= most:
            detail = f"the pictures or packs of {most} requests of yours are being read, and no more may be at a time"
            return TooManyReads(detail, retry_after=RETRY_S)
        return Unavailable("the pictures or packs of too many requests are being read", retry_after=RETRY_S)
