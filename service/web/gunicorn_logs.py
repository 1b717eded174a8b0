"""gunicorn's logger: its lines go through the service's log, and the application logs the requests."""

from __future__ import annotations

from typing import Any

from gunicorn.glogging import Logger

from service.config import Settings
from service.telemetry.logs import set_up_logs


class Logs(Logger):  # type: ignore[misc]
    """gunicorn's logger, whose lines have the form of all others in the log."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        set_up_logs(Settings.from_environment().log)
        self.error_log.handlers.clear()
        self.error_log.propagate = True
