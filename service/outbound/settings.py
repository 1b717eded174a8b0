"""The rules of hosts and buckets that the settings give."""

from __future__ import annotations

from service.config import Settings
from service.outbound.fetch import Fetcher
from service.outbound.hosts import PICTURES, Hosts
from service.storage.buckets import Buckets


def picture_fetcher(settings: Settings) -> Fetcher:
    """Return the fetcher of pictures by address. Raises InvalidInput, naming the setting that is malformed."""
    return Fetcher(Hosts(PICTURES, settings.image_hosts), Buckets(settings.image_buckets, settings.blob_url))
