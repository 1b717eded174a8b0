"""Celery's worker with other signal handling, which also replaces dead processes while the broker is down."""

from __future__ import annotations

import logging
from typing import Any

from celery.apps.worker import Worker, install_worker_term_handler
from celery.worker.consumer import Consumer
from celery.worker.state import maybe_shutdown

logger = logging.getLogger(__name__)

RECONNECT_S = 5.0  # longest pause between two tries, in seconds


class Controller(Worker):  # type: ignore[misc]
    """A worker that stops in the same way on each of these signals, however often they come.

    On SIGHUP, Celery's own worker waits until all jobs are done, then restarts with a command line that isn't ours.
    """

    def install_platform_tweaks(self, worker: Any) -> None:
        for name in ("SIGTERM", "SIGINT", "SIGHUP"):
            install_worker_term_handler(worker, sig=name, verbose=False)  # verbose prints past the log


class PatientConsumer(Consumer):  # type: ignore[misc]
    """A consumer that replaces dead processes even while it waits for the broker; Celery's own doesn't."""

    def ensure_connected(self, conn: Any) -> Any:
        return conn.ensure_connection(self._on_failure, interval_max=RECONNECT_S, callback=self._meanwhile)

    def _on_failure(self, error: Exception, interval: float) -> None:
        logger.warning("no connection to the broker, the workers look by themselves: %s", error)

    def _meanwhile(self) -> None:
        maybe_shutdown()
        if self.restart_count > 0:  # before the first connection the pool can't replace processes
            self.pool.maintain_pool()
