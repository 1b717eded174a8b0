"""python -m service worker: one worker process, or where there is a broker a pool of them."""

from __future__ import annotations

import argparse
import signal
import threading
from types import FrameType

from service.config import Settings
from service.logs import set_up_logs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The settings come from the environment alone."""


def run(args: argparse.Namespace) -> int:
    set_up_logs()
    settings = Settings.from_environment()
    return _run_pool(settings) if settings.broker_url else _run_one(settings)


def _run_pool(settings: Settings) -> int:
    from service.broker.pool import Pool  # noqa: PLC0415 - Celery only where it is wanted

    return Pool(settings).run()


def _run_one(settings: Settings) -> int:
    from service.worker import Worker  # noqa: PLC0415 - torch is not to be there where a pool is forked

    told_to_stop = threading.Event()
    worker = Worker(settings, told_to_stop.is_set)

    def on_signal(number: int, frame: FrameType | None) -> None:
        told_to_stop.set()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    worker.run()
    return 0
