"""Check of the webhook settings, before anything is started."""

from __future__ import annotations

from service.config import Settings
from service.outbound.hosts import WEBHOOKS, Hosts
from service.webhooks.secret import check_secret


def check_settings(settings: Settings) -> None:
    """Raise InvalidInput, naming the setting, if a setting of webhooks is malformed."""
    Hosts(WEBHOOKS, settings.webhook_hosts)
    for secret in settings.webhook_secret:
        check_secret(secret)
