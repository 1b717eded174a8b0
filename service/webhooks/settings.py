"""Whether the settings of webhooks can be used, said before anything is started."""

from __future__ import annotations

from service.config import Settings
from service.webhooks.hosts import Hosts
from service.webhooks.secret import check_secret


def check_settings(settings: Settings) -> None:
    """Raises InvalidInput, naming the setting."""
    Hosts(settings.webhook_hosts)
    if settings.webhook_secret:
        check_secret(settings.webhook_secret)
