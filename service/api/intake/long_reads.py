"""The limit on requests that read what they bring for long: batches, pictures by address, and packs."""

from __future__ import annotations

from contextlib import AbstractContextManager

from service.api.places import Places
from service.errors import ServiceError, TooManyReads, Unavailable

RETRY_S = 5.0


class LongReads:
    """Such requests in this process; a tenant has its share of their places, as in Places."""

    def __init__(self, places: Places) -> None:
        self._places = places

    def place(self, tenant: str) -> AbstractContextManager[None]:
        """Hold a place for a request of a tenant while the block runs.

        Raises:
            TooManyReads: the tenant has as many as it may have.
            Unavailable: all are taken.
        """
        return self._places.place(tenant, self._refusal)

    def _refusal(self, tenant: str) -> ServiceError:
        if used_up := self._places.used_up(tenant):
            detail = "as many requests of yours as may at a time wait for jobs, or have pictures or packs read"
            return TooManyReads("long_reads", *used_up, detail, retry_after=RETRY_S)
        return Unavailable("the pictures or packs of too many requests are being read", retry_after=RETRY_S)
