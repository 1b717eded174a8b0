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
from service.jobs import last_words
from service.telemetry.logs import set_up_logs
from service.telemetry.metrics_folder import metrics_folder

if TYPE_CHECKING:
    from service.telemetry.exposition import Exporter
    from service.worker.loop import WorkerLoop


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add no arguments: all settings come from the environment."""


def run(args: argparse.Namespace) -> int:
    settings = Settings.from_environment()
    set_up_logs(settings.log)
    with metrics_folder() as is_ours, exporter(settings, wanted=is_ours) as shown:
        return _run_pool(settings, shown) if settings.broker_url else _run_one(settings)


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
    from service.broker.pool import Pool  # noqa: PLC0415 - Celery only where it is wanted

    return Pool(settings, shown.leave if shown else lambda: None).run()


def _run_one(settings: Settings) -> int:
    try:
        from service.worker.process import Worker  # noqa: PLC0415 - a parent that forks a pool must not load torch

        return run_until_stopped(lambda stopping: Worker(settings, stopping))
    except Exception as error:
        last_words.keep(settings, last_words.words_of(error))
        raise


def run_until_stopped(make: Callable[[Callable[[], bool]], WorkerLoop]) -> int:
    """Run a worker, made with what tells it to stop, until SIGTERM or SIGINT; return the exit status."""
    told_to_stop = threading.Event()
    worker = make(told_to_stop.is_set)

    def on_signal(number: int, frame: FrameType | None) -> None:
        told_to_stop.set()
        worker.wake()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    worker.run()
    return 0
