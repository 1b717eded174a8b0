"""Celery's worker, with other signal handling, and care for the pool while the broker is down."""

from __future__ import annotations

import logging
from typing import Any

from celery.apps.worker import Worker, install_worker_term_handler
from celery.worker.consumer import Consumer
from celery.worker.state import maybe_shutdown

logger = logging.getLogger(__name__)

RECONNECT_S = 5.0  # seconds between two tries at most


class Controller(Worker):  # type: ignore[misc]
    """A worker that stops in the same way on each of these signals, however often they come.

    Celery's own waits on SIGHUP until all jobs are done and then starts itself by a command line that isn't ours.
    """

    def install_platform_tweaks(self, worker: Any) -> None:
        for name in ("SIGTERM", "SIGINT", "SIGHUP"):
            install_worker_term_handler(worker, sig=name, verbose=False)  # in plain text, past the log


class PatientConsumer(Consumer):  # type: ignore[misc]
    """A consumer that replaces dead processes even while it waits for the broker; Celery's own doesn't."""

    def ensure_connected(self, conn: Any) -> Any:
        return conn.ensure_connection(self._on_failure, interval_max=RECONNECT_S, callback=self._meanwhile)

    def _on_failure(self, error: Exception, interval: float) -> None:
        logger.warning("no connection to the broker, the workers look by themselves: %s", error)

    def _meanwhile(self) -> None:
        maybe_shutdown()
        if self.restart_count > 0:  # the pool can replace processes once it was connected
            self.pool.maintain_pool()
