"""`python -m service worker` where there is a broker: one Celery worker, whose processes carry out the jobs.

The parent loads neither torch nor ONNX Runtime and opens no database, as a fork must not share them.
"""

from __future__ import annotations

import logging
import mmap
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from billiard.process import current_process
from celery import signals

from service.broker.controller import Controller, PatientConsumer
from service.broker.messages import WAKE, make_app
from service.config import Settings
from service.jobs import last_words
from service.machine.devices import device_variables
from service.machine.loading import loading

if TYPE_CHECKING:
    from service.broker.child import Child

logger = logging.getLogger(__name__)

RETRY_S = 5.0  # seconds before a process takes the place of one that could not begin


class Pool:
    """The Celery worker and, in each process of its pool, the Child that carries out jobs.

    `leave` is called in each process of the pool; it releases what only the parent may use.
    """

    def __init__(self, settings: Settings, leave: Callable[[], None]) -> None:
        self._settings = settings
        self._leave = leave
        self._told_to_stop = mmap.mmap(-1, 1)  # shared with the processes of the pool; set in a signal handler
        self._child: Child  # from _on_fork on

    def run(self) -> int:
        """Work until SIGTERM or SIGINT; return the exit status."""
        app = make_app(self._settings.broker_url)
        app.task(self._wake, name=WAKE)
        signals.setup_logging.connect(_leave_it_as_it_is, weak=False)
        signals.worker_shutting_down.connect(self._on_stop, weak=False)
        signals.worker_process_init.connect(self._on_fork, weak=False)
        signals.worker_process_shutdown.connect(self._on_exit, weak=False)
        worker = Controller(
            app=app,
            pool="prefork",
            concurrency=self._settings.workers,
            consumer_cls=PatientConsumer,
            optimization="fair",  # a message goes to a free process, instead of waiting behind a busy one
            loglevel="INFO",
            quiet=True,
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
        )
        worker.start()
        return int(worker.exitcode or 0)

    def _on_stop(self, **about: object) -> None:
        self._told_to_stop[0] = 1

    # In the processes of the pool

    def _on_fork(self, **about: object) -> None:
        self._leave()
        try:
            os.environ.update(device_variables(current_process().index, self._settings.device))
            self._child = _make_child(self._settings, self._is_stopping)
            self._child.start()
        except Exception as error:
            last_words.keep(self._settings, last_words.words_of(error))
            logger.exception("this worker process can't begin, another tries in %g s", RETRY_S)
            time.sleep(RETRY_S)
            raise SystemExit(1) from None  # Celery would only log an error of ours and go on

    def _is_stopping(self) -> bool:
        return bool(self._told_to_stop[0])

    def _wake(self) -> None:
        self._child.wake()

    def _on_exit(self, **about: object) -> None:
        self._child.close()


def _make_child(settings: Settings, stopping: Callable[[], bool]) -> Child:
    with loading():
        from service.broker.child import Child  # noqa: PLC0415 - torch and CUDA must not be there before the fork

    return Child(settings, stopping)


def _leave_it_as_it_is(**about: object) -> None:
    """Do nothing: without a listener Celery would set up its own logging."""
