"""python -m service worker: one worker process, or with a broker a pool of them."""

from __future__ import annotations

import argparse
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from service.config import Settings
from service.errors import Unavailable
from service.jobs import last_words
from service.machine.loading import loading
from service.machine.scratch import provide_temporary_folder, why_no_semaphores
from service.storage.writable import check_or_wait
from service.telemetry.logs import set_up_logs
from service.telemetry.metrics_folder import metrics_folder
from service.worker.outgrown import begin_anew

if TYPE_CHECKING:
    from service.telemetry.exposition import Exporter
    from service.worker.loop import WorkerLoop


def run(args: argparse.Namespace) -> int:
    settings = Settings.from_environment()
    set_up_logs(settings.log)
    check_or_wait(settings)
    last_words.keep_for_killed(settings)
    provide_temporary_folder(settings.data)
    with metrics_folder(settings.data) as is_ours, exporter(settings, wanted=is_ours) as shown:
        if settings.broker_url:
            return _run_pool(settings, shown)
        begins_anew = _run_one(settings)
    if begins_anew:
        begin_anew()
    return 0


def check_semaphores() -> None:
    """Raise Unavailable where Celery's pool of processes can't have its locks."""
    if problem := why_no_semaphores():
        raise Unavailable(f"NST_BROKER_URL: Celery's workers need a /dev/shm that can be written to ({problem})")


@contextmanager
def exporter(settings: Settings, *, wanted: bool) -> Iterator[Exporter | None]:
    """Expose the metrics of a worker that was started alone, if a port is set."""
    if not wanted or not settings.metrics_port:
        yield None
        return
    from service.telemetry.exposition import Exporter  # noqa: PLC0415 - the folder must be there first

    shown = Exporter(settings.host, settings.metrics_port)
    try:
        yield shown
    finally:
        shown.close()


def _run_pool(settings: Settings, shown: Exporter | None) -> int:
    check_semaphores()
    with loading():
        from service.broker.pool import Pool  # noqa: PLC0415 - Celery only where it is wanted

    return Pool(settings, shown.leave if shown else lambda: None).run()


def _run_one(settings: Settings) -> bool:
    """Run a worker; return whether a new process is to take this one's place."""
    try:
        with loading():
            from service.worker.process import Worker  # noqa: PLC0415 - a parent that forks a pool must not load torch

        return run_until_stopped(lambda stopping: Worker(settings, stopping))
    except Exception as error:
        last_words.keep(settings, last_words.words_of(error))
        raise


def run_until_stopped(make: Callable[[Callable[[], bool]], WorkerLoop]) -> bool:
    """Run a worker, made with what tells it to stop, until SIGTERM or SIGINT, or until it has outgrown.

    Return whether a new process is to take this one's place.
    """
    from service.telemetry.ended_processes import add_up_ended  # noqa: PLC0415 - the metrics' folder must be there first

    add_up_ended()
    told_to_stop = threading.Event()
    worker = make(told_to_stop.is_set)

    def on_signal(number: int, frame: FrameType | None) -> None:
        told_to_stop.set()
        worker.wake()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    worker.run()
    if not worker.has_outgrown:
        return False
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)  # nothing looks at the event any longer
    if not worker.begins_anew:  # the signal came while it closed
        worker.leave()
    return worker.begins_anew
