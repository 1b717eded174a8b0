"""Check of the settings about other hosts and webhooks, before anything is started."""

from __future__ import annotations

from service.config import Settings
from service.outbound.hosts import DELIVERIES, WEBHOOKS, Hosts
from service.outbound.settings import picture_fetcher
from service.webhooks.secret import check_secret


def check_settings(settings: Settings) -> None:
    """Raise InvalidInput, naming the setting, if one of these settings is malformed."""
    picture_fetcher(settings)
    Hosts(WEBHOOKS, settings.webhook_hosts)
    Hosts(DELIVERIES, settings.delivery_hosts)
    for secret in settings.webhook_secret:
        check_secret(secret)
