"""gunicorn's logger, which leaves it to ours how a line looks, and to the application to tell of requests."""

from __future__ import annotations

from typing import Any

from gunicorn.glogging import Logger

from service.config import Settings
from service.telemetry.logs import set_up_logs


class Logs(Logger):  # type: ignore[misc]
    """What gunicorn has to say goes the way of all that is logged."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        set_up_logs(Settings.from_environment().log)
        self.error_log.handlers.clear()
        self.error_log.propagate = True
